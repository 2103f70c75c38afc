"""databases: how databases fail, in their own words and metrics. Sources: RDS event messages, PostgreSQL and MySQL."""

from resilibot.reason.signs.signature import (
    CAUSE,
    CONSEQUENCE,
    LIKELY,
    Signature,
    above,
    all_of,
    below,
    busy,
    calm,
    drained,
    either,
    fallen,
    gone,
    grown,
    plenty,
    risen,
    says,
    waiting,
    when,
)

FULL = 1.9e9  # transaction ids: PostgreSQL warns forty million before it stops at 2^31
SPENT = 1.0  # percent of a burst balance, or CPU credits
IDLE = r"Client:|idle\b"
LOCKED = r"Lock:|wait/lock/|wait/synch/.{0,60}lock|.{0,40}(?:row|metadata) lock"

DATABASES: tuple[Signature, ...] = (
    Signature(
        "storage_full",
        "resource_exhaustion",
        CAUSE + 0.1,
        says(
            r"out of storage|storage[- ]full|storage (?:space )?is (?:critically )?low|insufficient storage"
            r"|low on storage"
            r"|(?P<why>no space left(?: on device)?)|disk (?:is )?full|storage has been exhausted|ENOSPC"
            r"|free storage capacity .{0,80}is low|the table '[\w.$-]{1,80}' is full"
        ),
        "storage is full: {object} ran out of storage space, free storage is used up and writes are blocked",
        when(("FreeStorageSpace", drained), ("WriteIOPS", gone), ("WriteLatency", grown), ("BinLogDiskUsage", risen)),
        against=all_of(("FreeStorageSpace", plenty), ("WriteLatency", calm)),
        told_by=when(("FreeStorageSpace", drained)),
        explains=frozenset({"lock_contention", "io_saturation"}),
    ),
    Signature(
        "retained_wal",
        "resource_exhaustion",
        CAUSE + 0.1,
        says(r"replication slot .{0,80}(?:is |has been )?(?:inactive|not active|retain|invalidated)"),
        "a replication slot of {service} is not read: the WAL that it retains fills the disk, so that storage space"
        " runs out",
        when(("OldestReplicationSlotLag", risen), ("TransactionLogsDiskUsage", risen), ("FreeStorageSpace", gone)),
        told_by=all_of(("OldestReplicationSlotLag", risen), ("TransactionLogsDiskUsage", risen)),
        explains=frozenset({"storage_full"}),
    ),
    Signature(
        "connection_exhaustion",
        "resource_exhaustion",
        CAUSE,
        says(
            r"connection slots|too many (?:clients|connections)|\b(\d+) of \1 (?:the )?max_connections"
            r"|(?:close to|at|approaching|reached) (?:the )?max_connections"
            r"|max_connections (?:limit )?(?:reached|exceeded)"
        ),
        "connection exhaustion: the connections of {object} reached max_connections, new sessions are refused",
        when(("DatabaseConnections", risen)),
        told_by=when(("DatabaseConnections", risen)),
        load=waiting(IDLE),
        explains=frozenset({"unreachable_dependency", "bad_credentials"}),
    ),
    Signature(
        "checkpoint_storm",
        "resource_exhaustion",
        CAUSE + 0.15,
        says(r"checkpoints are occurring too frequently|checkpoint storm"),
        "a checkpoint storm on {object}: bulk writes fill the WAL faster than max_wal_size"
        " allows, checkpoints follow one another, and CPU and I/O follow from that",
        when(("TransactionLogsGeneration", grown), ("WriteIOPS", grown), ("DiskQueueDepth", grown)),
        explains=frozenset({"io_saturation", "cpu_saturation", "lock_contention"}),
    ),
    Signature(
        "replication_lag",
        "resource_exhaustion",
        CAUSE,
        says(r"replication lag (?:has )?exceeded|replica (?:is|may be) (?:significantly )?(?:behind|falling behind)"),
        "replication lag: the primary {service} writes WAL faster than its read replica replays it",
        when(("ReplicaLag", grown), ("TransactionLogsGeneration", grown), ("WriteIOPS", grown)),
        told_by=when(("ReplicaLag", grown)),
        explains=frozenset({"io_saturation"}),
    ),
    Signature(
        "replay_held_up",
        "resource_exhaustion",
        CAUSE + 0.1,
        says(
            r"replay (?:of WAL )?(?:is |was )?(?:blocked|held|paused|waiting)|conflict with recovery"
            r"|recovery (?:is )?(?:waiting|paused)"
        ),
        "replication lag: {who} cannot replay the WAL of its primary, since a long query on the replica holds the"
        " replay up",
        when(("ReplicaLag", grown)),
        explains=frozenset({"replication_lag"}),
    ),
    Signature(
        "replication_stopped",
        "data_quality",
        CAUSE,
        says(
            r"replication .{0,60}(?:stopped|terminated)|replication error"
            r"|could not execute \w+_rows event(?:.{0,120}?(?P<why>duplicate entry|can't find record))?"
        ),
        "replication has stopped, it is not late: {who} cannot apply a change of the primary, since its rows differ",
        when(("ReplicaLag", grown)),
        explains=frozenset({"replication_lag", "bad_data"}),
    ),
    Signature(
        "cpu_saturation",
        "resource_exhaustion",
        CONSEQUENCE + 0.15,
        says(r"cpu utili[sz]ation has exceeded"),
        "CPU saturation of {service}: a query uses up the CPU",
        when(("CPUUtilization", busy)),
        told_by=when(("CPUUtilization", busy)),
    ),
    Signature(
        "memory_exhausted",
        "resource_exhaustion",
        CAUSE,
        says(r"killed by the OS .{0,40}out[- ]of[- ]memory|low on memory|memory is (?:critically )?low"),
        "the memory of {service} is used up: it swaps, and its processes may be killed",
        when(("FreeableMemory", gone), ("SwapUsage", grown)),
        told_by=all_of(("FreeableMemory", gone), ("SwapUsage", grown)),
        explains=frozenset({"out_of_memory", "restarted", "io_saturation"}),
    ),
    Signature(
        "io_credits_spent",
        "resource_exhaustion",
        CAUSE,
        says(r"(?:burst|I/?O credit) balance .{0,40}(?:exhausted|depleted|0%)"),
        "the I/O credits of {service} are spent: its disk is held to its baseline IOPS, requests queue",
        when(("BurstBalance", below(SPENT)), ("EBSIOBalance%", below(SPENT)), ("EBSByteBalance%", below(SPENT))),
        told_by=when(
            ("BurstBalance", below(SPENT)), ("EBSIOBalance%", below(SPENT)), ("EBSByteBalance%", below(SPENT))
        ),
        explains=frozenset({"io_saturation"}),
    ),
    Signature(
        "cpu_credits_spent",
        "resource_exhaustion",
        CAUSE,
        says(r"cpu credit .{0,40}(?:exhausted|depleted)"),
        "the CPU credits of {service} are spent: its CPU is held to its baseline",
        when(("CPUCreditBalance", below(SPENT))),
        told_by=when(("CPUCreditBalance", below(SPENT))),
        explains=frozenset({"io_saturation", "cpu_saturation"}),
    ),
    Signature(
        "io_saturation",
        "resource_exhaustion",
        CONSEQUENCE + 0.15,
        says(
            r"(?:disk ?queue ?depth|I/O wait) .{0,40}exceeded|(?:reached|exceeded) .{0,20}(?:IOPS|I/O|throughput) limit"
        ),
        "the disk of {service} is saturated: its IOPS or throughput are used up, requests queue and wait for I/O",
        when(
            ("DiskQueueDepth", grown),
            ("ReadLatency", grown),
            ("WriteLatency", grown),
            ("ReadIOPS", grown),
            ("WriteIOPS", grown),
        ),
        told_by=either(
            all_of(("DiskQueueDepth", grown), ("ReadLatency", grown)),
            all_of(("DiskQueueDepth", grown), ("WriteLatency", grown)),
        ),
    ),
    Signature(
        "wraparound",
        "resource_exhaustion",
        CAUSE + 0.1,
        says(r"(?<!to prevent )wraparound|must be vacuumed within"),
        "transaction ids run out (wraparound): {service} takes no more writes unless autovacuum, or a VACUUM"
        " by hand, freezes old rows",
        when(("MaximumUsedTransactionIDs", above(FULL))),
        told_by=when(("MaximumUsedTransactionIDs", above(FULL))),
        explains=frozenset({"storage_full"}),
    ),
    Signature(
        "lock_contention",
        "resource_exhaustion",
        LIKELY,
        says(
            r"lock (?:wait )?timeout|could not obtain lock|waiting for \w+ metadata lock|still waiting for \w{1,30}Lock"
            r"|(?P<why>idle[- ]in[- ]transaction)"
        ),
        "lock contention on {service}: sessions wait for a lock that another transaction holds",
        load=waiting(LOCKED),
        explains=frozenset({"connection_exhaustion"}),
    ),
    Signature(
        "deadlock",
        "code_defect",
        CAUSE,
        says(r"deadlock (?:detected|found)|waits for (?P<why>\w{1,20}Lock)"),
        "a deadlock: transactions of {service} take the same locks in different order, and are rolled back",
        when(("Deadlocks", grown)),
        told_by=when(("Deadlocks", grown)),
        explains=frozenset({"lock_contention"}),
    ),
    Signature(
        "parameter_change",
        "configuration_error",
        CAUSE,
        says(r"updated parameter (?P<object>\w{1,64}) to"),
        "a change of the parameter group took effect: {object} of the database was set anew",
        explains=frozenset({"connection_exhaustion", "restarted"}),
        of_change=True,
    ),
    Signature(
        "database_configuration",
        "configuration_error",
        CAUSE + 0.1,
        says(
            r"(?P<object>inaccessible-encryption-credentials(?:-recoverable)?|incompatible-[a-z-]{3,30})"
            r"|KMS (?:encryption )?key .{0,80}(?:disabled|denied|deleted)"
        ),
        "the database cannot run with what it is configured to use: its state is {object} (parameters, options, network"
        " or KMS encryption key)",
        explains=frozenset({"unreachable_dependency", "access_denied"}),
        otherwise="not available",
    ),
    Signature(
        "failover",
        "infrastructure",
        CAUSE,
        says(
            r"failover (?:has been |was )?(?:initiated|started|in progress|completed)|finished a \S+ failover"
            r"|primary host .{0,60}(?P<why>unhealthy)|failover to .{0,60}(?:started|completed)"
        ),
        "a Multi-AZ failover of {object}: the primary changed over to its standby and open connections were dropped",
        when(("DatabaseConnections", fallen)),
        explains=frozenset({"restarted", "io_saturation", "unreachable_dependency"}),
    ),
    Signature(
        "host_recovery",
        "infrastructure",
        CAUSE,
        says(
            r"recovery of the db instance (?:has started|is complete)"
            r"|(?P<why>underlying (?:storage )?host|host replacement)"
            r"|storage volume .{0,60}(?:impaired|failed)"
        ),
        "database {object} is unavailable: it was lost with its host or storage volume, and goes through recovery",
        explains=frozenset({"restarted", "io_saturation", "unreachable_dependency"}),
    ),
    Signature(
        "restarted",
        "infrastructure",
        LIKELY,
        says(
            r"db instance (?:has been |was )?(?:restarted|rebooted|shut ?down)|database system is shutting down"
            r"|(?:applying|starting) (?:the )?(?:(?:minor|major|db|database|engine|version|off-?line|operating|system"
            r"|os|security|scheduled) ){1,4}(?P<why>upgrade|maintenance|patch)"
        ),
        "{object} was restarted by maintenance or by hand, and open connections were dropped",
        explains=frozenset({"unreachable_dependency"}),
    ),
)
