"""grants: what an approval binds, and the proof that act itself recorded it. Pure.

A grant's MAC is HMAC-SHA256 over the canonical JSON of all that it binds, with a key that only act can read: an event
written by anybody else never starts anything.
"""

import hashlib
import hmac
from datetime import datetime

from resilibot.contracts import events as e
from resilibot.contracts.canonical import canonical
from resilibot.contracts.case import Approval
from resilibot.contracts.event import format_time


def mac(key: bytes, incident_id: str, request: e.ApprovalRequestedV1, approver: str) -> str:
    """Hex MAC of a grant for exactly this request by this approver."""
    step = request.step
    bound = {
        "incident_id": incident_id,
        "grant_id": request.grant_id,
        "subject": request.subject,
        "step_id": step.id if step else None,
        "action": step.action if step else None,
        "target": step.target if step else None,
        "arguments": step.arguments if step else None,
        "arguments_hash": request.arguments_hash,
        "action_class": request.action_class,
        "policy_version": request.policy_version,
        "evidence_revision": request.evidence_revision,
        "expires_at": format_time(request.expires_at),
        "approver": approver,
    }
    return hmac.new(key, canonical(bound), hashlib.sha256).hexdigest()


def is_genuine(key: bytes, incident_id: str, approval: Approval) -> bool:
    if approval.mac is None or approval.answered_by is None:
        return False
    expected = mac(key, incident_id, approval.request, approval.answered_by)
    return hmac.compare_digest(expected.encode(), approval.mac.encode())  # as text it raises for what is not ASCII


def why_unusable(approval: Approval, now: datetime) -> str | None:
    """Why a genuine grant cannot be used now, or None."""
    if approval.state != "granted":
        return f"the approval is {approval.state}"
    if approval.used_by is not None:
        return f"the grant was used by action {approval.used_by}"
    if now >= approval.request.expires_at:
        return f"the grant expired at {format_time(approval.request.expires_at)}"
    return None
