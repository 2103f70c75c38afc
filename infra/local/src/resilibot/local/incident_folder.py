"""incident_folder: recorded incidents in a folder become the case and the round of evidence that observe would record.

    baselines/<name>.csv            healthy operation: timestamp,service,metric,statistic,value
    incidents/<id>/incident.json    {"id", "alarm", "window": [first, last], "period_s", "baseline": <name> or null}
    incidents/<id>/metrics.csv      the same columns, the incident window
    incidents/<id>/topology.json    {"nodes": [{"id", "type"}], "edges": [[caller, callee]]}
    incidents/<id>/evidence/*.json  answers of clouds and clusters, see recorded_evidence

Every CSV may be gzipped (.csv.gz). Times are epoch seconds. A file that is absent becomes a gap.

A case of the own log (`resilibot export --fixture`) has its evidence as observe recorded it, in one file, and no other:

    incidents/<id>/incident.json    {"id", "alarm"}; alarm["state"] "OK": no alarm of it fired any more
    incidents/<id>/observed.json    see observed_round
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from resilibot.contracts import events as e
from resilibot.contracts.case import IncidentCase, SignalSummary
from resilibot.contracts.evidence import (
    Baseline,
    EvidenceGap,
    EvidenceKind,
    LogContent,
    MetricContent,
    TopologyContent,
    TopologyNode,
    Window,
)
from resilibot.contracts.signal import MetricRef, ResourceRef, Severity, Signal
from resilibot.local.observed_round import OBSERVED, read_observed, series_of_others
from resilibot.local.recorded_evidence import UNTIMED, read_recorded
from resilibot.local.taken_away import SeriesKey, TakenAway
from resilibot.observe.baseline import summarise
from resilibot.observe.itemise import Found, itemise
from resilibot.runtime.blobs import InMemoryBlobStore

SOURCE = "folder"
COLUMNS = ["timestamp", "service", "metric", "statistic", "value"]
BEFORE = timedelta(minutes=30)  # the span of an incident of which only texts and states are known
BESIDE = ("metrics.csv", "metrics.csv.gz", "topology.json", "evidence")  # what a case with OBSERVED does not have
ELSEWHERE: tuple[EvidenceKind, ...] = ("log", "status", "change")  # kinds that only a folder evidence/ may hold

RESOURCES = ("db_instance_identifier", "kube_deployment", "service")  # annotations that name what an alert is about

Points = dict[SeriesKey, list[tuple[datetime, float]]]


class FolderInvalid(Exception):
    """The folder, or a file in it, is not in this layout; the message names it."""

    code = "folder_invalid"


@dataclass(frozen=True)
class RecordedIncident:
    """`files` says which file (and place in it) an evidence item was read from, by the item's id.

    `taken`: the series that were left out on purpose.
    """

    id: str
    case: IncidentCase
    gathered: e.EvidenceGatheredV1
    files: dict[str, str]
    taken: frozenset[SeriesKey] = frozenset()


class IncidentFolder:
    """The recorded incidents of one folder; a baseline that several share is read once.

    `away`: what of their telemetry is left out; None for nothing.
    """

    def __init__(self, root: Path, away: TakenAway | None = None) -> None:
        self._root = root
        self._away = away
        self._baselines: dict[str, dict[SeriesKey, Baseline | None]] = {}

    @cached_property
    def incidents(self) -> list[Path]:
        """Raises FolderInvalid when there is no folder of incidents."""
        folder = self._root / "incidents"
        if not folder.is_dir():
            raise FolderInvalid(f"{self._root}: no folder incidents in it")
        return sorted(path for path in folder.iterdir() if path.is_dir())

    def read(self) -> Iterator[RecordedIncident]:
        """In the order of their folders' names. Raises FolderInvalid."""
        for path in self.incidents:
            told = read_json(path / "incident.json")
            try:
                yield self._read(path, told)
            except (KeyError, TypeError, ValueError) as error:
                raise FolderInvalid(f"{path / 'incident.json'}: {type(error).__name__} {error}") from error

    def _read(self, path: Path, told: dict[str, Any]) -> RecordedIncident:
        alarm = told["alarm"]
        signal = _signal(str(told["id"]), alarm, int(told.get("period_s") or 60))
        if (path / OBSERVED).is_file():
            return self._observed(path, signal)
        series = read_series(path / "metrics.csv")
        is_on_graph = (path / "topology.json").is_file()  # without a graph nothing says who is another node
        taken = (
            self._away.of(signal.source_id, signal.resource.name, series) if self._away and is_on_graph else frozenset()
        )
        times = [at for points in series.values() for at, _ in points]
        found, gaps = _recorded(path / "evidence")
        if told.get("window"):
            first, last = (_time(t) for t in told["window"])
        else:
            first, last = _span(times, _told(found, signal.fired_at))
        gaps += [_dark(key) for key in sorted(taken) if _is_read(signal, key[2])]
        seen = {key: points for key, points in series.items() if key not in taken}
        contents = self._metrics(told.get("baseline"), seen, signal)
        if contents:
            found.append(Found("metric", SOURCE, contents, Window(start=first, end=last)))
        else:
            gaps.append(_gap("metric", "metrics.csv is absent or empty"))
        if is_on_graph:
            graph = _topology(path / "topology.json", str(alarm.get("service", "")))
            found.append(Found("topology", SOURCE, [(graph, {"file": "topology.json"}, "call graph")]))
        else:
            gaps.append(_gap("topology", "topology.json is absent"))
        items, gaps = itemise(found, gaps, 1, InMemoryBlobStore())
        files = {item.id: str(item.query["file"]) for item in items}
        gathered = e.EvidenceGatheredV1(
            round=1,
            purpose="diagnose",
            onset=first,
            window=Window(start=first, end=last),
            baseline=None,
            items=items,
            gaps=gaps,
        )
        return RecordedIncident(str(told["id"]), _case(signal), gathered, files, taken)

    def _observed(self, path: Path, signal: Signal) -> RecordedIncident:
        """The round as it was recorded, but for what is left out of it."""
        if both := [name for name in BESIDE if (path / name).exists()]:
            raise FolderInvalid(f"{path}: {OBSERVED} is all of its evidence, and {both[0]} lies beside it")
        told = read_json(path / OBSERVED)
        try:
            gathered = read_observed(told)
            others = series_of_others(gathered)
        except (KeyError, TypeError, ValueError) as error:
            raise FolderInvalid(f"{path / OBSERVED}: {type(error).__name__} {error}") from error
        away = self._away
        taken = away.of(signal.source_id, signal.resource.name, others.values()) if away else frozenset[SeriesKey]()
        seen = [item for item in gathered.items if others.get(item.id) not in taken]
        gaps = [*gathered.gaps, *map(_dark, sorted(taken))]
        files = {item.id: f"{OBSERVED}#{item.id}" for item in seen}
        gathered = gathered.model_copy(update={"items": seen, "gaps": gaps})
        return RecordedIncident(signal.source_id, _case(signal), gathered, files, taken)

    def _metrics(self, baseline: str | None, series: Points, signal: Signal) -> list[Any]:
        """What observe reads: the alarm's metric at its statistic, and what else its node and its neighbours count."""
        healthy = self._baseline(baseline) if baseline else {}
        watched = signal.metric
        contents = []
        for (service, name, statistic), points in sorted(series.items()):
            if not _is_read(signal, statistic):
                continue
            is_alarms = watched is not None and (service, name) == (signal.resource.service, watched.name)
            content = MetricContent(
                namespace=SOURCE,
                name=name,
                statistic=statistic,
                period_s=watched.period_s if watched else 60,
                dimensions={"Service": service},
                is_alarm_metric=is_alarms and watched is not None and statistic == watched.statistic,
                component=service,
                baseline=healthy.get((service, name, statistic)),
                points=points,
            )
            query = {"file": f"metrics.csv#{service}/{name}/{statistic}"}
            contents.append((content, query, f"{name} of {service}, {statistic}"))
        return contents

    def _baseline(self, name: str) -> dict[SeriesKey, Baseline | None]:
        if name not in self._baselines:
            points = read_series(self._root / "baselines" / f"{Path(name).name}.csv")
            self._baselines[name] = {key: summarise(values) for key, values in points.items()}
        return self._baselines[name]


