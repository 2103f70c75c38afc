"""No cause is proposed that the vocabulary does not know."""

import ast
from pathlib import Path

from resilibot import reason
from resilibot.reason.signatures import SIGNATURES
from resilibot.reason.vocabulary import CAUSES


def test_every_cause_that_is_proposed_is_in_the_vocabulary_and_no_other() -> None:
    proposed = {signature.cause for signature in SIGNATURES}
    for page in Path(reason.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(page.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Candidate":
                cause = node.args[0]
                proposed |= {cause.value} if isinstance(cause, ast.Constant) else set()
    assert proposed == set(CAUSES)
    assert len(proposed) == len(CAUSES)
