"""conventional: an alert in the words most senders share, of a sender nobody described. Asked last. Pure.

It is taken only when it says all three: that it is an alert (a field named so, a severity, or a word that only alerts
use), in which state it is, and what it is called. Anything less is an event of somebody's application. Fields are known
in any spelling (`alert_name`, `AlertName`, `ALERTNAME`), of the object itself, of the one under a usual name (`alert`),
or one envelope deeper (`data`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resilibot.contracts.signal import SignalState
from resilibot.ingest.sources import build
from resilibot.ingest.sources.fields import pairs, words
from resilibot.ingest.sources.record import Item, Record, Source
from resilibot.ingest.sources.severity import WORDS as SEVERITIES
from resilibot.ingest.sources.severity import by_word
from resilibot.ingest.sources.states import (
    BROKEN,
    CERTAIN,
    LEVELS,
    RUNNING,
    is_about_an_alert,
    is_ended,
    is_quiet,
    is_trouble,
    is_trouble_of_event,
    state_of,
    state_of_event,
)

NAME = "conventional"
WRAPPERS = ("data", "payload", "body", "attributes", "webhookeventdata")
CONTAINERS = ("alert", "alarm", "incident", "problem", "monitor", "alertgroup", "check")
STATE_KEY = re.compile(
    r"(alert|alarm|incident|problem|monitor|check|trigger|event|rule|current|new)?(status|state)(name)?"
    r"|(notification|trigger)type|alert(action|event)"
)
KIND_KEYS = ("event", "eventtype", "alerttype", "type", "action")
NAMES = (
    *("alertname", "alarmname", "rulename", "name", "monitorname", "checkname", "testname", "triggername"),
    *("incidentname", "servicedesc", "servicedescription", "displayname", "friendlyname", "alias", "label"),
)
TITLES = ("title", "alerttitle", "incidenttitle", "summary", "subject", "headline")
MENTIONS = (
    *("check", "sensor", "monitor", "alarm", "alert", "incident", "problem", "trigger", "rule", "metadata"),
    "eventname",
)
TEXTS = ("message", "text", "description", "details", "output", "pluginoutput", "info", "reason", "url")
WATCHER_IDS = ("monitorid", "checkid", "triggerid")  # of what may watch many things
IDS = (
    *("fingerprint", "dedupkey", "dedupekey", "deduplicationkey", "alertid", "alertuid", "alarmid", "incidentid"),
    *("problemid", *WATCHER_IDS, "id", "uuid"),
)
RESOURCES = (
    *("resource", "resourcename", "host", "hostname", "instance", "server", "node", "device", "target", "entity"),
    *("entityname", "service", "servicename", "app", "appname", "application", "source"),
)
SEVERITY_KEYS = (
    *("severity", "severitylabel", "alertseverity", "alarmseverity", "eventseverity", "triggerlevel", "priority"),
    *("level", "servicestate", "hoststate", "urgency"),
)
TIMES = ("timestamp", "time", "startsat", "lastreceived", "startedat", "createdat", "date")
INFORMS = frozenset(("info", "information", "informational", "notice", "debug", "trace", "default", "none", "verbose"))
MARK = re.compile(
    r"alert|alarm|incident|severity|monitor|problem|dedup|fingerprint|notificationtype|triggertype|sensor"
    r"|(check|rule)(id|name)$"
)
UNSPELLED = re.compile(r"[^a-z0-9]")

NAMED_BY = ("name", "hostname", "value", "label", "title", "type")  # of an object, where a word is wanted

View = dict[str, Any]  # fields by their names without case and signs


@dataclass(frozen=True)
class Alert:
    """The object that is the alert, and what stands around it, nearest first."""

    own: View
    around: tuple[View, ...]

    def word(self, *keys: str) -> str:
        return next((word for key in keys if key in self.own and (word := _word(self.own[key]))), "")

    def told(self) -> str:
        """The word of its state."""
        return next(self._told(), "")

    def state(self) -> SignalState | None:
        """The name of an event counts where no field tells the state.

        Where the first word is unknown ("enabled") or says only that something is well ("ok", as every answer does),
        another that plainly fires counts: a false alarm is looked at, a lost one is not.
        """
        kinds = [_word(view.get(key)) for view in self.around for key in KIND_KEYS]
        first, *others = [*self._told()] or [""]
        if not first:
            return next((state for kind in kinds if (state := state_of_event(kind))), None)
        if is_quiet(first):
            return None
        told = state_of(first)
        if told == "ALARM" or is_ended(first):
            return told
        fires = any(map(is_trouble, others)) or any(map(is_trouble_of_event, kinds))
        return "ALARM" if fires else told

    def _told(self) -> Iterator[str]:
        """Words of states, nearest first: no number, and no sentence."""
        found = (_word(view[key]) for view in self.around for key in _state_keys(view))
        return (word for word in found if word and not word.lstrip("-").isdigit() and word.count(" ") < 4)

    def name(self) -> str:
        told = self.word(*NAMES) or self.word(*TITLES) or self.word(*MENTIONS)
        return told or self._watched() or self.word(*TEXTS)

    def resource(self) -> str:
        return self.word(*RESOURCES) or self._watched() or self._labelled()

    def identity(self) -> str:
        """Its own key; with what it is about where many may share it: a check that fails for two hosts is two."""
        about, key = self.resource(), self.word(*IDS)
        is_own = bool(key) and key != self.word(*WATCHER_IDS)
        return key if is_own or not about else build.joined(about, key or self.name())

    def labels(self) -> dict[str, str]:
        return pairs(self.own.get("labels")) or pairs(self.own.get("tags"))

    def _labelled(self) -> str:
        labels = _view(self.labels())
        return next((word for key in RESOURCES if key != "source" and (word := _word(labels.get(key)))), "")

    def _watched(self) -> str:
        """What stands beside the alert in its envelope: {"service": {"name": "shop"}, "alert": {...}}."""
        keys = [key for key in RESOURCES if key != "source"]  # of an envelope that is its sender
        beside = (_word(view[key]) for view in self.around[1:] for key in keys if key in view)
        return next((word for word in beside if word), "")

    def title(self) -> str:
        name, title = self.name(), self.word(*TITLES)
        return title if name in title else f"{name}: {title}" if title else name


def recognises(body: dict[str, Any]) -> bool:
    alert = _alert(body)
    return alert is not None and not _is_log_line(alert)


def read(record: Record) -> Iterator[Item]:
    alert = _alert(record.body) or Alert(_view(record.body), (_view(record.body),))
    labels, named = alert.labels(), alert.name()
    about, key = alert.resource(), alert.word(*IDS)
    level = alert.word(*SEVERITY_KEYS) or labels.get("severity", "")
    yield build.signal(
        record,
        source=NAME,
        name=key or named,  # "x is down" and "x is up" are one signal
        identity=alert.identity(),
        state=alert.state() or "ALARM",
        title=alert.title(),
        reason=alert.word("description", "message", "details", "text", "output", "summary"),
        severity=by_word(NAME, "severity", level or _level(alert)),
        fired_at=next((alert.own[key] for key in TIMES if alert.own.get(key)), None),
        resource=build.resource_ref(name=about or named, service=alert.word("service", "servicename")),
        environment=alert.word("environment", "env"),
        tags=labels,
        links=[alert.own.get(key) for key in ("url", "link", "alerturl", "incidenturl")],
    )


SOURCE = Source(NAME, recognises, read)


def _alert(body: dict[str, Any]) -> Alert | None:
    """The object itself, what stands under one of the usual names, or the same within one envelope."""
    outer = _view(body)
    scopes = [(outer,), *((_view(outer[key]), outer) for key in WRAPPERS if isinstance(outer.get(key), dict))]
    found = [alert for scope in scopes for alert in _within(scope)]
    if not found and any(is_about_an_alert(_word(outer.get(key))) for key in KIND_KEYS):
        found.append(Alert(scopes[-1][0], scopes[-1]))
    return next((alert for alert in found if alert.name() and alert.state()), None)


def _within(scope: tuple[View, ...]) -> Iterator[Alert]:
    """What stands under a usual name may only be about the alert ("check": {"interval": 60}): then it is around it."""
    inner = [_view(scope[0][key]) for key in CONTAINERS if isinstance(scope[0].get(key), dict)]
    yield from (Alert(view, (view, *scope)) for view in inner)
    if inner or _is_marked(scope[0]):
        yield Alert(scope[0], (scope[0], *inner, *scope[1:]))


def _is_marked(view: View) -> bool:
    """A check of a host ("check": "disk", "host": "db-1") needs no other mark."""
    is_check = "check" in view and any(key in view for key in ("host", "hostname", "entity", "device"))
    is_certain = any(_word(view[key]).lower() in CERTAIN for key in _state_keys(view))
    return is_check or is_certain or any(MARK.search(key) for key in view)


def _is_log_line(alert: Alert) -> bool:
    """Nothing but a severity says that it is an alert, and its state is a word of anything's life, or a level again."""
    marks = [key for key in alert.own if MARK.search(key)]
    if alert.own is not alert.around[-1] or any(key not in ("severity", "severitytext") for key in marks) or not marks:
        return False
    told = alert.told().lower()
    is_named = bool(alert.word(*NAMES, *TITLES))
    informs = alert.word(*marks).lower() in INFORMS
    return (told in RUNNING and informs) or (told in LEVELS | BROKEN and not is_named)


def _level(alert: Alert) -> str:
    """ "status": "critical" tells how bad it is as well."""
    told = alert.told().lower()
    return told if told in LEVELS and told in SEVERITIES else ""


def _view(data: Mapping[str, Any]) -> View:
    found: View = {}
    for key, value in data.items():
        found.setdefault(UNSPELLED.sub("", key.lower()), value)
    return found


def _state_keys(view: View) -> list[str]:
    """`status` and `state` first, then in the order of the message."""
    return sorted((key for key in view if STATE_KEY.fullmatch(key)), key=lambda key: key not in ("status", "state"))


def _word(value: Any) -> str:
    """Text or a number, also of a list (its first) or of an object that has a name."""
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, Mapping):
        value = next((value[key] for key in NAMED_BY if key in value), "")
    return words({"value": value}, "value")
