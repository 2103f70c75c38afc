"""diagnosis: what one diagnosis costs as the call graph grows, and what one search for a runbook costs.

Each size runs in a process of its own, so that its peak memory is its own. The evidence is made before the clock
starts; `diagnose` is production's, from recorded evidence to the verdict. The search is production's too, among the
project's sample runbooks, each many times over with another title, so that each piece has a vector of its own; index
and vectors are ready.
"""

import json
import multiprocessing
import resource
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

SIZES = (40, 400, 4000)
ROUNDS = 5
SAMPLES = Path("tests/samples/runbooks")
COPIES = 45


def figures() -> dict[str, Any]:
    """Milliseconds and peak MB by size; `growth`: how many times as long ten times as many nodes take."""
    by_size = {size: _apart(_diagnoses, size) for size in SIZES}
    times = [by_size[size]["ms"] for size in SIZES]
    growth = [round(after / before, 1) for before, after in pairwise(times)]
    return {"by_nodes": by_size, "growth": growth}


def retrieval() -> dict[str, Any]:
    """Milliseconds a query, by words and meaning and by words alone, after start."""
    found: dict[str, Any] = _apart(_searches, COPIES)
    return found


def _apart(work: Any, argument: int) -> Any:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (argument,))


def _diagnoses(size: int) -> dict[str, Any]:
    from resilibot.contracts import events as e
    from resilibot.contracts.case import IncidentCase
    from resilibot.contracts.evidence import Window
    from resilibot.contracts.signal import ResourceRef
    from resilibot.reason.diagnose import diagnose
    from resilibot.runtime.testing import NOON
    from tests.support.call_graphs import ALARM_NODE, CallGraph
    from tests.support.scene_builder import item

    graph = CallGraph(seed=4, size=size, culprit="n5", severity=10.0 * size)  # it must be felt at the top
    items = [item("metric", number, metric) for number, metric in enumerate(graph.metrics(), start=1)]
    items.append(item("topology", 1, graph.topology()))
    gathered = e.EvidenceGatheredV1(
        round=1,
        purpose="diagnose",
        onset=NOON,
        window=Window(start=NOON, end=NOON),
        baseline=None,
        items=items,
        gaps=[],
    )
    where = ResourceRef(account="1", region="eu-west-1", service=ALARM_NODE, name=ALARM_NODE)
    case, before_mb = IncidentCase(incident_id="i1", version=1, resource=where), _peak_mb()
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        reached = diagnose(case, gathered)
        took.append(time.perf_counter() - started)
    assert reached.hypotheses[0].component == "n5", reached.summary  # else it is fast for the wrong reason
    return {"ms": round(1000 * median(took), 1), "peak_mb": _peak_mb(), "of_it_evidence_mb": before_mb}


def _searches(copies: int) -> dict[str, Any]:
    from resilibot.local.retrieve_eval import read_corpus, read_queries
    from resilibot.observe.adapters.minilm_encoder import MiniLmEncoder
    from resilibot.observe.runbook_library import RunbookLibrary

    books = read_corpus(SAMPLES / "books")
    corpus = [
        replace(book, key=f"{number}/{book.key}", title=f"{book.title} {number}")
        for number in range(copies)
        for book in books
    ]
    queries = read_queries(SAMPLES / "queries.jsonl")
    found: dict[str, Any] = {"runbooks": len(corpus), "queries": len(queries)}
    for name, library in (("by_meaning", RunbookLibrary(MiniLmEncoder())), ("words_alone", RunbookLibrary())):
        library.rank(queries[0].text, corpus)  # index and vectors are made here
        took = []
        for query in queries:
            started = time.perf_counter()
            library.rank(query.text, corpus)
            took.append(time.perf_counter() - started)
        found[f"{name}_ms"] = {"p50": round(1000 * median(took), 1), "max": round(1000 * max(took), 1)}
    return {**found, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1)


if __name__ == "__main__":
    print(json.dumps({"diagnosis": figures(), "retrieval": retrieval()}, indent=1))
