"""publish: write the JSON Schema of event versions that were never published before.

`python -m resilibot.contracts.publish FOLDER`

A published schema is never changed: a changed event class is refused here and by the contract tests; it needs a
new version.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import resilibot.contracts.events  # noqa: F401  fills the registry
from resilibot.contracts.envelope import Envelope
from resilibot.contracts.event import REGISTRY


class SchemaChanged(Exception):
    """The class no longer equals its published schema."""

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


if __name__ == "__main__":
    for published in publish(Path(sys.argv[1])):
        print(published)  # noqa: T201  a command's output
