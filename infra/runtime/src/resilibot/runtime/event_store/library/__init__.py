"""library: the interfaces of the `eventsourcing` library over our own tables and our own append transaction.

PERSISTENCE_MODULE=resilibot.runtime.event_store.library

Streams of ours (`category#key`) hold our envelopes, read and written through EnvelopeMapper. Aggregates of the
library's own kind are wrapped into envelopes, so that they are chained, audited and relayed like any event.
"""

from resilibot.runtime.event_store.library.factory import DynamoFactory

__all__ = ["DynamoFactory"]
