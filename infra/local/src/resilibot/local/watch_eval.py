"""watch_eval: what watches would have found in recorded series, and when; beside it, what a naive rule would have.

The folder is that of recorded incidents (incident_folder): each incident's alarm names the series that is watched,
with its baseline as history. `incident.json` may say more of the watch in "watch": kind, season, limit, horizon_h ...
What decides is production's: `watching.look` and `watching.decide`, walked over the points one by one.

Naive rules, with the same `needed` of `of` points: for an anomaly a threshold at mean and three standard deviations of
the history, for an exhaustion the line through the last two points.

Quiet hours: all series of the baselines, their second half walked with the first as history. Nothing was wrong in
them, so every finding there is a false alarm. Forecasts are asked for a limit twice as far as the series ever went.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any

from pydantic import ValidationError

from resilibot.contracts.events import FindingRaisedV1
from resilibot.contracts.evidence import Window
from resilibot.contracts.faults import faults_of
from resilibot.contracts.quantity import Quantity, quantity_of
from resilibot.local.diagnosis_eval import NotTheSame
from resilibot.local.incident_folder import FolderInvalid, read_json, read_series
from resilibot.observe import watching
from resilibot.observe.watches import AnomalyWatch, ExhaustionWatch, Watch, Watches

WEEK_S = 7 * 86400.0
SIGMAS = 3.0
DIRECTION = {Quantity.AVAILABILITY: "down", Quantity.TRAFFIC: "both"}
Series = Sequence[tuple[datetime, float]]


@dataclass(frozen=True)
class Case:
    """One recorded window of the watched series. `until`: its alarm, or when its limit is reached; None: neither."""

    id: str
    watch: Watch
    points: Series
    start: datetime  # of the window; what lies before is history
    until: datetime | None


@dataclass(frozen=True)
class Answer:
    """When each found something in the window; seconds before the alarm, or before the limit."""

    case: Case
    found_at: datetime | None
    naive_at: datetime | None
    summary: str = ""

    def row(self) -> dict[str, Any]:
        return {
            "id": self.case.id,
            "kind": self.case.watch.kind,
            "found": self.found_at is not None,
            "lead_s": self.lead_s(self.found_at),
            "naive_found": self.naive_at is not None,
            "naive_lead_s": self.lead_s(self.naive_at),
            "summary": self.summary,
        }

    def lead_s(self, at: datetime | None) -> float | None:
        return (self.case.until - at).total_seconds() if at and self.case.until else None


@dataclass(frozen=True)
class Tally:
    """Of cases whose truth is known: faulty ones found and missed, healthy ones found."""

    found: int = 0
    missed: int = 0
    wrong: int = 0
    healthy: int = 0
    leads: tuple[float, ...] = ()

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed) if self.found + self.missed else 0.0

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 0.0

    def told(self) -> dict[str, Any]:
        """`lead_s`: before the alarm or the limit, median of what was found."""
        return {
            "found": self.found,
            "missed": self.missed,
            "wrong": self.wrong,
            "healthy": self.healthy,
            "recall": self.recall,
            "precision": self.precision,
            "lead_s": median(self.leads) if self.leads else None,
        }

    def __str__(self) -> str:
        lead = f", {median(self.leads) / 60:.0f} min ahead (median)" if self.leads else ""
        return (
            f"found {self.found} of {self.found + self.missed} faulty (recall {self.recall:.3f}), "
            f"{self.wrong} of {self.healthy} healthy (precision {self.precision:.3f}){lead}"
        )


@dataclass(frozen=True)
class Quiet:
    """False alarms in quiet hours."""

    series: int
    weeks: float
    findings: int
    naive: int

    def told(self) -> dict[str, Any]:
        return {
            "series": self.series,
            "series_weeks": self.weeks,
            "false_alarms": self.findings,
            "naive_false_alarms": self.naive,
        }

    def __str__(self) -> str:
        ours, naive = (count / self.weeks if self.weeks else 0.0 for count in (self.findings, self.naive))
        return (
            f"{self.series} quiet series, {self.weeks:.1f} series-weeks: {self.findings} false alarms, {ours:.2f} a "
            f"week of one series; naive {self.naive}, {naive:.2f}"
        )


class WatchFolder:
    """The cases of a folder, and the quiet hours of its baselines. Raises FolderInvalid."""

    def __init__(self, root: Path) -> None:
        self._root = root
        if not (root / "incidents").is_dir():
            raise FolderInvalid(f"{root}: no folder incidents in it")
        self._baselines: dict[str, dict[tuple[str, str, str], Series]] = {}

    def read(self) -> tuple[list[Case], list[str]]:
        """The cases, and the ids of incidents that are none: without baseline and watch, or without their series."""
        cases: list[Case] = []
        unwatched: list[str] = []
        for path in sorted(one for one in (self._root / "incidents").iterdir() if one.is_dir()):
            file = path / "incident.json"
            told = read_json(file)
            try:
                case = self._case(path, told)
            except ValidationError as error:
                raise FolderInvalid(f"{file}: {faults_of(error, 'watch')}") from error
            except (KeyError, TypeError, ValueError) as error:
                raise FolderInvalid(f"{file}: {type(error).__name__} {error}") from error
            if case is not None:
                cases.append(case)
            else:
                unwatched.append(str(told["id"]))
        return cases, unwatched

    def _case(self, path: Path, told: dict[str, Any]) -> Case | None:
        identifier, alarm, more = str(told["id"]), told["alarm"], told.get("watch") or {}
        if not told.get("baseline") and not more:
            return None
        key = (str(alarm["service"]), str(alarm["metric"]), str(alarm["statistic"]))
        window = read_series(path / "metrics.csv").get(key, [])
        history = self._baseline(str(told["baseline"])).get(key, []) if told.get("baseline") else []
        if not window:
            return None
        start = window[0][0]
        points = [*(point for point in history if point[0] < start), *window]
        watch = _watch(key, int(told.get("period_s") or 60), points, start, more)
        if isinstance(watch, ExhaustionWatch):
            is_up = watch.direction == "up"
            at_limit = (at for at, value in points if (value >= watch.limit if is_up else value <= watch.limit))
            return Case(identifier, watch, points, start, next(at_limit, None))
        return Case(identifier, watch, points, start, datetime.fromtimestamp(alarm["timestamp"], start.tzinfo))

    def quiet(self, kind: str, more: dict[str, Any] | None = None) -> Quiet:
        """The second halves of all series of all baselines, by the first; those too short for it are left out."""
        series = findings = naive = 0
        walked = timedelta()
        for file in sorted((self._root / "baselines").glob("*.csv*")):
            for key, points in self._baseline(file.name.partition(".csv")[0]).items():
                period_s = _period_s(points)
                middle = points[len(points) // 2][0]
                if middle - points[0][0] < timedelta(seconds=24 * period_s):
                    continue
                watch = _watch(key, period_s, points, middle, {**_quiet_limit(kind, points, period_s), **(more or {})})
                findings += sum(1 for _ in _raised(watch, points, middle))
                naive += _episodes(watch, _naive(watch, points, middle))
                series += 1
                walked += points[-1][0] - middle
        return Quiet(series, walked.total_seconds() / WEEK_S, findings, naive)

    def _baseline(self, name: str) -> dict[tuple[str, str, str], Series]:
        if name not in self._baselines:
            read = read_series(self._root / "baselines" / f"{Path(name).name}.csv")
            self._baselines[name] = {key: list(points) for key, points in read.items()}
        return self._baselines[name]


def answer(case: Case) -> Answer:
    """What the watch, and the naive rule beside it, found first in the window."""
    found = next(_raised(case.watch, case.points, case.start), None)
    flags = _naive(case.watch, case.points, case.start)
    ends = [at + timedelta(seconds=case.watch.period_s) for at, _ in case.points if at >= case.start]
    naive = next((i for i in range(len(flags)) if _agree(case.watch, flags[: i + 1])), None)
    return Answer(
        case,
        found[0] if found else None,
        ends[naive] if naive is not None else None,
        found[1].summary if found else "",
    )


def check(answers: Sequence[Answer], unwatched: Sequence[str], truths: Collection[str]) -> None:
    """Raises NotTheSame where a case has no truth, or a truth no incident: what is left out would be no result."""
    answered = {one.case.id for one in answers}
    untold, unheard = sorted(answered - set(truths)), sorted(set(truths) - answered - set(unwatched))
    if untold or unheard:
        what = [f"without truth: {', '.join(untold)}"] if untold else []
        what += [f"in the truth, and not among the incidents: {', '.join(unheard)}"] if unheard else []
        raise NotTheSame(f"{len(answered)} cases, {len(truths)} truths; {'; '.join(what)}")


def tally(answers: Sequence[Answer], healthy: Mapping[str, bool], *, naive: bool = False) -> Tally:
    """Every answer's truth must be in `healthy`."""
    counted = Tally()
    for one in answers:
        is_healthy = healthy[one.case.id]
        at = one.naive_at if naive else one.found_at
        lead = one.lead_s(at)
        counted = Tally(
            counted.found + (not is_healthy and at is not None),
            counted.missed + (not is_healthy and at is None),
            counted.wrong + (is_healthy and at is not None),
            counted.healthy + is_healthy,
            (*counted.leads, lead) if lead is not None and not is_healthy else counted.leads,
        )
    return counted


