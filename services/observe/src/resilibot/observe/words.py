"""words: a text as the words that runbooks are found by. Pure.

`KubePodNotReady` is found by each of its words and by its whole name; negations are words like any other, since
"ready" and "not ready" ask for different runbooks. What stands side by side says more than its words do apart, so two
neighbours count once more as a pair.
"""

import re
from itertools import pairwise

_NAME = re.compile(r"[A-Za-z0-9]+")
_PART = re.compile(r"[A-Z]{2,}s(?![A-Za-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ENDINGS = ("ing", "ed")  # failing, failed: fail
_LEAST_STEM = 4  # or string, need and speed would be strangers to themselves
_STOP = frozenset(
    {"the", "a", "an", "is", "are", "was", "be", "been", "has", "have", "in", "of", "to", "and", "or", "for", "on"}
    | {"this", "that", "it", "with", "at", "by", "from", "as"}
)


def words(text: str) -> list[str]:
    """Lower-case words in order, camel case and punctuation split, without their endings, a split name also whole.

    Single characters and bare numbers are left out: in an alert they are its values, and no two alerts share them.
    """
    found: list[str] = []
    for name in _NAME.findall(text):
        parts = _PART.findall(name)
        told = [word for part in parts if (word := _singular(part.lower())) not in _STOP and _tells(word)]
        found += map(_stem, told)
        if len(parts) > 1 and not name.isdigit():
            found.append(name.lower())
    return found


def terms(text: str) -> list[str]:
    """The words of a text, and each two that follow one another, in one: "file system" has "filesystem" as well."""
    single = words(text)
    return single + [one + other for one, other in pairwise(single)]


def spaced(name: str) -> str:
    """A name as an encoder reads it best: `KubePodNotReady` as `Kube Pod Not Ready`."""
    return " ".join(_PART.findall(name))


def apart(text: str) -> str:
    """A text with the names in it written apart, as titles are for the encoder; all else stays as it is."""
    return _HUMP.sub(" ", text)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            return word[: -len(ending)]
    return word


def _tells(word: str) -> bool:
    return len(word) > 1 and not word.isdigit()
