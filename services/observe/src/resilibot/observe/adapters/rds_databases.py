"""Amazon RDS: what a database instance is, what its event record tells, and which statements load it.

Of statements only the tokenised text is asked for: literals may be somebody's data.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from resilibot.contracts.evidence import StatusContent
from resilibot.observe.adapters.aws_errors import asking
from resilibot.observe.adapters.parts import Client, Parts
from resilibot.observe.ports import SourceFailed, StateEvent, StateRead, StatusRead
from resilibot.observe.subjects import DATABASE, Subject

FINE = frozenset(
    {
        "available",
        "backing-up",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "configuring-log-exports",
        "storage-config-upgrade",
        "storage-optimization",
    }
)
LOAD = timedelta(minutes=30)  # of which the load is asked
STATEMENTS = 5
SHOWN = (
    "DBInstanceClass",
    "Engine",
    "EngineVersion",
    "AllocatedStorage",
    "MaxAllocatedStorage",
    "StorageType",
    "Iops",
    "MultiAZ",
    "ReadReplicaSourceDBInstanceIdentifier",
    "DbiResourceId",
)


class RdsDatabases:
    name = "rds"
    kinds = frozenset({DATABASE})

    def __init__(self, client: Client, insights: Client) -> None:
        self._client = client
        self._insights = insights

    def state(self, subject: Subject, start: datetime, end: datetime) -> StateRead:
        rds, parts = self._client(), Parts()
        query = {"DBInstanceIdentifier": subject.name}
        with asking(f"DescribeDBInstances {query}"):
            found = rds.describe_db_instances(**query)["DBInstances"]
        if not found:
            raise SourceFailed("no_data", f"DescribeDBInstances {query}: no such instance")
        database = found[0]
        states = [StatusRead(_database(subject.name, database), {"operation": "DescribeDBInstances", **query})]
        if database.get("PerformanceInsightsEnabled") and database.get("DbiResourceId"):
            states += self._load(subject.name, database["DbiResourceId"], end, parts)
        asked = {"SourceIdentifier": subject.name, "SourceType": "db-instance"}
        told = parts.ask(f"DescribeEvents {asked}", rds.describe_events, **asked, StartTime=start, EndTime=end)
        events = tuple(
            StateEvent(
                event["Date"].astimezone(UTC), event["Message"], subject.name, {"operation": "DescribeEvents", **asked}
            )
            for event in told.get("Events", [])
        )
        return StateRead(tuple(states), events, tuple(parts.gaps))

    def _load(self, name: str, identifier: str, end: datetime, parts: Parts) -> list[StatusRead]:
        """Statements with their waits, and users, by their share of the load."""
        asked = {"ServiceType": "RDS", "Identifier": identifier, "Metric": "db.load.avg"}
        window = {"StartTime": end - LOAD, "EndTime": end}
        question = f"DescribeDimensionKeys {asked}"
        keys = self._insights().describe_dimension_keys
        by_statement = {"Group": "db.sql_tokenized", "Limit": STATEMENTS}
        by_wait, by_user = {"Group": "db.wait_event", "Limit": STATEMENTS}, {"Group": "db.user", "Limit": STATEMENTS}
        statements = parts.ask(question, keys, **asked, **window, GroupBy=by_statement, PartitionBy=by_wait)
        if not statements.get("Keys"):
            return []
        users = parts.ask(question, keys, **asked, **window, GroupBy=by_user)
        waits = [key["Dimensions"].get("db.wait_event.name", "?") for key in statements.get("PartitionKeys", [])]
        detail = {
            "top_sql": [_statement(key, waits) for key in statements["Keys"]],
            "top_users": [{"name": key["Dimensions"].get("db.user.name", "?")} for key in users.get("Keys", [])],
        }
        content = StatusContent(component=name, kind="database-load", state="", responds=None, detail=detail)
        return [StatusRead(content, {"operation": "DescribeDimensionKeys", **asked})]


def _database(name: str, database: dict[str, Any]) -> StatusContent:
    state = str(database.get("DBInstanceStatus", "unknown"))
    replication = [
        f"{info.get('StatusType', 'status')} {info.get('Status')}: {info.get('Message', '')}"
        for info in database.get("StatusInfos", [])
        if not info.get("Normal", True)
    ]
    reasons = [*([] if state in FINE else [f"DB instance status {state}"]), *replication]
    detail = {key: database[key] for key in SHOWN if database.get(key) is not None}
    return StatusContent(
        component=name, kind=DATABASE, state=state, responds=None, detail={**detail, "reasons": reasons}
    )


def _statement(key: dict[str, Any], waits: list[str]) -> dict[str, Any]:
    loads = [
        {"name": name, "db_load_avg": load}
        for name, load in zip(waits, key.get("Partitions", []), strict=False)
        if load
    ]
    return {
        "statement": str(key["Dimensions"].get("db.sql_tokenized.statement", ""))[:500],
        "db_load_avg": key.get("Total", 0.0),
        "wait_events": sorted(loads, key=lambda wait: (-wait["db_load_avg"], wait["name"])),
    }
