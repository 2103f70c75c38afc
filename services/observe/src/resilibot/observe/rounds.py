"""rounds: which look comes next: its number, purpose and windows. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import Window
from resilibot.contracts.signal import Signal
from resilibot.runtime.service import Trigger

# after these the world may look different
CHANGES = (
    e.ActionSucceededV1,
    e.ActionFailedV1,
    e.ActionOutcomeUnknownV1,
    e.SignalClearedV1,
)


@dataclass(frozen=True)
class Look:
    """One round to be made. `since`: what counts as fresh in a verify round. `onset`: known from an earlier round."""

    round: int
    purpose: Literal["diagnose", "verify"]
    now: datetime
    since: datetime | None
    onset: datetime | None
    baseline: Window | None


def next_look(case: IncidentCase, trigger: Trigger, max_rounds: int) -> Look | None:
    """The look that the trigger asks for, or None: the case is over, acting, or has been looked at often enough.

    The budget limits looks that nothing new asks for. What an action or a cleared alarm changed is always looked at.
    """
    if not case.exists or case.is_over or not case.may_look:
        return None
    if case.looks >= max_rounds and not isinstance(trigger.event, CHANGES):
        return None
    if any(action.state == "running" for action in case.actions.values()):
        return None  # its outcome starts the next round
    if isinstance(trigger.event, e.SignalAttachedV1 | e.SignalClearedV1) and _acted_since(case, trigger):
        return None  # the look after the action sees this too, and has more to see
    if case.looks == 0:  # opened or reopened: nothing known before counts
        return Look(case.round + 1, "diagnose", trigger.now, None, None, None)
    first = next((r for r in reversed(case.rounds) if r.purpose == "diagnose"), case.rounds[0])
    onset, baseline = (first.onset, first.baseline) if _saw_metrics(first) else (None, None)
    if _is_undecided(case):  # nothing was done and nothing is known: a longer window may tell
        return Look(case.round + 1, "diagnose", trigger.now, None, onset, baseline)
    return Look(case.round + 1, "verify", trigger.now, _fresh_since(case), onset, baseline)


def firing_signal(case: IncidentCase) -> Signal | None:
    """The signal to look at: the one that fired last among those still firing, else the last known.

    Only of the service that the incident is about: a neighbour's alarm joins the incident, it does not take it over.
    """
    summaries = sorted(case.own_signals, key=lambda s: (s.is_firing, s.signal.fired_at))
    return summaries[-1].signal if summaries else None


def metric_signal(case: IncidentCase) -> Signal | None:
    """Like firing_signal, but one that names a metric if any does."""
    named = [s for s in case.own_signals if s.signal.metric is not None]
    return max(named, key=lambda s: (s.is_firing, s.signal.fired_at)).signal if named else firing_signal(case)


def _saw_metrics(gathered: e.EvidenceGatheredV1) -> bool:
    """Without metrics a round only guessed when the trouble began: its baseline may hold some of it."""
    return any(item.kind == "metric" for item in gathered.items)


def _acted_since(case: IncidentCase, trigger: Trigger) -> bool:
    ended = [action.ended_at for action in case.current_actions.values() if action.ended_at is not None]
    return any(at > trigger.recorded.envelope.recorded_at for at in ended)


def _is_undecided(case: IncidentCase) -> bool:
    """The last diagnosis was inconclusive, every alarm still fires, and no action came after it."""
    last = case.diagnosis
    is_open = last is not None and last.outcome == "inconclusive" and not case.current_actions
    return is_open and all(summary.is_firing for summary in case.signals.values())


def _fresh_since(case: IncidentCase) -> datetime:
    """Evidence is fresh when it is younger than the last action's end; without one, than the episode's first look.

    Not younger than the last look: a metric with a point every five minutes would never have three fresh ones.
    """
    ended = [action.ended_at for action in case.current_actions.values() if action.ended_at is not None]
    if ended:
        return max(ended) + timedelta(seconds=1)
    return next(r.window.end for r in case.rounds if r.round > case.episode_round)
