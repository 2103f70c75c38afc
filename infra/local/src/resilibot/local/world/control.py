"""control: the drill's own HTTP port, on loopback: state, faults, alarms, and the hosts' init."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from resilibot.local.world.faults import Faults, UnknownFault
from resilibot.local.world.hosts import Host, UnknownUnit
from resilibot.local.world.traffic import Traffic


class World:
    """What the control port tells and does."""

    def __init__(self, hosts: list[Host], traffic: Traffic, faults: Faults) -> None:
        self.hosts = hosts
        self.traffic = traffic
        self.faults = faults
        self.started_at = time.monotonic()

    def state(self) -> dict[str, Any]:
        last_trouble = max([self.started_at, self.traffic.last_error_at])
        return {
            "healthy_for_s": 0.0 if self.faults.active else round(time.monotonic() - last_trouble, 1),
            "faults": sorted(self.faults.active),
            "hosts": {
                host.instance_id: {
                    "pid": host.pid,
                    "release": host.release,
                    "journal": [line.__dict__ for line in host.journal()],
                }
                for host in self.hosts
            },
        }

    def host(self, instance_id: str) -> Host | None:
        return next((host for host in self.hosts if host.instance_id == instance_id), None)


class ControlServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, world: World) -> None:
        self.world = world
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: ControlServer

    def do_GET(self) -> None:
        if self.path == "/state":
            self._reply(200, self.server.world.state())
        else:
            self._reply(404, {"error": f"no {self.path}"})

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        parts = address.path.strip("/").split("/")
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        world = self.server.world
        try:
            match parts:
                case ["faults", name]:
                    world.faults.inject(name)
                case ["undo", name]:
                    world.faults.undo(name)
                case ["alarms", name]:
                    world.faults.arm([name])
                case ["hosts", instance_id, "restart"] if host := world.host(instance_id):
                    host.restart(query["unit"], query["cause"])
                case _:
                    self._reply(404, {"error": f"no {address.path}"})
                    return
        except (UnknownFault, UnknownUnit, KeyError) as error:
            self._reply(400, {"error": str(error)})
        else:
            self._reply(200, world.state())

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Quiet."""
