"""The tables of a rebuild in DynamoDB; its job, progress and the live names are items of the cursors table.

`rebuild` {targets, segments, is_switched}, `rebuild#<segment>` {after, is_done, streams, events}, and `readmodels`
(see live_names). The switch of the names and its mark in the job are one transaction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
from resilibot.projections.adapters.live_names import LiveNames
from resilibot.projections.ports import Job, Progress, ReadModelBehind, ReadModelUnavailable, RebuildUnderWay
from resilibot.projections.tables import definitions, parse_table_name
from resilibot.runtime.published import LIVE

JOB = "rebuild"


class DynamoRebuild:
    """`client` is a boto3 DynamoDB client, `cursors` the name of the cursors table."""

    def __init__(self, client: Any, cursors: str) -> None:
        self._client = client
        self._cursors = cursors

    def live(self) -> dict[str, int]:
        return LiveNames(self._client, self._cursors).read()

    def job(self) -> Job | None:
        item = self._get(JOB)
        if item is None:
            return None
        targets = {model: int(version["N"]) for model, version in item["targets"]["M"].items()}
        return Job(targets, int(item["segments"]["N"]), item["is_switched"]["BOOL"])

    def begin(self, job: Job) -> None:
        with _translated(JOB):
            for definition in definitions(job.targets):
                self._create(definition)
            item = {
                "name": {"S": JOB},
                "targets": _numbers(job.targets),
                "segments": {"N": str(job.segments)},
                "is_switched": {"BOOL": False},
            }
            self._if_met(
                lambda: self._client.put_item(
                    TableName=self._cursors,
                    Item=item,
                    ConditionExpression="attribute_not_exists(#name)",
                    ExpressionAttributeNames={"#name": "name"},
                ),
                RebuildUnderWay("a rebuild was begun meanwhile"),
            )

    def models(self, job: Job) -> DynamoReadModels:
        return DynamoReadModels(self._client, lambda: job.targets)

    def progress(self, segment: int) -> Progress:
        item = self._get(f"{JOB}#{segment}")
        if item is None:
            return Progress(segment)
        return Progress(
            segment,
            after=item["after"]["S"] if "after" in item else None,
            is_done=item["is_done"]["BOOL"],
            streams=int(item["streams"]["N"]),
            events=int(item["events"]["N"]),
        )

    def record(self, progress: Progress) -> None:
        item: dict[str, Any] = {
            "name": {"S": f"{JOB}#{progress.segment}"},
            "is_done": {"BOOL": progress.is_done},
            "streams": {"N": str(progress.streams)},
            "events": {"N": str(progress.events)},
        }
        if progress.after is not None:
            item["after"] = {"S": progress.after}
        with _translated(item["name"]["S"]):
            self._client.put_item(TableName=self._cursors, Item=item)

    def switch(self, job: Job) -> None:
        before = self.live()
        named = {"TableName": self._cursors, "Key": {"name": {"S": LIVE}}}
        names: dict[str, Any] = {
            **named,
            "UpdateExpression": "SET #live = :after",
            "ConditionExpression": "attribute_not_exists(#live) OR #live = :before",
            "ExpressionAttributeNames": {"#live": "live"},
            "ExpressionAttributeValues": {":before": _numbers(before), ":after": _numbers({**before, **job.targets})},
        }
        mark = {
            "TableName": self._cursors,
            "Key": {"name": {"S": JOB}},
            "UpdateExpression": "SET #is_switched = :yes",
            "ConditionExpression": "#targets = :targets AND #is_switched = :no",
            "ExpressionAttributeNames": {"#is_switched": "is_switched", "#targets": "targets"},
            "ExpressionAttributeValues": {
                ":yes": {"BOOL": True},
                ":no": {"BOOL": False},
                ":targets": _numbers(job.targets),
            },
        }
        with _translated("switch"):
            self._if_met(
                lambda: self._client.transact_write_items(TransactItems=[{"Update": names}, {"Update": mark}]),
                ReadModelBehind("the live names or the rebuild changed meanwhile"),
            )

    def end(self, job: Job) -> None:
        with _translated(JOB):
            for name in (*(f"{JOB}#{segment}" for segment in range(job.segments)), JOB):
                self._client.delete_item(TableName=self._cursors, Key={"name": {"S": name}})

    def abandon(self) -> Job | None:
        """Forget the rebuild under way and drop what it filled; one that is switched already is only forgotten."""
        job = self.job()
        if job is not None:
            self.end(job)
            if not job.is_switched:
                self._drop(lambda model, version: job.targets.get(model) == version)
        return job

    def drop_old(self) -> list[str]:
        """Delete every table of a read model that is neither live nor being filled. Returns their names."""
        job, live = self.job(), self.live()
        targets = job.targets if job else {}
        return self._drop(lambda model, version: version not in (live[model], targets.get(model)))

    def _drop(self, is_dropped: Callable[[str, int], bool]) -> list[str]:
        dropped = []
        with _translated("tables"):
            for page in self._client.get_paginator("list_tables").paginate():
                for name in page["TableNames"]:
                    parsed = parse_table_name(name)
                    if parsed and is_dropped(*parsed):
                        self._client.delete_table(TableName=name)
                        dropped.append(name)
        return dropped

    def _create(self, definition: dict[str, Any]) -> None:
        name = definition["TableName"]
        try:
            self._client.create_table(**definition)
        except self._client.exceptions.ResourceInUseException:
            return  # of a rebuild that was given up: every stream of it is written anew
        self._client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def _get(self, name: str) -> dict[str, Any] | None:
        with _translated(name):
            answer = self._client.get_item(TableName=self._cursors, Key={"name": {"S": name}}, ConsistentRead=True)
        item: dict[str, Any] | None = answer.get("Item")
        return item

    @staticmethod
    def _if_met(write: Callable[[], object], otherwise: Exception) -> None:
        """Raises `otherwise` when the condition of the write is not met."""
        from botocore.exceptions import ClientError

        try:
            write()
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            refused = error.response["Error"]["Code"] == "ConditionalCheckFailedException"
            if refused or "ConditionalCheckFailed" in reasons:
                raise otherwise from error
            raise


@contextmanager
def _translated(what: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ReadModelUnavailable(f"{what}: {error}") from error


def _numbers(versions: Any) -> dict[str, Any]:
    return {"M": {model: {"N": str(version)} for model, version in versions.items()}}
