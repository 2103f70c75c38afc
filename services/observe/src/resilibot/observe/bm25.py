"""bm25: which documents share the rarest words with a query. Pure.

Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the inverse
document frequency that cannot become negative, log(1 + (N - n + 0.5) / (n + 0.5)), and each word of the query as
often as it stands there.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

K1 = 1.2  # how soon further occurrences of a word count no more
B = 0.75  # how much a long document is discounted


class Bm25:
    """An index over documents, each a list of words."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._size = len(documents)
        mean = sum(map(len, documents)) / self._size if documents else 0.0
        self._discount = [1 - B + B * len(document) / mean if mean else 1.0 for document in documents]
        self._words = [frozenset(document) for document in documents]
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, document in enumerate(documents):
            for word, count in Counter(document).items():
                self._postings[word].append((number, count))

    def scores(self, query: Sequence[str]) -> Mapping[int, float]:
        """Score by document number, of those documents that share a word with the query."""
        found: dict[int, float] = defaultdict(float)
        for word, times in Counter(query).items():
            postings = self._postings.get(word, [])
            rarity = math.log(1 + (self._size - len(postings) + 0.5) / (len(postings) + 0.5))
            for number, count in postings:
                found[number] += times * rarity * count * (K1 + 1) / (count + K1 * self._discount[number])
        return found

    def shared(self, query: Sequence[str], number: int) -> int:
        """How many different words of the query the document has."""
        return len(self._words[number].intersection(query))

    def coverage(self, query: Sequence[str], number: int) -> float:
        """Which part of the query, rare words weighing more, the document has: 0 none of it, 1 all of it."""
        weights = {word: math.log(1 + self._size / (1 + len(self._postings.get(word, [])))) for word in set(query)}
        whole = math.fsum(weights.values())
        had = math.fsum(weight for word, weight in weights.items() if word in self._words[number])
        return had / whole if whole else 0.0
