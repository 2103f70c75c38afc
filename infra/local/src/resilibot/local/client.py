"""ApiClient: the command line's way to a running home, over the same HTTP API that everyone uses.

ApiError
├── ApiRefused      4xx: the request was wrong; `status` and the server's own words
└── ApiUnavailable  no answer, or a 5xx
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx

from resilibot.local.home_file import HomeFile

PAGE = 100  # the API's largest


class ApiError(Exception):
    code: ClassVar[str] = "api_error"


class ApiRefused(ApiError):
    code = "api_refused"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class ApiUnavailable(ApiError):
    code = "api_unavailable"


class ApiClient:
    """Speaks as the operator whose token lies in the state folder."""

    def __init__(self, home: HomeFile) -> None:
        token = home.token_file.read_text().strip()
        self._http = httpx.Client(
            base_url=home.api,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(15, connect=2),
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: str | int | None) -> Any:
        return self._call("GET", path, params={k: v for k, v in params.items() if v is not None})

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        return self._call("POST", path, json=body, headers=headers)

    def incidents(self, limit: int, **params: str | None) -> list[Mapping[str, Any]]:
        """The newest incidents that fit, over as many pages as it takes: a filtered page may hold few, or none."""
        rows: list[Mapping[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.get("/incidents", limit=PAGE, cursor=cursor, **params)
            rows += page["incidents"]
            cursor = page["cursor"]
            if cursor is None or len(rows) >= limit:
                return rows[:limit]

    def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        try:
            answer = self._http.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            raise ApiUnavailable(f"{method} {path}: {error}") from error
        if answer.status_code >= 500:
            raise ApiUnavailable(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        if answer.status_code >= 400:
            raise ApiRefused(answer.status_code, _message(answer))
        return answer.json()


def _message(answer: httpx.Response) -> str:
    """The detail of a problem (RFC 9457), or the bare text of an answer that is none."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:300]