def _is_read(signal: Signal, statistic: str) -> bool:
    return signal.metric is None or statistic in (signal.metric.statistic, "Sum")


def _recorded(folder: Path) -> tuple[list[Found], list[EvidenceGap]]:
    """Logs and states from the files of a folder; a kind that none of them holds is a gap."""
    found: dict[str, Found] = {}
    gaps: list[EvidenceGap] = []
    for file in sorted(folder.glob("*.json")):
        try:
            contents = read_recorded(file.stem, read_json(file))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FolderInvalid(f"{file}: {type(error).__name__} {error}") from error
        if not contents:
            gaps.append(_gap("status", f"{file.name} has no known shape"))
        for content, kind, place in contents:
            one = found.setdefault(kind, Found("log" if kind == "log" else "status", SOURCE))
            one.contents.append((content, {"file": f"evidence/{file.name}#{place}"}, f"{file.stem}: {place}"))
    gaps += [_gap(kind, f"no file holds any {kind}") for kind in ELSEWHERE if kind not in found]
    return list(found.values()), gaps


def _signal(identifier: str, alarm: dict[str, Any], period_s: int) -> Signal:
    """The alarm as a signal; of one in a monitoring product's own words its title and what it is about."""
    about = alarm.get("commonAnnotations") or {}
    service = alarm.get("service") or next((about[key] for key in RESOURCES if about.get(key)), None)
    metric = alarm.get("metric")
    return Signal(
        source=SOURCE,
        source_id=identifier,
        name=identifier,
        state="OK" if alarm.get("state") == "OK" else "ALARM",  # other products have words of their own
        title=str(alarm.get("title") or f"{metric} of {service}")[:512],
        resource=ResourceRef(account="", region="", service=service, name=str(service or identifier)),
        metric=MetricRef(
            namespace=SOURCE,
            name=metric,
            statistic=alarm["statistic"],
            period_s=period_s,
            dimensions={"Service": str(service)},
        )
        if metric
        else None,
        fired_at=_time(alarm.get("timestamp", 0)),
        severity=Severity.MEDIUM,
        severity_rule=SOURCE,
    )


