"""moments: expressions of time in a question, read as a span in UTC. Pure; `now` is given.

Days, weeks (from Monday) and months are those of the calendar. A night is from 18:00 to 06:00. A date without a year is
the last such day. What is no date (2026-02-31) is left in the text: it is not understood, and not guessed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
EVENING_H, MORNING_H, NOON_H = 18, 6, 12
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
UNITS = {"m": MINUTE, "h": timedelta(hours=1), "d": DAY, "w": 7 * DAY}

_ISO = r"\d{4}-\d{2}-\d{2}(?:[t ]\d{2}:\d{2}(?::\d{2})?z?)?"
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)"
)
_ORDINAL = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = rf"(?:{_ISO}|{_ORDINAL} (?:of )?{_MONTH}(?:,? \d{{4}})?|{_MONTH} {_ORDINAL}(?:,? \d{{4}})?)"
_WEEKDAY = rf"(?:{'|'.join(DAYS)})"
_NAMED = (  # the longer before what it begins with
    r"(?:today|yesterday night|yesterday morning|yesterday|tonight|last night|this morning|this afternoon|this week"
    rf"|last weekend|last week|this month|last month|this year|last year|(?:last )?{_WEEKDAY})"
)
_UNIT = r"(minutes?|mins?|hours?|hrs?|days?|weeks?|m|h|d|w)"
_PLACE = rf"(?:{_DATE}|{_NAMED})"
_NAMED_PLACE = rf"(?:{_PLACE}|{_MONTH}(?: \d{{4}})?)"  # after a word of time: "may" alone is no month


@dataclass(frozen=True)
class Span:
    """From `since` (included) to `until` (excluded), either may be open; and the words that said so."""

    since: datetime | None
    until: datetime | None
    said: str

    def say(self) -> str:
        return f"{self.said} ({_minute(self.since) or 'the beginning'} to {_minute(self.until) or 'now'} UTC)"

    def holds(self, moment: datetime) -> bool:
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)

    def meets(self, start: datetime, end: datetime | None) -> bool:
        """Something from `start` to `end` (None: it lasts) was going on in this span at some time."""
        return (self.until is None or start < self.until) and (self.since is None or end is None or end >= self.since)


def find_span(text: str, now: datetime) -> tuple[Span | None, str]:
    """The first expression of time in a lower-case text, and the text without it."""
    for pattern, read in _FORMS:
        for match in pattern.finditer(text):
            try:
                bounds = read(match, now)
            except (ValueError, OverflowError):
                continue  # 2026-02-31, or a day that no calendar has
            if bounds is not None:
                said = " ".join(match[0].split())
                return Span(*bounds, said), f"{text[: match.start()]} {text[match.end() :]}"
    return None, text


Bounds = tuple[datetime | None, datetime | None]


def _between(match: re.Match[str], now: datetime) -> Bounds | None:
    start, (last, end) = _bounds(match[1], now)[0], _bounds(match[2], now)
    end = last if end - last == MINUTE else end  # until 12:00 is not 12:01
    return (start, end) if start < end else None


def _from(match: re.Match[str], now: datetime) -> Bounds:
    start, end = _bounds(match[2], now)
    return (start if match[1] == "since" else end), None


def _before(match: re.Match[str], now: datetime) -> Bounds:
    return None, _bounds(match[1], now)[0]


def _lasting(match: re.Match[str], now: datetime) -> Bounds:
    unit = match[2] or match[3]
    return now - int(match[1] or 1) * UNITS[unit[0]], None


def _ago(match: re.Match[str], now: datetime) -> Bounds:
    unit = UNITS[match[2][0]]
    moment = now - int(match[1]) * unit
    if unit < DAY:
        return moment - unit / 2, moment + unit / 2
    return _day(moment), _day(moment) + DAY


def _whole(match: re.Match[str], now: datetime) -> Bounds:
    return _bounds(match[1], now)


# The longest first: "since last monday" holds "last monday"
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], Bounds | None]], ...] = (
    (re.compile(rf"\b(?:between|from) ({_NAMED_PLACE}) (?:and|to|until|till) ({_NAMED_PLACE})(?!\w)"), _between),
    (re.compile(rf"\b(since|after) ({_NAMED_PLACE})(?!\w)"), _from),
    (re.compile(rf"\b(?:before|until|till) ({_NAMED_PLACE})(?!\w)"), _before),
    (
        re.compile(
            rf"\b(?:in |during |over |within )?(?:the )?(?:last|past) (?:(\d{{1,4}}) ?{_UNIT}|(hour|day))(?!\w)"
        ),
        _lasting,
    ),
    (re.compile(rf"\b(\d{{1,4}}) ?{_UNIT} ago(?!\w)"), _ago),
    (re.compile(rf"\b(?:on|at|of|during|in|over|within)(?: the)? ({_NAMED_PLACE})(?!\w)"), _whole),
    (re.compile(rf"\b({_PLACE})(?!\w)"), _whole),
)


def _bounds(place: str, now: datetime) -> tuple[datetime, datetime]:
    """Beginning and end of a named time or a date. Raises ValueError."""
    today, named = _day(now), place.removeprefix("last ") if place.endswith("day") else place
    if named in DAYS:
        back = (now.weekday() - DAYS.index(named)) % 7 or 7
        return today - back * DAY, today - (back - 1) * DAY
    if place in NAMED:
        return NAMED[place](today)
    return _date(place, now)


NAMED: dict[str, Callable[[datetime], tuple[datetime, datetime]]] = {
    "today": lambda today: (today, today + DAY),
    "yesterday": lambda today: (today - DAY, today),
    "tonight": lambda today: (_hour(today, EVENING_H), _hour(today + DAY, MORNING_H)),
    "last night": lambda today: (_hour(today - DAY, EVENING_H), _hour(today, MORNING_H)),
    "yesterday night": lambda today: (_hour(today - DAY, EVENING_H), _hour(today, MORNING_H)),
    "this morning": lambda today: (_hour(today, MORNING_H), _hour(today, NOON_H)),
    "this afternoon": lambda today: (_hour(today, NOON_H), _hour(today, EVENING_H)),
    "yesterday morning": lambda today: (_hour(today - DAY, MORNING_H), _hour(today - DAY, NOON_H)),
    "this week": lambda today: (_monday(today), _monday(today) + 7 * DAY),
    "last week": lambda today: (_monday(today) - 7 * DAY, _monday(today)),
    "last weekend": lambda today: (_monday(today) - 2 * DAY, _monday(today)),
    "this month": lambda today: _month_of(today),
    "this year": lambda today: (today.replace(month=1, day=1), today.replace(year=today.year + 1, month=1, day=1)),
    "last year": lambda today: (today.replace(year=today.year - 1, month=1, day=1), today.replace(month=1, day=1)),
    "last month": lambda today: _month_of(today.replace(day=1) - DAY),
}


def _date(text: str, now: datetime) -> tuple[datetime, datetime]:
    if re.match(r"\d{4}-", text):
        moment = datetime.fromisoformat(text.upper().replace("Z", "")).replace(tzinfo=UTC)
        return (moment, moment + DAY) if len(text) == len("2026-11-24") else (moment, moment + MINUTE)
    words = text.replace(",", "").split()
    name = next(word for word in words if word[:3] in MONTHS and word.isalpha() and word != "of")
    numbers = [int(re.sub(r"\D", "", word)) for word in words if word[0].isdigit()]
    month = MONTHS.index(name[:3]) + 1
    if not numbers or (len(numbers) == 1 and numbers[0] > 999):  # "november", "november 2026"
        return _month_of(datetime(numbers[0] if numbers else now.year - (month > now.month), month, 1, tzinfo=UTC))
    day = numbers[0]
    year = numbers[1] if len(numbers) > 1 else now.year - ((month, day) > (now.month, now.day))
    start = datetime(year, month, day, tzinfo=UTC)
    return start, start + DAY


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _hour(day: datetime, hour: int) -> datetime:
    return day + timedelta(hours=hour)


def _monday(day: datetime) -> datetime:
    return day - day.weekday() * DAY


def _month_of(day: datetime) -> tuple[datetime, datetime]:
    first = _day(day).replace(day=1)
    return first, (first + 32 * DAY).replace(day=1)


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
