"""sns_https: the certificates of SNS by HTTPS, and its ConfirmSubscription."""

import ssl
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from resilibot.ingest.ports import SubscriptionsUnavailable
from resilibot.ingest.sources.sns import CertificateUnavailable, is_certificate_url

TIMEOUT_S = 3
MAX_BYTES = 65_536
KEPT = 16  # certificates; SNS has one per region and changes it once a year


class HttpsCertificates:
    """Fetched once per process and address; redirects are not followed."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def pem(self, url: str) -> bytes:
        if not is_certificate_url(url):
            raise CertificateUnavailable("the address is not one of SNS")
        if url not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[url] = _fetch(url)
        return self._known[url]


class SnsSubscriptions:
    """`client` is a boto3 SNS client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def confirm(self, topic_arn: str, token: str) -> None:
        """Only an authenticated caller may then unsubscribe. Raises SubscriptionsUnavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.confirm_subscription(TopicArn=topic_arn, Token=token, AuthenticateOnUnsubscribe="true")
        except (BotoCoreError, ClientError) as error:
            raise SubscriptionsUnavailable(f"{topic_arn}: {error}") from error


def _fetch(url: str) -> bytes:
    parts = urlsplit(url)
    connection = HTTPSConnection(parts.hostname or "", timeout=TIMEOUT_S, context=ssl.create_default_context())
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        content = answer.read(MAX_BYTES + 1)
    except (OSError, HTTPException) as error:
        raise CertificateUnavailable(f"{url}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200 or len(content) > MAX_BYTES:
        raise CertificateUnavailable(f"{url}: HTTP {answer.status}, {len(content)} bytes")
    return content
