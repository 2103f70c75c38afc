"""readers: the model that the settings want questions read by; None for the rules alone, and then nothing is loaded."""

import secrets

from resilibot.projections.ports import Reader
from resilibot.projections.settings import AskSettings


def reader_of(s: AskSettings) -> Reader | None:
    """No client is imported and nobody asked yet; a model that cannot be had is told by the first question."""
    if s.ask_reader == "rules":
        return None
    from resilibot.projections.budget import HourlyBudget
    from resilibot.runtime.models.choice import Choice
    from resilibot.runtime.models.make import model_of

    choice = Choice(
        protocol=s.ask_reader,
        model=s.ask_model,
        url=s.ask_url,
        region=s.ask_region,
        key=s.ask_key,
        key_secret=s.ask_key_secret,
        call_s=s.ask_call_s,
        output_tokens=s.ask_output_tokens,
    )
    return Reader(s, model_of(choice, "reading"), lambda: secrets.token_hex(16), HourlyBudget(s.ask_per_hour).take)
