"""plaintext: where a word stands readable in a home: every table and bucket of the emulator, every file of ours.

Read models are compressed: what inflates is looked at inflated too.
"""

import zlib
from collections.abc import Iterator
from typing import Any

from tests.support.house import House

OWN_SECRET = "operator.token"  # the operator's token, which names nobody


def places_of(word: str, house: House) -> list[str]:
    """Where `word` can be read, each place by name; [] for nowhere."""
    wanted = word.encode()
    return sorted({place for place, content in _everything(house) if wanted in content})


def read(house: House) -> dict[str, int]:
    """How many contents of each kind (tables, buckets, files) were looked at: a look at nothing proves nothing."""
    counted: dict[str, int] = {}
    for place, _ in _everything(house):
        kind = place.partition(" ")[0]
        counted[kind] = counted.get(kind, 0) + 1
    return counted


def _everything(house: House) -> Iterator[tuple[str, bytes]]:
    yield from _tables(house)
    yield from _buckets(house)
    for path in sorted(house.file.state_dir.rglob("*")):
        if path.is_file() and path.name != OWN_SECRET:
            yield f"file {path.relative_to(house.file.state_dir)}", path.read_bytes()


def _tables(house: House) -> Iterator[tuple[str, bytes]]:
    dynamodb = house.client("dynamodb")
    for page in dynamodb.get_paginator("list_tables").paginate():
        for table in page["TableNames"]:
            for items in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
                for item in items["Items"]:
                    yield f"table {table}", b"\n".join(_bytes(item))


def _buckets(house: House) -> Iterator[tuple[str, bytes]]:
    s3 = house.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
            for item in page.get("Contents", []):
                body = s3.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read()
                yield f"bucket {bucket['Name']}", item["Key"].encode() + b"\n" + body


def _bytes(value: Any) -> Iterator[bytes]:
    """Every name, text and number in a DynamoDB value; bytes as they are, and inflated."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield name.encode()
            yield from _bytes(part)
    elif isinstance(value, list | set):
        for part in value:
            yield from _bytes(part)
    elif isinstance(value, bytes | bytearray):
        yield bytes(value)
        try:
            yield zlib.decompress(value)
        except zlib.error:
            return
    else:
        yield str(value).encode()