def _case(signal: Signal) -> IncidentCase:
    summary = SignalSummary(signal=signal, is_firing=signal.state == "ALARM", occurrences=1)
    return IncidentCase(
        incident_id=signal.source_id,
        version=1,
        title=signal.title,
        source=SOURCE,
        resource=signal.resource,
        opened_at=signal.fired_at,
        signals={signal.name: summary},
    )


def _topology(path: Path, alarm_node: str) -> TopologyContent:
    told = read_json(path)
    try:
        return TopologyContent(
            alarm_node=alarm_node,
            nodes=[TopologyNode(name=node["id"], kind=node["type"]) for node in told["nodes"]],
            edges=[(caller, callee) for caller, callee in told["edges"]],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FolderInvalid(f"{path}: {type(error).__name__} {error}") from error


def read_series(path: Path) -> Points:
    """Points by series, oldest first; none if the file is absent. Plain, or gzipped beside it."""
    packed = path.with_name(f"{path.name}.gz")
    series: Points = {}
    try:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
        elif packed.is_file():
            text = gzip.decompress(packed.read_bytes()).decode("utf-8")
        else:
            return series
        rows = csv.reader(io.StringIO(text))
        if (head := next(rows, None)) != COLUMNS:
            raise FolderInvalid(f"{path}: its columns are {head}, expected {COLUMNS}")
        for at, service, name, statistic, value in rows:
            series.setdefault((service, name, statistic), []).append((_time(at), float(value)))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise FolderInvalid(f"{path}: {error}") from error
    return {key: sorted(points) for key, points in series.items()}


def read_json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FolderInvalid(f"{path}: {error}") from error
    if not isinstance(told, dict):
        raise FolderInvalid(f"{path}: not an object")
    return told


def _dark(taken: SeriesKey) -> EvidenceGap:
    service, name, statistic = taken
    return _gap("metric", f"{name} of {service}, {statistic}, has no point in the window: taken away")


def _gap(kind: EvidenceKind, detail: str) -> EvidenceGap:
    return EvidenceGap(kind=kind, source=SOURCE, reason="no_data", detail=detail)


def _span(times: list[datetime], otherwise: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    return (min(times), max(times)) if times else otherwise


def _told(found: list[Found], fired_at: datetime) -> tuple[datetime, datetime]:
    """Without metrics: up to when the alarm fired, or to the last that was told if it does not say when."""
    logs = [content for one in found for content, *_ in one.contents if isinstance(content, LogContent)]
    at = [pattern.first_at for log in logs for pattern in log.patterns]
    last = max([fired_at, *at]) if fired_at == UNTIMED else fired_at
    return max(last - BEFORE, UNTIMED), last


def _time(seconds: int | float | str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
