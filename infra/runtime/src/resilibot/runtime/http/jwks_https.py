"""jwks_https: fetches the issuer's keys. One https address, from configuration; no request leads anywhere else."""

import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO, Any

from resilibot.runtime.http.oidc import KeySourceUnavailable

TIMEOUT_S = 3.0
MOST_BYTES = 262_144


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None  # then the 3xx is an HTTPError


class HttpsJwks:
    """context: an ssl.SSLContext for tests; None: the system's authorities."""

    def __init__(self, url: str, context: Any = None) -> None:
        if not url.startswith("https://"):
            raise ValueError(f"{url}: https is needed")
        self._url = url
        self._opener = urllib.request.build_opener(
            _NoRedirect, urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def __call__(self) -> str:
        """Raises KeySourceUnavailable."""
        try:
            with self._opener.open(self._url, timeout=TIMEOUT_S) as answer:
                raw: bytes = answer.read(MOST_BYTES + 1)
        except (urllib.error.URLError, OSError, HTTPException) as error:
            raise KeySourceUnavailable(f"{self._url}: {error}") from error
        if len(raw) > MOST_BYTES:
            raise KeySourceUnavailable(f"{self._url}: more than {MOST_BYTES} bytes")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise KeySourceUnavailable(f"{self._url}: not UTF-8") from error
