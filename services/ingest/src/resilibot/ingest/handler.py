"""Lambda entries of ingest. Composition only."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from resilibot.contracts.door_policy import load
from resilibot.contracts.events import PolicyActivatedV1
from resilibot.ingest.adapters.sns_https import HttpsCertificates, SnsSubscriptions
from resilibot.ingest.adapters.sqs_intake import SqsIntake
from resilibot.ingest.intake import Intake
from resilibot.ingest.ports import Ports
from resilibot.ingest.refuse import record
from resilibot.ingest.service import SERVICE
from resilibot.ingest.settings import IngestSettings
from resilibot.ingest.sources import reader
from resilibot.ingest.sources.mapped import load_file
from resilibot.ingest.topology import read_topology
from resilibot.ingest.webhooks import read_sources
from resilibot.runtime.cached import Cached
from resilibot.runtime.environment import Runtime, client
from resilibot.runtime.policies import record_policy


@cache
def _composed() -> tuple[Runtime, Ports]:
    runtime, s = Runtime.from_env(), IngestSettings()
    own = load_file(s.sources_file) if s.sources_file else ()

    def declared() -> str:
        secret: str = client("secretsmanager").get_secret_value(SecretId=s.webhooks_secret)["SecretString"]
        return secret

    policy, origin = load(s.door_policy_file), s.door_policy_file or "built-in"
    sources = Cached(lambda: read_sources(declared()))
    ports = Ports(
        s,
        runtime.clock,
        runtime.blobs,
        reader(own),
        sources,
        cache(lambda: SqsIntake(client("sqs"), s.intake_queue_url)),
        cache(HttpsCertificates),
        cache(lambda: SnsSubscriptions(client("sns"))),
        policy,
        runtime.store,
        read_topology(s.topology_file),
        runtime.redactor,
    )
    activated = PolicyActivatedV1(version=policy.version, origin=origin, policy=policy.model_dump(mode="json"))
    record_policy(runtime.writer(SERVICE, ports), activated)
    return runtime, ports


@cache
def _intake() -> Intake:
    """One per process: what it remembers of signal streams serves the next batch."""
    runtime, ports = _composed()
    return Intake(ports, runtime.writer(SERVICE, ports))


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    runtime, ports = _composed()
    return runtime.consumer(SERVICE, ports).handle(event)


def intake_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    return _intake().handle(event)


def router() -> Any:
    from resilibot.ingest.routes import routes

    runtime, ports = _composed()
    return routes(ports, runtime.writer(SERVICE, ports))


def refusals() -> Any:
    """Where a door tells whom it turned away."""
    from resilibot.runtime.http.refusals import Refusals

    runtime, ports = _composed()
    return Refusals(partial(record, runtime.writer(SERVICE, ports)), runtime.clock)