def _watch(key: tuple[str, str, str], period_s: int, points: Series, start: datetime, more: dict[str, Any]) -> Watch:
    """As an owner would declare it for this series; `more` has the last word."""
    service, metric, statistic = key
    known_h = max((start - points[0][0]).total_seconds() / 3600, 12 * period_s / 3600)
    usual: dict[str, Any] = {
        "id": "watch",
        "kind": "anomaly",
        "namespace": "folder",
        "metric": metric,
        "statistic": statistic,
        "service": service,
        "period_s": period_s,
    }
    if more.get("kind", "anomaly") == "anomaly":
        direction = DIRECTION.get(quantity_of(metric), "up")
        usual |= {"season": "none", "direction": direction, "history_h": known_h}
    return Watches.model_validate({"watches": [{**usual, **more}]}).watches[0]


def _quiet_limit(kind: str, points: Series, period_s: int) -> dict[str, Any]:
    if kind == "anomaly":
        return {}
    furthest = max(abs(value) for _, value in points) or 1.0
    return {"kind": kind, "limit": 2 * furthest, "history_h": 72 * period_s / 3600}


def _raised(watch: Watch, points: Series, start: datetime) -> Iterator[tuple[datetime, FindingRaisedV1]]:
    """Each finding of the walk, with the end of the period that told it."""
    watched = Watches(watches=(watch,)).watched(watch)
    times = [at for at, _ in points]
    known: FindingRaisedV1 | None = None
    for i in range(bisect_left(times, start), len(points)):
        now = times[i] + timedelta(seconds=watch.period_s)
        first = bisect_left(times, now - watch.lookback)
        seen = watching.look(watch, points[first : i + 1], now)
        if seen is None:
            continue
        said = watching.decide(watch, watched, seen, known, {}, Window(start=times[first], end=now))
        for event in said:
            known = event if isinstance(event, FindingRaisedV1) else None
            if known:
                yield now, known


