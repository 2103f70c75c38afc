"""answers: what the routes answer with, for the API's document. The views make it; nothing is validated twice.

Every field is always there. Names are shown as people may read them.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from resilibot.contracts.case import IncidentCase, Status
from resilibot.contracts.envelope import Actor, Envelope
from resilibot.contracts.signal import Severity
from resilibot.projections.lexicon import Kind
from resilibot.projections.reply import Found


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Health(Answer):
    status: Literal["ok"]


class IncidentRow(Answer):
    """One incident in a list. `duration_s` from its opening to its last resolution."""

    incident_id: str
    version: int
    title: str
    status: Status
    escalated: bool
    severity: Severity
    source: str
    service: str | None
    investigation: str | None
    flapping: list[str]  # names of alarms
    outcome: str | None
    diagnosis: str | None
    root_cause: str | None  # as a person confirmed it
    fingerprint: str
    merged_into: str | None
    children: list[str]
    opened_at: datetime | None
    updated_at: datetime | None
    resolved_at: datetime | None
    duration_s: float | None


class IncidentPage(Answer):
    """`cursor` continues the list; null at its end."""

    incidents: list[IncidentRow]
    cursor: str | None


class Entry(Answer):
    """One event as a line of a timeline."""

    version: int
    id: str
    at: datetime
    type: str
    service: str
    actor: Actor
    causation_id: str | None
    sentence: str


class Timeline(Answer):
    entries: list[Entry]


class StoredEvent(Answer):
    """`body` is the exact text that is hashed, names sealed; `envelope` is the same as a person may read it."""

    envelope: Envelope
    body: str
    prev_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")


class StoredEvents(Answer):
    events: list[StoredEvent]


class LastSignal(Answer):
    name: str
    state: str
    at: datetime


class ReceivedSignal(Answer):
    """One fingerprint: how often it was received, by what became of it, and the incidents it belonged to."""

    version: int
    received: int
    dispositions: dict[str, int]
    incidents: list[str]
    last: LastSignal | None


class DoneAction(Answer):
    incident_id: str
    action_id: str
    action: str
    outcome: str
    cooldown_until: datetime


class Target(Answer):
    version: int
    open_action: str | None
    history: list[DoneAction]


class SilenceEnd(Answer):
    why: str
    at: datetime
    by: str | None


class Silence(Answer):
    """A silence or a maintenance window. `ended` is null while it lasts, or lies ahead."""

    silence_id: str
    matcher: dict[str, Any]
    starts_at: datetime
    ends_at: datetime
    comment: str
    started_by: str
    ended: SilenceEnd | None


class Silences(Answer):
    silences: list[Silence]


class ActivePolicy(Answer):
    """`version` is the hash of the content, `origin` the file it came from, or built-in."""

    version: str
    origin: str
    since: datetime
    policy: dict[str, Any]


class Policies(Answer):
    """By scope: door, gate."""

    policies: dict[str, ActivePolicy]


class FeedEntry(Entry):
    position: int
    stream: str


class Feed(Answer):
    """`last` is the position to go on after."""

    entries: list[FeedEntry]
    last: int


class EventCitation(Answer):
    """An event of an incident's stream, and the evidence in it that is meant, if one is."""

    incident_id: str
    version: int
    event_id: str
    evidence_id: str | None


class Reply(Answer):
    """`understood`: how the question was read, with what was not. `bound`: what was not looked at; null: nothing.

    `read_by`: the model that read it; null: the rules did. `fell_back`: why a model that was wanted did not.
    """

    question: str
    found: Found
    kind: Kind | None
    understood: str
    text: str
    citations: list[EventCitation]
    bound: str | None
    read_by: str | None
    fell_back: str | None


class Fault(Answer):
    stream: str
    version: int | None
    kind: str
    detail: str


class Audit(Answer):
    ok: bool
    streams: int
    events: int
    faults: list[Fault]


_FIELDS: dict[str, Any] = {name: (field.annotation, field) for name, field in IncidentCase.model_fields.items()}

# The fold, and what is derived from it
Case = create_model(
    "IncidentCase",
    __config__=ConfigDict(extra="forbid"),
    __doc__=IncidentCase.__doc__,
    **_FIELDS,
    status=(Status, ...),
    escalated=(bool, ...),
    duration_s=(float | None, ...),
    investigation_state=(str | None, ...),
    children=(list[str], ...),
)
