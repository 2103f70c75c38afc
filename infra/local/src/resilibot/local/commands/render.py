"""render: cases, timelines and evidence for a terminal. Text from outside is escaped, never interpreted."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from resilibot.local.commands.context import clock_time, date_time, out
from resilibot.local.commands.text import safe

STYLE = {
    "OPEN": "yellow",
    "PENDING_APPROVAL": "magenta",
    "IN_PROGRESS": "cyan",
    "APPROVED": "cyan",
    "DENIED": "red",
    "RESOLVED": "green",
    "CLOSED": "dim",
}


def entry(row: Mapping[str, Any], with_date: bool = False) -> None:
    """One line of the timeline; with the date where it is not followed live."""
    kind = row["type"].split(".")[0]
    out.print(f"  [dim]{clock_time(row['at'], with_date)}[/dim]  [bold]{kind:<22}[/bold] {safe(row['sentence'])}")


def incidents(rows: list[Mapping[str, Any]]) -> None:
    """Two lines each, whole at any width: what stands where, and what it is."""
    for row in rows:
        status = f"[{STYLE.get(row['status'], 'white')}]{row['status']:<16}[/]"
        notes = "  [red]escalated[/red]" if row.get("escalated") else ""
        notes += "  queued" if row.get("investigation") == "queued" else ""
        notes += "  flapping" if row.get("flapping") else ""
        at, service = date_time(row["opened_at"]), safe(row.get("service") or "-")
        out.print(f"{row['incident_id']}  {status}  {row['severity']:<8}  {at} UTC  {service}{notes}")
        diagnosis = f" [dim]({safe(row['diagnosis'])})[/dim]" if row.get("diagnosis") else ""
        out.print(f"    {safe(row['title'])}{diagnosis}")
    if not rows:
        out.print("no incidents")


def case(case: Mapping[str, Any]) -> None:
    style = STYLE.get(case["status"], "white")
    escalated = "  [red]escalated[/red]" if case["escalated"] else ""
    out.print(f"\n[bold]{safe(case['title'])}[/bold]")
    out.print(f"{case['incident_id']}  [{style}]{case['status']}[/]  {case['severity']}  v{case['version']}{escalated}")
    out.print(f"  {_whose(case)}")
    if case["investigation_state"] == "queued":
        why = case["queued"]["reason"] if case["queued"] else "not considered yet"
        out.print(f"  [yellow]queued[/yellow] the investigation waits for room in the budget: {safe(why)}")
    if case["flapping"]:
        out.print(f"  [yellow]flapping[/yellow] {safe(', '.join(case['flapping']))}")
    for escalation in case["escalations"]:
        out.print(f"  [red]escalated[/red] {safe(escalation['reason'])}: {safe(escalation['detail'])}")
    signals(case)
    for earlier in case["diagnoses"][:-1]:
        out.print(f"[dim]round {earlier['round']}: {earlier['outcome']}: {safe(earlier['summary'])}[/dim]")
    if case["diagnoses"]:
        diagnosis(case["diagnoses"][-1], case)
    for verdict in case["confirmed_causes"]:
        confirmed_cause(verdict)
    for given in case["approvals"].values():
        if given["state"] == "pending":
            approval(given["request"])
            out.print(f"  answer it: resilibot approve {case['incident_id']}, or deny")
        else:
            by = f" by {safe(given['answered_by'])}" if given["answered_by"] else ""
            said = f": {safe(given['comment'])}" if given["comment"] else ""
            asked = given["request"]["step"]
            step = safe(asked["action"]) if asked else "the investigation"
            out.print(f"\n[bold]approval[/bold] of {step}: {given['state']}{by}{said}")
    for action in case["actions"].values():
        started = action["started"]
        out.print(
            f"\n[bold]action[/bold] {safe(started['action'])} on {safe(started['target'])}: {action['state']}"
            f" (by {started['basis']}, provider id {safe(str(action['provider_id']))})"
        )
    if case["resolution"]:
        out.print("\n[bold green]recovery[/bold green] " + safe(case["resolution"]["summary"]))
        findings(case["resolution"]["findings"], case)


def _whose(case: Mapping[str, Any]) -> str:
    """The service, where it came from, and since when until when."""
    resource = case["resource"] or {}
    moments = [(word, case[f"{word}_at"]) for word in ("opened", "resolved", "closed")]
    told = ", ".join(f"{word} {date_time(at)}" for word, at in moments if at)
    return f"{safe(resource.get('service') or resource.get('name') or '-')} from {safe(case['source'])}: {told} UTC"


def confirmed_cause(verdict: Mapping[str, Any]) -> None:
    """What a person said that it was, with both dates: the diagnosis that stood by then, and the verdict."""
    told, diagnosed = verdict["confirmed"], verdict["diagnosed_at"] or "never"
    said = f": {safe(told['comment'])}" if told["comment"] else ""
    out.print(
        f"\n[bold]root cause[/bold] {safe(told['cause'])} at {safe(told['component'])}, confirmed by "
        f"{safe(verdict['by'])} at {verdict['at']} (diagnosed: {diagnosed}){said}"
    )


def signals(case: Mapping[str, Any]) -> None:
    """What else belongs to it and why, and where it went."""
    if case["merged_into"]:
        out.print(f"  merged into {case['merged_into']}")
    if case["split_from"]:
        out.print(f"  split off {case['split_from']}")
    for child in case["children"]:
        out.print(f"  {child} was merged into this one")
    for summary in case["signals"].values():
        if summary["fingerprint"] == case["fingerprint"]:
            continue
        name, state = safe(summary["signal"]["name"]), "firing" if summary["is_firing"] else "clear"
        why = summary["reason"] or f"came with {summary['merged_from']}"
        out.print(f"  [bold]signal[/bold] {name} ({state}) {summary['fingerprint']}: {safe(why)}")


def diagnosis(diagnosis: Mapping[str, Any], case: Mapping[str, Any]) -> None:
    out.print(f"\n[bold]diagnosis[/bold] {diagnosis['outcome']}, confidence {diagnosis['confidence']:.2f}")
    out.print(f"  {safe(diagnosis['summary'])}")
    if diagnosis["reasoner"]["fell_back"]:
        asked = diagnosis["reasoner"]
        out.print(f"  [yellow]by rules alone, though {asked['wanted']} was wanted:[/yellow] {safe(asked['fell_back'])}")
    findings(diagnosis["findings"], case)
    for hypothesis in diagnosis["hypotheses"]:
        by = ", written by the model" if hypothesis["by"] == "model" else ""
        out.print(
            f"  [bold]{hypothesis['verdict']:<9}[/bold] {safe(hypothesis['statement'])}"
            f" [dim]({hypothesis['cause']}, {hypothesis['confidence']:.2f}{by})[/dim]"
        )
        findings(hypothesis["support"], case, "    [green]+[/green]")
        findings(hypothesis["refutation"], case, "    [red]-[/red]")
    for gap in diagnosis["gaps"]:
        out.print(f"    [yellow]gap[/yellow] {gap['kind']} from {safe(gap['source'])}: {safe(gap['detail'])}")


def findings(findings: list[Mapping[str, Any]], case: Mapping[str, Any], lead: str = "    ·") -> None:
    for finding in findings:
        cited = ", ".join(citation["evidence_id"] for citation in finding["citations"])
        out.print(f"{lead} {safe(finding['text'])} [dim]\\[{cited}][/dim]")


def approval(request: Mapping[str, Any]) -> None:
    """Everything a person needs to judge one step, or whether to investigate."""
    step = request["step"]
    asked: tuple[tuple[str, Any], ...] = (
        ("investigation", "read metrics, logs, hosts and changes; nothing is changed"),
    )
    if step:
        asked = (
            ("action", f"{step['action']} ({request['action_class']})"),
            ("target", step["target"]),
            ("arguments", json.dumps(step["arguments"], ensure_ascii=False)),
            ("expected", step["expected_effect"]),
            ("verification", step["verification"]),
            ("undone by", step["rollback"]),
            ("rests on", ", ".join(c["evidence_id"] for c in step["citations"])),
        )
    out.print("\n[magenta]approval needed[/magenta]")
    for name, value in (
        *asked,
        ("expires", request["expires_at"]),
        ("arguments hash", request["arguments_hash"]),
        ("policy", request["policy_version"]),
    ):
        out.print(f"  [bold]{name:<14}[/bold]  {safe(value)}")


TOLD = 8  # streams of a window, by name


def coverage(checkpoints: dict[str, Any]) -> Iterator[str]:
    """How far the checkpoints reach, and the window that they do not cover yet."""
    if not checkpoints["count"]:
        yield "no checkpoint yet: a stream rewritten together with its HEAD would not be seen"
        return
    windows = checkpoints["not_covered"]
    for window in windows[:TOLD]:
        yield f"not covered yet: {window['stream']}, versions {window['first']} to {window['last']}"
    if len(windows) > TOLD:
        yield f"not covered yet: {len(windows) - TOLD} streams more (--json names them)"
    events = sum(window["last"] - window["first"] + 1 for window in windows)
    since = f"checkpoints: {checkpoints['count']}, the newest of {checkpoints['since']}"
    yield f"{since}: {checkpoints['streams']} streams covered; {events} events came after it"
