"""Lambda entry of observe. Composition only."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from resilibot.observe.adapters.cloudtrail_changes import CloudTrailChanges
from resilibot.observe.adapters.cloudwatch_logs import CloudWatchLogs
from resilibot.observe.adapters.cloudwatch_metrics import CloudWatchMetrics
from resilibot.observe.adapters.declared_topology import DeclaredTopology
from resilibot.observe.adapters.minilm_encoder import MiniLmEncoder
from resilibot.observe.adapters.parameter_releases import ParameterReleases
from resilibot.observe.adapters.s3_runbooks import S3Runbooks
from resilibot.observe.adapters.s3_vectors import S3Vectors
from resilibot.observe.adapters.ssm_hosts import SsmHosts
from resilibot.observe.ports import ChangeSource, Ports
from resilibot.observe.runbook_library import RunbookLibrary
from resilibot.observe.service import SERVICE
from resilibot.observe.settings import ObserveSettings
from resilibot.runtime.environment import Runtime, client


@cache
def _consumer() -> Any:
    runtime, s = Runtime.from_env(), ObserveSettings()
    changes: list[ChangeSource] = [ParameterReleases(client("ssm"), s.release_record)]
    changes += [CloudTrailChanges(client("cloudtrail", attempts=1))] if s.cloudtrail else []
    hosts = SsmHosts(client("ssm"), s.health_document, s.service_tag, s.health_probe_s, s.health_wait_s)
    logs, metrics = CloudWatchLogs(client("logs")), CloudWatchMetrics(client("cloudwatch"))
    runbooks = S3Runbooks(client("s3"), s.runbook_bucket)
    topology = DeclaredTopology.read(s.topology_file, s.service_dimension) if s.topology_file else None
    vectors = S3Vectors(client("s3"), runtime.settings.blob_bucket)
    library = RunbookLibrary(MiniLmEncoder() if s.runbook_encoder else None, vectors, s.runbook_encode_s)
    identity = runtime.personal.identity
    ports = Ports(
        s, metrics, logs, hosts, tuple(changes), runbooks, runtime.blobs, library, identity, runtime.redactor, topology
    )
    return runtime.consumer(SERVICE, ports)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    answer: dict[str, Any] = _consumer().handle(event)
    return answer
