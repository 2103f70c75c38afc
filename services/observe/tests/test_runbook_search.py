"""Runbooks: what they are found by, in which order, and when none is better than the least bad one."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from resilibot.observe.bm25 import Bm25
from resilibot.observe.chunks import CHARS, FIRST, chunks, sections
from resilibot.observe.exact_index import ExactIndex
from resilibot.observe.fusion import fuse, ordered
from resilibot.observe.runbook_library import AT_ONCE, RunbookLibrary
from resilibot.observe.runbook_ports import EncoderUnavailable, Runbook, VectorsUnavailable
from resilibot.observe.runbook_search import cited
from resilibot.observe.words import terms, words


def book(key: str, text: str, version: str = "v1") -> Runbook:
    return Runbook(key, version, text, {"Key": key})


DISK = book("disk.md", "# Disk is full\n\nDelete old logs.")
ERRORS = book("errors.md", "# Checkout error rate is high\n\nLook at the last release.")
BOOKS = [DISK, ERRORS]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KubePodNotReady", ["kube", "pod", "not", "ready", "kubepodnotready"]),
        ("PVCFull", ["pvc", "full", "pvcfull"]),
        ("PVCs", ["pvc"]),
        ("the hosts are in no class", ["host", "no", "class"]),
        ("error-rate 97 of api-7d9f", ["error", "rate", "api", "7d9f"]),
        ("it failed, keeps failing, is CrashLooping", ["fail", "keep", "fail", "crash", "loop", "crashlooping"]),
        ("speed of a string and its need", ["speed", "string", "its", "need"]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_two_words_side_by_side_are_a_third_however_they_are_written() -> None:
    assert terms("file system is full") == ["file", "system", "full", "filesystem", "systemfull"]
    assert "filesystem" in terms("Filesystem")
    assert "kubeproxy" in terms("KubeProxyDown")
    assert terms("") == []


def test_words_side_by_side_count_more_than_the_same_words_apart() -> None:
    apart_, together = book("a.md", "# ready\n\nnot this node"), book("b.md", "# ready\n\nthis node not")
    (first, *_) = RunbookLibrary().rank("the node is not up", [apart_, together]).hits
    assert first.runbook == together


def test_negations_count() -> None:
    ready, not_ready = book("a.md", "# Pod is ready"), book("b.md", "# Pod is not ready")
    (first, *_) = RunbookLibrary().rank("pod not ready", [ready, not_ready]).hits
    assert first.runbook == not_ready


def test_bm25_by_hand() -> None:
    """N 2, mean length 1.5; "b" in one of them: log(1 + 1.5 / 1.5) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 1.5))."""
    index = Bm25([["a"], ["a", "b"]])
    assert index.scores(["b"]) == pytest.approx({1: 0.693147 * 2.2 / 2.5})
    assert index.scores(["b", "b"])[1] == pytest.approx(2 * index.scores(["b"])[1])
    assert index.scores(["c"]) == {}


def test_a_word_of_all_documents_counts_less_than_a_rare_one_and_more_than_nothing() -> None:
    scores = Bm25([["a", "b"], ["a", "c"]]).scores(["a", "b"])
    assert scores[0] > scores[1] > 0


def test_coverage_is_the_part_of_the_query_that_is_there() -> None:
    index = Bm25([["a", "b"], ["c"]])
    assert index.coverage(["a", "b"], 0) == 1
    assert index.coverage(["a", "x"], 0) == pytest.approx(0.386852807, abs=1e-6)
    assert index.coverage([], 0) == 0


def test_fusion_sums_reciprocal_ranks_from_zero() -> None:
    fused = fuse([[7, 8], [8, 9]])
    assert fused == pytest.approx({7: 1 / 2, 8: 1 / 3 + 1 / 2, 9: 1 / 3})


def test_the_first_of_one_order_and_eighth_of_the_other_is_before_the_third_of_both() -> None:
    fused = fuse([[0, 1, 9, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12, 13, 0]])
    assert fused[0] > fused[9]


def test_equal_scores_are_ordered_by_name_whatever_came_first() -> None:
    assert ordered({0: 1.0, 1: 1.0, 2: 2.0}, ["b", "a", "c"]) == [2, 1, 0]


def test_chunks_are_cut_at_headings_with_the_spaced_title_in_front() -> None:
    text = "# DiskFull\n\nIt is full.\n\n## Look\n\n```sh\n# a comment\ndf\n```\n\n## Do\n\nx\n\n## More\n\ny"
    assert sections(text)[1] == "## Look\n\n```sh\n# a comment\ndf\n```"
    found = chunks("DiskFull", text)
    assert len(found) == FIRST
    assert found[0] == "Disk Full. # DiskFull\n\nIt is full."
    assert chunks("DiskFull", "") == ["Disk Full. "]
    assert [len(c) for c in chunks("T", "x" * 2500)] == [CHARS + 3, CHARS + 3, 503]
    assert len(chunks("T", "x" * 4500)) == FIRST


@pytest.mark.feature(20)
def test_the_runbook_whose_words_fit_is_found_and_else_none() -> None:
    found = RunbookLibrary().rank("checkout-error-rate is in ALARM", BOOKS).best
    assert found is not None
    assert found.runbook == ERRORS
    assert RunbookLibrary().rank("certificate expires soon", BOOKS).best is None
    assert RunbookLibrary().rank("disk", BOOKS).best is None  # one word fits by chance
    among = " ".join(f"stranger{letter}" for letter in "abcdefghijklmnop")
    assert RunbookLibrary().rank(f"disk full {among}", BOOKS).best is None  # two of eighteen do as well


def test_pairs_order_what_is_found_and_do_not_decide_whether_it_fits() -> None:
    found = RunbookLibrary().rank("disk full " + " ".join(f"stranger{letter}" for letter in "abcdef"), BOOKS).best
    assert found is not None  # two words of eight; but three of fifteen, if pairs counted
    assert found.runbook == DISK
    lone = book("lone.md", "# A filesystem for each file")
    assert RunbookLibrary().rank("file system", [lone]).best is None  # one word is there, the other is a pair's


def test_no_runbook_and_no_word_find_nothing() -> None:
    assert RunbookLibrary().rank("disk full", []).hits == []
    assert RunbookLibrary().rank("", BOOKS).hits == []


def test_a_title_weighs_more_than_the_text() -> None:
    named = book("named.md", "# Latency of checkout\n\nsomething else here")
    mentions = book("a-mentions.md", "# Something else\n\nlatency of checkout here")
    assert RunbookLibrary().rank("latency of checkout", [mentions, named]).hits[0].runbook == named


def test_it_is_cited_by_key_and_version_with_the_section_that_fits() -> None:
    runbook = book(
        "k.md",
        "# Queue\n\nAn introduction that is long.\n\n## Old messages wait\n\nScale out.\n\n## Owner\n\nTeam.",
        "v7",
    )
    query = "old messages wait in the queue"
    content = cited(RunbookLibrary().rank(query, [runbook]).hits[0], query)
    assert (content.key, content.version_id, content.title) == ("k.md", "v7", "Queue")
    assert content.passage == "## Old messages wait\n\nScale out."


@dataclass
class FakeEncoder:
    """Vectors of four numbers: which of four words a text has. Keeps what it encodes."""

    vocabulary: Sequence[str] = ("disk", "release", "volume", "certificate")
    encoded: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    missing: str = ""

    def model(self) -> str:
        if self.missing:
            raise EncoderUnavailable(self.missing)
        return "model-1"

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        self.encoded += texts
        return [self._vector(text) for text in texts]

    def query(self, text: str) -> bytes:
        self.asked.append(text)
        return self._vector(text.replace("storage", "disk"))  # it knows that they mean the same

    def _vector(self, text: str) -> bytes:
        return struct.pack("<4f", *(0.7 * (word in text.lower()) for word in self.vocabulary))


@dataclass
class FakeVectors:
    stored: dict[str, dict[str, bytes]] = field(default_factory=dict)
    failing: bool = False

    def read(self, model: str) -> dict[str, bytes]:
        if self.failing:
            raise VectorsUnavailable("no")
        return dict(self.stored.get(model, {}))

    def write(self, model: str, vectors: Mapping[str, bytes]) -> None:
        if self.failing:
            raise VectorsUnavailable("no")
        self.stored[model] = dict(vectors)


def test_meaning_finds_what_no_word_does() -> None:
    by_meaning = RunbookLibrary(FakeEncoder()).rank("storage exhausted", BOOKS)
    assert by_meaning.best is not None
    assert by_meaning.best.runbook == DISK
    assert by_meaning.manner == "by words and meaning"
    assert RunbookLibrary().rank("storage exhausted", BOOKS).best is None


def test_names_in_a_query_are_written_apart_for_the_encoder_as_titles_are() -> None:
    encoder = FakeEncoder()
    RunbookLibrary(encoder).rank("KubePodNotReady: payments/api-7d9f at 10.0.3.7:9100", BOOKS)
    assert encoder.asked == ["Kube Pod Not Ready: payments/api-7d9f at 10.0.3.7:9100"]


def test_meaning_abstains_as_well() -> None:
    ranking = RunbookLibrary(FakeEncoder()).rank("nothing of the kind", BOOKS)
    assert ranking.hits
    assert ranking.best is None


def test_without_an_encoder_the_words_decide_and_it_says_so() -> None:
    ranking = RunbookLibrary(FakeEncoder(missing="the extra 'dense' is not installed")).rank("disk full", BOOKS)
    assert ranking.best is not None
    assert ranking.best.runbook == DISK
    assert ranking.manner == "by words alone: the extra 'dense' is not installed"


def test_a_chunk_is_encoded_once_also_by_another_process() -> None:
    vectors, encoder = FakeVectors(), FakeEncoder()
    library = RunbookLibrary(encoder, ExactIndex(vectors))
    library.rank("disk", BOOKS)
    library.rank("release", BOOKS)
    assert sorted(encoder.encoded) == sorted({*encoder.encoded})
    other = FakeEncoder()
    changed = book("disk.md", "# Disk is full\n\nDelete older logs.", "v2")
    RunbookLibrary(other, ExactIndex(vectors)).rank("disk", [changed, ERRORS])
    assert other.encoded == ["Disk is full. # Disk is full\n\nDelete older logs."]


def test_a_changed_runbook_is_found_by_its_new_text_and_cited_by_its_new_version() -> None:
    library = RunbookLibrary(FakeEncoder())
    library.rank("disk", BOOKS)
    changed = book("disk.md", "# Certificate of the disk\n\nRenew it.", "v2")
    best = library.rank("certificate", [changed, ERRORS]).best
    assert best is not None
    assert best.runbook.version_id == "v2"


def test_a_store_that_fails_costs_time_and_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    ranking = RunbookLibrary(FakeEncoder(), ExactIndex(FakeVectors(failing=True))).rank("storage exhausted", BOOKS)
    assert ranking.best is not None
    assert "not kept" in caplog.text


def test_what_one_search_has_no_time_to_encode_the_next_ones_do() -> None:
    books = [book(f"{n}.md", f"# Disk {n}") for n in range(AT_ONCE + 1)]
    vectors = FakeVectors()
    library = RunbookLibrary(FakeEncoder(), ExactIndex(vectors), encode_s=0)
    assert library.rank("disk", books).manner == "by words alone: 17 of 17 chunks of the runbooks are not encoded yet"
    generous = RunbookLibrary(FakeEncoder(), ExactIndex(vectors), encode_s=60)
    assert generous.rank("disk", books).words_alone == ""
    assert library.rank("disk", books).hits  # words still answer


def test_the_order_of_the_corpus_does_not_matter() -> None:
    books = [book(f"{n}.md", f"# Disk {n % 3}\n\nrelease") for n in range(12)]
    there = RunbookLibrary(FakeEncoder()).rank("disk release", books)
    back = RunbookLibrary(FakeEncoder()).rank("disk release", books[::-1])
    assert [hit.runbook.key for hit in there.hits] == [hit.runbook.key for hit in back.hits]
    assert len(there.hits) == 10
