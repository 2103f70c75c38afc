"""api: every service's HTTP routes on one loopback port, where AWS has an API Gateway per service."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import HttpResolverLocal

from resilibot.local.door import Door
from resilibot.local.home_file import HomeFile
from resilibot.local.requests import RequestCounter
from resilibot.local.structured_logs import configure_logging


class Resolver(HttpResolverLocal):
    """Powertools' local resolver, with each request in a thread of its own.

    Its own way calls handlers that are no coroutines on the event loop: one slow read would stop everybody else.
    """

    def __init__(self) -> None:
        super().__init__(enable_validation=True)

    def prepare(self) -> None:
        """Build what powertools would build at the first request, in whichever threads come first."""
        for route in (*self._static_routes, *self._dynamic_routes):
            route._build_middleware_stack(self._router_middlewares, self)

    async def _resolve_async(self) -> dict[str, Any]:  # type: ignore[override]  # as powertools' own override has it
        return await asyncio.to_thread(lambda: self._resolve().build(self.current_event, self._cors))


def build() -> Door:
    """The ASGI application."""
    from resilibot.act.handler import router as act_router
    from resilibot.ingest.handler import refusals
    from resilibot.ingest.handler import router as ingest_router
    from resilibot.projections.handler import router as projections_router
    from resilibot.runtime.http import Gate, application
    from resilibot.runtime.http.application import table_of

    resolver, gate = Resolver(), Gate.from_env(refusals())
    routers = [ingest_router(), act_router(), projections_router()]
    application(resolver, routers, gate)
    resolver.prepare()
    return Door(resolver, table_of(routers), gate)


def main(home: HomeFile) -> None:
    import uvicorn

    configure_logging("api")
    RequestCounter(home.run_dir / "api.requests.json").install()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    (home.run_dir / "api.ready").write_text(str(os.getpid()))
    address = urlsplit(home.api)
    uvicorn.run(
        build(),
        host=address.hostname or "127.0.0.1",
        port=address.port or 0,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main(HomeFile.read(Path(sys.argv[1])))
