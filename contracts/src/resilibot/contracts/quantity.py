"""quantity: what a metric measures, told from its name."""

import re
from enum import StrEnum

MAD_TO_SIGMA = 1.4826  # a median absolute deviation as a standard deviation, of normal noise
DEVIATES = 4.0  # scales from the healthy median; on known data the verdicts, and their order, are the same for 2 to 12
AVAILABILITY_FLOOR = 0.0005  # of the median: near 100 percent small moves are large ones


class Quantity(StrEnum):
    ERRORS = "errors"
    LATENCY = "latency"
    AVAILABILITY = "availability"
    TRAFFIC = "traffic"
    SATURATION = "saturation"
    OTHER = "other"


_WORDS: tuple[tuple[Quantity, str], ...] = (
    (Quantity.ERRORS, "error fault failure failed exception 5xx 4xx timeout rejected throttle"),
    (Quantity.AVAILABILITY, "availability available success healthy uptime"),
    (Quantity.LATENCY, "latency duration time ms lag delay wait"),
    (Quantity.SATURATION, "queue depth backlog utilization utilisation cpu memory disk connection saturation pending"),
    (Quantity.TRAFFIC, "request count invocation traffic hit call throughput message"),
)
_SPLIT = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+[a-z]*")


def quantity_of(name: str) -> Quantity:
    """First match in order: an ErrorCount is about errors, not about traffic."""
    words = {word.lower() for word in _SPLIT.findall(name)}
    words |= {word.removesuffix("s") for word in words}
    return next((quantity for quantity, known in _WORDS if words & set(known.split())), Quantity.OTHER)
