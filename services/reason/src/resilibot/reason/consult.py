"""consult: ask a model for its view of one round, within tries, time and budget; or say why there is none.

The client retries nothing by itself: every call is counted here, because each one may cost money.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.reason.answer import Answer, AnswerUnusable, Consultation, read_answer
from resilibot.reason.diagnose import REASONER
from resilibot.reason.ports import Ports
from resilibot.reason.prompt import Prompt, prompt, prompt_hash
from resilibot.reason.recover import judge
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.models.port import STOPS, ModelFailed, Reply
from resilibot.runtime.service import Trigger

log = logging.getLogger(__name__)

VERSION = "1"  # of the question and of how its answer is merged
BASE_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0
LEAST_S = 1.0  # a call that has less time than this is not begun
BYTES_PER_TOKEN = 3  # few, so that a prompt is estimated rather too dear
MILLION = Decimal(1_000_000)


def gather(case: IncidentCase, trigger: Trigger, ports: Ports | None) -> Consultation | None:
    """The facts of a diagnosis; None where nobody is asked: no model is wanted, the round is old, or it resolves."""
    gathered = trigger.event
    if ports is None or not isinstance(gathered, e.EvidenceGatheredV1):
        return None
    if case.is_over or gathered.round != case.round:
        return None
    told = judge(case, gathered)
    return ask(case, gathered, told, ports) if isinstance(told, e.DiagnosisReachedV1) else None


def ask(case: IncidentCase, gathered: e.EvidenceGatheredV1, told: e.DiagnosisReachedV1, ports: Ports) -> Consultation:
    """One consultation about `told`. Fails never: what goes wrong is its `fell_back`."""
    s = ports.settings
    asked = prompt(case, gathered, told, ports.nonce(), s)
    account = _Account(s, asked, case.diagnoses)
    if missing := _missing(s):
        return account.closed("not_configured", f"no {missing}")
    if not asked.shown or not asked.components:
        return account.closed("nothing_to_show", "no evidence of this round can be read")
    try:
        answer = _answer(asked, account, ports)
    except _NoAnswer as none:
        log.warning(
            "the rules judge alone", extra={"code": none.code, "detail": none.detail, "model": s.reasoner_model}
        )
        return account.closed(none.code, none.detail, none.claims)
    return account.closed_with(answer)


class _NoAnswer(Exception):
    def __init__(self, code: str, detail: str, claims: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.code, self.detail, self.claims = code, detail, tuple(claims)


@dataclass
class _Account:
    """What was spent on this incident before, and what is spent now."""

    settings: ReasonSettings
    asked: Prompt
    earlier: Sequence[e.DiagnosisReachedV1]
    calls: int = 0
    unmetered: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    _hash: str = field(default_factory=prompt_hash)

    def met(self, reply: Reply) -> None:
        if not reply.tokens_in:  # some endpoints do not tell: then it counts as if no answer had come
            return
        self.unmetered -= 1
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out

    def why_no_more(self) -> str | None:
        """Why one more call would go beyond the incident's budget; None: it would not.

        A call that never told its tokens counts as the dearest that this question can be.
        """
        s = self.settings
        dearest_in = self.asked.size_bytes // BYTES_PER_TOKEN + 1
        unmetered = self.unmetered + sum(d.reasoner.unmetered for d in self.earlier)
        tokens_in = self.tokens_in + dearest_in * (unmetered + 1)
        tokens_out = self.tokens_out + s.reasoner_output_tokens * (unmetered + 1)
        spent = sum(d.reasoner.tokens_in + d.reasoner.tokens_out for d in self.earlier)
        if spent + tokens_in + tokens_out > s.reasoner_tokens:
            return f"{spent + self.tokens_in + self.tokens_out} of {s.reasoner_tokens} tokens are used"
        paid = sum((Decimal(d.reasoner.cost_usd) for d in self.earlier), Decimal(0))
        if paid + cost(s, tokens_in, tokens_out) > s.reasoner_usd:
            return f"{_exact(paid + self.cost)} of {_exact(s.reasoner_usd)} USD are spent"
        return None

    @property
    def cost(self) -> Decimal:
        return cost(self.settings, self.tokens_in, self.tokens_out)

    def closed_with(self, answer: Answer) -> Consultation:
        return Consultation(self._reasoner(self.settings.reasoner, VERSION), answer)

    def closed(self, code: str, detail: str, claims: Sequence[str] = ()) -> Consultation:
        """The rules judge alone; what was paid in vain is told all the same."""
        rules = self._reasoner(REASONER.name, REASONER.version, f"{code}: {detail}")
        return Consultation(rules, None, tuple(claims))

    def _reasoner(self, name: str, version: str, fell_back: str | None = None) -> e.Reasoner:
        return e.Reasoner(
            name=name,
            version=version,
            model=self.settings.reasoner_model or None,
            prompt_hash=self._hash,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            cost_usd=_exact(self.cost),
            calls=self.calls,
            unmetered=self.unmetered,
            wanted=self.settings.reasoner,
            fell_back=fell_back,
        )


def cost(s: ReasonSettings, tokens_in: int, tokens_out: int) -> Decimal:
    """Dollars, exact: prices are decimals, and nothing is rounded."""
    dear = tokens_in * (s.reasoner_usd_per_million_in or 0) + tokens_out * (s.reasoner_usd_per_million_out or 0)
    return Decimal(dear) / MILLION


def _missing(s: ReasonSettings) -> str | None:
    if not s.reasoner_model:
        return "model id"
    if s.reasoner_usd_per_million_in is None or s.reasoner_usd_per_million_out is None:
        return "price per million tokens"
    return None


def _answer(asked: Prompt, account: _Account, ports: Ports) -> Answer:
    """The answer of the first call that gives one. Raises _NoAnswer."""
    s, ends_at = ports.settings, ports.monotonic() + ports.settings.reasoner_deadline_s
    for tried in range(s.reasoner_tries):
        if why := account.why_no_more():
            raise _NoAnswer("budget_used_up", why)
        account.calls += 1
        account.unmetered += 1
        try:
            left = ends_at - ports.monotonic()
            reply = ports.model.ask(asked.system, asked.user, asked.schema, min(s.reasoner_call_s, left))
        except ModelFailed as failed:
            pause = min(BASE_PAUSE_S * 2**tried, LONGEST_PAUSE_S) * ports.jitter()
            has_time = ends_at - ports.monotonic() - pause >= LEAST_S
            if not failed.retryable or tried + 1 == s.reasoner_tries or not has_time:
                tries = f" ({tried + 1} calls)" if tried else ""
                raise _NoAnswer(failed.code, f"{failed.detail}{tries}") from failed
            ports.pause(pause)
            continue
        account.met(reply)
        return _read(reply, asked)
    raise AssertionError("at least one try is made")  # pragma: no cover


def _read(reply: Reply, asked: Prompt) -> Answer:
    if not reply.ended:
        raise _NoAnswer(STOPS.get(reply.stop, "not_ended"), f"the answer stopped with {reply.stop}")
    try:
        return read_answer(reply.text, asked)
    except AnswerUnusable as unusable:
        raise _NoAnswer(unusable.code, unusable.detail, unusable.claims) from unusable


def _exact(amount: Decimal) -> str:
    """Plain digits, no exponent, no trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
