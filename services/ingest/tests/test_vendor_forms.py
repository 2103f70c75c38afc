"""Forms that senders really use and that are easily missed: a field left out, another word, another spelling."""

from typing import Any

import pytest

from resilibot.contracts.signal import Signal
from resilibot.ingest.fingerprint import fingerprint
from resilibot.ingest.sources import Ignored, MalformedSignal, read
from resilibot.ingest.sources.mapped import load
from resilibot.ingest.sources.record import Record
from tests.support.read_message import NOW, one, only


def event(source: str, kind: str, detail: Any) -> dict[str, Any]:
    return {"version": "0", "id": "e-1", "source": source, "detail-type": kind, "region": "eu-west-1", "detail": detail}


def group(alert: dict[str, Any], **told: Any) -> dict[str, Any]:
    return {"receiver": "r", "status": "firing", "alerts": [alert], "groupKey": "{}", **told}


SCANNED = {"s3ObjectDetails": {"bucketName": "uploads", "objectKey": "a"}, "scanResultDetails": {}}
FINDING = {"id": "f-1", "type": "Recon:EC2/PortProbe", "title": "A port is probed", "severity": 8}


def test_a_finding_of_guardduty_may_have_lost_its_source_and_names_no_other() -> None:
    told = {"detail-type": "GuardDuty Finding", "region": "eu-west-1", "detail": FINDING}
    assert (one(told).source, one(told).title) == ("guardduty", "A port is probed")
    assert isinstance(only({**told, "source": "my.app"}), Ignored)


def test_a_malware_scan_is_a_failure_if_it_found_something() -> None:
    kind = "GuardDuty Malware Protection Object Scan Result"
    for status, is_signal in (("THREATS_FOUND", True), ("NO_THREATS_FOUND", False)):
        detail = {**SCANNED, "scanResultDetails": {"scanResultStatus": status, "threats": None}}
        assert isinstance(only(event("aws.guardduty", kind, detail)), Signal) is is_signal


@pytest.mark.parametrize("source", ["aws.guardduty", "aws.health"])
def test_a_call_of_a_services_api_is_none_of_its_findings(source: str) -> None:
    assert isinstance(only(event(source, "AWS API Call via CloudTrail", {"eventName": "x"})), Ignored)


@pytest.mark.parametrize("left_out", ["source", "detail"])
def test_an_event_is_refused_for_what_is_missing_only_if_its_kind_matters(left_out: str) -> None:
    own, ours = event("my.app", "ordered", {}), event("aws.ecs", "ECS Deployment State Change", {})
    del own[left_out], ours[left_out]
    assert isinstance(only(own), Ignored)
    with pytest.raises(MalformedSignal, match=left_out):
        only(ours)


def test_a_finding_is_called_by_whatever_it_has_of_a_name() -> None:
    bare = {key: value for key, value in FINDING.items() if key != "type"}
    assert one(event("aws.guardduty", "GuardDuty Finding", bare)).name == "A port is probed"
    asff = {"GeneratorId": "s3/1.1", "Severity": {"Label": "HIGH"}, "Resources": [{"Id": "arn:aws:s3:::a"}]}
    assert one(event("aws.securityhub", "Security Hub Findings - Imported", {"findings": [asff]})).title == "s3/1.1"


def test_the_migration_service_notifies_in_the_form_of_rds_and_is_not_rds() -> None:
    told = {"Event Source": "replication-task", "SourceId": "orders", "Event Message": "Replication task has failed."}
    assert (one(told).source, one(told).resource.name) == ("dms", "orders")


def test_a_notification_rule_of_the_developer_tools_sends_the_same_event_by_another_name() -> None:
    told = event("aws.codepipeline", "", {"pipeline": "shop", "state": "FAILED"})
    del told["detail-type"]
    told |= {"detailType": "CodePipeline Pipeline Execution State Change", "notificationRuleArn": "arn:aws:x"}
    assert one(told).resource.name == "shop"


@pytest.mark.parametrize("text", ["42", "true", "null", "{}", "[]", "1.5", "hello"])
def test_a_bare_value_in_an_envelope_is_a_text_and_alone_it_is_refused(text: str) -> None:
    for told in ({"Records": [{"messageId": "q", "eventSource": "aws:sqs", "body": text}]}, {"Sns": {"Message": text}}):
        assert isinstance(only(told), Ignored)
    if text != "hello":
        with pytest.raises(MalformedSignal):
            read(text, received_at=NOW)


def test_an_alert_without_labels_is_called_as_its_group_is() -> None:
    told = {"status": "firing", "labels": {}, "annotations": {}, "fingerprint": "57c6"}
    assert one(group(told, title="[FIRING:1] (Test)")).title == "[FIRING:1] (Test)"
    over = one(group({**told, "status": "resolved"}, title="[RESOLVED:1] (Test)"))
    assert fingerprint(over) == fingerprint(one(group(told)))
    with pytest.raises(MalformedSignal, match="alertname"):
        only(group({"status": "firing", "labels": {"zone": "a"}}))


def test_an_empty_alert_is_refused_whatever_its_group_says() -> None:
    with pytest.raises(MalformedSignal, match="nothing in it"):
        only(group({}, title="[FIRING:1]", commonAnnotations={"summary": "slow"}))


def test_a_list_of_other_alerts_is_none_of_alertmanagers() -> None:
    told = {"incident_title": "Checkout", "status": "critical", "alerts": [{"host": "a"}]}
    assert (one(told).source, one(told).title) == ("conventional", "Checkout")


def test_an_issue_of_sentry_known_by_its_address_alone_is_the_same_when_it_is_resolved() -> None:
    def sentry(action: str, **data: Any) -> dict[str, Any]:
        return {"action": action, "installation": {"uuid": "u"}, "data": data}

    fires = sentry("triggered", event={"title": "boom", "issue_url": "https://s.example/api/0/issues/42/"})
    clears = sentry("resolved", issue={"id": "42", "title": "boom"})
    assert fingerprint(one(fires)) == fingerprint(one(clears))


def test_an_event_of_sentrys_plugin_without_a_text_is_called_by_its_culprit() -> None:
    assert one({"culprit": "app.pay in charge", "project": "shop", "event": {}}).name == "app.pay in charge"


def test_a_sentence_as_status_of_datadog_does_not_hide_its_transition() -> None:
    told = {"alert_title": "Disk", "alert_id": "1", "alert_status": "disk over host:a was > 90", "alert_type": "error"}
    assert one(told).state == "ALARM"


MAPPING = """
[[source]]
source = "shop"
has = ["shop"]
state = "mood"
firing = ["ok"]
name = "shop"
title = "says"
"""


def test_an_owners_words_come_before_the_usual_ones_and_the_rest_is_refused() -> None:
    (mapping,) = load(MAPPING)
    source = mapping.as_source()

    def state(mood: str) -> Any:
        (item,) = source.read(Record({"shop": "eu", "mood": mood}, NOW))
        return item.state if isinstance(item, Signal) else item

    assert (state("ok"), state("firing"), state("resolved")) == ("ALARM", "ALARM", "OK")
    assert isinstance(state("acknowledged"), Ignored)
    with pytest.raises(MalformedSignal, match="odd"):
        state("odd")


@pytest.mark.parametrize(("says", "title"), [("slow", "eu: slow"), ("eu is slow", "eu is slow"), ("", "eu")])
def test_a_title_has_the_name_of_what_fires(says: str, title: str) -> None:
    (mapping,) = load(MAPPING)
    (item,) = mapping.as_source().read(Record({"shop": "eu", "mood": "firing", "says": says}, NOW))
    assert isinstance(item, Signal)
    assert item.title == title
