"""Write stored examples of event versions that have none yet, and remember all that is released.

`python -m tests.support.publish_examples`

An example is a stored event as it stands in the log: its exact body (as text), prev_hash and hash.
"""

import json
from pathlib import Path

from resilibot.contracts.publish import release
from tests.support.story import STREAMS, recorded

CONTRACTS = Path(__file__).parents[2] / "contracts"
EXAMPLES = CONTRACTS / "examples"


def main() -> None:
    for stream, events in STREAMS.items():
        for event in recorded(stream, events):
            path = EXAMPLES / f"{event.type}.json"
            if not path.exists():
                stored = {"body": event.body.decode(), "prev_hash": event.prev_hash, "hash": event.hash}
                path.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n")
                print(path.name)
    for name in release(CONTRACTS):
        print(f"released {name}")


if __name__ == "__main__":
    main()
