"""settings: environment of the act service, prefix RESILIBOT_. Times in seconds; defaults are for AWS."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ActSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True, hide_input_in_errors=True)

    policy_file: str = Field(default="", description="JSON policy of the owner; empty: the built-in one")
    door_policy_file: str = Field(default="", description="JSON policy of what comes in, for its budget; empty: none")
    environment: str = Field(default="production", description="Environment that the policy judges by")
    allowed_units: tuple[str, ...] = Field(default=(), description="Units that may be acted on; empty: none")
    grant_key_secret: str = Field(default="resilibot/act/grant-key", description="Secret with the key for grants' MACs")
    approval_expiry_s: float = Field(default=900, description="How long an approval may be answered and used")
    cooldown_s: float = Field(default=600, description="Pause before the same target is acted on automatically again")
    stall_s: float = Field(default=1800, description="Silence after which an open incident is told to a person")
    action_lease_s: float = Field(default=60, description="After it, an action without outcome is read back")
    action_wait_s: float = Field(default=20, description="How long the dispatching process follows the action itself")
    action_timeout_s: float = Field(default=1800, description="After it, an action still in progress is unknown")
    token_valid_s: float = Field(default=600, description="How long the provider's idempotency token is relied on")
    document_version: str = Field(default="$DEFAULT", description="Pinned version of the Automation documents")
    service_tag: str = Field(default="Service", description="Tag of managed hosts that names the workload")
