"""ssm_documents: SSM documents as they are deployed: parameters checked against their patterns before anything runs."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class DocumentMissing(Exception):
    code = "document_missing"


class ParametersInvalid(Exception):
    code = "parameters_invalid"


@dataclass(frozen=True)
class Document:
    name: str
    content: dict[str, Any]

    @property
    def is_automation(self) -> bool:
        return str(self.content["schemaVersion"]) == "0.3"

    def bind(self, given: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """All parameters with their values. Raises ParametersInvalid: unknown, missing, or against the pattern."""
        declared: dict[str, dict[str, Any]] = self.content.get("parameters", {})
        unknown = set(given) - set(declared)
        if unknown:
            raise ParametersInvalid(f"unknown parameters: {', '.join(sorted(unknown))}")
        bound: dict[str, list[str]] = {}
        for name, shape in declared.items():
            values = given.get(name, [shape["default"]] if "default" in shape else None)
            if not values:
                raise ParametersInvalid(f"{name}: missing")
            if shape["type"] != "StringList" and len(values) != 1:
                raise ParametersInvalid(f"{name}: one value is needed")
            pattern = shape.get("allowedPattern")
            for value in values:
                if pattern and not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value):
                    raise ParametersInvalid(f"{name}: {value[:80]!r} does not match {pattern}")
            bound[name] = list(values)
        return bound


class Library:
    """Documents by name."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._documents = {
            path.stem: Document(path.stem, json.loads(path.read_text()))
            for folder in folders
            for path in sorted(folder.glob("*.json"))
        }

    def get(self, name: str, *, is_automation: bool) -> Document:
        """Raises DocumentMissing."""
        document = self._documents.get(name)
        if document is None or document.is_automation is not is_automation:
            raise DocumentMissing(name)
        return document
