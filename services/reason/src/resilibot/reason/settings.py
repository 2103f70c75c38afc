"""settings: environment of the reason service, prefix RESILIBOT_. Times in seconds, money in US dollars."""

from decimal import Decimal
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from resilibot.runtime.models.choice import Address


class ReasonSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True, hide_input_in_errors=True)

    reasoner: Literal["deterministic", "bedrock", "openai"] = Field(
        default="deterministic", description="Who judges: the rules alone, or a model beside them (extra `llm`)"
    )
    reasoner_model: str = Field(default="", description="Model id, as the endpoint names it")
    reasoner_url: Address = Field(
        default="", description="Base URL of an OpenAI-compatible endpoint; empty: the client's"
    )
    reasoner_region: str = Field(default="", description="AWS region of Bedrock; empty: the client's")
    reasoner_key: SecretStr = Field(default=SecretStr(""), description="API key of an OpenAI-compatible endpoint")
    reasoner_key_secret: str = Field(default="", description="Secret that holds that key; read when first needed")
    reasoner_usd_per_million_in: Decimal | None = Field(
        default=None, ge=0, description="Price of a million input tokens; needed with a model, 0 if it costs nothing"
    )
    reasoner_usd_per_million_out: Decimal | None = Field(
        default=None, ge=0, description="Price of a million output tokens; needed with a model"
    )
    reasoner_usd: Decimal = Field(default=Decimal("0.50"), ge=0, description="Spent per incident on a model, at most")
    reasoner_tokens: int = Field(default=100_000, ge=0, description="Tokens per incident in and out, at most")
    reasoner_output_tokens: int = Field(default=2000, ge=1, description="Tokens of one answer, at most")
    reasoner_call_s: float = Field(default=20, gt=0, description="Longest wait for one answer")
    reasoner_deadline_s: float = Field(default=45, gt=0, description="Longest wait for a model per round, tries in all")
    reasoner_tries: int = Field(default=3, ge=1, le=10, description="Calls per round, when the first ones fail")
    reasoner_item_chars: int = Field(default=4000, ge=500, description="Shown of one piece of evidence, at most")
    reasoner_prompt_chars: int = Field(default=60_000, ge=5000, description="Shown of all evidence, at most")
