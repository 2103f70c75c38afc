"""plain: foreign text as a model or a person may see it: no hidden characters, no links, no more than fits.

Evidence goes to the model stripped of what cannot be seen (the store keeps it as it came); the model's own words come
back as one line of plain text. Pure.
"""

import json
import re
import unicodedata
from typing import Any

HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})  # controls, bidi and zero-width marks, tags, private use
_LINK = re.compile(
    r"\b(?:https?|ftp|file|data|javascript|vbscript|mailto):\S+|\bwww\.\S+|//[^\s/]+\.\S+", re.IGNORECASE
)
_MARKUP = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "`": "'", "|": "/", "*": "·", "\\": "/"})
# how much of lists, keys and strings is kept, step by step until the value fits
_STEPS = ((24, 40, 600), (12, 24, 240), (6, 16, 120), (4, 10, 60))


def visible(text: str) -> str:
    """Without characters that are not seen; what separates words stays a space."""
    return "".join(
        character if unicodedata.category(character) not in HIDDEN else " " if character.isspace() else ""
        for character in text
    )


def between_marks(value: Any, mark: str) -> str:
    """A JSON value as the whole of a message to a model. `mark`: not to be guessed by who writes into the value."""
    quoted = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"The data stands between the two marks {mark}.\n{mark}\n{quoted}\n{mark}"


def sentence(text: str, most: int = 300) -> str:
    """One line of plain text without links and markup: a model's words, which may repeat what it was told to say."""
    flat = " ".join(visible(text).translate(_MARKUP).split())
    unlinked = _LINK.sub("(link left out)", flat)
    return unlinked if len(unlinked) <= most else unlinked[: most - 1] + "…"


def fitted(value: Any, most: int) -> Any:
    """A JSON value whose text has at most `most` characters: long lists lose their middle, long texts their end.

    None if even that does not fit.
    """
    for items, keys, characters in _STEPS:
        cut = _cut(value, items, keys, characters)
        if len(json.dumps(cut, ensure_ascii=False)) <= most:
            return cut
    return None


def _cut(value: Any, items: int, keys: int, characters: int) -> Any:
    if isinstance(value, str):
        text = visible(value[: 4 * characters])  # no more is looked at: log samples may be long
        return text if len(value) <= 4 * characters and len(text) <= characters else f"{text[:characters]} (cut)"
    if isinstance(value, dict):
        told = {visible(str(key))[:120]: _cut(one, items, keys, characters) for key, one in list(value.items())[:keys]}
        return told if len(value) <= keys else {**told, "(cut)": f"{len(value) - keys} more"}
    if isinstance(value, (list, tuple)):
        if len(value) <= items:
            return [_cut(one, items, keys, characters) for one in value]
        first, last = value[: items // 2], value[len(value) - items // 2 :]
        cut = f"({len(value) - len(first) - len(last)} left out)"
        shown = [_cut(one, items, keys, characters) for one in (*first, *last)]
        return [*shown[: len(first)], cut, *shown[len(first) :]]
    return value
