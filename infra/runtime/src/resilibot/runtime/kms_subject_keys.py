"""KmsSubjectKeys: one item of the table `keys` for each person, its data key wrapped by a KMS key.

Item: {subject: pseudonym, wrapped: B}; once destroyed {subject, forgotten: true}, for good. Pseudonyms are MACs by a
second KMS key, so that nobody who reads the table or the log can find out names by trying them.

Every call reads the item (strongly consistent); only what KMS answered for the very same wrapped bytes is kept in
memory. So a destroyed key is out of use everywhere at once.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from resilibot.runtime.personal import KeysUnavailable

BATCH_GET = 100
ATTEMPTS = 3


class KmsSubjectKeys:
    """dynamodb: boto3 client; kms: gives the boto3 client when it is first needed; the keys: ids or aliases."""

    def __init__(
        self, dynamodb: Any, kms: Callable[[], Any], table: str, wrapping_key: str, pseudonym_key: str
    ) -> None:
        self._dynamodb = dynamodb
        self._kms = kms
        self._table = table
        self._wrapping_key = wrapping_key
        self._pseudonym_key = pseudonym_key
        self._unwrapped: dict[str, tuple[bytes, bytes]] = {}  # wrapped and plain key by pseudonym

    def pseudonym(self, subject: str) -> str:
        algorithm = {"KeyId": self._pseudonym_key, "MacAlgorithm": "HMAC_SHA_256"}
        mac: bytes = self._call(self._kms().generate_mac, Message=subject.encode(), **algorithm)["Mac"]
        return mac.hex()[:32]

    def obtain(self, pseudonym: str) -> bytes | None:
        for _ in range(ATTEMPTS):  # the second finds what another process made
            item = self._items([pseudonym]).get(pseudonym)
            if item is not None:
                return self._key_in(pseudonym, item)
            made = self._call(
                self._kms().generate_data_key,
                KeyId=self._wrapping_key,
                KeySpec="AES_256",
                EncryptionContext={"subject": pseudonym},
            )
            if self._put_first(pseudonym, made["CiphertextBlob"]):
                self._unwrapped[pseudonym] = (made["CiphertextBlob"], made["Plaintext"])
                plain: bytes = made["Plaintext"]
                return plain
        raise KeysUnavailable(f"{self._table}: the item {pseudonym} neither exists nor can be made")

    def find(self, pseudonyms: Collection[str]) -> Mapping[str, bytes]:
        keys = {name: self._key_in(name, item) for name, item in self._items(sorted(pseudonyms)).items()}
        return {name: key for name, key in keys.items() if key is not None}

    def destroy(self, pseudonym: str) -> bool:
        self._unwrapped.pop(pseudonym, None)
        return self._conditionally(
            self._dynamodb.update_item,
            Key={"subject": {"S": pseudonym}},
            UpdateExpression="SET #forgotten = :true REMOVE #wrapped",
            ConditionExpression="attribute_exists(#subject)",
            ExpressionAttributeNames={"#subject": "subject", "#forgotten": "forgotten", "#wrapped": "wrapped"},
            ExpressionAttributeValues={":true": {"BOOL": True}},
        )

    def _put_first(self, pseudonym: str, wrapped: bytes) -> bool:
        return self._conditionally(
            self._dynamodb.put_item,
            Item={"subject": {"S": pseudonym}, "wrapped": {"B": wrapped}},
            ConditionExpression="attribute_not_exists(#subject)",
            ExpressionAttributeNames={"#subject": "subject"},
        )

    def _key_in(self, pseudonym: str, item: Mapping[str, Any]) -> bytes | None:
        """The data key of an item; None, and none kept in memory, when it was destroyed."""
        if "wrapped" not in item:
            self._unwrapped.pop(pseudonym, None)
            return None
        wrapped = bytes(item["wrapped"]["B"])
        known = self._unwrapped.get(pseudonym)
        if known is None or known[0] != wrapped:
            context = {"subject": pseudonym}
            answer = self._call(self._kms().decrypt, CiphertextBlob=wrapped, EncryptionContext=context)
            known = self._unwrapped[pseudonym] = (wrapped, answer["Plaintext"])
        return known[1]

    def _items(self, pseudonyms: list[str]) -> dict[str, dict[str, Any]]:
        items: dict[str, dict[str, Any]] = {}
        for start in range(0, len(pseudonyms), BATCH_GET):
            keys = [{"subject": {"S": name}} for name in pseudonyms[start : start + BATCH_GET]]
            wanted: dict[str, Any] = {self._table: {"Keys": keys, "ConsistentRead": True}}
            for _ in range(ATTEMPTS):
                answer = self._call(self._dynamodb.batch_get_item, RequestItems=wanted)
                items |= {item["subject"]["S"]: item for item in answer["Responses"].get(self._table, [])}
                wanted = answer.get("UnprocessedKeys") or {}
                if not wanted:
                    break
            else:
                raise KeysUnavailable(f"{self._table}: {len(wanted[self._table]['Keys'])} keys were not read")
        return items

    def _conditionally(self, call: Callable[..., Any], **arguments: Any) -> bool:
        """False when the condition does not hold."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            call(TableName=self._table, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise KeysUnavailable(f"{self._table}: {error}") from error
        except BotoCoreError as error:
            raise KeysUnavailable(f"{self._table}: {error}") from error
        return True

    def _call(self, call: Callable[..., Any], **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call(**arguments)
        except (BotoCoreError, ClientError) as error:
            raise KeysUnavailable(str(error)) from error
