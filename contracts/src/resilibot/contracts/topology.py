"""topology: which service calls which, as the owner declares it. Pure but for read_topology().

A TOML file:

    [[services]]
    name = "checkout"                       # as signals name it: the dimension Service, the tag service
    depends_on = ["payments", "orders-db"]  # what it calls
    resources = ["arn:aws:ecs:*:service/checkout", "AWS/EC2 InstanceId=i-0a*"]

    kind = "client"                         # optional: a mirror (client, remote) shows calls that another one serves

`resources` are ARNs or names of the resources that signals are about, with * as in a shell.

What is not declared is unknown, not unrelated: such a service has no neighbours here. Circles are allowed.
"""

import tomllib
from collections import deque
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resilibot.contracts.faults import words_of
from resilibot.contracts.signal import ResourceRef


class TopologyInvalid(Exception):
    """The file cannot be read as a topology; the message names the file and the field."""

    code = "topology_invalid"


class Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=128)
    depends_on: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    kind: str = Field(default="service", min_length=1, max_length=128)


class Topology(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    services: tuple[Node, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        names = [node.name for node in self.services]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"declared twice: {', '.join(twice)}")
        for node in self.services:
            unknown = [name for name in node.depends_on if name not in names]
            if unknown:
                raise ValueError(f"{node.name} depends on {', '.join(unknown)}, which is declared nowhere")
            if node.name in node.depends_on:
                raise ValueError(f"{node.name} depends on itself")
        return self

    @cached_property
    def _callees(self) -> Mapping[str, tuple[str, ...]]:
        return {node.name: node.depends_on for node in self.services}

    def node_of(self, resource: ResourceRef) -> str | None:
        """The declared service that a signal is about: by its service's name, else by the resources it declares."""
        if resource.service in self._callees:
            return resource.service
        names = [name for name in (resource.arn, resource.name) if name]
        for node in self.services:
            if any(fnmatchcase(name, pattern) for pattern in node.resources for name in names):
                return node.name
        return None

    def below(self, name: str) -> tuple[Node, ...]:
        """A declared service and all that it calls, directly or not; the nearest first, then by name."""
        nodes = {node.name: node for node in self.services}
        found, level = {name}, [name]
        reached = []
        while level:
            reached += level
            level = sorted({callee for caller in level for callee in self._callees.get(caller, ())} - found)
            found.update(level)
        return tuple(nodes[each] for each in reached if each in nodes)

    def path(self, caller: str, callee: str, longest: int) -> tuple[str, ...] | None:
        """The shortest way of calls from one service to another, both named, of at most `longest` calls."""
        ways: deque[tuple[str, ...]] = deque([(caller,)])
        seen = {caller}
        while ways:
            way = ways.popleft()
            if way[-1] == callee:
                return way
            for name in self._callees.get(way[-1], ()) if len(way) <= longest else ():
                if name not in seen:
                    seen.add(name)
                    ways.append((*way, name))
        return None


def read_topology(path: str) -> Topology:
    """The topology in a file; an empty path is the empty one. Raises TopologyInvalid."""
    if not path:
        return Topology()
    try:
        return Topology.model_validate(tomllib.loads(Path(path).read_text()))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "services"
        raise TopologyInvalid(f"{path}: {place}: {words_of(first)}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TopologyInvalid(f"{path}: {error}") from error
