"""make: the model of a choice. Nothing is imported or asked yet; one that cannot be had is told by its first call."""

import secrets

from resilibot.runtime.environment import client
from resilibot.runtime.models.choice import Choice
from resilibot.runtime.models.port import ModelAbsent
from resilibot.runtime.models.pydantic_ai_models import ConverseEndpoint, Endpoint, OpenAiEndpoint, PydanticAiModel


def model_of(choice: Choice, answer: str) -> PydanticAiModel:
    """`answer` is what the schema of its answers is called."""
    endpoint: Endpoint = (
        ConverseEndpoint(choice.model, choice.region, choice.call_s)
        if choice.protocol == "bedrock"
        else OpenAiEndpoint(choice.model, choice.url, lambda: key_of(choice))
    )
    return PydanticAiModel(endpoint, choice.output_tokens, answer)


def nonce() -> str:
    """What nobody can guess, for the marks around what a model is shown."""
    return secrets.token_hex(16)


def key_of(choice: Choice) -> str:
    """The API key itself, or that of the secret that is named. Raises ModelAbsent."""
    if not choice.key_secret:
        return choice.key.get_secret_value() or "none"  # local endpoints take any; a client refuses an empty one
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        key: str = client("secretsmanager").get_secret_value(SecretId=choice.key_secret)["SecretString"]
    except (ClientError, BotoCoreError) as error:
        raise ModelAbsent(f"the secret {choice.key_secret} cannot be read") from error
    return key
