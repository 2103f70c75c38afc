"""WorldClient: the drill's side of the control port."""

from typing import Any

import httpx


class WorldClient:
    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def state(self) -> dict[str, Any]:
        return self._answered(self._http.get("/state"))

    def inject(self, fault: str) -> dict[str, Any]:
        return self._answered(self._http.post(f"/faults/{fault}"))

    def undo(self, fault: str) -> dict[str, Any]:
        return self._answered(self._http.post(f"/undo/{fault}"))

    def arm(self, alarm: str) -> dict[str, Any]:
        return self._answered(self._http.post(f"/alarms/{alarm}"))

    def _answered(self, answer: httpx.Response) -> dict[str, Any]:
        answer.raise_for_status()
        state: dict[str, Any] = answer.json()
        return state
