"""withholding: what `eval diagnose --without` leaves out of the cases, and how much of it there was.

NothingTaken      nothing could be left out of any case
NothingWithheld   what is left out is specified, and nothing is to be left out
CulpritsUnknown   the culprits are to be spared, and nothing says who they are
ShareInvalid      no number from 0 to 1
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from resilibot.local.incident_folder import RecordedIncident
from resilibot.local.scoring import Truth
from resilibot.local.taken_away import By, TakenAway

SEED = 1


class WithholdingInvalid(Exception):
    code: ClassVar[str] = "bad_withholding"


class NothingTaken(WithholdingInvalid):
    code = "nothing_taken"


class NothingWithheld(WithholdingInvalid):
    code = "no_share"


class CulpritsUnknown(WithholdingInvalid):
    code = "no_truth"


class ShareInvalid(WithholdingInvalid):
    code = "bad_share"


def away_of(
    share: float, seed: int | None, by: By | None, spare_culprit: bool, truths: Mapping[str, Truth] | None
) -> TakenAway | None:
    """None for a share of nothing. Of the truth only who keeps its telemetry is used. Raises WithholdingInvalid.

    seed, by: SEED and By.NODE where nobody gave one; given for a share of nothing, they are a slip, and refused.
    """
    if not 0 <= share <= 1:  # NaN, which no comparison of the command line's refuses
        raise ShareInvalid(f"--without takes a share from 0 to 1, not {share}")
    given = {"--seed": seed is not None, "--by": by is not None, "--spare-culprit": spare_culprit}
    if not share and any(given.values()):
        raise NothingWithheld(f"{', '.join(one for one, is_given in given.items() if is_given)}: only with --without")
    if spare_culprit and truths is None:
        raise CulpritsUnknown("--spare-culprit needs --truth")
    spared = {name: truth.component for name, truth in (truths or {}).items() if truth.component and spare_culprit}
    return TakenAway(share, SEED if seed is None else seed, by or By.NODE, spared) if share else None


def told_of(away: TakenAway, incidents: Sequence[RecordedIncident], truths: Mapping[str, Truth]) -> dict[str, Any]:
    """{"share", "seed", "by", "series", "cases", "culprits_hit"}: series left out, of how many cases.

    `culprits_hit`: cases in which the culprit itself lost some. Raises NothingTaken: such a run would show nothing.
    """
    bare = [i for i in incidents if i.taken]
    if not bare:
        raise NothingTaken("no case has telemetry of other nodes that could be left out")
    hit = [i for i in bare if i.id in truths and truths[i.id].component in {service for service, _, _ in i.taken}]
    series = sum(len(i.taken) for i in bare)
    told = {"share": away.share, "seed": away.seed, "by": away.by.value}
    return {**told, "series": series, "cases": len(bare), "culprits_hit": len(hit)}
