"""resilibot rerun: an incident's decisions again, from what was recorded alone, beside those of then."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from resilibot.act.policy import DEFAULT, Policy, PolicyInvalid, load, parse
from resilibot.act.settings import ActSettings
from resilibot.contracts import events as e
from resilibot.contracts.envelope import RecordedEvent
from resilibot.contracts.event import format_time
from resilibot.contracts.faults import words_of
from resilibot.local.client import ApiClient
from resilibot.local.commands.context import BAD_USE, FAILED, api, errors, fail, home, out, show
from resilibot.local.commands.text import safe
from resilibot.local.commands.usage import as_incident_id
from resilibot.local.no_network import NetworkRefused
from resilibot.local.recorded_log import LogInvalid, RecordedLog, of_answer, read_file
from resilibot.local.rerun import REASONERS, GateRules, Reasoner, not_asked_again, rerun
from resilibot.local.rerun_told import told
from resilibot.local.second_reader import SecondReader
from resilibot.reason.adapters.models import ports_of
from resilibot.reason.settings import ReasonSettings

MODELS = ("bedrock", "openai")


def rerun_incident(
    incident_id: Annotated[
        str | None, typer.Argument(callback=as_incident_id, help="the incident; left out with --from")
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", help="a bundle, or `resilibot replay ID --json`")] = None,
    reasoner: Annotated[
        str, typer.Option(help=f"who judges: {', '.join([*REASONERS, *MODELS])} (a model beside the rules)")
    ] = "deterministic",
    model: Annotated[str, typer.Option(help="with a model: its id; prices, address and key as the service's")] = "",
    policy: Annotated[
        Path | None, typer.Option(help="the gate is asked by this policy; else by the one of then")
    ] = None,
    environment: Annotated[str | None, typer.Option(help="with --from: what the gate's policy judges by")] = None,
    allowed_unit: Annotated[list[str] | None, typer.Option(help="with --from: a unit that may be acted on")] = None,
    with_references: Annotated[
        bool,
        typer.Option("--with-references", help="show the reasoner also what lay by reference, as no live one sees"),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="exit code 1 when anything differs, or evidence is gone")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False,
) -> None:
    """Decide again from recorded evidence alone, the network cut, and show what comes out otherwise.

    Exit code 0 also when decisions differ (1 with --strict); 1 when there is nothing to judge; 2 for bad use.
    """
    judging = _reasoner(reasoner, model, as_json)
    if incident_id is None and source is None:
        raise fail("an incident, or --from a file", "no_incident", as_json, BAD_USE)
    if source is None and (environment or allowed_unit):
        raise fail("a running home has its own settings", "not_with_a_home", as_json, BAD_USE)
    try:
        given = load(str(policy)) if policy else None
        with errors(as_json), _read(incident_id, source, given, environment, allowed_unit or []) as (log, rules):
            rounds = rerun(log, judging, rules, with_references=with_references)
    except PolicyInvalid as error:
        raise fail(str(error), error.code, as_json, BAD_USE) from error
    except LogInvalid as error:  # a home's own log that does not prove itself is no bad use
        raise fail(str(error), error.code, as_json, BAD_USE if source else FAILED) from error
    except NetworkRefused as error:
        raise fail(f"the reasoner reached out: {error}", error.code, as_json) from error
    if incident_id not in (None, log.incident_id):
        raise fail(f"{source} is of incident {log.incident_id}", "another_incident", as_json, BAD_USE)
    if not any(one.was_judged for one in rounds):
        raise fail(f"{log.incident_id}: no round was judged, nothing to hold against", "no_cases", as_json)
    comparison = told(log.incident_id, reasoner, rounds, not_asked_again(log, rounds))
    show(comparison, as_json, lambda: _print(comparison))
    if strict and not comparison["same"]:
        raise typer.Exit(FAILED)


def _reasoner(name: str, model: str, as_json: bool) -> Reasoner:
    if name in REASONERS and not model:
        return REASONERS[name]
    if name not in MODELS:
        known = ", ".join([*REASONERS, *MODELS])
        why = f"--model is for {', '.join(MODELS)}" if name in REASONERS else f"{name!r} is none of {known}"
        raise fail(f"--reasoner: {why}", "no_reasoner", as_json, BAD_USE)
    try:
        settings = ReasonSettings.model_validate({"reasoner": name, **({"reasoner_model": model} if model else {})})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]  # a key is never told
        raise fail(f"{first['loc'][0]}: {words_of(first)}", "settings_invalid", as_json, BAD_USE) from error
    ports = ports_of(settings)
    assert ports is not None  # noqa: S101  a model is wanted
    return SecondReader(ports)


@contextmanager
def _read(
    incident_id: str | None, source: Path | None, given: Policy | None, environment: str | None, units: list[str]
) -> Iterator[tuple[RecordedLog, GateRules]]:
    """The log, and by what the gate is asked. A running home is asked for all of it before anything is judged."""
    if source is not None:
        log = read_file(source)
        names = {"environment": environment} if environment else {}
        settings = ActSettings.model_validate({**names, "allowed_units": (*units, *_once_allowed(log.events))})
        yield log, GateRules(settings, given)
        return
    from resilibot.local.audit_trail import trail_of

    client, living = api(), home()
    with trail_of(living) as trail:
        log = of_answer(client.get(f"/incidents/{incident_id}/events"), trail.blobs)
        yield log, GateRules(settings_of(living.env), given, _policies(client, log.events))


def settings_of(env: Mapping[str, str]) -> ActSettings:
    """Those of a home's workers, as far as the gate reads them."""
    found: dict[str, Any] = {"environment": env.get("RESILIBOT_ENVIRONMENT", "production")}
    found["allowed_units"] = json.loads(env.get("RESILIBOT_ALLOWED_UNITS", "[]"))
    return ActSettings.model_validate(found)


