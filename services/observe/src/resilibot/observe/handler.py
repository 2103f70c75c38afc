"""Lambda entry of observe. Composition only."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from resilibot.observe.adapters.cloudwatch_logs import CloudWatchLogs
from resilibot.observe.adapters.cloudwatch_metrics import CloudWatchMetrics
from resilibot.observe.adapters.minilm_encoder import MiniLmEncoder
from resilibot.observe.adapters.s3_runbooks import S3Runbooks
from resilibot.observe.adapters.s3_vectors import S3Vectors
from resilibot.observe.adapters.ssm_hosts import SsmHosts
from resilibot.observe.ports import Ports
from resilibot.observe.runbook_library import RunbookLibrary
from resilibot.observe.service import SERVICE
from resilibot.observe.settings import ObserveSettings
from resilibot.observe.sources import change_sources, resource_change_sources, state_sources, topology_source
from resilibot.runtime.environment import Runtime, client


@cache
def _consumer() -> Any:
    runtime, s = Runtime.from_env(), ObserveSettings()
    vectors = S3Vectors(client("s3"), runtime.settings.blob_bucket)
    all_changes, neighbour_changes = change_sources(s)
    ports = Ports(
        settings=s,
        metrics=CloudWatchMetrics(client("cloudwatch")),
        logs=CloudWatchLogs(client("logs")),
        hosts=SsmHosts(client("ssm"), s.health_document, s.service_tag, s.health_probe_s, s.health_wait_s),
        changes=all_changes,
        runbooks=S3Runbooks(client("s3"), s.runbook_bucket),
        blobs=runtime.blobs,
        library=RunbookLibrary(MiniLmEncoder() if s.runbook_encoder else None, vectors, s.runbook_encode_s),
        identity=runtime.personal.identity,
        redactor=runtime.redactor,
        topology=topology_source(s, runtime.clock.now),
        states=state_sources(s),
        resource_changes=resource_change_sources(s),
        neighbour_changes=neighbour_changes,
    )
    return runtime.consumer(SERVICE, ports)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    answer: dict[str, Any] = _consumer().handle(event)
    return answer
