"""A person approves, comments and closes; then they are forgotten: their name stands nowhere, and nothing broke."""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from resilibot.act.grants import is_genuine
from resilibot.contracts import events as e
from resilibot.contracts.case import fold
from resilibot.contracts.envelope import stream_id
from resilibot.contracts.personal import ERASED, TOKEN
from resilibot.local.aws import clients_at
from resilibot.local.backbone import personal_of
from resilibot.local.client import ApiClient, ApiRefused
from resilibot.local.commands.running import _postmortem
from resilibot.local.drill import Watcher, decide, follow, known_incidents
from resilibot.projections.adapters.dynamodb_read_models import DynamoReadModels
from resilibot.projections.adapters.live_names import LiveNames
from resilibot.projections.rebuild import rebuilt
from resilibot.runtime.environment import RuntimeSettings
from resilibot.runtime.event_store.dynamodb import DynamoEventStore
from resilibot.runtime.event_store.tables import Tables
from resilibot.runtime.kms_subject_keys import KmsSubjectKeys
from resilibot.runtime.personal import KeysUnavailable, SubjectKeys
from tests.support.house import House, until
from tests.support.plaintext import places_of, read
from tests.support.subject_keys_contract import SubjectKeysContract

pytestmark = pytest.mark.integration

WANDA = "wanda.erasable@example.org"
WORDS = "Wanda from the Lübeck office says yes"
CLOSING = "Wanda closes it after a phone call"
PERSONAL_TEXTS = (WANDA, "Lübeck office", "phone call")


