"""python -m resilibot.local.world: run the world until SIGTERM. The emulator is found by AWS_ENDPOINT_URL."""

import argparse
import logging
import os
import signal
import threading
from importlib.resources import files
from pathlib import Path

from resilibot.local.aws import client_at
from resilibot.local.world.control import ControlServer, World
from resilibot.local.world.faults import Faults
from resilibot.local.world.hosts import make_hosts
from resilibot.local.world.measure import Measurements
from resilibot.local.world.ssm_documents import Library
from resilibot.local.world.ssm_endpoint import SsmOperations, SsmServer
from resilibot.local.world.ssm_executions import Executions
from resilibot.local.world.traffic import Traffic


def main(state: Path, ssm_port: int, control_port: int, alarm_topic: str) -> None:
    logging.basicConfig(level=logging.INFO)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    emulator = os.environ["AWS_ENDPOINT_URL"]
    cloudwatch = client_at(emulator, "cloudwatch")
    hosts = make_hosts(state)
    measurements = Measurements(hosts, cloudwatch, client_at(emulator, "logs"))
    traffic = Traffic(hosts, measurements.note)
    faults = Faults(hosts, cloudwatch, client_at(emulator, "ssm"), alarm_topic)
    library = Library([Path(str(files("resilibot.act") / "documents"))])
    executions = Executions(hosts, library, state / "ssm" / "executions.jsonl", f"http://127.0.0.1:{control_port}")
    servers = (
        SsmServer(ssm_port, SsmOperations(hosts, executions), emulator),
        ControlServer(control_port, World(hosts, traffic, faults)),
    )
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    faults.prepare()
    measurements.start(traffic)
    traffic.start()
    stopping.wait()
    measurements.stop()
    traffic.stop()
    executions.stop()
    for host in hosts:
        host.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--ssm-port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True)
    parser.add_argument("--alarm-topic", required=True)
    given = parser.parse_args()
    main(given.state, given.ssm_port, given.control_port, given.alarm_topic)
