"""S3BlobStore: blobs in one bucket of one's own."""

from typing import Any

from resilibot.runtime.blobs import BlobMissing, BlobUnavailable, checked, key_of


class S3BlobStore:
    """One bucket of one's own. `client` is a boto3 S3 client."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, content: bytes, *, media_type: str) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        key = key_of(content)
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=media_type)
        except (BotoCoreError, ClientError) as error:
            raise BlobUnavailable(f"s3://{self._bucket}/{key}: {error}") from error
        return f"s3://{self._bucket}/{key}"

    def get(self, ref: str) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, _, key = ref.removeprefix("s3://").partition("/")
        try:
            content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                raise BlobMissing(ref) from error
            raise BlobUnavailable(f"{ref}: {error}") from error
        except BotoCoreError as error:
            raise BlobUnavailable(f"{ref}: {error}") from error
        return checked(ref, content)
