"""ssm_executions: commands and automations in progress and done, with SSM's own rules for tokens and states."""

import json
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resilibot.local.world import ssm_agent
from resilibot.local.world.hosts import Host
from resilibot.local.world.ssm_agent import Invocation
from resilibot.local.world.ssm_documents import Library, ParametersInvalid


class TokenReused(Exception):
    """The client token was used with other parameters."""

    code = "token_reused"


class NoSuchInstance(Exception):
    code = "no_such_instance"


@dataclass
class Execution:
    """One automation or command. `invocations` by instance; None while it runs."""

    id: str
    document: str
    parameters: dict[str, list[str]]
    instance_ids: list[str]
    comment: str = ""
    status: str = "InProgress"
    started_at: float = field(default_factory=time.time)
    ended_at: float | None = None
    invocations: dict[str, Invocation | None] = field(default_factory=dict)


class Executions:
    """Runs documents on hosts. The journal holds one line per execution started."""

    def __init__(self, hosts: Sequence[Host], library: Library, journal: Path, init: str) -> None:
        self._hosts = {host.instance_id: host for host in hosts}
        self._library = library
        self._journal = journal
        self._init = init
        self._lock = threading.Lock()
        self._tokens: dict[str, Execution] = {}
        self._all: dict[str, Execution] = {}
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="ssm")
        self._agents = ThreadPoolExecutor(32, thread_name_prefix="agent")  # executions wait for agents, never agents
        journal.parent.mkdir(parents=True, exist_ok=True)

    def start_automation(self, document: str, parameters: Mapping[str, list[str]], token: str | None) -> Execution:
        """Start; or, for a token seen before with the same document and parameters, what it started then.

        Raises TokenReused, DocumentMissing, ParametersInvalid, NoSuchInstance.
        """
        automation = self._library.get(document, is_automation=True)
        bound = automation.bind(parameters)
        with self._lock:
            known = self._tokens.get(token.lower()) if token else None
            if known is not None:
                if (known.document, known.parameters) != (document, bound):
                    raise TokenReused(token)
                return known
            (step,) = automation.content["mainSteps"]
            inputs = _resolved(step["inputs"], bound)
            execution = self._new(document, bound, inputs["InstanceIds"])
            if token:
                self._tokens[token.lower()] = execution
        self._pool.submit(self._run, execution, inputs["DocumentName"], inputs["Parameters"])
        return execution

    def send_command(
        self, document: str, instance_ids: Sequence[str], parameters: Mapping[str, list[str]], comment: str
    ) -> Execution:
        """Every call starts another one: SendCommand has no token."""
        command = self._library.get(document, is_automation=False)
        bound = command.bind(parameters)
        with self._lock:
            execution = self._new(document, bound, list(instance_ids), comment)
        self._pool.submit(self._run, execution, document, bound)
        return execution

    def get(self, execution_id: str) -> Execution | None:
        return self._all.get(execution_id)

    def all(self) -> list[Execution]:
        return sorted(self._all.values(), key=lambda e: -e.started_at)

    def cancel(self, execution_id: str) -> None:
        """What has begun on a host runs on; nothing more begins."""
        execution = self._all.get(execution_id)
        if execution is not None and execution.status == "InProgress":
            execution.status = "Cancelled"

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._agents.shutdown(wait=False, cancel_futures=True)

    def _new(
        self, document: str, parameters: dict[str, list[str]], instance_ids: list[str], comment: str = ""
    ) -> Execution:
        unknown = [i for i in instance_ids if i not in self._hosts]
        if unknown:
            raise NoSuchInstance(", ".join(unknown))
        execution = Execution(str(uuid.uuid4()), document, parameters, instance_ids, comment)
        execution.invocations = dict.fromkeys(instance_ids)
        self._all[execution.id] = execution
        line = {"at": datetime.now(UTC).isoformat(), "id": execution.id, "document": document, "parameters": parameters}
        with self._journal.open("a") as journal:
            journal.write(json.dumps(line) + "\n")
        return execution

    def _run(self, execution: Execution, command: str, parameters: Mapping[str, list[str]]) -> None:
        document = self._library.get(command, is_automation=False)
        bound = document.bind(parameters)
        done = {
            instance_id: self._agents.submit(
                ssm_agent.run, document, self._hosts[instance_id], bound, execution.id, self._init
            )
            for instance_id in execution.instance_ids
            if execution.status == "InProgress"
        }
        for instance_id, future in done.items():
            execution.invocations[instance_id] = future.result()
        states = {i.status for i in execution.invocations.values() if i is not None}
        execution.ended_at = time.time()
        if execution.status == "InProgress":
            execution.status = next((s for s in ("Failed", "TimedOut") if s in states), "Success")


def _resolved(inputs: dict[str, Any], bound: Mapping[str, list[str]]) -> dict[str, Any]:
    """Replace "{{ Name }}" by the bound value. Raises ParametersInvalid for a name that is not declared."""

    def value(text: str) -> list[str]:
        name = text.removeprefix("{{").removesuffix("}}").strip()
        if name not in bound:
            raise ParametersInvalid(f"{name}: not declared")
        return bound[name]

    return {
        "DocumentName": inputs["DocumentName"],
        "InstanceIds": value(inputs["InstanceIds"]),
        "Parameters": {name: value(text) for name, text in inputs["Parameters"].items()},
    }
