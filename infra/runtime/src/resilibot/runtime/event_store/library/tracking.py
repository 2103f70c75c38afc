"""DynamoTrackingRecorder: how far an application has come with another one's notifications, in table `cursors`.

One item `tracking#<application>#<upstream>`; its number only grows.
"""

from typing import Any

from eventsourcing.persistence import IntegrityError, Tracking, TrackingRecorder

from resilibot.runtime.event_store.library.persistence import Persistence, told_to_the_library


class DynamoTrackingRecorder(TrackingRecorder):
    def __init__(self, persistence: Persistence) -> None:
        self._persistence = persistence

    def insert_tracking(self, tracking: Tracking) -> None:
        """Raises IntegrityError if it is not above the last one."""
        from botocore.exceptions import ClientError

        with told_to_the_library():
            try:
                self._persistence.client.update_item(**self.tracking_item(tracking)["Update"])
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                raise IntegrityError(f"{tracking} is not above the last one") from error

    def max_tracking_id(self, application_name: str) -> int | None:
        with told_to_the_library():
            answer = self._persistence.client.get_item(
                TableName=self._persistence.tables.cursors, Key=self._key(application_name), ConsistentRead=True
            )
        return int(answer["Item"]["version"]["N"]) if "Item" in answer else None

    def tracking_item(self, tracking: Tracking) -> dict[str, Any]:
        """The write, as an item of a transaction."""
        return {
            "Update": {
                "TableName": self._persistence.tables.cursors,
                "Key": self._key(tracking.application_name),
                "UpdateExpression": "SET #version = :id",
                "ConditionExpression": "attribute_not_exists(#version) OR #version < :id",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":id": {"N": str(tracking.notification_id)}},
            }
        }

    def _key(self, upstream: str) -> dict[str, Any]:
        return {"name": {"S": f"tracking#{self._persistence.application}#{upstream}"}}
