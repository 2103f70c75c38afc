"""odd: answers of another shape than documented: a missing field, a time without its zone, half a character."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resilibot.observe.ports import SourceFailed

log = logging.getLogger(__name__)

# What code raises that reads an answer of another shape: a field or an item that is missing, a value of another type
# or out of its range (pydantic's errors are ValueErrors), a nesting without an end. An error of any other kind is not
# about the answer: it leaves the round as unknown errors do.
ODD = (LookupError, AttributeError, TypeError, ValueError, ArithmeticError, RecursionError)


@contextmanager
def readable(source: str) -> Iterator[None]:
    """Raise SourceFailed for what an adapter trips over in an answer: it costs this answer, not the round.

    The gap names the kind of error alone: its text may quote what was answered.
    """
    try:
        yield
    except ODD as error:
        log.warning("an answer of %s cannot be read", source, exc_info=error)
        raise SourceFailed("error", f"{source}: an answer that cannot be read: {type(error).__name__}") from error


def whole(text: str) -> str:
    """The text in characters that can be stored: half of a pair of surrogates, as a cut text leaves it, is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def storable(value: Any) -> Any:
    """A JSON value of whole characters only."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        return {whole(str(key)): storable(one) for key, one in value.items()}
    return [storable(one) for one in value] if isinstance(value, list | tuple) else value
