"""backlog: how many messages wait in a queue."""

from collections.abc import Callable
from typing import Any

from resilibot.runtime.bus.publisher import BusUnavailable


def waiting_in(client: Any, url: str) -> Callable[[], int]:
    """A function that asks for the messages that nobody has received yet; about as many, as SQS says it.

    `client` is a boto3 SQS client. Raises BusUnavailable.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    def waiting() -> int:
        name = "ApproximateNumberOfMessages"
        try:
            answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        except (BotoCoreError, ClientError) as error:
            raise BusUnavailable(f"{url}: {error}") from error
        return int(answer["Attributes"][name])

    return waiting
