"""S3 Vectors as the index of runbooks: boto3's real client against the service on loopback, faults by script."""

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resilibot.contracts import events as e
from resilibot.contracts.evidence import GapReason
from resilibot.local.retrieve_eval import rank, read_corpus, read_qrels, read_queries, score, trec
from resilibot.observe.adapters import s3_vectors_index
from resilibot.observe.adapters.minilm_encoder import MiniLmEncoder
from resilibot.observe.adapters.s3_vectors_index import GRACE_S, LISTED_S, PAUSE_S, S3VectorsIndex
from resilibot.observe.ports import Ports
from resilibot.observe.runbook_library import RunbookLibrary
from resilibot.observe.runbook_ports import IndexUnavailable, Runbook, VectorIndex
from resilibot.observe.service import SERVICE
from resilibot.observe.settings import ObserveSettings
from resilibot.observe.sources import runbook_library
from resilibot.runtime import environment
from resilibot.runtime.blobs import InMemoryBlobStore
from resilibot.runtime.testing import story
from tests.support import s3_vectors as support
from tests.support.act_world import opened
from tests.support.s3_vectors import Fault, S3VectorsService, s3_vectors
from tests.support.silent_sources import Nothing
from tests.support.vector_index_contract import (
    EAST,
    MODEL,
    NORTH,
    OTHER,
    SIZE,
    WEST,
    VectorIndexContract,
    chunk,
    keys,
    vector,
)

pytestmark = [pytest.mark.integration, pytest.mark.feature(20)]

SAMPLES = Path(__file__).parents[1] / "samples" / "runbooks"
WHERE = "S3 Vectors home-vectors/runbooks"
CHUNKS = [chunk(1), chunk(2)]


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def service() -> Iterator[S3VectorsService]:
    with s3_vectors(dimension=SIZE) as served:
        yield served


@pytest.fixture
def clock() -> Clock:
    return Clock()


def index_of(service: S3VectorsService, clock: Callable[[], float] = time.time, name: str = "") -> S3VectorsIndex:
    return S3VectorsIndex(service.client, service.bucket, name or service.index, clock)


def filled(service: S3VectorsService, clock: Callable[[], float] = time.time) -> S3VectorsIndex:
    index = index_of(service, clock)
    index.missing(MODEL, CHUNKS)
    index.add(MODEL, {chunk(1): EAST, chunk(2): NORTH})
    return index


class TestS3Vectors(VectorIndexContract):
    @pytest.fixture
    def index(self, service: S3VectorsService) -> VectorIndex:
        return index_of(service)


# What is asked


def test_vectors_are_put_as_float32_under_model_and_chunk_and_carry_nothing_of_the_text(
    service: S3VectorsService, clock: Clock
) -> None:
    index_of(service, clock).add(MODEL, {chunk(1): vector(0.1, 0.2, 0.3)})
    ((operation, asked),) = service.asked
    assert operation == "PutVectors"
    (entry,) = asked["vectors"]
    assert entry.keys() == {"key", "data", "metadata"}
    assert entry["key"] == f"{MODEL}/{chunk(1)}"
    assert entry["data"]["float32"] == list(service.vectors[entry["key"]]["data"])  # nothing is lost as float32
    assert entry["metadata"] == {"put": clock.now}


def test_more_than_one_request_holds_are_put_listed_and_deleted_in_several(
    service: S3VectorsService, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "LIST_PAGE", 300)
    many = {chunk(number): vector(1, number) for number in range(1001)}
    index = index_of(service, clock)
    index.add(MODEL, many)
    assert [len(asked["vectors"]) for _, asked in service.asked] == [500, 500, 1]
    assert index_of(service).missing(MODEL, [*many, chunk(5000)]) == {chunk(5000)}
    assert service.count("ListVectors") == 4
    clock.now += GRACE_S + 1
    index_of(service, clock).missing(MODEL, [chunk(0)])
    assert service.vectors.keys() == keys(MODEL, [chunk(0)])
    assert service.count("DeleteVectors") == 2


def test_the_nearest_are_read_from_all_pages(service: S3VectorsService) -> None:
    service.query_page = 30
    many = {chunk(number): vector(1, number / 100) for number in range(150)}
    index = index_of(service)
    index.missing(MODEL, many)
    index.add(MODEL, many)
    found = index.nearest(MODEL, EAST, list(many))
    assert set(found) == {chunk(number) for number in range(100)}
    assert service.count("QueryVectors") == 4


def test_what_is_there_is_listed_once_and_again_after_a_while(service: S3VectorsService, clock: Clock) -> None:
    index = index_of(service, clock)
    for _ in range(3):
        assert index.missing(MODEL, CHUNKS) == set(CHUNKS)
    assert service.count("ListVectors") == 1
    filled(service)  # by another process
    assert index.missing(MODEL, CHUNKS) == set(CHUNKS)
    clock.now += LISTED_S
    assert index.missing(MODEL, CHUNKS) == set()


