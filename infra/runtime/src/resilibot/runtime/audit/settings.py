"""settings: where checkpoints and archived incidents are kept, and how often a checkpoint is taken."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AuditSettings(BaseSettings):
    """Environment variables are the field names with the prefix RESILIBOT_."""

    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True, hide_input_in_errors=True)

    checkpoint_bucket: str = Field(
        default="resilibot-checkpoints", description="Bucket with Object Lock for the signed checkpoints"
    )
    checkpoint_key_secret: str = Field(
        default="resilibot/audit/checkpoint-key",
        description="Secret with the key that signs checkpoints (Ed25519, hex)",
    )
    checkpoint_interval_s: float = Field(
        default=3600, gt=0, description="Seconds between checkpoints: the window in which a whole rewrite is not seen"
    )
    checkpoint_retention_days: int = Field(
        default=365, ge=1, description="Days for which nobody, the account's root included, can delete a checkpoint"
    )
    archive_bucket: str = Field(default="resilibot-archive", description="Bucket for archived incidents")
    archive_after_days: float = Field(
        default=90, ge=0, description="Days after its last event that a closed incident is archived"
    )
