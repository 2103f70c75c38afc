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
IDS = (
    *("fingerprint", "dedupkey", "dedupekey", "deduplicationkey", "alertid", "alertuid", "alarmid", "incidentid"),
    *("problemid", "monitorid", "checkid", "triggerid", "id", "uuid"),
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
        """The word of its state: no number, and no sentence."""
        found = (_word(view[key]) for view in self.around for key in _state_keys(view))
        return next((word for word in found if word and not word.lstrip("-").isdigit() and word.count(" ") < 4), "")

    def state(self) -> SignalState | None:
        """The name of an event counts where no field tells the state."""
        if told := self.told():
            return state_of(told)
        kinds = (_word(view.get(key)) for view in self.around for key in KIND_KEYS)
        return next((state for kind in kinds if (state := state_of_event(kind))), None)

    def name(self) -> str:
        told = self.word(*NAMES) or self.word(*TITLES) or self.word(*MENTIONS)
        return told or self._watched() or self.word(*TEXTS)

    def resource(self) -> str:
        return self.word(*RESOURCES) or self._watched()

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
    return alert is not None and alert.state() is not None and bool(alert.name()) and not _is_log_line(alert)


def read(record: Record) -> Iterator[Item]:
    alert = _alert(record.body) or Alert(_view(record.body), (_view(record.body),))
    labels = pairs(alert.own.get("labels")) or pairs(alert.own.get("tags"))
    named = alert.name()
    about, key = alert.resource(), alert.word(*IDS)
    level = alert.word(*SEVERITY_KEYS) or labels.get("severity", "")
    yield build.signal(
        record,
        source=NAME,
        name=key or named,  # "x is down" and "x is up" are one signal
        identity=key or (build.joined(about, named) if about else ""),  # a check of two hosts is two
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
    for scope in scopes:
        inner = next((_view(scope[0][key]) for key in CONTAINERS if isinstance(scope[0].get(key), dict)), None)
        if inner is not None:
            return Alert(inner, (inner, *scope))
        if _is_marked(scope[0]):
            return Alert(scope[0], scope)
    is_told = any(is_about_an_alert(_word(outer.get(key))) for key in KIND_KEYS)
    return Alert(scopes[-1][0], scopes[-1]) if is_told else None


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
