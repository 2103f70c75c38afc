"""Environment: what a service finds around it when it starts: tables, clock, AWS clients. Built once per process."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from resilibot.runtime.blobs import BlobStore
from resilibot.runtime.clock import Clock, SystemClock
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.global_log import GlobalLog
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.kms_subject_keys import KmsSubjectKeys
from resilibot.runtime.personal import KeysUnavailable, Personal
from resilibot.runtime.redact import Redactor
from resilibot.runtime.redacted_logs import redact_logs
from resilibot.runtime.s3_blobs import S3BlobStore
from resilibot.runtime.service import Service
from resilibot.runtime.timers import TimerTable
from resilibot.runtime.writer import Writer

if TYPE_CHECKING:
    from resilibot.runtime.consumer import Consumer

log = logging.getLogger(__name__)
REDACTION_KEYS = 1000  # of as many scopes at once, 16 bytes each


class RuntimeSettings(BaseSettings):
    """Settings that every service shares. Environment variables are the field names with the prefix RESILIBOT_."""

    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True, hide_input_in_errors=True)

    events_table: str = Field(default="resilibot-events", description="Table of commits: the source of truth")
    streams_table: str = Field(default="resilibot-streams", description="Table of HEAD items, one per stream")
    timers_table: str = Field(default="resilibot-timers", description="Table of durable timers")
    cursors_table: str = Field(default="resilibot-cursors", description="Table of cursors: relay, log, tracking")
    log_table: str = Field(default="resilibot-log", description="Table of the derived global order")
    snapshots_table: str = Field(default="resilibot-snapshots", description="Table of the library's snapshots: a cache")
    keys_table: str = Field(default="resilibot-keys", description="Table of persons' data keys, wrapped by KMS")
    personal_key: str = Field(default="alias/resilibot-personal", description="KMS key that wraps persons' data keys")
    pseudonym_key: str = Field(default="alias/resilibot-pseudonym", description="KMS HMAC key of persons' pseudonyms")
    blob_bucket: str = Field(default="resilibot-blobs", description="Bucket for large evidence and postmortems")
    redact_email: bool = Field(default=True, description="E-mail addresses in text from outside are redacted too")
    build: str = Field(default="dev", description="Build recorded as producer.build on each event")


@cache
def client(service: str, attempts: int = 3) -> Any:
    """One lazily made boto3 client per service and process. attempts=1 for calls whose repeat would act again.

    Timeouts: 1 s to connect, 5 s to read (SQS long polls make their own client).
    """
    import boto3
    from botocore.config import Config

    session: Any = boto3  # the typed overloads want a literal name
    retries: Any = {"total_max_attempts": attempts, "mode": "standard"}
    return session.client(service, config=Config(connect_timeout=1, read_timeout=5, retries=retries))


_making = Lock()


def lazily(service: str, attempts: int = 3) -> Callable[[], Any]:
    """Makes the client when it is first asked for, from any thread: boto3's own session makes one at a time."""

    def make() -> Any:
        with _making:
            return client(service, attempts)

    return make


@dataclass(frozen=True)
class Runtime:
    """The runtime of one service. Everything in it is made when first used."""

    settings: RuntimeSettings
    clock: Clock

    @classmethod
    def from_env(cls) -> "Runtime":
        redact_logs()
        return cls(RuntimeSettings(), SystemClock())

    @property
    def tables(self) -> Tables:
        s = self.settings
        return Tables(
            events=s.events_table,
            streams=s.streams_table,
            timers=s.timers_table,
            cursors=s.cursors_table,
            keys=s.keys_table,
            log=s.log_table,
            snapshots=s.snapshots_table,
        )

    @cached_property
    def store(self) -> DynamoEventStore:
        return DynamoEventStore(client("dynamodb"), self.tables)

    @cached_property
    def log(self) -> GlobalLog:
        return GlobalLog(client("dynamodb"), self.tables)

    @cached_property
    def timers(self) -> TimerTable:
        return TimerTable(client("dynamodb"), self.tables)

    @cached_property
    def blobs(self) -> BlobStore:
        return S3BlobStore(client("s3"), self.settings.blob_bucket)

    @cached_property
    def personal(self) -> Personal:
        s = self.settings
        keys = KmsSubjectKeys(client("dynamodb"), lambda: client("kms"), s.keys_table, s.personal_key, s.pseudonym_key)
        return Personal(keys)

    @cached_property
    def _redaction_key(self) -> Callable[[str], bytes]:
        return lru_cache(REDACTION_KEYS)(self.personal.redaction_key)

    def redactor(self, scope: str = "") -> Redactor:
        """Of one incident, by the fingerprint that it is about. KMS is asked when there is something to redact.

        Without a scope, or while KMS does not answer, tags are typed and not keyed: redacted it is all the same.
        """

        def key() -> bytes | None:
            try:
                return self._redaction_key(scope) if scope else None
            except KeysUnavailable as error:
                log.warning("redacted values cannot be told apart: %s", error)
                return None

        return Redactor(key, emails=self.settings.redact_email)

    def writer(self, service: Service, ports: Any = None) -> Writer:
        return Writer(self.store, service, self.clock, self.settings.build, ports, personal=self.personal)

    def consumer(self, service: Service, ports: Any) -> "Consumer":
        from resilibot.runtime.consumer import Consumer

        return Consumer(service, ports, self.writer(service, ports), self.timers)
