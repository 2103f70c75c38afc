"""findings: of GuardDuty, Security Hub, Inspector and Macie, by EventBridge or as the services store them. Pure.

Formats: "GuardDuty finding format", "AWS Security Finding Format (ASFF)", "EventBridge events of Amazon Inspector",
"EventBridge event schema for Macie findings".
"""

from collections.abc import Iterator
from typing import Any

from resilibot.ingest.sources import build
from resilibot.ingest.sources.errors import MalformedSignal
from resilibot.ingest.sources.eventbridge import event_id
from resilibot.ingest.sources.fields import at, mapping, objects, text, words
from resilibot.ingest.sources.record import Item, Record, Refused, Source, ignored
from resilibot.ingest.sources.severity import CRITICAL, HIGH, LOW, MEDIUM, by_number, by_word

GUARDDUTY_STEPS = ((9.0, CRITICAL), (7.0, HIGH), (4.0, MEDIUM), (0.0, LOW))  # its own levels


def _is_guardduty(body: dict[str, Any]) -> bool:
    if body.get("detail-type") == "GuardDuty Finding":  # a transformer may leave the source out, but name no other
        return bool(body.get("source", "aws.guardduty") == "aws.guardduty")
    raw = _lower_first(body)
    service = words(raw, "service.serviceName", "service.ServiceName")
    return service == "guardduty" or (":guardduty:" in words(raw, "arn") and "severity" in raw and "type" in raw)


def _read_guardduty(record: Record) -> Iterator[Item]:
    is_event = "detail-type" in record.body
    place = f"{record.place}detail." if is_event else record.place
    finding = _lower_first(mapping(record.body, "detail", record.place) if is_event else record.body)
    kind = words(finding, "type") or text(finding, "title", place)
    figure = finding.get("severity")
    if not isinstance(figure, int | float) or isinstance(figure, bool):
        raise MalformedSignal(f"{place}severity: a number is needed, not {type(figure).__name__}")
    severity = by_number("guardduty", "severity", float(figure), GUARDDUTY_STEPS)
    source_id = (
        words(record.body, "id") if is_event else f"{words(finding, 'id')}@{words(finding, 'updatedAt')}".strip("@")
    )
    is_archived = at(finding, "service.archived") is True
    if is_archived or _is_below(severity[0]):
        why = "archived" if is_archived else f"severity {figure:g} is below {GUARDDUTY_STEPS[2][0]:g}"
        yield ignored(record, "guardduty", f"finding {kind}", why, source_id)
        return
    resource = finding.get("resource")
    about = words(
        resource,
        *("instanceDetails.instanceId", "eksClusterDetails.name", "rdsDbInstanceDetails.dbInstanceIdentifier"),
        *("lambdaDetails.functionName", "s3BucketDetails.0.name", "accessKeyDetails.userName", "resourceType"),
    )
    yield build.signal(
        record,
        source="guardduty",
        source_id=source_id or record.own_id,
        name=kind,
        identity=words(finding, "id") or f"{kind} {about}",
        state="ALARM",
        title=words(finding, "title") or f"{kind} on {about}",
        reason=words(finding, "description"),
        severity=severity,
        fired_at=at(finding, "updatedAt") or at(finding, "createdAt") or record.body.get("time"),
        resource=build.resource_ref(
            name=about or kind,
            account=words(finding, "accountId") or words(record.body, "account"),
            region=words(finding, "region") or words(record.body, "region"),
            arn=at(resource, "eksClusterDetails.arn") or at(resource, "lambdaDetails.functionArn"),
        ),
    )


def _is_securityhub(body: dict[str, Any]) -> bool:
    if body.get("source") == "aws.securityhub":
        return "detail-type" in body
    return _is_asff(body)


def _is_asff(body: Any) -> bool:
    return isinstance(body, dict) and "SchemaVersion" in body and "ProductArn" in body


def _read_securityhub(record: Record) -> Iterator[Item]:
    if "detail-type" not in record.body:
        yield _finding(record, record.body, "")
        return
    detail = mapping(record.body, "detail", record.place)
    findings = detail.get("findings")
    if not isinstance(findings, list) or not findings:
        told = f"aws.securityhub: {words(record.body, 'detail-type')}"
        yield ignored(record, "securityhub", told, "no findings in it", event_id(record))
        return
    for number, finding in enumerate(findings):
        placed = record.within(f"detail.findings.{number}")
        try:
            yield _finding(placed, finding, f"{event_id(record)}/{number}")
        except MalformedSignal as error:
            yield Refused(str(error))


