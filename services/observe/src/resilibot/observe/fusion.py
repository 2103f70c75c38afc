"""fusion: one order out of several. Pure.

Source: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual rank learning
methods" (SIGIR 2009): the sum of 1 / (k + rank). Ranks count from 0 here; scores of different kinds are never mixed.
Their k is 60, with which the third of two orders beats the first of one that is eighth of the other. Here each order is
mostly right, so that a first place must count (docs/adr/0020 has the figures).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

K = 2


def ordered(scores: Mapping[int, float], names: Sequence[str]) -> list[int]:
    """Best first; what is equal is ordered by its name, so that two runs agree."""
    return sorted(scores, key=lambda number: (-round(scores[number], 6), names[number]))


def fuse(orders: Sequence[Sequence[int]], k: int = K) -> dict[int, float]:
    """The fused score of everything that any order has."""
    fused: dict[int, float] = defaultdict(float)
    for order in orders:
        for rank, number in enumerate(order):
            fused[number] += 1 / (k + rank)
    return fused
