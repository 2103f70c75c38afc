"""Lambda entries of observe. Composition only."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from resilibot.observe.adapters.cloudwatch_logs import CloudWatchLogs
from resilibot.observe.adapters.cloudwatch_metrics import CloudWatchMetrics
from resilibot.observe.adapters.published_incidents import EarlierIncidents
from resilibot.observe.adapters.s3_runbooks import S3Runbooks
from resilibot.observe.adapters.ssm_hosts import SsmHosts
from resilibot.observe.ports import Ports
from resilibot.observe.service import SERVICE
from resilibot.observe.settings import ObserveSettings
from resilibot.observe.sources import (
    change_sources,
    resource_change_sources,
    runbook_library,
    state_sources,
    topology_source,
)
from resilibot.observe.watch_round import WatchRound
from resilibot.observe.watches import read_watches
from resilibot.runtime.environment import Runtime, client
from resilibot.runtime.published import PublishedIncidents


@cache
def _consumer() -> Any:
    runtime, s = Runtime.from_env(), ObserveSettings()
    all_changes, neighbour_changes = change_sources(s)
    ports = Ports(
        settings=s,
        metrics=CloudWatchMetrics(client("cloudwatch")),
        logs=CloudWatchLogs(client("logs")),
        hosts=SsmHosts(client("ssm"), s.health_document, s.service_tag, s.health_probe_s, s.health_wait_s),
        changes=all_changes,
        runbooks=S3Runbooks(client("s3"), s.runbook_bucket),
        blobs=runtime.blobs,
        library=runbook_library(s, runtime.settings.blob_bucket),
        identity=runtime.personal.identity,
        redactor=runtime.redactor,
        topology=topology_source(s, runtime.clock.now),
        states=state_sources(s),
        resource_changes=resource_change_sources(s),
        neighbour_changes=neighbour_changes,
        incidents=EarlierIncidents(PublishedIncidents(client("dynamodb"), runtime.tables.cursors)),
    )
    return runtime.consumer(SERVICE, ports)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    answer: dict[str, Any] = _consumer().handle(event)
    return answer


@cache
def _round() -> WatchRound | None:
    """None where nothing is watched. Raises WatchesInvalid."""
    s = ObserveSettings()
    if not s.watch_file:
        return None
    watches = read_watches(s.watch_file)
    metrics = CloudWatchMetrics(client("cloudwatch"))
    return WatchRound(watches, s.watch_file, metrics, Runtime.from_env().writer(SERVICE))


def watch_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """On a schedule, each RESILIBOT_WATCH_EVERY_S: one round of the declared watches."""
    watching = _round()
    return {"written": len(watching.run()) if watching else 0}
