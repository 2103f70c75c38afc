"""settings: environment of the ingest service, prefix RESILIBOT_."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IngestSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True)

    quiet_period_s: float = Field(
        default=900, gt=0, description="Seconds after RESOLVED in which a new signal reopens; then the incident closes"
    )
    account: str = Field(default="", description="Account written on manual incidents")
    region: str = Field(default="", description="Region written on manual incidents")
    topology_file: str = Field(default="", description="TOML file that says which service calls which")
