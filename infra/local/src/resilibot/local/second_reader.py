"""second_reader: a model beside the rules for a past incident: asked about each round, then the network is cut.

It is asked as the live service asks (`consult.ask`), about what was recorded, within the same budget for an incident.
What it costs now is not what it cost then: only what this re-run spends counts for the budget.
"""

from dataclasses import dataclass, field

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.reason.answer import Consultation
from resilibot.reason.consult import ask
from resilibot.reason.merge import judge_with
from resilibot.reason.ports import Ports
from resilibot.reason.recover import judge

Verdict = e.DiagnosisReachedV1 | e.IncidentResolvedV1


@dataclass
class SecondReader:
    """A reasoner of `rerun`: `consult` before the network is cut, then the verdicts."""

    ports: Ports
    _said: dict[int, Consultation] = field(default_factory=dict)  # by round, which is there once in an incident
    _verdicts: list[e.DiagnosisReachedV1] = field(default_factory=list)

    def consult(self, case: IncidentCase, gathered: e.EvidenceGatheredV1) -> None:
        """Ask about one round. A round that resolves asks nobody, as in life."""
        told = judge(case, gathered)
        if isinstance(told, e.IncidentResolvedV1):
            return
        said = ask(case.model_copy(update={"diagnoses": list(self._verdicts)}), gathered, told, self.ports)
        self._said[gathered.round] = said
        self._verdicts.append(told.model_copy(update={"reasoner": said.reasoner}))

    def __call__(self, case: IncidentCase, gathered: e.EvidenceGatheredV1) -> Verdict:
        return judge_with(case, gathered, self._said.get(gathered.round))
