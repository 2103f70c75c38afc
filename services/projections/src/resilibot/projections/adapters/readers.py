"""readers: the model that the settings want questions read by; None for the rules alone, and then nothing is loaded."""

from resilibot.projections.ports import Reader
from resilibot.projections.settings import AskSettings


def reader_of(s: AskSettings) -> Reader | None:
    """No client is imported and nobody asked yet; a model that cannot be had is told by the first question."""
    if s.ask_reader == "rules":
        return None
    from resilibot.projections.budget import HourlyBudget
    from resilibot.runtime.models.choice import Choice
    from resilibot.runtime.models.make import model_of, nonce

    model = model_of(Choice.of(s.ask_reader, s, "ask"), "reading")
    return Reader(s, model, nonce, HourlyBudget(s.ask_per_hour).take)
