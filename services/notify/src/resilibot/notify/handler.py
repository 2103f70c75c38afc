"""Lambda entry of notify. Composition only."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from resilibot.notify.ports import Channel, Ports
from resilibot.notify.service import SERVICE
from resilibot.notify.settings import NotifySettings
from resilibot.runtime.environment import Runtime


@cache
def _consumer() -> Any:
    runtime, settings = Runtime.from_env(), NotifySettings()
    channel: Channel | None = None
    if settings.webhook_url:
        from resilibot.notify.adapters.webhook import WebhookChannel

        secret = settings.webhook_secret.get_secret_value()
        channel = WebhookChannel(settings.webhook_url, secret, settings.webhook_allow_loopback)
    reveal, redactor = runtime.personal.reveal, runtime.redactor()
    return runtime.consumer(SERVICE, Ports(settings, channel, runtime.blobs, runtime.store, reveal, redactor))


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    answer: dict[str, Any] = _consumer().handle(event)
    return answer