@pytest.fixture(scope="module")
def make(ministack_endpoint: str) -> Iterator[Callable[[], KmsSubjectKeys]]:
    """Makes keepers that share one table, each as a process of its own sees it."""
    tables = Tables(keys="k-keys")
    with clients_at(ministack_endpoint) as client:
        (definition,) = [d for d in tables.definitions() if d["TableName"] == tables.keys]
        client("dynamodb").create_table(**definition)
        kms = client("kms")
        wrapping = kms.create_key()["KeyMetadata"]["KeyId"]
        naming = kms.create_key(KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_256")["KeyMetadata"]["KeyId"]
        yield lambda: KmsSubjectKeys(client("dynamodb"), lambda: kms, tables.keys, wrapping, naming)


class TestKmsSubjectKeys(SubjectKeysContract):
    @pytest.fixture
    def keys(self, make: Callable[[], KmsSubjectKeys]) -> SubjectKeys:
        return make()

    @pytest.fixture
    def elsewhere(self, make: Callable[[], KmsSubjectKeys]) -> SubjectKeys:
        return make()

    def test_a_key_moved_to_another_person_does_not_open(
        self, make: Callable[[], KmsSubjectKeys], ministack_endpoint: str
    ) -> None:
        keys = make()
        keys.obtain("a" * 32)
        with clients_at(ministack_endpoint) as client:
            dynamodb = client("dynamodb")
            item = dynamodb.get_item(TableName="k-keys", Key={"subject": {"S": "a" * 32}})["Item"]
            dynamodb.put_item(TableName="k-keys", Item={**item, "subject": {"S": "b" * 32}})
        with pytest.raises(KeysUnavailable):
            make().find(["b" * 32])


@pytest.fixture(scope="module")
def wanda(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    """A second person with a token of her own, known before anybody calls."""
    manager, name = house.client("secretsmanager"), "resilibot/principals"
    known = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
    digest = hashlib.sha256(b"wanda-token").hexdigest()
    known[digest] = {"id": WANDA, "roles": ["viewer", "responder", "approver"], "kind": "person"}
    manager.put_secret_value(SecretId=name, SecretString=json.dumps(known))
    folder = tmp_path_factory.mktemp("wanda")
    (folder / "operator.token").write_text("wanda-token")
    with closing(ApiClient(house.file.model_copy(update={"state_dir": folder}))) as client:
        yield client


@pytest.fixture(scope="module")
def approved(house: House, wanda: ApiClient) -> dict[str, Any]:
    """The case of a bad release that Wanda approved to roll back, resolved, with its postmortem."""

    def approve(request: dict[str, Any], case: dict[str, Any]) -> None:
        decide(wanda, case["incident_id"], request, approve=True, comment=WORDS)

    house.warm_up()
    before, at = known_incidents(house.api), datetime.now(UTC)
    house.world.inject("bad-deploy")
    try:
        watcher = Watcher(lambda entry: None, approve)
        return follow(house.api, watcher, drill="bad-deploy", before=before, injected_at=at, timeout_s=90).case
    finally:
        house.world.undo("bad-deploy")


@pytest.fixture(scope="module")
def closed(house: House, wanda: ApiClient) -> str:
    """An incident that Wanda opened and closed."""
    opened: str = wanda.post("/incidents", {"title": "slow parcels", "service": "parcels"})["incident_id"]
    wanda.post(f"/incidents/{opened}/close", {"comment": CLOSING})
    until(lambda: house.api.get("/incidents", status="CLOSED")["incidents"], 15, "the closed incident")
    return opened


def shown(house: House, incident_ids: tuple[str, ...], case: dict[str, Any]) -> str:
    """All that people can read of these incidents."""
    now = datetime.now(UTC).isoformat()
    texts: list[Any] = [_postmortem(house.file, case)]
    texts += [house.api.get("/incidents", limit=100), house.api.get("/incidents", limit=100, at=now)]
    for incident_id in incident_ids:
        path = f"/incidents/{incident_id}"
        last = str(len(house.api.get(f"{path}/events")["events"]))
        for at in (None, last, now):
            events = house.api.get(f"{path}/events", at=at)["events"]
            assert TOKEN.search(json.dumps([event.pop("body") for event in events])), "the exact text stays sealed"
            texts += [events, house.api.get(path, at=at), house.api.get(f"{path}/timeline", at=at)]
        items = [item for gathered in texts[-2]["rounds"] for item in gathered["items"]]
        texts += [house.api.get(f"{path}/evidence/{item['id']}") for item in items]
        texts += [house.cli(*words, incident_id).stdout for words in (["replay"], ["incident", "show"])]
    text = json.dumps(texts, ensure_ascii=False)
    assert not TOKEN.search(text), "nobody is shown a token"
    return text


def exported(house: House, incident_ids: tuple[str, ...], folder: Path) -> str:
    """What leaves the house as proof: bundles that verify, and (as places_of() sees) the archive."""
    house.cli_json("archive", "--older-than-days", "0")
    texts = []
    for incident_id in incident_ids:
        path = folder / f"{incident_id}.tar"
        assert house.cli_json("audit", "export", incident_id, "--out", str(path))["ok"]
        texts.append(path.read_bytes().decode(errors="replace"))
    return "\n".join(texts)


@pytest.mark.feature(214)
def test_a_forgotten_person_is_nowhere_and_nothing_else_changed(
    house: House, approved: dict[str, Any], closed: str, tmp_path: Path
) -> None:
    ids = (approved["incident_id"], closed)
    before = shown(house, ids, approved)
    assert [text for text in PERSONAL_TEXTS if text not in before] == [], "people read names while nobody is forgotten"
    assert f"Approved by {WANDA}: {WORDS}" in before
    assert approved["postmortem"]
    bundles = exported(house, ids, tmp_path)
    assert TOKEN.search(bundles)
    assert [text for text in PERSONAL_TEXTS if text in bundles] == [], "a proof names nobody"
    looked_at = read(house)
    assert looked_at["table"] > 50, looked_at
    assert looked_at["bucket"] > 1, looked_at
    assert looked_at["file"] > 10, looked_at
    assert [places_of(text, house) for text in PERSONAL_TEXTS] == [[], [], []], (
        "what is stored was sealed from the start"
    )

    store = DynamoEventStore(house.client("dynamodb"))
    heads = {head.stream: (head.version, head.hash) for head in store.heads()}
    forgotten = house.cli_json("forget", WANDA, "--yes")

    after = shown(house, ids, approved)
    assert [text for text in PERSONAL_TEXTS if text in after] == []
    assert f"Approved by {ERASED}: {ERASED}" in after
    assert f"Closed by a person: {ERASED}" in after
    assert house.cli_json("audit", "verify")["ok"]
    assert exported(house, ids, tmp_path)
    (recorded,) = store.load("control#erasure").events
    assert recorded.event == e.SubjectForgottenV1(subject=forgotten["subject"])
    until(lambda: _views_equal_the_store(house, store, ids), 10, "rebuilt views, equal to the live ones")
    unchanged = {stream: place for stream, place in heads.items() if stream.startswith("incident#")}
    assert {s: (store.load(s).version, store.load(s).hash) for s in unchanged} == unchanged
    assert [places_of(text, house) for text in PERSONAL_TEXTS] == [[], [], []]


def _views_equal_the_store(house: House, store: DynamoEventStore, ids: tuple[str, ...]) -> bool:
    dynamodb = house.client("dynamodb")
    models = DynamoReadModels(dynamodb, LiveNames(dynamodb, Tables().cursors))
    for incident_id in ids:
        stream = stream_id("incident", incident_id)
        states = rebuilt(store, stream)
        assert not [text for text in PERSONAL_TEXTS if text in json.dumps(states, ensure_ascii=False)]
        if any(models.get(model, stream) != json.loads(json.dumps(state)) for model, state in states.items()):
            return False
    return True


@pytest.mark.feature(214)
def test_the_grant_of_a_forgotten_person_is_still_genuine(house: House, approved: dict[str, Any]) -> None:
    key = house.client("secretsmanager").get_secret_value(SecretId="resilibot/act/grant-key")["SecretString"]
    events = DynamoEventStore(house.client("dynamodb")).load(stream_id("incident", approved["incident_id"])).events
    (approval,) = fold(approved["incident_id"], events).approvals.values()
    assert approval.answered_by
    assert personal_of(house.file).reveal(approval.answered_by) == ERASED
    assert is_genuine(key.encode(), approved["incident_id"], approval)


def test_forgetting_again_changes_nothing_and_a_stranger_is_told_apart(house: House) -> None:
    house.cli_json("forget", WANDA, "--yes")
    assert len(DynamoEventStore(house.client("dynamodb")).load("control#erasure").events) == 1
    with pytest.raises(ApiRefused, match="nobody of exactly this name") as refused:
        house.api.post("/erasures", {"subject": "stranger@example.org"})
    assert refused.value.status == 404
    assert "stranger" not in str(refused.value)


def test_only_who_may_forget_does(wanda: ApiClient) -> None:
    with pytest.raises(ApiRefused, match="admin") as refused:
        wanda.post("/erasures", {"subject": "operator@localhost"})
    assert refused.value.status == 403


def test_without_a_yes_nobody_is_forgotten(house: House) -> None:
    assert house.cli("forget", WANDA, "--json").returncode == 2


@pytest.mark.feature(214)
def test_a_planted_name_is_found_wherever_it_hides(house: House) -> None:
    """Last in this module: the search itself must be able to fail."""
    word = "planted@example.org"
    state = {"stream": {"S": "incident#planted"}, "state": {"B": zlib.compress(f'{{"by": "{word}"}}'.encode())}}
    house.client("dynamodb").put_item(TableName="resilibot-readmodel-cases-v1", Item=state)
    house.client("s3").put_object(Bucket="resilibot-blobs", Key="planted", Body=f"by {word}".encode())
    with (house.file.state_dir / "logs" / "act.log").open("a") as log:
        log.write(f"approved by {word}\n")
    settings = RuntimeSettings()
    assert places_of(word, house) == [
        f"bucket {settings.blob_bucket}",
        "file logs/act.log",
        "table resilibot-readmodel-cases-v1",
    ]
