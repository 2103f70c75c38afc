"""mapped: senders described by a declarative file instead of a module: where the state stands, and what it is called.

vendors.toml beside this module holds those that ship; an owner's own file (RESILIBOT_SOURCES_FILE) has the same form
and comes first. It is validated before anything is read. A path is dotted ("incident.state"), "@name" is a label of
`tags`. An identity may be several paths together ("host + service"): those that are not there count as empty.
"""

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from resilibot.contracts.faults import faults_of
from resilibot.contracts.signal import Severity, SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.errors import MalformedSignal
from resilibot.ingest.sources.fields import at, pairs, words
from resilibot.ingest.sources.record import Item, Record, Source, ignored
from resilibot.ingest.sources.severity import by_word
from resilibot.ingest.sources.states import QUIET, state_of


class MappingInvalid(Exception):
    """The file of mappings is not as it must be; the message names the source and the field."""

    code: ClassVar[str] = "mapping_invalid"


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _lowered(value: Any) -> Any:
    return [str(word).strip().lower() for word in value] if isinstance(value, list) else value


Paths = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
Words = Annotated[tuple[str, ...], BeforeValidator(_lowered)]


class Mapped(BaseModel):
    """One sender. Each of `name` ... `links` is a path or several, the first that holds something counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    has: tuple[str, ...] = Field(min_length=1)  # paths that are there in each of its records and not in others'
    equals: dict[str, str] = Field(default_factory=dict)  # paths that hold exactly this text
    state: Paths = ()
    firing: Words = ()  # words of `state` in lower case
    ok: Words = ()
    quiet: Words = ()  # neither: an acknowledgement, a comment
    always_firing: bool = False  # it tells of trouble only, and has no word for it
    name: Paths
    title: Paths = ()
    identity: Paths = ()
    event_id: Paths = ()
    resource: Paths = ()
    service: Paths = ()
    severity: Paths = ()
    severities: dict[str, Severity] = Field(default_factory=dict)  # its own words, in lower case, before the usual ones
    reason: Paths = ()
    fired_at: Paths = ()
    environment: Paths = ()
    tags: str = ""  # path of its labels
    links: Paths = ()

    def as_source(self) -> Source:
        return Source(self.source, self.recognises, self.read)

    def recognises(self, body: dict[str, Any]) -> bool:
        return all(at(body, path) is not None for path in self.has) and all(
            at(body, path) == value for path, value in self.equals.items()
        )

    def read(self, record: Record) -> Iterator[Item]:
        """Its own words for a state come before the usual ones (states.py).

        Raises MalformedSignal for a state that neither knows, and without a name.
        """
        body = record.body
        labels = pairs(at(body, self.tags)) if self.tags else {}

        def told(paths: Sequence[str]) -> str:
            return next((v for p in paths if (v := labels.get(p[1:], "") if p[0] == "@" else words(body, p))), "")

        def identified() -> str:
            keys = (build.joined(*(told([part.strip()]) for part in path.split("+"))) for path in self.identity)
            return next((key for key in keys if key), "")

        name = told(self.name)
        if not name:
            raise MalformedSignal(f"{record.place}{self.name[0]}: missing, or no text")
        word = _state_word(body, self.state)
        if word.startswith(("$", "{{")):
            yield ignored(record, self.source, "an unfilled template", f"{word} stands where a state should")
            return
        state = self._state(word, record)
        if state is None:
            yield ignored(record, self.source, f"{name}: {word}", "neither firing nor over")
            return
        event_id = told(self.event_id)
        yield build.signal(
            record,
            source=self.source,
            source_id=f"{event_id}@{word}" if event_id else "",
            name=name,
            identity=identified(),
            state=state,
            title=self._title(name, told(self.title), identified()),
            reason=told(self.reason),
            severity=self._severity(told(self.severity)),
            fired_at=next((v for path in self.fired_at if (v := at(body, path)) is not None), None),
            resource=build.resource_ref(name=told(self.resource) or name, service=told(self.service)),
            environment=told(self.environment),
            tags=labels,
            links=[at(body, path) for path in self.links],
        )

    def _title(self, name: str, title: str, identity: str) -> str:
        """Both, where one does not say the other; a name that is a key only tells people nothing."""
        says_it = not title or name in title or name == identity
        return (title or name) if says_it else f"{name}: {title}"

    def _severity(self, word: str) -> tuple[Severity, str]:
        own = self.severities.get(word.lower())
        return (own, f"{self.source}:severity={word[:40]}") if own else by_word(self.source, "severity", word)

    def _state(self, word: str, record: Record) -> SignalState | None:
        if word in self.firing or (self.always_firing and not word):
            return "ALARM"
        if word in self.ok:
            return "OK"
        if word in self.quiet:
            return None
        usual = state_of(word)
        if usual or word in QUIET:
            return usual
        where = self.state[0] if self.state else "state"
        known = ", ".join((*self.firing, *self.ok, *self.quiet))
        raise MalformedSignal(f"{record.place}{where}: {ascii(word[:40]) or 'nothing'} is none of {known}")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sources: tuple[Mapped, ...] = Field(alias="source")


def load(text: str) -> tuple[Mapped, ...]:
    """The mappings of a TOML file. Raises MappingInvalid."""
    try:
        return _File.model_validate(tomllib.loads(text)).sources
    except tomllib.TOMLDecodeError as error:
        raise MappingInvalid(f"not TOML: {error}") from error
    except ValidationError as error:
        raise MappingInvalid(faults_of(error, "sources")) from error


def load_file(path: Path) -> tuple[Mapped, ...]:
    """Raises MappingInvalid, also for a file that cannot be read."""
    try:
        return load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingInvalid(f"{path}: {error.strerror}") from error


@cache
def shipped() -> tuple[Source, ...]:
    """The senders of vendors.toml, in its order."""
    text = files("resilibot.ingest.sources").joinpath("vendors.toml").read_text(encoding="utf-8")
    return tuple(mapped.as_source() for mapped in load(text))


def _state_word(body: dict[str, Any], paths: Sequence[str]) -> str:
    for path in paths:
        value = at(body, path)
        if isinstance(value, bool):
            return str(value).lower()
        if word := words(body, path):
            return word.lower()
    return ""
