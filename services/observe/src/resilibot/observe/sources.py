"""sources: which sources of status, changes, the call graph and runbooks the settings ask for. Composition only.

Their clients are made when something is asked of them for the first time.
"""

from collections.abc import Callable
from datetime import datetime

from resilibot.observe.adapters.aws_health import AwsHealth
from resilibot.observe.adapters.blob_vectors import BlobVectors
from resilibot.observe.adapters.cloudtrail_changes import CloudTrailChanges
from resilibot.observe.adapters.codedeploy_changes import CodeDeployChanges
from resilibot.observe.adapters.config_changes import ConfigChanges
from resilibot.observe.adapters.declared_topology import DeclaredTopology
from resilibot.observe.adapters.ec2_instances import Ec2Instances
from resilibot.observe.adapters.ecs_services import EcsServices
from resilibot.observe.adapters.first_topology import FirstTopology
from resilibot.observe.adapters.lambda_functions import LambdaFunctions
from resilibot.observe.adapters.minilm_encoder import MiniLmEncoder
from resilibot.observe.adapters.parameter_releases import ParameterReleases
from resilibot.observe.adapters.rds_databases import RdsDatabases
from resilibot.observe.adapters.s3_vectors_index import S3VectorsIndex
from resilibot.observe.adapters.scaling_groups import ScalingGroups
from resilibot.observe.adapters.xray_topology import XrayTopology
from resilibot.observe.exact_index import ExactIndex
from resilibot.observe.ports import ChangeSource, ResourceChangeSource, StateSource, TopologySource
from resilibot.observe.runbook_library import RunbookLibrary
from resilibot.observe.runbook_ports import VectorIndex
from resilibot.observe.settings import ObserveSettings
from resilibot.runtime.environment import client, lazily


def change_sources(s: ObserveSettings) -> tuple[tuple[ChangeSource, ...], tuple[ChangeSource, ...]]:
    """All that are asked about the service, and those that are asked about what it calls too.

    CloudTrail is not: it answers two look-ups a second for the whole account.
    """
    releases: ChangeSource = ParameterReleases(client("ssm"), s.release_record)
    deployments: list[ChangeSource] = [CodeDeployChanges(lazily("codedeploy"))] if s.codedeploy else []
    trail: list[ChangeSource] = [CloudTrailChanges(client("cloudtrail", attempts=1))] if s.cloudtrail else []
    return (releases, *deployments, *trail), (releases, *deployments)


def resource_change_sources(s: ObserveSettings) -> tuple[ResourceChangeSource, ...]:
    recorded: list[ResourceChangeSource] = [ConfigChanges(lazily("config"))] if s.config_history else []
    return (EcsServices(lazily("ecs")), LambdaFunctions(lazily("lambda")), *recorded)


def state_sources(s: ObserveSettings) -> tuple[StateSource, ...]:
    sources: list[StateSource] = [
        EcsServices(lazily("ecs")),
        RdsDatabases(lazily("rds"), lazily("pi")),
        LambdaFunctions(lazily("lambda")),
        ScalingGroups(lazily("autoscaling")),
        Ec2Instances(lazily("ec2")),
    ]
    return (*sources, AwsHealth(lazily("health"))) if s.aws_health else tuple(sources)


def topology_source(s: ObserveSettings, now: Callable[[], datetime]) -> TopologySource | None:
    """What is declared wins; None when neither is wanted."""
    declared = DeclaredTopology.read(s.topology_file, s.service_dimension) if s.topology_file else None
    traced = XrayTopology(lazily("xray"), s.service_dimension, s.xray_window_s, now) if s.xray else None
    known: list[TopologySource] = [source for source in (declared, traced) if source is not None]
    return FirstTopology(*known) if len(known) > 1 else next(iter(known), None)


def runbook_library(s: ObserveSettings, blob_bucket: str) -> RunbookLibrary:
    """Vectors are kept in the blob bucket and compared here, or kept and compared by S3 Vectors."""
    index: VectorIndex = (
        S3VectorsIndex(lazily("s3vectors", attempts=2), *s.s3_vectors)
        if s.s3_vectors
        else ExactIndex(BlobVectors(client("s3"), blob_bucket))
    )
    return RunbookLibrary(MiniLmEncoder() if s.runbook_encoder else None, index, s.runbook_encode_s)
