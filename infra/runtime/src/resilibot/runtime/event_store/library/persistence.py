"""Persistence: what every recorder stands on, and how our errors are told to the library.

StoreError of ours    error of the library
VersionConflict       IntegrityError
AlsoRefused           IntegrityError      (a tracking id that is not above the last one)
StoreUnavailable      OperationalError
ChainBroken, others   InternalError
ValueError            DataError           (an event too large, a state that is no body)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Literal

from eventsourcing.persistence import DataError, IntegrityError, InternalError, OperationalError

from resilibot.runtime.clock import Clock
from resilibot.runtime.event_store.dynamodb import AlsoRefused, DynamoEventStore
from resilibot.runtime.event_store.global_log import MAIN, GlobalLog
from resilibot.runtime.event_store.port import StoreError, StoreUnavailable, VersionConflict
from resilibot.runtime.event_store.tables import Tables

# sequencer: notification ids are positions given later by the sequencer; an insert returns none (the default).
# counter: the append's own transaction gives them, and all writers of the log queue for its head.
Ordering = Literal["sequencer", "counter"]


@dataclass(frozen=True)
class Persistence:
    """`client`: boto3 DynamoDB client. `application` owns tracking ids; `log_name` the log of notifications."""

    client: Any
    tables: Tables
    clock: Clock
    application: str = "application"
    build: str = "dev"
    ordering: Ordering = "sequencer"
    log_name: str = MAIN
    line: Lock = field(default_factory=Lock)  # of this process's writers in counter mode

    @cached_property
    def store(self) -> DynamoEventStore:
        return DynamoEventStore(self.client, self.tables)

    @cached_property
    def log(self) -> GlobalLog:
        return GlobalLog(self.client, self.tables, self.log_name)


@contextmanager
def told_to_the_library() -> Iterator[None]:
    """Our errors, and those of the AWS client, as the library's."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (VersionConflict, AlsoRefused) as error:
        raise IntegrityError(str(error)) from error
    except (StoreUnavailable, BotoCoreError, ClientError) as error:
        raise OperationalError(str(error)) from error
    except StoreError as error:
        raise InternalError(str(error)) from error
    except ValueError as error:
        raise DataError(str(error)) from error