def _naive(watch: Watch, points: Series, start: datetime) -> list[bool]:
    """Whether each point from `start` on is bad by the naive rule."""
    times = [at for at, _ in points]
    first = bisect_left(times, start)
    if isinstance(watch, ExhaustionWatch):
        return [_line_reaches(watch, points[max(i - 1, 0) : i + 1]) for i in range(first, len(points))]
    beyond = _static(watch, [value for _, value in points[:first]])
    return [beyond(value) for _, value in points[first:]]


def _static(watch: AnomalyWatch, history: Sequence[float]) -> Callable[[float], bool]:
    if not history:
        return lambda value: False
    middle, sigma = fmean(history), pstdev(history)
    high = middle + SIGMAS * sigma if watch.direction in ("up", "both") else float("inf")
    low = middle - SIGMAS * sigma if watch.direction in ("down", "both") else float("-inf")
    return lambda value: value > high or value < low


def _line_reaches(watch: ExhaustionWatch, pair: Series) -> bool:
    sign = 1 if watch.direction == "up" else -1
    gap = sign * (watch.limit - pair[-1][1])
    if gap <= 0:
        return True
    if len(pair) < 2:
        return False
    rate = sign * (pair[-1][1] - pair[-2][1]) / (pair[-1][0] - pair[-2][0]).total_seconds()
    return rate > 0 and gap / rate <= watch.horizon_h * 3600


def _agree(watch: Watch, flags: Sequence[bool]) -> bool:
    return sum(flags[-watch.of :]) >= watch.needed


def _episodes(watch: Watch, flags: Sequence[bool]) -> int:
    """How often the naive rule begins: with as many agreeing points as a watch needs, and ended by as many."""
    count, is_open = 0, False
    for i in range(len(flags)):
        recent = flags[max(0, i + 1 - watch.of) : i + 1]
        if not is_open and sum(recent) >= watch.needed:
            count, is_open = count + 1, True
        elif is_open and not recent[-1] and recent.count(False) >= watch.needed:
            is_open = False
    return count


def _period_s(points: Series) -> int:
    """The usual distance of two points."""
    gaps = [(later[0] - earlier[0]).total_seconds() for earlier, later in pairwise(points)]
    return max(int(median(gaps)), 1) if gaps else 60
