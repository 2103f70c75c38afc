"""forging: what somebody without the key can make of a bundle or a checkpoint: each forgery keeps all sums right."""

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

from resilibot.contracts.canonical import canonical
from resilibot.runtime.audit.bundle import tar, untar
from tests.support.ledger import OTHER_KEY

NAMES = [
    "none",
    "",
    None,
    "ed25519ph",
    "hmac-sha256",
    "md5",
    "rsa",
    "ED25519",
    "resilibot.v0",
    "resilibot.checkpoint.v0",
]

File = dict[str, Any]  # a checkpoint's file, in a bundle or in the bucket
Forgery = Callable[[random.Random, File], None]


def edited(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """`change` gets the bundle's files (JSON ones parsed); the manifest's sums are put right afterwards."""
    parsed = {name: json.loads(body) if name.endswith(".json") else body for name, body in untar(content).items()}
    change(parsed)
    packed = {name: body if isinstance(body, bytes) else canonical(body) for name, body in parsed.items()}
    manifest = parsed["manifest.json"]
    manifest["files"] = {n: hashlib.sha256(b).hexdigest() for n, b in packed.items() if n != "manifest.json"}
    return tar({**packed, "manifest.json": canonical(manifest)})


def restated(file: File, **changes: Any) -> None:
    file["statement"] = canonical({**json.loads(file["statement"]), **changes}).decode()


def signed_by_another(file: File) -> None:
    restated(file, key_id=OTHER_KEY.key_id)
    file["signature"] = OTHER_KEY.sign(file["statement"].encode())
    file["public_key"] = OTHER_KEY.public_key


def another_algorithm(rng: random.Random, file: File) -> None:
    """Half of the forgers sign it, with a key of their own."""
    restated(file, **{rng.choice(["algorithm", "format"]): rng.choice(NAMES)})
    if rng.random() < 0.5:
        signed_by_another(file)


def unsigned(rng: random.Random, file: File) -> None:
    file["signature"] = rng.choice(["", "00" * 64, "no", None, 7, file["signature"][:-2], file["signature"] + "00"])


def a_bit_of_the_signature(rng: random.Random, file: File) -> None:
    signature = bytearray(bytes.fromhex(file["signature"]))
    signature[rng.randrange(64)] ^= 1 << rng.randrange(8)
    file["signature"] = signature.hex()


def another_key(rng: random.Random, file: File) -> None:
    """Signed in order, by the wrong one; or with the right key id, or the right public key, claimed."""
    claimed = rng.choice([{}, {"key_id": json.loads(file["statement"])["key_id"]}])
    public_key = file["public_key"]
    signed_by_another(file)
    if claimed:
        restated(file, **claimed)
        file["signature"] = OTHER_KEY.sign(file["statement"].encode())
    if rng.random() < 0.3:
        file["public_key"] = public_key


def another_statement(rng: random.Random, file: File) -> None:
    name, value = rng.choice([("root", "0" * 64), ("size", 10**6), ("taken_at", "2020-01-01T00:00:00.000000Z")])
    restated(file, **{name: value})


def a_statement_that_is_none(rng: random.Random, file: File) -> None:
    file["statement"] = rng.choice(["", "{", "[]", "null", "7", "[" * 5000, file["statement"] + " ", None])


FORGERIES: list[Forgery] = [
    another_algorithm,
    unsigned,
    a_bit_of_the_signature,
    another_key,
    another_statement,
    a_statement_that_is_none,
]
