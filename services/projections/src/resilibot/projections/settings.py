"""settings: environment of projections, prefix RESILIBOT_. Who reads a question, and how much of it a model may."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from resilibot.runtime.models.choice import Address


class AskSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True, hide_input_in_errors=True)

    ask_reader: Literal["rules", "bedrock", "openai"] = Field(
        default="rules", description="Who reads a question: the rules alone, or a model what they do not (extra `llm`)"
    )
    ask_model: str = Field(default="", description="Model id, as the endpoint names it")
    ask_url: Address = Field(default="", description="Base URL of an OpenAI-compatible endpoint; empty: the client's")
    ask_region: str = Field(default="", description="AWS region of Bedrock; empty: the client's")
    ask_key: SecretStr = Field(default=SecretStr(""), description="API key of an OpenAI-compatible endpoint")
    ask_key_secret: str = Field(default="", description="Secret that holds that key; read when first needed")
    ask_per_hour: int = Field(default=60, ge=1, description="Questions that the model reads in any hour, per process")
    ask_call_s: float = Field(default=8, gt=0, le=10, description="Longest wait for it; there is one call per question")
    ask_output_tokens: int = Field(default=500, ge=1, description="Tokens of one answer, at most")
