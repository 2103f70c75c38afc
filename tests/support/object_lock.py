"""What an emulator must do with the checkpoints' bucket, as AWS does: shared by the embedded one and LocalStack."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from resilibot.runtime.audit.checkpoints import NumberTaken, open_all
from resilibot.runtime.audit.s3_checkpoints import S3Checkpoints, make_bucket
from tests.support.ledger import KEY, make_ledger

BUCKET = "locked-checkpoints"


def assert_checkpoints_are_kept(client: Callable[[str], Any]) -> None:
    """A number is written once; nobody deletes it; what is put over it is told and not read."""
    s3 = client("s3")
    make_bucket(s3, BUCKET)
    store, ledger = S3Checkpoints(s3, BUCKET, retention_days=1), make_ledger()
    contents = list(ledger.checkpoints.stored.values())[:2]
    now = datetime.now(UTC)
    for number, content in enumerate(contents, start=1):
        store.put(number, content, now)
        with pytest.raises(NumberTaken):
            store.put(number, b"another", now)
    first = store.rows()[0]
    for bypass in (False, True):
        with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
            s3.delete_object(
                Bucket=BUCKET,
                Key="checkpoints/0000000001.json",
                VersionId=first.version,
                BypassGovernanceRetention=bypass,
            )
    assert open_all(store, KEY.key_id).refused == ()
    s3.put_object(Bucket=BUCKET, Key="checkpoints/0000000001.json", Body=b"over it")  # Object Lock does not forbid it
    s3.delete_object(Bucket=BUCKET, Key="checkpoints/0000000002.json")  # a delete marker: neither
    s3.put_object(Bucket=BUCKET, Key="checkpoints/note.txt", Body=b"not a checkpoint")
    opened = open_all(store, KEY.key_id)
    assert [one.content() for one in opened.genuine] == contents
    assert [(refused.number, refused.why) for refused in opened.refused] == [(1, "covered_up"), (2, "covered_up")]
