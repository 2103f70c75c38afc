"""The running API under attack: forged proofs, malformed requests, floods, slow and smuggled ones. Nothing hangs.

HYPOTHESIS_PROFILE=long asks for many more examples of each operation.
"""

import base64
import hashlib
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from standardwebhooks.webhooks import Webhook

from resilibot.local.home import HomePlan
from resilibot.runtime.access import Access
from tests.support.house import House, living_in, until

pytestmark = [pytest.mark.integration, pytest.mark.feature(82)]
IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
DOCUMENT = json.loads((Path(__file__).parents[2] / "contracts" / "openapi.json").read_text())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
ASKED = settings(
    max_examples=300 if IS_LONG else 12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=not IS_LONG,
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A home without the drill's world, and with limits that a test can reach."""
    limits = {"RESILIBOT_REQUESTS_PER_S": "1000", "RESILIBOT_REQUESTS_BURST": "5000"}
    strangers = {"RESILIBOT_STRANGERS_PER_S": "1000", "RESILIBOT_STRANGERS_BURST": "5000"}
    plan = HomePlan(tmp_path_factory.mktemp("home"), with_world=False, settings=limits | strangers)
    with living_in(plan, is_told=False) as house:
        yield house


@pytest.fixture(scope="module")
def operator(house: House) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.file.token_file.read_text()}"}


@pytest.fixture(scope="module")
def client(house: House) -> Iterator[httpx.Client]:
    """For crowds: made once, since making one costs more than what it asks."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=0)
    with httpx.Client(base_url=house.file.api, trust_env=False, timeout=60, limits=limits) as client:
        yield client


@pytest.fixture(scope="module")
def incident_id(house: House) -> str:
    found: str = house.api.post("/incidents", {"title": "invoices are late", "service": "invoices"})["incident_id"]
    until(lambda: house.incidents_of("invoices"), 10, "the incident in the list")
    return found


@pytest.fixture(scope="module")
def sources(house: House) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((house.file.state_dir / "webhooks.json").read_text())
    return found


def is_signed(case: Any) -> bool:
    return bool(case.operation.definition.raw["x-resilibot-access"] == Access.SIGNED)


@SCHEMA.parametrize()
@ASKED
def test_every_answer_is_as_the_document_says_and_none_is_a_5xx(
    case: Any, house: House, operator: dict[str, str], incident_id: str
) -> None:
    checks = CHECKS
    if "incident_id" in (case.path_parameters or {}) and len(str(case.path_parameters)) % 2:
        case.path_parameters["incident_id"] = incident_id  # half of them ask for one that there is
        checks = CHECKS[:-1]
    if is_signed(case):
        checks = CHECKS[:-1]  # what it takes is not in the document
    case.call_and_validate(base_url=house.file.api, headers=operator, checks=checks, timeout=20)


@SCHEMA.parametrize()
@settings(ASKED, max_examples=4, phases=[Phase.generate])
def test_without_a_proof_nothing_is_opened_but_what_is_public(case: Any, house: House) -> None:
    case.headers = {k: v for k, v in (case.headers or {}).items() if k.lower() != "authorization"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {forged_jwt()}"}):
        answer = case.call(base_url=house.file.api, headers=headers, timeout=20)
        access = case.operation.definition.raw["x-resilibot-access"]
        if access == Access.PUBLIC:
            assert answer.status_code == 200
        elif is_signed(case):
            assert answer.status_code in (400, 401, 404, 422)
        else:
            assert answer.status_code == 401
        case.validate_response(answer, checks=CHECKS[:4])


def forged_jwt() -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {
        "iss": "https://login.example.org",
        "aud": "resilibot",
        "sub": "x",
        "exp": time.time() + 60,
        "roles": ["admin"],
    }
    return f"{part({'alg': 'none'})}.{part(claims)}."


def ask(house: House, raw: bytes, within_s: float = 20) -> bytes:
    """Bytes as they are, to the API's port; the answer until it closes, or is whole for our purpose."""
    address = urlsplit(house.file.api)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=within_s) as connection:
        with suppress(ConnectionError):  # it may be closed before it has read all
            connection.sendall(raw)
        answer = b""
        with suppress(TimeoutError, ConnectionError):
            while chunk := connection.recv(65_536):
                answer += chunk
                connection.settimeout(1)
        return answer


@pytest.mark.feature(59)
def test_two_hundred_connections_at_once_are_all_answered(client: httpx.Client, operator: dict[str, str]) -> None:
    def one(number: int) -> int:
        headers = operator if number % 2 else {"Authorization": "Bearer nonsense"}
        return client.get("/incidents", headers=headers).status_code

    with ThreadPoolExecutor(200) as pool:
        assert Counter(pool.map(one, range(600))) == {200: 300, 401: 300}


