"""runbook_search: the runbooks that fit a text, best first, or none. Pure.

Two orders are fused: by shared words, and by meaning where vectors are there. Words find names and error texts,
meaning finds what says the same in other words; neither is trusted with its score, only with its order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from resilibot.contracts.evidence import RunbookContent
from resilibot.observe.bm25 import Bm25
from resilibot.observe.chunks import chunks, sections
from resilibot.observe.fusion import fuse, ordered
from resilibot.observe.runbook_ports import Runbook
from resilibot.observe.runbook_text import Document, document
from resilibot.observe.words import terms, words

TITLE_WEIGHT = 3
PASSAGE_CHARS = 1500
# No runbook is better than the least bad one. Beside a cosine, words alone decide only when they are most of the query.
LEAST_COSINE = 0.38
MOST_WORDS = 0.5
LEAST_COVERAGE = 0.15  # without a cosine, and then of
LEAST_WORDS = 2  # different words: one alone fits by chance


@dataclass(frozen=True)
class Hit:
    """A runbook and how well it fits: the query's words it shares, and the cosine with its best chunk, if asked."""

    runbook: Runbook
    document: Document
    score: float  # fused, comparable within one ranking only
    shared_words: int
    coverage: float  # of the query's words, rare ones weighing more: 0..1
    cosine: float | None  # None: meaning was not asked, or no chunk of it is among the nearest
    by_meaning: bool = False  # whether meaning was asked

    @property
    def fits(self) -> bool:
        if not self.by_meaning:
            return self.coverage >= LEAST_COVERAGE and self.shared_words >= LEAST_WORDS
        return (self.cosine is not None and self.cosine >= LEAST_COSINE) or self.coverage >= MOST_WORDS


class Index:
    """A corpus, made ready to be searched. `chunks` are what an encoder reads of it."""

    def __init__(self, runbooks: Sequence[Runbook]) -> None:
        self.runbooks = list(runbooks)
        self.documents = [document(r.filename or r.key, r.text, r.title) for r in runbooks]
        self._names = [r.key for r in runbooks]
        self._bm25 = Bm25([terms(d.title) * TITLE_WEIGHT + terms(d.text) for d in self.documents])
        pieces = [(n, piece) for n, d in enumerate(self.documents) for piece in chunks(d.title, d.text)]
        self._owners = [owner for owner, _ in pieces]
        self.chunks = [piece for _, piece in pieces]

    @property
    def unreadable(self) -> list[str]:
        """Runbooks that are searched as plain text, or in part, each with the reason."""
        return [f"{r.key} is {d.problem}" for r, d in zip(self.runbooks, self.documents, strict=True) if d.problem]

    def search(self, query: str, cosines: Sequence[float | None] | None, most: int) -> list[Hit]:
        """Best first, at most `most`; `cosines` of the query with each of `chunks`, as known; None: by words alone."""
        wanted = words(query)
        orders = [ordered(self._bm25.scores(terms(query)), self._names)]
        nearest = self._nearest(cosines) if cosines is not None else {}
        orders.append(ordered(nearest, self._names))
        fused = fuse(orders)
        return [
            Hit(
                self.runbooks[number],
                self.documents[number],
                fused[number],
                self._bm25.shared(wanted, number),
                self._bm25.coverage(wanted, number),
                nearest.get(number),
                cosines is not None,
            )
            for number in ordered(fused, self._names)[:most]
        ]

    def _nearest(self, cosines: Sequence[float | None]) -> dict[int, float]:
        nearest: dict[int, float] = {}
        for owner, cosine in zip(self._owners, cosines, strict=True):
            if cosine is not None:
                nearest[owner] = max(cosine, nearest.get(owner, -1.0))
        return nearest


def cited(hit: Hit, query: str) -> RunbookContent:
    """The hit as evidence: its key, its version, and the section that shares most words with the query."""
    wanted = set(words(query))
    parts = sections(hit.document.text) or [hit.document.text]
    passage = max(parts, key=lambda part: (len(wanted & set(words(part))), len(part)))
    return RunbookContent(
        key=hit.runbook.key,
        version_id=hit.runbook.version_id,
        title=hit.document.title,
        passage=passage.strip()[:PASSAGE_CHARS],
        score=round(hit.score, 4),
    )
