"""audit_trail: checkpoints, bundles and archive of a home, composed from the runtime."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from resilibot.contracts.envelope import stream_id
from resilibot.local.aws import clients_at
from resilibot.local.home_file import HomeFile
from resilibot.runtime.audit.archive import Archived, archive_closed
from resilibot.runtime.audit.aws_archive import DynamoRestorableStore, S3Archive
from resilibot.runtime.audit.bundle import Bundle, build
from resilibot.runtime.audit.checkpoint import Checkpoint, SigningKey
from resilibot.runtime.audit.checkpoints import open_all, take
from resilibot.runtime.audit.contents import Contents
from resilibot.runtime.audit.coverage import CoveredReport, audit_covered
from resilibot.runtime.audit.restore import Restored, restore
from resilibot.runtime.audit.s3_checkpoints import S3Checkpoints, make_bucket, signing_key
from resilibot.runtime.audit.settings import AuditSettings
from resilibot.runtime.clock import Clock, SystemClock
from resilibot.runtime.environment import Runtime, client
from resilibot.runtime.s3_blobs import S3BlobStore


def settings_of(env: Mapping[str, str]) -> AuditSettings:
    """Those of a home's workers; the environment of whoever asks does not matter."""
    named = {name: f"RESILIBOT_{name.upper()}" for name in AuditSettings.model_fields}
    return AuditSettings.model_validate({name: env[key] for name, key in named.items() if key in env})


def provision_audit(client: Callable[[str], Any], settings: AuditSettings) -> str:
    """The key and the buckets that a deployment would have. Returns the key's fingerprint."""
    manager, seed = client("secretsmanager"), SigningKey.new_seed()
    try:
        manager.create_secret(Name=settings.checkpoint_key_secret, SecretString=seed)
    except manager.exceptions.ResourceExistsException:  # checkpoints of this emulator were signed with it: keep it
        return signing_key(manager, settings.checkpoint_key_secret).key_id
    make_bucket(client("s3"), settings.checkpoint_bucket)
    client("s3").create_bucket(Bucket=settings.archive_bucket)
    return SigningKey(seed).key_id


def make_checkpointing() -> Callable[[], Checkpoint | None]:
    """Takes a checkpoint if anything changed since the last. For a worker: reads its environment."""
    runtime, settings = Runtime.from_env(), AuditSettings()
    checkpoints = S3Checkpoints(client("s3"), settings.checkpoint_bucket, settings.checkpoint_retention_days)

    @cache
    def key() -> SigningKey:
        return signing_key(client("secretsmanager"), settings.checkpoint_key_secret)

    return lambda: take(runtime.store, checkpoints, key(), runtime.clock.now(), only_if_changed=True)


@dataclass(frozen=True)
class AuditTrail:
    """What the command line does. Only `checkpoint` reads the key; everything else needs its fingerprint alone."""

    client: Callable[[str], Any]
    settings: AuditSettings
    key_id: str
    clock: Clock

    @property
    def store(self) -> DynamoRestorableStore:
        return DynamoRestorableStore(self.client("dynamodb"))

    @property
    def checkpoints(self) -> S3Checkpoints:
        s = self.settings
        return S3Checkpoints(self.client("s3"), s.checkpoint_bucket, s.checkpoint_retention_days)

    @property
    def blobs(self) -> S3BlobStore:
        return S3BlobStore(self.client("s3"), Runtime.from_env().settings.blob_bucket)

    @property
    def archived(self) -> S3Archive:
        return S3Archive(self.client("s3"), self.settings.archive_bucket)

    def verify(self, stream: str | None = None) -> CoveredReport:
        opened = open_all(self.checkpoints, self.key_id)
        return audit_covered(self.store, opened, stream, Contents(self.blobs))

    def checkpoint(self, *, only_if_changed: bool = False) -> Checkpoint | None:
        """None: there is no stream yet, or nothing changed."""
        key = signing_key(self.client("secretsmanager"), self.settings.checkpoint_key_secret)
        return take(self.store, self.checkpoints, key, self.clock.now(), only_if_changed=only_if_changed)

    def export(self, incident_id: str) -> Bundle | None:
        """The bundle; a checkpoint is taken first if the newest does not reach HEAD. None: no such incident."""
        stream = stream_id("incident", incident_id)
        head, genuine = self.store.head(stream), open_all(self.checkpoints, self.key_id).genuine
        leaf = genuine[-1].by_stream.get(stream) if genuine else None
        if head is None and leaf is None:
            return None
        if head and (leaf is None or leaf.version < head.version):
            self.checkpoint()
            genuine = open_all(self.checkpoints, self.key_id).genuine
        return build(incident_id, self.store, genuine, self.blobs)

    def archive(self, older_than_days: float | None = None) -> list[Archived]:
        """Of closed incidents; a checkpoint is taken first, so that all of them are covered."""
        days = self.settings.archive_after_days if older_than_days is None else older_than_days
        self.checkpoint(only_if_changed=True)
        genuine = open_all(self.checkpoints, self.key_id).genuine
        before = self.clock.now() - timedelta(days=days)
        return list(archive_closed(self.store, genuine, self.blobs, self.archived, closed_before=before))

    def restore(self, incident_id: str) -> list[Restored]:
        genuine = open_all(self.checkpoints, self.key_id).genuine
        return restore(incident_id, self.archived, genuine, self.store, self.blobs, self.key_id)


@contextmanager
def trail_of(home: HomeFile) -> Iterator[AuditTrail]:
    with clients_at(home.endpoint) as client:
        yield AuditTrail(client, settings_of(home.env), home.checkpoint_key, SystemClock())