def test_connections_that_say_nothing_do_not_keep_others_out(house: House, operator: dict[str, str]) -> None:
    """Two hundred that stop in the middle of a header, and fifty that send a body byte by byte."""
    address = urlsplit(house.file.api)
    place = (str(address.hostname), int(address.port or 0))
    token = operator["Authorization"].encode()
    head = b"POST /incidents HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: " + token + b"\r\n"
    slow = [socket.create_connection(place, timeout=20) for _ in range(250)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(head + (b"content-length: 100\r\n\r\n{" if number < 50 else b"x-slow: "))
        started = time.monotonic()
        for _ in range(20):
            answer = httpx.get(f"{house.file.api}/incidents", headers=operator, trust_env=False, timeout=20)
            assert answer.status_code == 200
        assert time.monotonic() - started < 10
        assert b"408" in slow[0].recv(4096), "a body that does not come is given up after 10 s"
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    ("raw", "statuses"),
    [
        (b"GET /incidents HTTP/1.1\r\nhost: x\r\nx-big: " + b"a" * 100_000 + b"\r\n\r\n", (400, 401, 431)),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", (400, 401, 414)),
        (
            b"POST /incidents HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            (400, 401, 415),
        ),
        (b"POST /incidents HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}   ", (400,)),
        (b"POST /incidents HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n", (400, 501)),
        (b"GET /incidents HTTP/1.1\r\nhost: x\r\nauthorization : Bearer x\r\n\r\n", (400,)),
        (b"GET /incidents HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \xff\r\n\r\n", (400, 401)),
        (b"GET /incidents\x00 HTTP/1.1\r\nhost: x\r\n\r\n", (400, 401)),
        (b"GET http://evil.example/incidents HTTP/1.1\r\nhost: x\r\n\r\n", (400, 401, 404)),
        (b"GET /health/../incidents HTTP/1.1\r\nhost: x\r\n\r\n", (400, 401)),
        (b"GET //health HTTP/1.1\r\nhost: x\r\n\r\n", (400, 401)),
        (b"GET /%2e%2e/incidents HTTP/1.1\r\nhost: x\r\n\r\n", (400, 401)),
        (b"GET /incidents?a=%ff%fe HTTP/1.1\r\nhost: x\r\n\r\n", (400, 401)),
        (b"GET /incid\xffents HTTP/1.1\r\nhost: x\r\n\r\n", (400, 401)),
        (b"GET /incidents%ff HTTP/1.1\r\nhost: x\r\n\r\n", (400, 401)),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00", (400,)),
    ],
)
def test_what_is_no_http_or_hides_something_is_refused(house: House, raw: bytes, statuses: tuple[int, ...]) -> None:
    answer = ask(house, raw)
    assert int(answer.split(b" ", 2)[1]) in statuses, answer[:300]
    assert answer.count(b"HTTP/1.1") == 1, "one request, one answer: nothing was smuggled behind it"


def test_a_header_by_another_name_makes_nobody_somebody_else(house: House, operator: dict[str, str]) -> None:
    for headers in (
        {"X-Authorization": operator["Authorization"]},
        {"Authorization_": operator["Authorization"]},
        {"X-Forwarded-User": "operator@localhost"},
        {"X-Resilibot-Principal": "operator@localhost"},
        {"Authorization": f"Bearer wrong, {operator['Authorization']}"},
        {"Cookie": operator["Authorization"]},
        {"X-HTTP-Method-Override": "GET"},
    ):
        answer = httpx.get(f"{house.file.api}/incidents", headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/incidents/{id}?at=20261124", 400, "zone"),
        ("/incidents/{id}?at=99999999999", 400, "neither"),
        ("/incidents/{id}?at=", 422, "at"),
        ("/incidents/%20", 422, "incident_id"),
        ("/incidents//timeline", 404, "path"),
        ("/incidents/" + "A" * 200, 422, "incident_id"),
        ("/signals/%20/", 404, "path"),
        ("/targets?name=service/nothing", 404, "no action was ever started"),
        ("/targets?name=", 422, "name"),
        ("/audit?stream=", 422, "stream"),
        ("/feed?after=99999999999999999999999999", 422, "after"),
        ("/incidents?limit=NaN", 422, "limit"),
    ],
)
def test_a_get_that_asks_wrongly_hears_which_part(
    house: House, operator: dict[str, str], incident_id: str, path: str, status: int, words: str
) -> None:
    url = f"{house.file.api}{path.replace('{id}', incident_id)}"
    answer = httpx.get(url, headers=operator, trust_env=False)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


@pytest.mark.parametrize("path", ["/incidents/%20/close", f"/incidents/{'A' * 600}/close", "/incidents//close"])
def test_a_post_to_an_id_that_cannot_be_is_refused(house: House, operator: dict[str, str], path: str) -> None:
    answer = httpx.post(f"{house.file.api}{path}", json={}, headers=operator, trust_env=False)
    assert answer.status_code in (404, 422), answer.text


