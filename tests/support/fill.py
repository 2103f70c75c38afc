"""Fill a running home's store with synthetic incidents that nobody relays: for rebuilds by hand.

python -m tests.support.fill ENDPOINT --incidents 10000 [--length 30]
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

from resilibot.local.aws import clients_at
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.tables import Tables
from tests.support.synthetic import append_synthetic


def main(endpoint: str, incidents: int, length: int) -> None:
    with clients_at(endpoint) as client:
        store = DynamoEventStore(client("dynamodb"), Tables())
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            for _ in pool.map(lambda number: append_synthetic(store, number, length), range(incidents)):
                pass
        print(f"{incidents} incidents, {incidents * length} events in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--length", type=int, default=30)
    given = parser.parse_args()
    main(given.endpoint, given.incidents, given.length)
