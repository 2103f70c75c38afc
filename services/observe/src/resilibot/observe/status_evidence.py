"""status_evidence: what the service's managed hosts answer when they are asked."""

from resilibot.observe.inquiry import Inquiry
from resilibot.observe.itemise import Found


def host_status(inquiry: Inquiry) -> Found:
    source = inquiry.ports.hosts
    service = inquiry.service_for("host can be asked")
    unit = inquiry.settings.unit.format(service=service)
    found = Found("status", source.name)
    for read in source.status(service, unit):
        word = {True: "answers", False: "does not answer", None: "gave no report"}[read.status.responds]
        if read.status.responds is None:
            inquiry.gap("status", found.source, "no_data", f"{read.status.component}: {unit} gave no health report")
        found.contents.append((read.status, read.query, f"{read.status.component} is {read.status.state} and {word}"))
    return found
