"""settings: environment of the ingest service, prefix RESILIBOT_."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IngestSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True, hide_input_in_errors=True)

    quiet_period_s: float = Field(
        default=900, gt=0, description="Seconds after RESOLVED in which a new signal reopens; then the incident closes"
    )
    signal_rate_per_s: float = Field(
        default=100, gt=0, description="Signals a second of one source and account; what is above waits in the queue"
    )
    signal_burst: int = Field(
        default=20_000, ge=1, description="Signals of one source and account at once before the rate holds them back"
    )
    door_policy_file: str = Field(
        default="", description="JSON policy of the owner for what comes in; empty: the built-in one"
    )
    account: str = Field(default="", description="Account written on manual incidents")
    region: str = Field(default="", description="Region written on manual incidents")
    sources_file: Path | None = Field(
        default=None, description="TOML file of an owner's own senders, in the form of sources/vendors.toml"
    )
    intake_queue_url: str = Field(default="", description="The intake queue, where webhooks put what they bring")
    webhooks_secret: str = Field(
        default="resilibot/webhooks", description="Secret that declares the webhook sources and how each proves itself"
    )
    sns_topics: frozenset[str] = Field(
        default=frozenset(), description="ARNs of the SNS topics whose messages are taken over HTTP (a JSON list)"
    )
    topology_file: str = Field(default="", description="TOML file that says which service calls which")
