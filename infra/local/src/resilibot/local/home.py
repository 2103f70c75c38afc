"""Home: all of ResiliBot on one machine: emulator, tables and queues, secrets, the drill's world, workers, API.

Nothing here is known to a service: they find queues, tables and endpoints in their environment, as on AWS.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import urlopen

from resilibot.contracts.faults import in_our_words
from resilibot.local.audit_trail import provision_audit, settings_of
from resilibot.local.aws import clients_at, emulator_env
from resilibot.local.emulators import Emulator, make_emulator
from resilibot.local.home_file import FILE, HomeBusy, HomeFailed, HomeFile, is_alive
from resilibot.local.ports import free_port
from resilibot.local.private_files import OWN_FOLDER, write_private
from resilibot.local.processes import Supervisor
from resilibot.local.roster import SERVICES
from resilibot.runtime.bus.provision import Provisioned, provision
from resilibot.runtime.bus.topology import Topology
from resilibot.runtime.environment import RuntimeSettings
from resilibot.runtime.event_store.tables import Tables

OPERATOR = "operator@localhost"
READY_S = 60
TRIES = 3  # of a process that ends before it is ready


@dataclass(frozen=True)
class HomePlan:
    """What to start. port 0 takes a free one; `settings` are extra environment variables of the workers."""

    state_dir: Path
    emulator: Literal["ministack", "localstack"] = "ministack"
    endpoint: str | None = None  # an emulator that runs already
    port: int = 0
    with_world: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)


class Home:
    """Starts and stops it all. Use as a context manager."""

    def __init__(self, plan: HomePlan) -> None:
        self._plan = plan
        self._emulator: Emulator | None = None
        self._supervisor: Supervisor | None = None
        self.file: HomeFile | None = None

    def __enter__(self) -> HomeFile:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> HomeFile:
        """Raises EmulatorError, HomeFailed or HomeBusy."""
        _refuse_second(self._plan.state_dir)
        fresh(self._plan.state_dir)
        endpoint = self._plan.endpoint or self._start_emulator()
        with clients_at(endpoint) as client:
            provisioned = provision(client, Topology(SERVICES), _tables())
            seed(client, self._plan.state_dir)
            key_id = provision_audit(client, settings_of({**LOCAL_SETTINGS, **self._plan.settings}))
        self.file = self._describe(endpoint, provisioned, key_id)
        self.file.write()
        self._supervisor = Supervisor(self.file.run_dir, self._plan.state_dir / "logs", self.file.env)
        self._start_children(self.file)
        return self.file

    def stop(self) -> None:
        if self._supervisor:
            self._supervisor.stop()
        if self._emulator:
            self._emulator.stop()
        if self.file:
            (self.file.state_dir / FILE).unlink(missing_ok=True)

    def _start_emulator(self) -> str:
        self._emulator = make_emulator(self._plan.emulator, self._plan.state_dir / "emulator")
        self._emulator.install()
        return self._emulator.start()

    def _describe(self, endpoint: str, provisioned: Provisioned, key_id: str) -> HomeFile:
        plan = self._plan
        ssm = f"http://127.0.0.1:{free_port()}" if plan.with_world else None
        world = f"http://127.0.0.1:{free_port()}" if plan.with_world else None
        env = emulator_env(endpoint)
        if ssm:
            env["AWS_ENDPOINT_URL_SSM"] = ssm
        env.update(LOCAL_SETTINGS)
        env["RESILIBOT_INTAKE_QUEUE_URL"] = provisioned.queues["intake"]
        env.update(plan.settings)
        return HomeFile(
            state_dir=plan.state_dir,
            pid=os.getpid(),
            emulator=plan.emulator,
            endpoint=endpoint,
            ssm_endpoint=ssm,
            world=world,
            api=f"http://127.0.0.1:{plan.port or free_port()}",
            env=env,
            queues=provisioned.queues,
            dead_letters=provisioned.dead_letters,
            topic_arn=provisioned.events_topic,
            alarm_topic_arn=provisioned.alarms_topic,
            checkpoint_key=key_id,
        )

    def _start_children(self, home: HomeFile) -> None:
        assert self._supervisor is not None  # noqa: S101  set by start()
        python = [sys.executable, "-m"]
        state = str(home.state_dir)
        if home.ssm_endpoint and home.world:
            ports = [home.ssm_endpoint.rsplit(":", 1)[1], home.world.rsplit(":", 1)[1]]
            world = ["--state", f"{state}/world", "--ssm-port", ports[0], "--control-port", ports[1]]
            self._supervisor.start(
                "world", [*python, "resilibot.local.world", *world, "--alarm-topic", home.alarm_topic_arn]
            )
        for name in WORKERS:
            self._supervisor.start(name, [*python, "resilibot.local.worker", name, state])
        self._supervisor.start("api", [*python, "resilibot.local.api", state])
        self._await_ready(home)

    def _await_ready(self, home: HomeFile) -> None:
        deadline = time.monotonic() + READY_S
        waiting = set(WORKERS)
        while waiting or not _answers(f"{home.api}/health") or (home.world and not _answers(f"{home.world}/state")):
            waiting = {name for name in waiting if not (home.run_dir / f"{name}.ready").exists()}
            self._give_up_on({*waiting, "api", "world"}, home.state_dir / "logs")
            if time.monotonic() > deadline:
                missing = sorted(waiting) or ["api or world"]
                raise HomeFailed(f"not ready after {READY_S} s: {', '.join(missing)}; see {home.state_dir}/logs")
            time.sleep(0.05)

    def _give_up_on(self, starting: set[str], logs: Path) -> None:
        """Raises HomeFailed with the last words of a process that keeps ending before it is ready: a bad setting."""
        assert self._supervisor is not None  # noqa: S101  set by start()
        for name, times in self._supervisor.restarts().items():
            if name in starting and times >= TRIES:
                raise HomeFailed(f"{name} does not start: {last_words(logs / f'{name}.log')}; see {logs}/{name}.log")


def last_words(log: Path) -> str:
    """The end of what a process wrote before it died, on one line: of a bad setting its name and what is wrong."""
    lines = [line.strip() for line in log.read_text(errors="replace")[-4000:].splitlines()]
    told = [line for line in lines if line and not line.startswith("For further information visit")]
    return in_our_words(": ".join(told[-3:]))[-600:] or "it says nothing"


WORKERS = (*(service.name for service in SERVICES), "relay", "sequencer", "timers")

# On one machine minutes become seconds; on AWS the defaults of each service's settings hold.
LOCAL_SETTINGS: dict[str, str] = {
    "RESILIBOT_BASELINE_S": "60",  # earlier drills lie in it: their trouble is left out of the baseline
    "RESILIBOT_METRIC_PERIOD_S": "1",
    "RESILIBOT_SETTLE_S": "5",
    "RESILIBOT_RECHECK_S": "6",
    "RESILIBOT_WATCH_EVERY_S": "5",
    "RESILIBOT_SOURCE_DEADLINE_S": "5",
    "RESILIBOT_HEALTH_PROBE_S": "0.3",
    "RESILIBOT_HEALTH_WAIT_S": "2",
    "RESILIBOT_LOG_GROUP": "/shop/{service}",
    "RESILIBOT_RUNBOOK_BUCKET": "resilibot-runbooks",
    "RESILIBOT_RUNBOOK_ENCODE_S": "2",
    "RESILIBOT_CLOUDTRAIL": "false",  # neither emulator answers LookupEvents
    "RESILIBOT_CODEDEPLOY": "false",  # nor deploys anything by CodeDeploy
    "RESILIBOT_XRAY": "false",  # the drill's service sends no traces
    "RESILIBOT_ENVIRONMENT": "drill",
    "RESILIBOT_ALLOWED_UNITS": '["checkout.service"]',
    "RESILIBOT_APPROVAL_EXPIRY_S": "300",
    "RESILIBOT_COOLDOWN_S": "20",
    "RESILIBOT_STALL_S": "60",
    "RESILIBOT_ACTION_LEASE_S": "6",
    "RESILIBOT_ACTION_WAIT_S": "5",
    "RESILIBOT_ACTION_TIMEOUT_S": "60",
    "RESILIBOT_QUIET_PERIOD_S": "10",
    "RESILIBOT_NOTIFICATION_LEASE_S": "8",
    "RESILIBOT_NOTIFICATION_BACKOFF_S": "2",
    "RESILIBOT_ACCOUNT": "000000000000",
    "RESILIBOT_REGION": "us-east-1",
    "RESILIBOT_CHECKPOINT_INTERVAL_S": "60",
    "RESILIBOT_CHECKPOINT_RETENTION_DAYS": "1",
    "RESILIBOT_BUILD": "local",
}


def _tables() -> list[dict[str, Any]]:
    from resilibot.projections.tables import definitions as read_models

    return [*Tables().definitions(), *read_models()]


def seed(client: Callable[[str], Any], state_dir: Path) -> None:
    """Secrets and buckets that a deployment would have: the grant key for act, the operator for the API."""
    manager = client("secretsmanager")
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    operator = {digest: {"id": OPERATOR, "roles": ["viewer", "responder", "approver", "admin"], "kind": "person"}}
    sources = json.dumps(webhook_sources(), indent=2)
    for name, value in (
        ("resilibot/act/grant-key", secrets.token_hex(32)),
        ("resilibot/principals", json.dumps(operator)),
        ("resilibot/webhooks", sources),
    ):
        _put_secret(manager, name, value)
    _make_keys(client("kms"))
    s3 = client("s3")
    for bucket in ("resilibot-blobs", "resilibot-runbooks"):
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket="resilibot-runbooks", VersioningConfiguration={"Status": "Enabled"})
    for runbook in sorted((Path(__file__).parent / "world" / "runbooks").glob("*.md")):
        s3.put_object(Bucket="resilibot-runbooks", Key=f"runbooks/{runbook.name}", Body=runbook.read_bytes())
    write_private(state_dir / "operator.token", token)
    write_private(state_dir / "webhooks.json", sources)


def webhook_sources() -> dict[str, Any]:
    """One source for each scheme that a sender may speak, with fresh secrets. What `resilibot up` writes down."""
    token = secrets.token_urlsafe
    return {
        "alertmanager": {"scheme": "token", "secrets": [token(24)]},
        "cloudwatch": {
            "scheme": "standard-webhooks",
            "secrets": [f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"],
        },
        "datadog": {"scheme": "token", "secrets": [token(24)], "header": "x-resilibot-token", "prefix": ""},
        "grafana": {
            "scheme": "hmac-sha256",
            "secrets": [token(24)],
            "signature_header": "x-grafana-alerting-signature",
            "timestamp_header": "x-grafana-alerting-timestamp",
            "signed": "{timestamp}:{body}",
        },
        "newrelic": {"scheme": "basic", "username": "newrelic", "secrets": [token(24)]},
        "pagerduty": {
            "scheme": "hmac-sha256",
            "secrets": [token(24)],
            "signature_header": "x-pagerduty-signature",
            "prefix": "v1=",
        },
        "sentry": {"scheme": "hmac-sha256", "secrets": [token(24)], "signature_header": "sentry-hook-signature"},
    }


def _make_keys(kms: Any) -> None:
    """The KMS keys of persons' names: one wraps their data keys, one makes their pseudonyms."""
    settings = RuntimeSettings()
    for alias, usage, spec in (
        (settings.personal_key, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"),
        (settings.pseudonym_key, "GENERATE_VERIFY_MAC", "HMAC_256"),
    ):
        key_id = kms.create_key(KeyUsage=usage, KeySpec=spec)["KeyMetadata"]["KeyId"]
        with contextlib.suppress(kms.exceptions.AlreadyExistsException):
            kms.create_alias(AliasName=alias, TargetKeyId=key_id)


def _put_secret(manager: Any, name: str, value: str) -> None:
    try:
        manager.create_secret(Name=name, SecretString=value)
    except manager.exceptions.ResourceExistsException:
        manager.put_secret_value(SecretId=name, SecretString=value)


def _refuse_second(state_dir: Path) -> None:
    path = state_dir / FILE
    if not path.exists():
        return
    pid = HomeFile.read(state_dir).pid
    if is_alive(pid):
        raise HomeBusy(f"process {pid} runs a home in {state_dir} already")


def fresh(state_dir: Path) -> None:
    """Empty the folder but for installed tools: the embedded emulator starts empty, so must everything else.

    What is made anew is closed to others: the emulator's files hold secrets, and what senders sent as it came.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    for name in ("run", "logs", "world", "emulator"):
        shutil.rmtree(state_dir / name, ignore_errors=True)
        (state_dir / name).mkdir(mode=OWN_FOLDER)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as answer:  # noqa: S310  a loopback address of ours
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@contextlib.contextmanager
def running_home(plan: HomePlan) -> Iterator[HomeFile]:
    with Home(plan) as file:
        yield file
