"""settings: environment of the notify service, prefix RESILIBOT_. Times in seconds."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class NotifySettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True, hide_input_in_errors=True)

    webhook_url: str = Field(
        default="", repr=False, description="Where the webhook channel posts; empty: the channel is off"
    )
    webhook_secret: SecretStr = Field(default=SecretStr(""), description="Standard Webhooks secret (whsec_...)")
    webhook_allow_loopback: bool = Field(default=False, description="Allow http to this machine (tests, demo)")
    notification_lease_s: float = Field(default=60, description="After it, a message without outcome is judged lost")
    notification_attempts: int = Field(default=4, ge=1, description="Attempts for one message on one channel")
    summary_above: int = Field(
        default=10, ge=0, description="Openings within the window told one by one; those above it in a summary; 0: off"
    )
    summary_window_s: float = Field(default=60, gt=0, le=600, description="Window in which openings are counted")
    summary_spares_critical: bool = Field(default=True, description="CRITICAL incidents are always told by themselves")
    notification_backoff_s: float = Field(default=5, description="Pause before a message that failed is tried again")
