"""openapi FILE: write the API's document, which is committed and compared by `make check`. Needs nothing running."""

import json
import sys
from pathlib import Path
from typing import Any


def document() -> dict[str, Any]:
    """The document of all services' routes."""
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

    from resilibot.act.routes import routes as act
    from resilibot.ingest.routes import routes as ingest
    from resilibot.projections.routes import routes as projections
    from resilibot.runtime.clock import SystemClock
    from resilibot.runtime.event_store.memory import InMemoryEventStore
    from resilibot.runtime.http import application
    from resilibot.runtime.http.openapi import document as document_of
    from resilibot.runtime.service import Service
    from resilibot.runtime.writer import Writer

    nothing: Any = None  # routes are described, not called
    writer = Writer(InMemoryEventStore(), Service("document"), SystemClock())
    resolver = APIGatewayHttpResolver(enable_validation=True)
    routers = [ingest(nothing, writer), act(nothing, writer), projections(nothing)]
    return document_of(application(resolver, routers))


def render(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(document()))
