"""publish: write the JSON Schema of event versions that were never published before.

`python -m resilibot.contracts.publish FOLDER`

A published schema is never changed: a changed event class is refused here and by the contract tests; it needs a
new version. RELEASED.txt beside the folder remembers every published file with its sha256 (the form of sha256sum), so
that a schema or example which is edited or deleted together with its class is missed too.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import resilibot.contracts.events  # noqa: F401  fills the registry
from resilibot.contracts.envelope import Envelope
from resilibot.contracts.event import REGISTRY

RELEASED = "RELEASED.txt"


class SchemaChanged(Exception):
    """The class no longer equals its published schema, or a released file is gone."""

    code = "schema_changed"


def schemas() -> dict[str, dict[str, Any]]:
    """File name to JSON Schema (2020-12) of the envelope and of every event version."""
    models: dict[str, type[BaseModel]] = {"Envelope": Envelope, **REGISTRY}
    return {f"{name}.json": _described(name, model.model_json_schema()) for name, model in models.items()}


def _described(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"resilibot:{name}", **schema}


def render(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def publish(folder: Path) -> list[str]:
    """Write what is missing, return the names written. Raises SchemaChanged."""
    written = []
    for name, schema in schemas().items():
        path = folder / name
        if not path.exists():
            path.write_text(render(schema))
            written.append(name)
        elif path.read_text() != render(schema):
            raise SchemaChanged(f"{name}: released schemas are frozen; make a new version of the event instead")
    return written


def release(contracts: Path) -> list[str]:
    """Remember the files of schemas/ and examples/ that RELEASED.txt lacks; return them. Raises SchemaChanged."""
    broken = broken_promises(contracts)
    if broken:
        raise SchemaChanged(f"released, and not as it was: {', '.join(broken)}")
    known = _released(contracts)
    found = {f"{path.parent.name}/{path.name}": _digest(path) for path in _files(contracts)}
    new = sorted(found.keys() - known.keys())
    lines = [f"{digest}  {name}\n" for name, digest in sorted((known | found).items())]
    (contracts / RELEASED).write_text("".join(lines))
    return new


def broken_promises(contracts: Path) -> list[str]:
    """Released files that are gone or no longer have the bytes that were released."""
    files = {f"{path.parent.name}/{path.name}": _digest(path) for path in _files(contracts)}
    return sorted(name for name, digest in _released(contracts).items() if files.get(name) != digest)


def unreleased(contracts: Path) -> list[str]:
    """Files that RELEASED.txt does not remember yet: `make schemas` adds them."""
    return sorted({f"{path.parent.name}/{path.name}" for path in _files(contracts)} - _released(contracts).keys())


def _released(contracts: Path) -> dict[str, str]:
    path = contracts / RELEASED
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _files(contracts: Path) -> list[Path]:
    return [*contracts.glob("schemas/*.json"), *contracts.glob("examples/*.json")]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    for published in publish(Path(sys.argv[1])):
        print(published)  # noqa: T201  a command's output