# What is gone


def test_what_is_gone_for_a_day_is_deleted_and_what_another_process_may_have_put_is_not(
    service: S3VectorsService, clock: Clock
) -> None:
    old = index_of(service, clock)
    old.add(MODEL, {chunk(1): EAST, chunk(2): NORTH})
    old.add(OTHER, {chunk(1): EAST})
    service.vectors["someone's own"] = {"data": list(EAST), "metadata": {"put": 0}}
    service.vectors[f"{MODEL}/{chunk(8)}"] = {"data": list(EAST), "metadata": {}}
    clock.now += GRACE_S + 1
    old.add(MODEL, {chunk(3): WEST})
    index_of(service, clock).missing(MODEL, [chunk(1)])
    assert service.vectors.keys() == {*keys(MODEL, [chunk(1), chunk(3), chunk(8)]), "someone's own"}


def test_what_was_deleted_and_comes_back_is_put_again(service: S3VectorsService, clock: Clock) -> None:
    filled(service, clock)
    clock.now += GRACE_S + 1
    index = index_of(service, clock)
    assert index.missing(MODEL, [chunk(1)]) == set()
    assert service.vectors.keys() == keys(MODEL, [chunk(1)])
    assert index.missing(MODEL, CHUNKS) == {chunk(2)}


def test_what_cannot_be_deleted_costs_no_answer(
    service: S3VectorsService, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    filled(service, clock)
    clock.now += GRACE_S + 1
    service.faults = [Fault("DeleteVectors", "AccessDeniedException")]
    index = index_of(service, clock)
    with caplog.at_level(logging.WARNING):
        assert index.missing(MODEL, [chunk(2)]) == set()
    assert "are not deleted" in caplog.text
    assert index.nearest(MODEL, EAST, [chunk(2)]).keys() == {chunk(2)}


def test_what_another_process_deleted_is_missed_and_put_again(service: S3VectorsService, clock: Clock) -> None:
    index = filled(service, clock)
    del service.vectors[f"{MODEL}/{chunk(1)}"]
    assert index.missing(MODEL, CHUNKS) == set()  # not known yet
    assert index.nearest(MODEL, EAST, CHUNKS).keys() == {chunk(2)}
    assert index.missing(MODEL, CHUNKS) == {chunk(1)}


def test_an_index_full_of_what_is_gone_is_told_and_not_taken_for_an_answer(service: S3VectorsService) -> None:
    index = filled(service)
    index.add(MODEL, {chunk(number): EAST for number in range(10, 120)})
    with pytest.raises(IndexUnavailable, match="nothing is of a runbook now") as raised:
        index.nearest(MODEL, EAST, [chunk(2)])
    assert raised.value.reason == "no_data"


# What fails


@pytest.mark.parametrize("operation", ["ListVectors", "PutVectors", "QueryVectors"])
@pytest.mark.parametrize(
    ("code", "reason", "tries"),
    [
        ("TooManyRequestsException", "error", 2),
        ("ServiceUnavailableException", "error", 2),
        ("InternalServerException", "error", 2),
        ("AccessDeniedException", "no_permission", 1),
        ("NotFoundException", "no_data", 1),
        ("ValidationException", "error", 1),
    ],
)
def test_a_refusal_is_told_with_its_question_and_not_asked_for_again_at_once(
    service: S3VectorsService, clock: Clock, operation: str, code: str, reason: GapReason, tries: int
) -> None:
    index = filled(service, clock)
    clock.now += LISTED_S
    service.faults = [Fault(operation, code)]
    asks: dict[str, Callable[[], object]] = {
        "ListVectors": lambda: index.missing(MODEL, CHUNKS),
        "PutVectors": lambda: index.add(MODEL, {chunk(3): WEST}),
        "QueryVectors": lambda: index.nearest(MODEL, EAST, CHUNKS),
    }
    before = service.count(operation)
    for pause in (0.0, PAUSE_S - 1):
        clock.now += pause
        with pytest.raises(IndexUnavailable, match=f"{operation} of {WHERE}: .*{code}") as raised:
            asks[operation]()
        assert raised.value.reason == reason
    assert service.count(operation) - before == tries
    service.faults = []
    clock.now += 1
    asks[operation]()


def test_a_passing_throttle_costs_a_repeat_and_no_answer(service: S3VectorsService) -> None:
    index = filled(service)
    service.faults = [Fault("QueryVectors", "TooManyRequestsException", times=1)]
    assert index.nearest(MODEL, EAST, CHUNKS)[chunk(1)] == pytest.approx(1)


def test_an_index_that_is_not_there_is_no_data(service: S3VectorsService) -> None:
    with pytest.raises(IndexUnavailable, match="could not be found") as raised:
        index_of(service, name="another").missing(MODEL, CHUNKS)
    assert raised.value.reason == "no_data"


def test_nobody_listening_is_a_timeout() -> None:
    with s3_vectors() as gone:
        pass
    with pytest.raises(IndexUnavailable) as raised:
        index_of(gone).missing(MODEL, CHUNKS)
    assert raised.value.reason == "timeout"


def test_an_index_of_another_dimension_or_metric_is_refused(service: S3VectorsService) -> None:
    index = filled(service)
    service.metric = "euclidean"
    with pytest.raises(IndexUnavailable, match="it compares by 'euclidean', not by cosine") as raised:
        index.nearest(MODEL, EAST, CHUNKS)
    assert raised.value.reason == "not_supported"
    service.dimension = SIZE + 1
    with pytest.raises(IndexUnavailable, match="Invalid dimension"):
        index_of(service).add(MODEL, {chunk(1): EAST})


# What lies


def changed(**fields: Any) -> Callable[[dict[str, Any]], object]:
    """The first vector of the answer with these fields; None: without."""

    def lie(answer: dict[str, Any]) -> object:
        first = {name: value for name, value in {**answer["vectors"][0], **fields}.items() if value is not None}
        return {**answer, "vectors": [first, *answer["vectors"][1:]]}

    return lie


NO_ANSWER: dict[str, Callable[[dict[str, Any]], object]] = {
    "a distance that is no number": changed(distance=math.nan),
    "an endless distance": changed(distance=math.inf),
    "a negative distance": changed(distance=-0.5),
    "a distance beyond the opposite": changed(distance=2.5),
    "a distance in words": changed(distance="near"),
    "a distance that is a list": changed(distance=[0.1]),
    "no distance": changed(distance=None),
    "no key": changed(key=None),
    "a key that is a number": changed(key=7),
    "no vectors": lambda answer: {"distanceMetric": "cosine"},
    "vectors that are none": lambda answer: {**answer, "vectors": {"key": "x"}},
    "a vector that is a text": lambda answer: {**answer, "vectors": ["x"]},
    "no metric": lambda answer: {"vectors": answer["vectors"]},
    "a list": lambda answer: [answer],
    "a text": lambda answer: "vectors",
    "nothing": lambda answer: b"",
    "no JSON": lambda answer: b"<html>",
    "no UTF-8": lambda answer: b'{"vectors": "\xff"}',
    "half an answer": lambda answer: json.dumps(answer).encode()[:40],
}


@pytest.mark.parametrize("lie", NO_ANSWER.values(), ids=NO_ANSWER.keys())
def test_an_answer_that_cannot_be_right_is_refused_as_a_whole(
    service: S3VectorsService, lie: Callable[[dict[str, Any]], object]
) -> None:
    index = filled(service)
    service.faults = [Fault("QueryVectors", lie=lie)]
    with pytest.raises(IndexUnavailable, match=WHERE):
        index.nearest(MODEL, EAST, CHUNKS)


@pytest.mark.parametrize(
    "name", ["no key", "no vectors", "vectors that are none", "a list", "no JSON", "half an answer"]
)
def test_a_list_that_cannot_be_right_is_refused_as_a_whole(service: S3VectorsService, name: str) -> None:
    filled(service)
    service.faults = [Fault("ListVectors", lie=NO_ANSWER[name])]
    with pytest.raises(IndexUnavailable, match=WHERE):
        index_of(service).missing(MODEL, CHUNKS)


def test_keys_that_are_no_chunk_of_the_library_are_dropped(service: S3VectorsService) -> None:
    index = filled(service)
    strangers = [{"key": key, "distance": 0.0} for key in ("x", f"{MODEL}/{chunk(9)}", f"{OTHER}/{chunk(2)}", chunk(2))]
    service.faults = [Fault("QueryVectors", lie=lambda told: {**told, "vectors": [*strangers, *told["vectors"]]})]
    assert index.nearest(MODEL, EAST, CHUNKS) == pytest.approx({chunk(1): 1, chunk(2): 0}, abs=1e-6)


def test_the_order_of_the_answer_is_not_believed(service: S3VectorsService) -> None:
    index = filled(service)
    service.faults = [Fault("QueryVectors", lie=lambda told: {**told, "vectors": told["vectors"][::-1]})]
    assert index.nearest(MODEL, EAST, CHUNKS) == pytest.approx({chunk(1): 1, chunk(2): 0}, abs=1e-6)


def test_of_a_key_that_comes_twice_the_further_one_counts(service: S3VectorsService) -> None:
    index = filled(service)
    twice = [{"key": f"{MODEL}/{chunk(2)}", "distance": distance} for distance in (0.0, 1.5, 0.1)]
    service.faults = [Fault("QueryVectors", lie=lambda told: {**told, "vectors": twice})]
    assert index.nearest(MODEL, EAST, CHUNKS) == {chunk(2): -0.5}


def test_answers_without_an_end_are_not_followed_for_ever(
    service: S3VectorsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = filled(service)
    service.faults = [
        Fault(name, lie=lambda told: {**told, "nextToken": "0"}) for name in ("QueryVectors", "ListVectors")
    ]
    assert index.nearest(MODEL, EAST, CHUNKS).keys() == set(CHUNKS)
    assert service.count("QueryVectors") == s3_vectors_index.PAGES
    monkeypatch.setattr(s3_vectors_index, "LISTING_S", 0.1)
    with pytest.raises(IndexUnavailable, match="ListVectors was not done after") as raised:
        index_of(service).missing(MODEL, CHUNKS)
    assert raised.value.reason == "timeout"


# The search, and the evidence


def test_the_projects_runbooks_are_found_as_in_the_process() -> None:
    books, queries = read_corpus(SAMPLES / "books"), read_queries(SAMPLES / "queries.jsonl")
    relevant = read_qrels(SAMPLES / "qrels.tsv")
    encoder = MiniLmEncoder()
    here = rank(RunbookLibrary(encoder), books, queries)
    with s3_vectors() as served:
        there = rank(RunbookLibrary(encoder, index_of(served)), books, queries)
        assert served.count("QueryVectors") == len(queries)
        assert served.count("PutVectors") == served.count("ListVectors") == 1
    assert {one.manner for one in there.values()} == {f"by words and meaning (by {WHERE})"}
    assert score(there, relevant) == score(here, relevant)
    assert score(there, relevant).r1 >= 0.8
    assert trec(there) == trec(here)
    unrelated = read_queries(SAMPLES / "unrelated.jsonl")
    with s3_vectors() as served:
        assert not any(one.best for one in rank(RunbookLibrary(encoder, index_of(served)), books, unrelated).values())


def test_a_runbook_beyond_the_nearest_is_not_cited_for_a_few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without meaning two shared words are enough; where meaning was asked and did not find it, most of them."""
    books = [Runbook("disk.md", "v1", "# Disk is full\n\nDelete old logs.", {})]
    books += [Runbook(f"{n}.md", "v1", f"# Certificate {n} expires soon", {}) for n in range(3)]
    monkeypatch.setattr(s3_vectors_index, "TOP_K", 3)
    query = "the certificate of the portal expires, disk logs rotate"
    with s3_vectors() as served:
        hits = RunbookLibrary(MiniLmEncoder(), index_of(served)).rank(query, books).hits
    (disk,) = [hit for hit in hits if hit.runbook.key == "disk.md"]
    assert disk.cosine is None
    assert not disk.fits
    (disk,) = [hit for hit in RunbookLibrary().rank(query, books).hits if hit.runbook.key == "disk.md"]
    assert disk.fits


class Runbooks:
    name = "s3"

    def all(self) -> list[Runbook]:
        return [Runbook("runbooks/orders.md", "v1", "# Orders failures are high\n\nLook at the release.", {})]


def gathered(service: S3VectorsService, monkeypatch: pytest.MonkeyPatch) -> e.EvidenceGatheredV1:
    """One round by the settings, as the service is composed: nothing but the address differs from AWS."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3VECTORS", service.url)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RESILIBOT_RUNBOOK_INDEX", f"s3vectors:{service.bucket}/{service.index}")
    environment.client.cache_clear()
    settings, nothing = ObserveSettings(), Nothing()
    try:
        ports = Ports(
            settings,
            metrics=nothing,
            logs=nothing,
            hosts=nothing,
            changes=(),
            runbooks=Runbooks(),
            blobs=InMemoryBlobStore(),
            library=runbook_library(settings, "blobs"),
        )
        (event,) = story(SERVICE, ports).when(opened()).events
    finally:
        environment.client.cache_clear()
    assert isinstance(event, e.EvidenceGatheredV1)
    return event


def test_the_evidence_tells_which_index_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_vectors() as served:
        event = gathered(served, monkeypatch)
    (item,) = [item for item in event.items if item.kind == "runbook"]
    assert item.summary == f"runbook Orders failures are high, found by words and meaning (by {WHERE})"
    assert not [gap for gap in event.gaps if gap.kind == "runbook"]


def test_while_the_index_refuses_words_find_the_runbook_and_the_gap_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_vectors() as served:
        served.faults = [Fault("QueryVectors", "AccessDeniedException")]
        event = gathered(served, monkeypatch)
    (item,) = [item for item in event.items if item.kind == "runbook"]
    assert item.summary.startswith("runbook Orders failures are high, found by words alone: QueryVectors of S3 Vectors")
    (gap,) = [gap for gap in event.gaps if gap.kind == "runbook"]
    assert gap.reason == "no_permission"
    assert "AccessDeniedException" in gap.detail
