"""errors: why something that came in is not taken.

SignalError
└── MalformedSignal     a field is missing or of the wrong type; the message names it
    └── ForgedSignal    it is not from whom it says it is
"""

from typing import ClassVar


class SignalError(Exception):
    code: ClassVar[str] = "signal_error"


class MalformedSignal(SignalError):
    code = "malformed_signal"


class ForgedSignal(MalformedSignal):
    code = "forged_signal"
