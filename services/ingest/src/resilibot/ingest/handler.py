"""Lambda entries of ingest. Composition only."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from resilibot.contracts.door_policy import load
from resilibot.contracts.events import PolicyActivatedV1
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.runtime.environment import Runtime
from resilibot.runtime.policies import record_policy


@cache
def _composed() -> tuple[Runtime, Ports]:
    runtime, settings = Runtime.from_env(), IngestSettings()
    policy, origin = load(settings.door_policy_file), settings.door_policy_file or "built-in"
    ports = Ports(settings, runtime.clock, policy, runtime.store)
    activated = PolicyActivatedV1(version=policy.version, origin=origin, policy=policy.model_dump(mode="json"))
    record_policy(runtime.writer(SERVICE, ports), activated)
    return runtime, ports


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
