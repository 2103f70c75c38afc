"""settings: environment of the observe service, prefix RESILIBOT_. Times in seconds; defaults are for AWS."""

import re

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# A bucket and an index of Amazon S3 Vectors, as their ARNs have them.
_S3_VECTORS = re.compile(r"s3vectors:([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])")


class ObserveSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True, hide_input_in_errors=True)

    baseline_s: int = Field(default=3600, description="How far before the alarm the healthy baseline reaches")
    metric_period_s: int = Field(default=60, description="Resolution at which metrics are read")
    settle_s: float = Field(default=180, description="Wait after an action (or a cleared alarm) before looking again")
    recheck_s: float = Field(default=300, description="Wait before a second look when nothing or too little was seen")
    max_rounds: int = Field(default=6, ge=5, description="Looks that nothing new asks for, at most, per episode")
    max_metrics: int = Field(default=100, description="Metrics read per round beside the alarm's own, at most")
    source_deadline_s: float = Field(default=20, description="Longest wait for one source; then it is a gap")
    change_window_s: int = Field(default=6 * 3600, description="How far before the onset changes are looked at")
    service_dimension: str = Field(default="Service", description="Metric dimension that names the workload")
    service_tag: str = Field(default="Service", description="Tag of managed hosts that names the workload")
    log_group: str = Field(default="/ecs/{service}", description="Log group of a workload")
    log_lines: int = Field(default=3000, description="Log lines read per round at most")
    release_record: str = Field(default="/releases/{service}", description="Parameter whose history tells deploys")
    health_document: str = Field(default="ResiliBot-HealthCheck", description="Read-only Automation document")
    health_wait_s: float = Field(default=15, description="How long the health check document may take in all")
    health_probe_s: float = Field(default=2, description="How long the health check waits for a unit's answer")
    unit: str = Field(default="{service}.service", description="Unit of a workload on its hosts")
    runbook_bucket: str = Field(default="", description="Bucket of runbooks (Markdown, JSON, YAML under runbooks/)")
    runbook_encoder: bool = Field(default=True, description="Find runbooks by meaning too (extra `dense`)")
    runbook_encode_s: float = Field(default=8, description="Time of one round for encoding new runbooks")
    runbook_index: str = Field(
        default="", description="s3vectors:BUCKET/INDEX: S3 Vectors compares meaning; empty: this process does"
    )
    cloudtrail: bool = Field(default=True, description="Ask CloudTrail for changes")
    codedeploy: bool = Field(default=True, description="Ask CodeDeploy for deployments of the service")
    config_history: bool = Field(default=True, description="Ask AWS Config how the signal's resource was configured")
    aws_health: bool = Field(default=True, description="Ask AWS Health about the signal's resource (a support plan)")
    xray: bool = Field(default=True, description="Ask X-Ray which service calls which, where no file says it")
    xray_window_s: int = Field(default=3600, le=21600, description="How far back X-Ray's calls are looked at")
    max_neighbour_changes: int = Field(default=10, description="Services below whose changes are read, at most")
    topology_file: str = Field(default="", description="TOML file that says which service calls which")
    watch_file: str = Field(default="", description="TOML file of what is watched between alarms; empty: nothing")
    watch_every_s: float = Field(default=300, gt=0, description="Time between two rounds of the watches")
    max_neighbour_metrics: int = Field(
        default=60, description="Metrics read per round of what the alarm's service calls, at most"
    )

    @field_validator("runbook_index")
    @classmethod
    def _is_an_index(cls, told: str) -> str:
        if told and not _S3_VECTORS.fullmatch(told):
            raise ValueError(
                "RESILIBOT_RUNBOOK_INDEX is s3vectors:BUCKET/INDEX, both of 3 to 63 lower-case letters, digits, "
                f"dots and hyphens, or empty; not {told[:200]!r}"
            )
        return told

    @model_validator(mode="after")
    def _has_what_the_index_compares(self) -> "ObserveSettings":
        if self.runbook_index and not self.runbook_encoder:
            raise ValueError("RESILIBOT_RUNBOOK_INDEX needs the encoder, and RESILIBOT_RUNBOOK_ENCODER is false")
        return self

    @property
    def s3_vectors(self) -> tuple[str, str] | None:
        """Bucket and index of S3 Vectors; None: meaning is compared in this process."""
        told = _S3_VECTORS.fullmatch(self.runbook_index)
        return (told[1], told[2]) if told else None
