"""Lambda entry of projections. Composition only."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
from resilibot.projections.adapters.live_names import LiveNames
from resilibot.projections.adapters.readers import reader_of
from resilibot.projections.ports import Ports
from resilibot.projections.project import Projector
from resilibot.projections.settings import AskSettings
from resilibot.runtime.environment import Runtime, client


@cache
def _ports() -> Ports:
    runtime = Runtime.from_env()
    names = LiveNames(client("dynamodb"), runtime.tables.cursors)
    models = DynamoReadModels(client("dynamodb"), names)
    reader = reader_of(AskSettings())
    return Ports(runtime.store, models, runtime.personal.reveal, runtime.log, reader=reader)


@cache
def _projector() -> Projector:
    return Projector(_ports())


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    return _projector().handle(event)


def router() -> Any:
    from resilibot.projections.routes import routes

    return routes(_ports())
