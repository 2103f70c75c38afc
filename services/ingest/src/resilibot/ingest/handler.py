"""Lambda entries of ingest. Composition only."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.topology import read_topology
from resilibot.runtime.environment import Runtime


@cache
def _composed() -> tuple[Runtime, Ports]:
    runtime = Runtime.from_env()
    settings = IngestSettings()
    return runtime, Ports(settings, runtime.clock, read_topology(settings.topology_file))


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    runtime, ports = _composed()
    return runtime.consumer(SERVICE, ports).handle(event)


def intake_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    runtime, ports = _composed()
    return Intake(ports, runtime.writer(SERVICE, ports)).handle(event)


def router() -> Any:
    from resilibot.ingest.routes import routes

    runtime, ports = _composed()
    return routes(ports, runtime.writer(SERVICE, ports))
