"""resilibot up, demo and drill: run the house, and put a real fault into it."""

import contextlib
import json
import signal
import threading
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.markdown import Markdown
from rich.rule import Rule

from resilibot.local.client import ApiClient
from resilibot.local.commands import render
from resilibot.local.commands.context import BAD_USE, FAILED, err, errors, fail, home, out, show, state_dir
from resilibot.local.commands.text import safe
from resilibot.local.drill import DrillReport, Watcher, check_free, follow, known_incidents
from resilibot.local.home import OPERATOR, Home, HomePlan
from resilibot.local.home_file import HomeFile
from resilibot.local.world.client import WorldClient, WorldUnavailable
from resilibot.local.world.hosts import SERVICE

Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
PORT = 8787
WARM_UP_S = 22  # healthy traffic before the fault: what observe takes for the baseline


class DrillName(StrEnum):
    HUNG_WORKER = "hung-worker"
    BAD_DEPLOY = "bad-deploy"
    FALSE_ALARM = "false-alarm"


class EmulatorName(StrEnum):
    MINISTACK = "ministack"
    LOCALSTACK = "localstack"


def up(
    port: Annotated[int, typer.Option(help="port of the API on 127.0.0.1; 0 takes a free one")] = PORT,
    emulator: EmulatorName = EmulatorName.MINISTACK,
    as_json: Json = False,
) -> None:
    """Run everything until ^C."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with errors(as_json):
        house = Home(HomePlan(state_dir(), emulator.value, port=port))
        try:
            file = house.start()
        except BaseException:
            house.stop()
            raise
    data = {
        "api": file.api,
        "token_file": str(file.token_file),
        "state": str(file.state_dir),
        "checkpoint_key": file.checkpoint_key,
    }

    def text() -> None:
        out.print(f"running: API {file.api}, token in {file.token_file}; ^C stops it")
        out.print(f"checkpoints are signed by key {file.checkpoint_key}")

    show(data, as_json, text)
    stopping.wait()
    house.stop()


def demo(
    yes: Annotated[bool, typer.Option("--yes", help="approve as the demo operator without asking")] = False,
    name: Annotated[DrillName, typer.Option("--drill", help="which fault")] = DrillName.BAD_DEPLOY,
    emulator: EmulatorName = EmulatorName.MINISTACK,
    timeout: Annotated[float, typer.Option(help="seconds after the fault")] = 90,
    as_json: Json = False,
) -> None:
    """Start everything, break a real service, and watch it being healed."""
    started = time.monotonic()
    with errors(as_json):
        house = Home(HomePlan(state_dir(), emulator.value))
        with house as file:
            if not as_json:
                out.print(f"[green]up[/green] after {time.monotonic() - started:.1f} s: {file.api}")
            report = _drill(file, name.value, yes, timeout, as_json)
            verified = _verified(file)
            _conclude(file, report, verified, as_json)
    if report.status not in ("RESOLVED", "CLOSED") or not verified.ok:
        raise typer.Exit(FAILED)


def drill(
    name: DrillName,
    yes: Annotated[bool, typer.Option("--yes", help="approve as the demo operator without asking")] = False,
    timeout: Annotated[float, typer.Option(help="seconds after the fault")] = 90,
    as_json: Json = False,
) -> None:
    """Put a fault into the world of a running home (resilibot up) and follow it."""
    with errors(as_json):
        file = home()
        if file.world is None:
            raise fail("this home runs without a world to break", "no_world", as_json, BAD_USE)
        report = _drill(file, name.value, yes, timeout, as_json)
        _conclude(file, report, None, as_json)
    if report.status not in ("RESOLVED", "CLOSED"):
        raise typer.Exit(FAILED)


def _drill(file: HomeFile, name: str, yes: bool, timeout_s: float, as_json: bool) -> DrillReport:
    client = ApiClient(file)
    check_free(client, SERVICE)
    world = WorldClient(str(file.world))
    before = known_incidents(client)
    if not as_json:
        out.print(f"two patients serve real traffic; {WARM_UP_S} s of healthy measurements come first")
    _warm_up(world, as_json)
    injected_at = datetime.now(UTC)
    world.inject(name)
    if not as_json:
        out.print(f"[red]fault[/red] {name} injected\n")
    try:
        report = follow(
            client,
            _watcher(file, yes, as_json),
            drill=name,
            before=before,
            injected_at=injected_at,
            timeout_s=timeout_s,
        )
    except BaseException:
        with contextlib.suppress(WorldUnavailable):  # what ended the drill is told, not this
            world.undo(name)
        raise
    world.undo(name)
    return report


def _warm_up(world: WorldClient, as_json: bool) -> None:
    """Wait until the world has served healthy traffic for long enough since it started."""
    while (healthy_s := float(world.state()["healthy_for_s"])) < WARM_UP_S:
        if out.is_terminal and not as_json:
            out.print(f"  [dim]{healthy_s:4.0f} s healthy[/dim]", end="\r")
        time.sleep(0.5)


def _watcher(file: HomeFile, yes: bool, as_json: bool) -> Watcher:
    def on_event(entry: dict[str, Any]) -> None:
        if not as_json:
            render.entry(entry)

    def approve(request: dict[str, Any], case: dict[str, Any]) -> bool | None:
        if not as_json:
            render.approval(request)
        if yes:
            if not as_json:
                out.print(f"approved by --yes as {OPERATOR}\n")
            return True
        if as_json:  # somebody else answers
            typer.echo(json.dumps({"waiting_for": "approval", "answer": _how(case)}), err=True)
            return None
        try:
            return typer.confirm("approve exactly this?")
        except typer.Abort:  # nobody is there to ask
            out.print(f"nobody answered here; elsewhere: {_how(case)}")
            return None

    def on_waiting(why: str) -> None:
        file.check_running()  # an API that was killed comes again; that of a home which is gone does not
        if not as_json:
            err.print(f"[dim]{safe(why)}[/dim]")

    return Watcher(on_event, approve, on_waiting)


def _how(case: dict[str, Any]) -> str:
    return f"resilibot approve {case['incident_id']}"


def _conclude(file: HomeFile, report: DrillReport, verified: Any, as_json: bool) -> None:
    data = {
        "drill": report.drill,
        "incident_id": report.incident_id,
        "status": report.status,
        "escalated": report.escalated,
        "outcome": report.outcome,
        "fault_to_alarm_s": report.fault_to_alarm_s,
        "alarm_to_diagnosis_s": report.alarm_to_diagnosis_s,
        "alarm_to_recovery_s": report.alarm_to_recovery_s,
        "reason": _why_ended(report),
        "audit_ok": verified.ok if verified else None,
    }

    def text() -> None:
        out.print(Rule("timeline"))
        for row in report.timeline:
            render.entry(row)
        out.print(Rule("case"))
        render.case(report.case)
        postmortem = _postmortem(file, report.case)
        if postmortem:
            out.print(Rule("postmortem"))
            out.print(Markdown(postmortem) if out.is_terminal else safe(postmortem))
        out.print(Rule())
        why = _why_ended(report)
        out.print(f"[bold]{report.incident_id}[/bold] {report.status}" + (f": {safe(why)}" if why else ""))
        for label, seconds in (
            ("fault to alarm", report.fault_to_alarm_s),
            ("alarm to diagnosis", report.alarm_to_diagnosis_s),
            ("alarm to recovery", report.alarm_to_recovery_s),
        ):
            out.print(f"{label:<20} " + (f"{seconds:.2f} s" if seconds is not None else "-"))
        if verified:
            verdict = "[green]ok[/green]" if verified.ok else "[red]FAILED[/red]"
            out.print(f"audit verify: {verdict} ({verified.events} events in {verified.streams} streams)")

    show(data, as_json, text)


def _why_ended(report: DrillReport) -> str | None:
    """What the log says of a denial: then it waits for a person, or for the service to recover by itself."""
    denied = [row["sentence"] for row in report.timeline if row["type"].startswith("ApprovalDenied.")]
    return denied[-1] if report.status == "DENIED" and denied else None


def _postmortem(file: HomeFile, case: dict[str, Any]) -> str | None:
    if not case["postmortem"]:
        return None
    from resilibot.local.aws import home_client
    from resilibot.local.backbone import personal_of
    from resilibot.notify.postmortem import escape
    from resilibot.runtime.s3_blobs import S3BlobStore

    text = S3BlobStore(home_client(file, "s3"), "").get(case["postmortem"]["ref"]).decode()
    shown: str = personal_of(file).reveal(text, escape)
    return shown


def _verified(file: HomeFile) -> Any:
    from resilibot.local.backbone import audit_home

    return audit_home(file)
