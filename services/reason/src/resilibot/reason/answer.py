"""answer: what a model said, read strictly; anything that is not of the schema is no answer. Pure.

A repaired answer would be a guess at what was meant, so nothing is repaired: not a missing bracket, not a name that
is nearly one of the list.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resilibot.contracts import events as e
from resilibot.contracts import strict_json
from resilibot.contracts.evidence import Citation, Finding
from resilibot.reason.prompt import VOCABULARY, Prompt
from resilibot.runtime.models.plain import sentence

MOST_CHARS = 20_000  # of an answer; a longer one is not read: with its citations written out it must fit into an event
MOST_DROPPED = 10  # claims of an unusable answer that are named

Likelihood = Literal["low", "medium", "high"]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class AnswerUnusable(Exception):
    """Not of the schema, or it names what it was not shown. `claims` are its own words, if they could be read."""

    def __init__(self, code: str, detail: str, claims: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.claims = tuple(claims)


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Claim(_Closed):
    text: Text
    evidence: list[str] = Field(max_length=20)


class _Hypothesis(_Closed):
    cause: str
    component: str
    statement: Text
    likelihood: Likelihood
    support: list[_Claim] = Field(max_length=10)
    refutation: list[_Claim] = Field(max_length=10)


class _Answer(_Closed):
    verdict: Literal["cause", "no_fault", "unclear"]
    hypotheses: list[_Hypothesis] = Field(max_length=5)
    findings: list[_Claim] = Field(max_length=10)


@dataclass(frozen=True)
class Claim:
    """One claim in plain words, with the evidence that it names as it was shown; none: it rests on nothing."""

    text: str
    citations: tuple[Citation, ...]

    def finding(self) -> Finding:
        return Finding(text=self.text, citations=list(self.citations))


@dataclass(frozen=True)
class View:
    """A model's hypothesis. Cause and component are of the lists that it was given."""

    cause: str
    component: str
    statement: str
    likelihood: Likelihood
    support: tuple[Claim, ...]
    refutation: tuple[Claim, ...]


@dataclass(frozen=True)
class Answer:
    verdict: Literal["cause", "no_fault", "unclear"]
    views: tuple[View, ...]  # as the model ranks them
    findings: tuple[Claim, ...]


@dataclass(frozen=True)
class Consultation:
    """What asking a model came to: its answer, or why there is none. The facts of a diagnosis."""

    reasoner: e.Reasoner  # with what it cost; `fell_back` is set if there is no answer
    answer: Answer | None = None
    dropped: tuple[str, ...] = ()  # claims of an unusable answer


def read_answer(text: str, asked: Prompt) -> Answer:
    """The answer to `asked`. Raises AnswerUnusable, with the places and none of the words that are wrong."""
    if len(text) > MOST_CHARS:
        raise AnswerUnusable("malformed_answer", f"{len(text)} characters")
    try:
        strict_json.parse(text)  # else the last of two equal keys would count, and the first for another reader
        read = _Answer.model_validate_json(text)
    except strict_json.NotStrictJson as error:
        raise AnswerUnusable("malformed_answer", "answer: json_invalid") from error
    except ValidationError as error:
        places = (f"{'.'.join(map(str, one['loc'])) or 'answer'}: {one['type']}" for one in error.errors())
        raise AnswerUnusable("malformed_answer", sentence("; ".join(places))) from error
    invented = sum(1 for name, known in _named(read, asked) if name not in known)
    if invented:
        claims = [sentence(claim.text) for claim in _claims(read)][:MOST_DROPPED]
        raise AnswerUnusable("invented_names", f"{invented} names that are not of the lists", claims)
    views = tuple(_view(hypothesis, asked.shown) for hypothesis in read.hypotheses)
    return Answer(read.verdict, views, tuple(_claim(claim, asked.shown) for claim in read.findings))


def _claims(read: _Answer) -> Iterator[_Claim]:
    for hypothesis in read.hypotheses:
        yield from hypothesis.support
        yield from hypothesis.refutation
    yield from read.findings


def _named(read: _Answer, asked: Prompt) -> Iterator[tuple[str, Sequence[str] | Mapping[str, str]]]:
    """Every name in the answer, with the names that there are."""
    for hypothesis in read.hypotheses:
        yield hypothesis.cause, VOCABULARY
        yield hypothesis.component, asked.components
    for claim in _claims(read):
        for evidence in claim.evidence:
            yield evidence, asked.shown


def _view(read: _Hypothesis, shown: Mapping[str, str]) -> View:
    return View(
        cause=read.cause,
        component=read.component,
        statement=sentence(read.statement),
        likelihood=read.likelihood,
        support=tuple(_claim(claim, shown) for claim in read.support),
        refutation=tuple(_claim(claim, shown) for claim in read.refutation),
    )


def _claim(read: _Claim, shown: Mapping[str, str]) -> Claim:
    cited = tuple(Citation(evidence_id=one, content_hash=shown[one]) for one in dict.fromkeys(read.evidence))
    return Claim(sentence(read.text), cited)