def _finding(record: Record, finding: Any, source_id: str) -> Item:
    if not isinstance(finding, dict):
        raise MalformedSignal(f"{record.place}: an object is needed, not {type(finding).__name__}")
    if "finding_info" in finding:
        return _ocsf(record, finding, source_id)
    title = words(finding, "Title", "Types.0", "GeneratorId") or text(finding, "Title", record.place)
    label = words(finding, "Severity.Label") or _label(at(finding, "Severity.Normalized"))
    severity = by_word("securityhub", "Severity.Label", label, MEDIUM)
    resource = next(iter(objects(finding, "Resources")), {})
    source_id = source_id or f"{words(finding, 'Id')}@{words(finding, 'UpdatedAt')}".strip("@")
    settled = _settled(finding)
    if settled or _is_below(severity[0]):
        return ignored(record, "securityhub", f"finding {title}", settled or f"{label} informs only", source_id)
    return build.signal(
        record,
        source="securityhub",
        source_id=source_id,
        name=words(finding, "Types.0") or title,
        identity=words(finding, "Id") or title,
        state="ALARM",
        title=title,
        reason=words(finding, "Description"),
        severity=severity,
        fired_at=at(finding, "UpdatedAt") or at(finding, "CreatedAt"),
        resource=build.resource_ref(
            name=words(resource, "Id") or title,
            account=words(finding, "AwsAccountId"),
            region=words(finding, "Region") or words(resource, "Region"),
            arn=resource.get("Id"),
        ),
        links=[finding.get("SourceUrl")],
    )


def _ocsf(record: Record, finding: dict[str, Any], source_id: str) -> Item:
    """ "Findings Imported V2" speaks OCSF, the Open Cybersecurity Schema Framework."""
    title = text(finding, "finding_info.title", record.place)
    label, status = words(finding, "severity"), words(finding, "status")
    severity = by_word("securityhub", "severity", label, MEDIUM)
    is_settled = status.lower() in ("resolved", "suppressed", "archived", "closed")
    if is_settled or _is_below(severity[0]):
        why = f"its status is {status}" if is_settled else f"{label} informs only"
        return ignored(record, "securityhub", f"finding {title}", why, source_id)
    about = words(finding, "resources.0.uid", "resources.0.name")
    return build.signal(
        record,
        source="securityhub",
        source_id=source_id,
        name=words(finding, "finding_info.types.0") or title,
        identity=words(finding, "finding_info.uid") or title,
        state="ALARM",
        title=title,
        reason=words(finding, "finding_info.desc", "message"),
        severity=severity,
        fired_at=words(finding, "finding_info.modified_time", "time", "finding_info.created_time"),
        resource=build.resource_ref(
            name=about or title,
            account=words(finding, "cloud.account.uid"),
            region=words(finding, "cloud.region"),
            arn=about,
        ),
    )


def _settled(finding: dict[str, Any]) -> str:
    if words(finding, "RecordState") == "ARCHIVED":
        return "archived"
    if words(finding, "Workflow.Status") in ("RESOLVED", "SUPPRESSED"):
        return f"its workflow is {words(finding, 'Workflow.Status')}"
    return "its check has passed" if words(finding, "Compliance.Status") == "PASSED" else ""


def _label(normalized: Any) -> str:
    """ASFF: 0 informational, 1-39 low, 40-69 medium, 70-89 high, 90-100 critical."""
    if not isinstance(normalized, int | float):
        return ""
    steps = ((90, "CRITICAL"), (70, "HIGH"), (40, "MEDIUM"), (1, "LOW"))
    return next((word for bound, word in steps if normalized >= bound), "INFORMATIONAL")


def _is_scanner(body: dict[str, Any]) -> bool:
    return body.get("source") in ("aws.inspector2", "aws.macie") and "detail-type" in body


def _read_scanner(record: Record) -> Iterator[Item]:
    """Inspector and Macie: one finding an event."""
    detail = mapping(record.body, "detail", record.place)
    source = words(record.body, "source").removeprefix("aws.")
    kind, word = words(record.body, "detail-type"), words(detail, "severity.description", "severity")
    severity = by_word(source, "severity", word, LOW)
    if severity[0] not in (HIGH, CRITICAL) or words(detail, "status") in ("CLOSED", "SUPPRESSED"):
        yield ignored(record, source, kind, f"severity {word or 'not told'} or closed: it informs", event_id(record))
        return
    about = words(detail, "resources.0.id", "resourcesAffected.s3Bucket.name") or words(record.body, "resources.0")
    yield build.signal(
        record,
        source=source,
        source_id=event_id(record),
        name=words(detail, "type") or kind,
        identity=words(detail, "findingArn", "id"),
        state="ALARM",
        title=words(detail, "title") or f"{kind}: {about}",
        reason=words(detail, "description"),
        severity=severity,
        fired_at=record.body.get("time"),
        resource=build.resource_ref(
            name=about or kind, account=words(record.body, "account"), region=words(record.body, "region"), arn=about
        ),
    )


def _is_below(severity: Any) -> bool:
    return bool(severity == LOW)


def _lower_first(body: dict[str, Any]) -> dict[str, Any]:
    """GetFindings spells Type, Severity, Arn; events spell type, severity, arn."""
    return {key[:1].lower() + key[1:]: value for key, value in body.items()}


GUARDDUTY = Source("guardduty", _is_guardduty, _read_guardduty)
SECURITYHUB = Source("securityhub", _is_securityhub, _read_securityhub)
SCANNERS = Source("scanners", _is_scanner, _read_scanner)
