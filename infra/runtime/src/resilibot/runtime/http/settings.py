"""settings: environment of the HTTP side, prefix RESILIBOT_."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class HttpSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RESILIBOT_", frozen=True, hide_input_in_errors=True)

    principals_secret: str = Field(
        default="resilibot/principals",
        description="Secret with the sha256 digests of bearer tokens, and who holds them",
    )
    oidc_issuer: str = Field(default="", description="Issuer of people's JWTs (https); empty: no JWT is accepted")
    oidc_audience: str = Field(default="", description="The audience that a JWT must name; needed with an issuer")
    oidc_jwks_url: str = Field(
        default="", description="Where the issuer's keys are, on its host; empty: {issuer}/.well-known/jwks.json"
    )
    oidc_roles_claim: str = Field(default="roles", description="Claim that lists a caller's roles")
    oidc_person_claim: str = Field(
        default="email", description="Claim that names a person; a token without it is a machine's"
    )
    oidc_leeway_s: float = Field(default=30, ge=0, le=300, description="Seconds by which clocks may differ")
    requests_per_s: float = Field(default=50, gt=0, description="Lasting rate of requests per caller, and per source")
    requests_burst: int = Field(default=500, ge=1, description="Requests that a caller may make at once")
    strangers_per_s: float = Field(default=2, gt=0, description="The same for refused callers, per address")
    strangers_burst: int = Field(default=200, ge=1, description="Refused requests that an address may make at once")

    @property
    def jwks_url(self) -> str:
        return self.oidc_jwks_url or f"{self.oidc_issuer.rstrip('/')}/.well-known/jwks.json"

    @model_validator(mode="after")
    def _issuer_is_whole(self) -> Self:
        """Keys come from the issuer's own host over https, or nobody's tokens count."""
        if not self.oidc_issuer:
            return self
        issuer, keys = urlsplit(self.oidc_issuer), urlsplit(self.jwks_url)
        if issuer.scheme != "https" or not issuer.hostname:
            raise ValueError("oidc_issuer: an https address is needed")
        if keys.scheme != "https" or keys.netloc != issuer.netloc:
            raise ValueError("oidc_jwks_url: https on the issuer's own host is needed")
        if not self.oidc_audience:
            raise ValueError("oidc_audience: needed with an issuer, else tokens meant for others would count")
        return self
