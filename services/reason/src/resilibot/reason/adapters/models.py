"""models: the model that the settings ask for, as the service's ports; None for the rules alone."""

import random
import secrets
import time

from resilibot.reason.ports import Ports
from resilibot.reason.settings import ReasonSettings
from resilibot.runtime.models.choice import Choice
from resilibot.runtime.models.make import model_of


def ports_of(s: ReasonSettings) -> Ports | None:
    """Nothing is imported or asked yet; a model that cannot be had is told by the first diagnosis."""
    if s.reasoner == "deterministic":
        return None
    choice = Choice(
        protocol=s.reasoner,
        model=s.reasoner_model,
        url=s.reasoner_url,
        region=s.reasoner_region,
        key=s.reasoner_key,
        key_secret=s.reasoner_key_secret,
        call_s=s.reasoner_call_s,
        output_tokens=s.reasoner_output_tokens,
    )
    model = model_of(choice, "diagnosis")
    return Ports(s, model, lambda: secrets.token_hex(16), random.random, time.sleep, time.monotonic)
