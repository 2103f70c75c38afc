"""choice: which model is asked, and where. Pure: nothing is loaded or asked by choosing."""

from dataclasses import dataclass, fields
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr
from pydantic_settings import BaseSettings


def _is_an_address(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None):
        raise ValueError("an http(s) address without user and password")
    return url


Address = Annotated[str, AfterValidator(_is_an_address)]  # empty: the client's own


@dataclass(frozen=True)
class Choice:
    """A model by protocol and id. `key_secret` names the secret that holds the key; else it is `key`."""

    protocol: Literal["bedrock", "openai"]
    model: str
    url: str
    region: str
    key: SecretStr
    key_secret: str
    call_s: float
    output_tokens: int

    @classmethod
    def of(cls, protocol: Literal["bedrock", "openai"], settings: BaseSettings, prefix: str) -> "Choice":
        """As settings tell it, whose names begin with the prefix: `ask_model`, `ask_url` and so on.

        They must have every field but the protocol; AttributeError names the one that is not there.
        """
        told = [field.name for field in fields(cls) if field.name != "protocol"]
        return cls(protocol, **{name: getattr(settings, f"{prefix}_{name}") for name in told})