def _once_allowed(events: tuple[RecordedEvent, ...]) -> list[str]:
    """Units of steps that the gate let pass: which others were allowed then, an incident's log does not say."""
    steps: dict[str, str] = {}
    passed: set[str] = set()
    for event in (recorded.readable for recorded in events):
        if isinstance(event, e.PlanProposedV1):
            steps |= {step.id: str(step.arguments.get("unit", "")) for step in event.steps}
        elif isinstance(event, e.PlanGatedV1):
            passed |= {steps.get(gate.step_id, "") for gate in event.gates if gate.decision != "blocked"}
    return sorted(passed - {""})


def _policies(client: ApiClient, events: tuple[RecordedEvent, ...]) -> dict[str, Policy]:
    """The policies that were in force at this incident's gates, by version, as the log of policies tells them."""
    known = {DEFAULT.version: DEFAULT}
    for recorded in events:
        gated = recorded.readable
        if isinstance(gated, e.PlanGatedV1) and gated.policy_version not in known:
            told = client.get("/policies", at=format_time(recorded.envelope.recorded_at))["policies"].get("gate")
            if told is not None:
                policy = parse(json.dumps(told["policy"]))
                known[policy.version] = policy
    return known


def _print(comparison: Mapping[str, Any]) -> None:
    for one in comparison["rounds"]:
        evidence = one["evidence"]
        lies = f", {evidence['by_reference']} by reference" if evidence["by_reference"] else ""
        out.print(
            f"\n[bold]round {one['round']}[/bold] ({one['purpose']}): {evidence['items']} pieces of evidence{lies}"
        )
        for fault in evidence["faults"]:
            out.print(f"  [red]{fault['code']}[/red] {safe(fault['evidence_id'])} {safe(fault['ref'] or '')}")
        for what, line in (("diagnosis", _diagnosed), ("plan", _planned), ("gate", _gated)):
            part = one[what]
            if what in one["differs"]:
                out.print(f"  [yellow]{what} differs[/yellow]")
                out.print(f"    then: {safe(line(part['recorded']))}")
                out.print(f"    now:  {safe(line(part['rerun']))}")
            elif part["recorded"] and part["rerun"] is not None:
                out.print(f"  {what}: same: {safe(line(part['recorded']))}")
        for sign, claims in (("+", "findings_added"), ("-", "findings_removed")):
            for claim in one["diagnosis"][claims]:
                out.print(f"    {sign} {safe(claim)}")
        for note in one["notes"]:
            out.print(f"  [dim]{safe(note)}[/dim]")
    for one in comparison["not_asked_again"]:
        out.print(f"\n[red]not asked again[/red] {safe(one['type'])} at version {one['version']}")
    cost = comparison["cost_usd"]
    spent = f"cost {cost['rerun']} USD, then {cost['recorded']} USD"
    out.print(f"\nrerun by {comparison['reasoner']}: {word_of(comparison)}; {spent}")


def word_of(comparison: Mapping[str, Any]) -> str:
    """The verdict over all rounds: never the same where something was not asked again, or its evidence is gone."""
    if any(one["differs"] for one in comparison["rounds"]):
        return "[yellow]other decisions[/yellow]"
    left, faults = len(comparison["not_asked_again"]), len(comparison["evidence_faults"])
    but = [f"{left} not asked again"] if left else []
    but += [f"{faults} missing or altered in the evidence"] if faults else []
    return f"[yellow]the same decisions, but {', '.join(but)}[/yellow]" if but else "[green]the same decisions[/green]"


def _diagnosed(verdict: Mapping[str, Any] | None) -> str:
    if verdict is None:
        return "nothing"
    cause = f" {verdict['cause']} at {verdict['component']}" if verdict["cause"] else ""
    sure = f" ({verdict['confidence']:.2f})" if verdict["confidence"] is not None else ""
    unheard = f"; by rules alone, no model was heard: {verdict['fell_back']}" if verdict["fell_back"] else ""
    return f"{verdict['outcome']}{cause}{sure}: {verdict['summary']}{unheard}"


def _planned(plan: Mapping[str, Any] | None) -> str:
    if plan is None:
        return "no answer"
    if plan["reason"]:
        return f"no remedy ({plan['reason']}): {plan['detail']}"
    return ", then ".join(f"{s['action']} on {s['target']} {json.dumps(s['arguments'])}" for s in plan["steps"])


def _gated(gates: list[Mapping[str, Any]] | None) -> str:
    if not gates:
        return "not asked"
    return "; ".join(f"{g['step_id']} {g['decision']} ({', '.join(g['policy_ids'])})" for g in gates)
