"""writer_process ENDPOINT PREFIX SEED APPENDS STREAM...: one process that writes to streams which others write too.

Prints the id of every event whose append was acknowledged, and at the end, on standard error, the conflicts it met.
"""

import random
import sys
from collections.abc import Mapping

from resilibot.contracts.envelope import Actor
from resilibot.contracts.events import TargetClaimedV1
from resilibot.local.aws import clients_at
from resilibot.runtime.clock import SystemClock
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.port import Stream, VersionConflict
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.service import On, Service
from resilibot.runtime.writer import Origin, Writer


def main(endpoint: str, prefix: str, seed: int, appends: int, streams: list[str]) -> None:
    rng = random.Random(seed)
    attempts = 0
    with clients_at(endpoint) as client:
        store = DynamoEventStore(client("dynamodb"), Tables.prefixed(prefix))
        writer = Writer(store, Service("act"), SystemClock())
        for number in range(appends):
            stream = rng.choice(streams)
            claims = [
                TargetClaimedV1(incident_id=str(seed), action_id=f"{number}.{n}", action="test")
                for n in range(rng.randint(1, 3))
            ]

            def decide(
                _: Mapping[str, Stream], stream: str = stream, claims: list[TargetClaimedV1] = claims
            ) -> list[On]:
                nonlocal attempts
                attempts += 1
                return [On(stream, claim) for claim in claims]

            while True:
                try:
                    recorded = writer.write([stream], decide, Origin(Actor(kind="service", id="act")))
                except VersionConflict:  # so busy that the writer gave up; a service's queue would bring it again
                    continue
                break
            print(*(event.id for event in recorded), sep="\n", flush=True)
    print(attempts - appends, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
