"""sqs_intake: the intake queue, written to by the door."""

from typing import Any

from resilibot.ingest.ports import QueueUnavailable


class SqsIntake:
    """client: a boto3 SQS client; url: of the intake queue."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, message: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=message)
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable(f"{self._url}: {error}") from error
