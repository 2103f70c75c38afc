"""catalogue: every action there is, with typed arguments, its document and its class. Pure.

What is not here does not exist: unknown ids, keys or types are blocked. The class is computed here from facts that
act read itself; a plan cannot state it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from resilibot.contracts.events.acted import ActionClass
from resilibot.contracts.faults import faults_of

InstanceId = Annotated[str, StringConstraints(pattern=r"^(?:i|mi)-[0-9a-f]{8,17}$")]
Unit = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}\.service$")]
Release = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$")]


class Arguments(BaseModel):
    """Arguments of the host actions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    instance_ids: list[InstanceId] = Field(min_length=1, max_length=20)
    unit: Unit

    def parameters(self) -> dict[str, list[str]]:
        """As an SSM document takes them: InstanceIds, Unit ..."""
        values = {name: value if isinstance(value, list) else [value] for name, value in self.model_dump().items()}
        return {"".join(word.capitalize() for word in name.split("_")): value for name, value in values.items()}


class RollbackArguments(Arguments):
    """`release` is the one to go back to, so that what is approved is exact and running it again changes nothing."""

    release: Release


@dataclass(frozen=True)
class HostFact:
    """One host of the service, as act or observe saw it. `responds` None: not asked."""

    instance_id: str
    is_online: bool
    responds: bool | None


@dataclass(frozen=True)
class ActionSpec:
    """One catalogue action. classify(arguments, hosts of the service) -> class and why."""

    action: str
    document: str
    classify: Callable[[Arguments, Sequence[HostFact]], tuple[ActionClass, str]]
    arguments: type[Arguments] = Arguments


class Refused(Exception):
    """The proposal is outside of the catalogue; the message says where."""

    code = "refused"


def _classify_restart(arguments: Arguments, hosts: Sequence[HostFact]) -> tuple[ActionClass, str]:
    """Safe by redundancy only: one host at a time, and a peer that answers carries the load meanwhile."""
    targets = set(arguments.instance_ids)
    peers = [host.instance_id for host in hosts if host.instance_id not in targets and host.is_online and host.responds]
    if len(targets) > 1 and len(targets) > max(1, len(hosts) // 4):
        return "risky", f"{len(targets)} of {len(hosts)} hosts at once"
    if not peers:
        return "risky", "no other host is seen healthy: nothing carries the load meanwhile"
    return "safe", f"healthy peers carry the load meanwhile: {', '.join(sorted(peers))}"


def _classify_rollback(arguments: Arguments, hosts: Sequence[HostFact]) -> tuple[ActionClass, str]:
    return "risky", "a rollback changes what the service runs"


def _classify_check(arguments: Arguments, hosts: Sequence[HostFact]) -> tuple[ActionClass, str]:
    return "safe", "read-only"


CATALOGUE: dict[str, ActionSpec] = {
    spec.action: spec
    for spec in (
        ActionSpec("ssm.restart_service", "ResiliBot-RestartService", _classify_restart),
        ActionSpec("ssm.rollback_release", "ResiliBot-RollbackRelease", _classify_rollback, RollbackArguments),
        ActionSpec("ssm.health_check", "ResiliBot-HealthCheck", _classify_check),
    )
}


def spec_of(action: str) -> ActionSpec:
    """Raises Refused."""
    try:
        return CATALOGUE[action]
    except KeyError:
        raise Refused(f"{action!r} is not in the catalogue") from None


def arguments_of(action: str, arguments: object) -> Arguments:
    """Typed arguments of a known action. Raises Refused naming the field."""
    spec = spec_of(action)
    try:
        return spec.arguments.model_validate(arguments)
    except ValidationError as error:
        raise Refused(faults_of(error, "arguments")) from error
