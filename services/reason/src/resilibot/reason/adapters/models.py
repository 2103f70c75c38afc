"""models: the model that the settings ask for, as the service's ports; None for the rules alone."""

import random
import secrets
import time

from resilibot.reason.adapters.pydantic_ai_models import ConverseEndpoint, Endpoint, OpenAiEndpoint, PydanticAiModel
from resilibot.reason.ports import ModelAbsent, Ports
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.environment import client


def ports_of(s: ReasonSettings) -> Ports | None:
    """Nothing is imported or asked yet; a model that cannot be had is told by the first diagnosis."""
    if s.reasoner == "deterministic":
        return None
    endpoint: Endpoint = (
        ConverseEndpoint(s.reasoner_model, s.reasoner_region, s.reasoner_call_s)
        if s.reasoner == "bedrock"
        else OpenAiEndpoint(s.reasoner_model, s.reasoner_url, lambda: key_of(s))
    )
    model = PydanticAiModel(endpoint, s.reasoner_output_tokens)
    return Ports(s, model, lambda: secrets.token_hex(16), random.random, time.sleep, time.monotonic)


def key_of(s: ReasonSettings) -> str:
    """The API key of the settings, or of the secret that they name. Raises ModelAbsent."""
    if not s.reasoner_key_secret:
        return s.reasoner_key.get_secret_value() or "none"  # local endpoints take any; a client refuses an empty one
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        key: str = client("secretsmanager").get_secret_value(SecretId=s.reasoner_key_secret)["SecretString"]
    except (ClientError, BotoCoreError) as error:
        raise ModelAbsent(f"the secret {s.reasoner_key_secret} cannot be read") from error
    return key
