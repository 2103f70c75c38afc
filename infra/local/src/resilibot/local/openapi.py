"""openapi FILE: write the API's document, which is committed and compared by `make check`. Needs nothing running."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def routers() -> list[Any]:
    """All services' routes with nothing behind them: to be described and asked, not used."""
    from resilibot.act.routes import routes as act
    from resilibot.ingest.routes import routes as ingest
    from resilibot.ingest.settings import IngestSettings
    from resilibot.projections.routes import routes as projections
    from resilibot.runtime.clock import SystemClock
    from resilibot.runtime.event_store.memory import InMemoryEventStore
    from resilibot.runtime.service import Service
    from resilibot.runtime.writer import Writer

    nothing: Any = SimpleNamespace(sources=dict, settings=IngestSettings())
    writer = Writer(InMemoryEventStore(), Service("document"), SystemClock())
    return [ingest(nothing, writer), act(nothing, writer), projections(nothing)]


def document() -> dict[str, Any]:
    """The document of all services' routes."""
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

    from resilibot.runtime.http import application
    from resilibot.runtime.http.openapi import document as document_of

    return document_of(application(APIGatewayHttpResolver(enable_validation=True), routers()))


def render(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(document()))