def alarm(name: str, service: str) -> bytes:
    trigger = {
        "MetricName": "Failures",
        "Namespace": "Test",
        "Period": 60,
        "Dimensions": [{"name": "Service", "value": service}],
    }
    return json.dumps(
        {
            "AlarmName": name,
            "AWSAccountId": "000000000000",
            "NewStateValue": "ALARM",
            "StateChangeTime": "2026-11-24T12:00:00.000+0000",
            "Region": "us-east-1",
            "Trigger": trigger,
        }
    ).encode()


def alert(service: str, starts_at: str) -> bytes:
    """As Alertmanager sends it."""
    one = {"status": "firing", "labels": {"alertname": "Failures", "service": service}, "startsAt": starts_at}
    return json.dumps({"version": "4", "status": "firing", "receiver": "x", "alerts": [one]}).encode()


@pytest.mark.feature(3)
def test_a_signed_webhook_sent_five_times_is_one_incident(house: House, sources: dict[str, Any]) -> None:
    body, now = alarm("webhook-failures", "webhooked"), datetime.now(UTC)
    signature = Webhook(sources["cloudwatch"]["secrets"][0]).sign("msg_1", now, body.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    for _ in range(5):
        answer = httpx.post(f"{house.file.api}/webhooks/cloudwatch", content=body, headers=headers, trust_env=False)
        assert answer.status_code == 202, answer.text
    (row,) = until(lambda: house.incidents_of("webhooked"), 15, "the incident")
    time.sleep(2)  # for the repetitions to be taken in too
    assert house.api.get(f"/signals/{row['fingerprint']}")["received"] == 1
    assert len(house.incidents_of("webhooked")) == 1


def test_a_burst_of_webhooks_is_kept_whole(house: House, client: httpx.Client, sources: dict[str, Any]) -> None:
    """Three hundred in a few seconds, faster than they are taken in: each is counted in the end."""
    headers = {"Authorization": f"Bearer {sources['alertmanager']['secrets'][0]}"}

    def send(number: int) -> int:
        body = alert("burst", f"2026-11-24T12:00:00.{number:03d}Z")
        return client.post("/webhooks/alertmanager", content=body, headers=headers).status_code

    with ThreadPoolExecutor(40) as pool:
        assert Counter(pool.map(send, range(300))) == {202: 300}
    (row,) = until(lambda: house.incidents_of("burst"), 30, "the incident")
    until(lambda: house.api.get(f"/signals/{row['fingerprint']}")["received"] == 300, 90, "all signals", 1)


def test_who_was_turned_away_is_in_the_feed_and_a_flood_is_a_number(house: House, client: httpx.Client) -> None:
    """By now this module was refused some hundred times, for every reason."""
    secret = f"my-own-{hashlib.sha256(b'x').hexdigest()}"
    for _ in range(100):
        assert client.get("/audit", headers={"Authorization": f"Bearer {secret}"}).status_code == 401

    def refused() -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        last = 0
        while page := house.api.get("/feed", after=last, limit=100)["entries"]:
            entries += page
            last = page[-1]["position"]
        return [entry for entry in entries if entry["type"] == "RequestRefused.v1"]

    until(lambda: any("unauthenticated" in entry["sentence"] for entry in refused()), 20, "the refusals", 1)
    found = refused()
    assert {entry["stream"].rpartition("-")[0] for entry in found} == {"control#refused"}
    assert secret not in json.dumps(found)
    assert len(found) < 400, "minutes, not requests, bound how many there are"
    assert any(entry["actor"]["id"] == "operator@localhost" for entry in found), "who is known is named"
    assert "RequestRefused" in house.cli("audit", "feed").stdout


@pytest.mark.feature(83)
def test_one_noisy_caller_does_not_make_another_wait(tmp_path: Path) -> None:
    limits = {
        "RESILIBOT_REQUESTS_PER_S": "0.01",
        "RESILIBOT_REQUESTS_BURST": "20",
        "RESILIBOT_STRANGERS_BURST": "20",
        "RESILIBOT_STRANGERS_PER_S": "0.01",
    }
    plan = HomePlan(tmp_path / "home", with_world=False, settings=limits)
    with living_in(plan, is_told=False) as house, ExitStack() as house_client:
        known = {
            hashlib.sha256(name.encode()).hexdigest(): {"id": name, "roles": ["viewer"]} for name in ("noisy", "quiet")
        }
        secrets = house.client("secretsmanager")
        secrets.put_secret_value(SecretId="resilibot/principals", SecretString=json.dumps(known))

        client = house_client.enter_context(httpx.Client(base_url=house.file.api, trust_env=False, timeout=30))

        def get(token: str) -> httpx.Response:
            return client.get("/incidents", headers={"Authorization": f"Bearer {token}"})

        with ThreadPoolExecutor(20) as pool:
            counted = Counter(answer.status_code for answer in pool.map(get, ["noisy"] * 60))
            strangers = Counter(answer.status_code for answer in pool.map(get, ["nobody"] * 60))
        assert counted == {200: 20, 429: 40}
        assert strangers == {401: 20, 429: 40}
        refused = get("noisy")
        assert int(refused.headers["retry-after"]) >= 1
        assert get("quiet").status_code == 200
