"""models: the model that the settings ask for, as the service's ports; None for the rules alone."""

import random
import time

from resilibot.reason.ports import Ports
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.models.choice import Choice
from resilibot.runtime.models.make import model_of, nonce


def ports_of(s: ReasonSettings) -> Ports | None:
    """Nothing is imported or asked yet; a model that cannot be had is told by the first diagnosis."""
    if s.reasoner == "deterministic":
        return None
    model = model_of(Choice.of(s.reasoner, s, "reasoner"), "diagnosis")
    return Ports(s, model, nonce, random.random, time.sleep, time.monotonic)
