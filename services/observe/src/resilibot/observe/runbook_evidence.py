"""runbook_evidence: the runbook that fits the signal, or that none does."""

from resilibot.observe.inquiry import Inquiry
from resilibot.observe.itemise import Found
from resilibot.observe.ports import SourceFailed
from resilibot.observe.runbook_search import cited


def runbook(inquiry: Inquiry) -> Found:
    source, library, signal = inquiry.ports.runbooks, inquiry.ports.library, inquiry.signal
    query = f"{signal.name} {signal.title} {signal.reason} {inquiry.service}"
    ranking = library.rank(query, source.all())
    if ranking.words_alone and library.has_encoder:
        inquiry.gap("runbook", source.name, ranking.reason, f"runbooks were searched {ranking.manner}")
    if ranking.unreadable:
        inquiry.gap("runbook", source.name, "not_supported", "; ".join(ranking.unreadable))
    if ranking.best is None:
        raise SourceFailed("no_data", f"no runbook fits this signal, searched {ranking.manner}")
    content = cited(ranking.best, query)
    summary = f"runbook {content.title}, found {ranking.manner}"
    return Found("runbook", source.name, [(content, ranking.best.runbook.query, summary)])
