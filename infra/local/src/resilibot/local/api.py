"""api: every service's HTTP routes on one loopback port, where AWS has an API Gateway per service."""

import os
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from resilibot.local.door import Door
from resilibot.local.home_file import HomeFile
from resilibot.local.requests import RequestCounter
from resilibot.local.structured_logs import configure_logging


def build() -> Any:
    """The ASGI application."""
    from aws_lambda_powertools.event_handler import HttpResolverLocal

    from resilibot.act.handler import router as act_router
    from resilibot.ingest.handler import router as ingest_router
    from resilibot.projections.handler import router as projections_router
    from resilibot.runtime.http import application

    resolver = HttpResolverLocal(enable_validation=True)
    return application(resolver, [ingest_router(), act_router(), projections_router()])


def main(home: HomeFile) -> None:
    import uvicorn

    configure_logging("api")
    RequestCounter(home.run_dir / "api.requests.json").install()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    (home.run_dir / "api.ready").write_text(str(os.getpid()))
    address = urlsplit(home.api)
    uvicorn.run(
        Door(build()),
        host=address.hostname or "127.0.0.1",
        port=address.port or 0,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main(HomeFile.read(Path(sys.argv[1])))
