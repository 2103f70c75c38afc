"""statements: what an SQL statement does, by its verb and first table; its text is not ours to repeat. Pure."""

import re
from collections.abc import Mapping
from typing import Any

_TABLE = re.compile(r"\b(?:INTO|UPDATE|FROM|FREEZE|FULL|TABLE|TRUNCATE|JOIN|ON)\s+([\w.]{1,128})", re.IGNORECASE)
_DEFINES = re.compile(r"\s*(?:ALTER|CREATE|DROP|TRUNCATE|LOCK|REINDEX|VACUUM FULL|CLUSTER)\b", re.IGNORECASE)
_VERB = re.compile(
    r"\b(ALTER TABLE|DROP TABLE|LOCK TABLE|TRUNCATE|REINDEX|VACUUM FULL|VACUUM FREEZE|VACUUM|INSERT|UPDATE|DELETE"
    r"|SELECT|COPY|CREATE INDEX)\b",
    re.IGNORECASE,
)


def defines(sql: Mapping[str, Any]) -> bool:
    """It changes a table, an index or the like, and locks it for that."""
    return _DEFINES.match(str(sql.get("statement", ""))) is not None


def statement_of(sql: Mapping[str, Any]) -> str:
    """A statement by its verb and first table: its text is not ours to repeat."""
    text = str(sql.get("statement", ""))
    verb, table = _VERB.search(text), _TABLE.search(text)
    words = (verb.group(1).upper() if verb else "a statement", "query", f"on {table.group(1)}" if table else "")
    return " ".join(filter(None, words))
