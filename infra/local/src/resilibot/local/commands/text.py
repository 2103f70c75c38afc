"""text: words from outside, made harmless for a terminal: no escape sequences, no hidden direction, no markup."""

import unicodedata

from rich.markup import escape

UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co"})  # control, format (bidi), separators, surrogates, private


def safe(text: str) -> str:
    """What cannot be seen is spelled out (\\x1b, \\u202e); rich markup is shown as it is."""
    return escape("".join(_spelled(c) if unicodedata.category(c) in UNSEEN else c for c in str(text)))


def _spelled(character: str) -> str:
    if character == "\n":
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
