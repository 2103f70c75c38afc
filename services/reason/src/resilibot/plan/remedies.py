"""remedies: which catalogue action answers which cause, with its arguments. Pure; act alone says what may be done."""

from collections.abc import Callable, Mapping

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase
from resilibot.contracts.evidence import ChangeContent, Citation, EvidenceItem, StatusContent

UNIT = "{service}.service"
RELEASE_RECORD = "parameter-store"  # the source of evidence whose values are releases


def restart(case: IncidentCase, hypothesis: e.Hypothesis) -> e.PlanStep | None:
    """Restart the unit on the one faulty host; None when that host was not seen by itself."""
    hosts = _hosts(case)
    if hypothesis.component not in hosts:
        return None
    service = _service(case)
    return e.PlanStep(
        id="s1",
        action="ssm.restart_service",
        target=f"host/{hypothesis.component}",
        arguments={"instance_ids": [hypothesis.component], "unit": UNIT.format(service=service)},
        expected_effect=f"a fresh process of {service} on {hypothesis.component} answers again",
        verification=f"{hypothesis.component} answers its health check and its metrics return to their healthy range",
        rollback="none: a restart cannot be undone; if it does not help, a person is asked",
        hypothesis_id=hypothesis.id,
        citations=_citations(hypothesis, hosts[hypothesis.component]),
    )


def rollback(case: IncidentCase, hypothesis: e.Hypothesis) -> e.PlanStep | None:
    """Bring back the release before the one at fault on every host that was seen; None if either is not known."""
    hosts, release = _hosts(case), _release_before(case, hypothesis)
    if not hosts or release is None:
        return None
    service = _service(case)
    return e.PlanStep(
        id="s1",
        action="ssm.rollback_release",
        target=f"service/{service}",
        arguments={"instance_ids": sorted(hosts), "unit": UNIT.format(service=service), "release": release},
        expected_effect=f"{service} runs release {release} again on {len(hosts)} hosts",
        verification="errors and latency return to their healthy range on every host",
        rollback="roll forward to the release that is installed now",
        hypothesis_id=hypothesis.id,
        citations=_citations(hypothesis),
    )


REMEDIES: Mapping[str, Callable[[IncidentCase, e.Hypothesis], e.PlanStep | None]] = {
    "hung_process": restart,
    "component_fault": restart,
    "bad_release": rollback,
}


def _hosts(case: IncidentCase) -> dict[str, EvidenceItem]:
    """Hosts of the last round's status evidence that can be acted on, byte for byte as they were observed."""
    hosts = {}
    for item in case.rounds[-1].items if case.rounds else ():
        if item.kind == "status" and item.content is not None:
            status = StatusContent.model_validate(item.content)
            if status.kind == "unit":
                hosts[status.component] = item
    return hosts


def _release_before(case: IncidentCase, hypothesis: e.Hypothesis) -> str | None:
    """The value before the last release that the hypothesis cites. Other records of a deployment (images, revisions)
    name nothing that the rollback document could install."""
    evidence = case.evidence()
    cited = [evidence[c.evidence_id] for f in hypothesis.support for c in f.citations if c.evidence_id in evidence]
    releases = [i for i in cited if i.kind == "change" and i.source == RELEASE_RECORD]
    changes = [ChangeContent.model_validate(i.content) for i in releases if i.content is not None]
    return max(changes, key=lambda change: change.at).before if changes else None


def _service(case: IncidentCase) -> str:
    return (case.resource.service if case.resource else None) or ""


def _citations(hypothesis: e.Hypothesis, *items: EvidenceItem) -> list[Citation]:
    cited = [citation for finding in hypothesis.support for citation in finding.citations]
    cited += [Citation(evidence_id=item.id, content_hash=item.content_hash) for item in items]
    return list(dict.fromkeys(cited))
