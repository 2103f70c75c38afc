"""process: one running copy of a service: its clock, and the places at which it may end or others get in between."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from resilibot.runtime.clock import ManualClock
from tests.simulation.adversary import Adversary

STALLS_S = (5, 40, 90, 400)


class Crashed(BaseException):
    """The process ended here, as by kill -9: no handler runs, memory is gone, the store stays."""


class Others(Protocol):
    """The rest of the house, as one process meets it."""

    def switch(self) -> None:
        """Another worker does one thing."""
        ...

    def race(self) -> None:
        """A second worker gets the messages that this one is handling."""
        ...

    def elapse(self, seconds: float) -> None:
        """Time passes, and everything that falls due meanwhile happens."""
        ...


@dataclass
class Process:
    name: str
    true_clock: ManualClock
    skew: timedelta
    adversary: Adversary
    others: Others

    def now(self) -> datetime:
        return self.true_clock.now() + self.skew

    def boundary(self, place: str) -> None:
        """A place between two steps. May raise Crashed, let others run, or stand still."""
        where = f"{self.name} {place}"
        if self.adversary.strikes("crash", where):
            raise Crashed(where)
        self.overtaken(place)
        if self.adversary.strikes("race", where):
            self.others.race()
        if self.adversary.strikes("stall", where):
            self.others.elapse(STALLS_S[self.adversary.pick(f"stall {where}", len(STALLS_S))])

    def overtaken(self, place: str) -> None:
        """Another worker may get in between here."""
        if self.adversary.strikes("switch", f"{self.name} {place}"):
            self.others.switch()

    def pause(self, seconds: float) -> None:
        self.others.elapse(seconds)
