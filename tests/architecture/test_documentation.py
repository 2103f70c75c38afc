"""What the pages say is what the code has: settings, routes, permissions, make targets, event versions."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from resilibot.act.ports import Ports as ActPorts
from resilibot.act.settings import ActSettings
from resilibot.contracts.event import REGISTRY
from resilibot.ingest.settings import IngestSettings
from resilibot.local.roster import SERVICES
from resilibot.notify.settings import NotifySettings
from resilibot.observe.settings import ObserveSettings
from resilibot.projections.settings import AskSettings
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.audit.settings import AuditSettings
from resilibot.runtime.environment import RuntimeSettings
from resilibot.runtime.http import HttpSettings
from resilibot.runtime.service import Service

ROOT = Path(__file__).parents[2]
SETTINGS: list[tuple[str, type[BaseSettings]]] = [
    ("services/ingest", IngestSettings),
    ("services/observe", ObserveSettings),
    ("services/reason", ReasonSettings),
    ("services/act", ActSettings),
    ("services/notify", NotifySettings),
    ("services/projections", AskSettings),
    ("infra/runtime", RuntimeSettings),
    ("infra/runtime", AuditSettings),
    ("infra/runtime", HttpSettings),
]


@pytest.mark.parametrize(("folder", "model"), SETTINGS, ids=[model.__name__ for _, model in SETTINGS])
def test_every_setting_is_documented_with_its_meaning(folder: str, model: type[BaseSettings]) -> None:
    page = (ROOT / folder / "README.md").read_text()
    for name, field in model.model_fields.items():
        assert field.description, f"{name} says nothing of itself"
        assert f"`RESILIBOT_{name.upper()}`" in page, f"{name} is missing in {folder}/README.md"


@pytest.mark.parametrize("model", [model for _, model in SETTINGS], ids=lambda model: model.__name__)
def test_settings_that_cannot_be_read_are_told_without_what_stands_in_them(model: type[BaseSettings]) -> None:
    """The error ends in a log, and what was written into the wrong place may be a secret."""
    wrong = {name: ["hunter2"] for name in model.model_fields}
    with pytest.raises(ValidationError) as refused:
        model.model_validate(wrong)
    assert "hunter2" not in str(refused.value)
    assert next(iter(model.model_fields)) in str(refused.value)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_page_tells_what_the_map_says(service: Service) -> None:
    page = (ROOT / "services" / {"plan": "reason"}.get(service.name, service.name) / "README.md").read_text()
    for word in (*service.needs, *service.reads, *service.routes):
        assert f"`{word}`" in page, f"{word} is missing in the page of {service.name}"
    heard = set(service.subscribes())
    assert _told(page, "Consumes").count(heard) == 1, f"the page of {service.name} hears something else"
    emitted = {event.wire_type for event in service.emits}
    if emitted:
        assert _told(page, "Emits").count(emitted) == 1, f"the page of {service.name} emits something else"
    for kind in service.due:
        assert re.search(rf"^.*Timers.*\b{kind}\b", page, re.MULTILINE), f"{kind} is missing in {service.name}'s timers"


@pytest.mark.parametrize("folder", ["ingest", "observe", "reason", "act", "notify", "projections"])
def test_no_page_tells_a_thing_twice(folder: str) -> None:
    page = (ROOT / "services" / folder / "README.md").read_text()
    services = 2 if folder == "reason" else 1  # its page is plan's too
    assert all(len(_told(page, word)) <= services for word in ("Consumes", "Emits", "Timers"))


def _told(page: str, word: str) -> list[set[str]]:
    """The event versions that each line of the page names that begins with this word."""
    return [set(re.findall(r"`(\w+\.v\d+)`", line)) for line in page.splitlines() if line.startswith(f"{word}:")]


def _declared(name: str) -> set[str]:
    service = next(service for service in SERVICES if service.name == name)
    return set(service.routes)


def _routed(router: Any) -> set[str]:
    found = set()
    for path, methods, *_ in router._routes:
        for method in methods if not isinstance(methods, str) else [methods]:
            found.add(f"{method} {_braces(path)}")
    return found


def _braces(path: str) -> str:
    return re.sub(r"<([a-z_]+)>", r"{\1}", path)


def test_the_maps_declare_exactly_the_routes_there_are() -> None:
    from resilibot.act.routes import routes as act_routes
    from resilibot.ingest.routes import routes as ingest_routes
    from resilibot.projections.routes import routes as projections_routes
    from resilibot.runtime.clock import SystemClock
    from resilibot.runtime.event_store.memory import InMemoryEventStore
    from resilibot.runtime.writer import Writer

    writer = Writer(InMemoryEventStore(), Service("test"), SystemClock())
    nothing: Any = None
    ports: ActPorts = nothing
    assert _routed(ingest_routes(nothing, writer)) == _declared("ingest")
    assert _routed(act_routes(ports, writer)) == _declared("act")
    assert _routed(projections_routes(nothing)) == _declared("projections")


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z0-9]+)\b", (ROOT / "README.md").read_text()))
    assert {"demo", "test"} <= named <= targets


def test_the_changelog_names_every_event_version() -> None:
    page = (ROOT / "CHANGELOG.md").read_text()
    assert [wire_type for wire_type in REGISTRY if f"`{wire_type}`" not in page] == []


def test_every_link_of_the_pages_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("services/*/README.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
