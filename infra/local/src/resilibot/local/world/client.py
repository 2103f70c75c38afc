"""WorldClient: the drill's side of the control port.

WorldUnavailable   it does not answer, or not as it should
"""

from typing import Any, ClassVar

import httpx


class WorldUnavailable(Exception):
    code: ClassVar[str] = "world_unavailable"


class WorldClient:
    """All calls raise WorldUnavailable."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def state(self) -> dict[str, Any]:
        return self._call("GET", "/state")

    def inject(self, fault: str) -> dict[str, Any]:
        return self._call("POST", f"/faults/{fault}")

    def undo(self, fault: str) -> dict[str, Any]:
        return self._call("POST", f"/undo/{fault}")

    def arm(self, alarm: str) -> dict[str, Any]:
        return self._call("POST", f"/alarms/{alarm}")

    def _call(self, method: str, path: str) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path)
            answer.raise_for_status()
            state: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise WorldUnavailable(f"{method} {path}: the drill's world does not answer: {error}") from error
        return state
