"""control: what people decide about ResiliBot itself, on streams of their own (`control#<scope>`)."""

from typing import ClassVar

from pydantic import Field

from resilibot.contracts.event import Category, DomainEvent, EmitterName


class SubjectForgottenV1(DomainEvent):
    """On `control#erasure`: the data key of a person was destroyed before this was written.

    Nothing that names them can be read any more, here or in any copy of the log.
    """

    emitter: ClassVar[EmitterName] = "ingest"
    category: ClassVar[Category] = "control"
    subject: str = Field(pattern=r"^[0-9a-f]{32}$")  # the pseudonym, as it stands in the sealed fields; never the name
