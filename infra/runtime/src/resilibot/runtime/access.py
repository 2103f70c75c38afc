"""access: who may call a route. Declared with the routes in the SERVICE map, and enforced before the handler runs.

Roles are no ladder: each permits what it names and nothing else, and a person usually holds several. So somebody who
approves need not be able to open or close, and an administrator cannot approve.
"""

from enum import StrEnum


class Access(StrEnum):
    PUBLIC = "public"  # anybody
    SIGNED = "signed"  # a sender that proves itself by a signature over the body; the handler verifies it
    VIEWER = "viewer"  # sees incidents, evidence, the log
    RESPONDER = "responder"  # works on incidents: opens, closes
    APPROVER = "approver"  # answers approvals; a person, never a machine
    ADMIN = "admin"  # decides about ResiliBot itself: forgets persons

    @property
    def needs_token(self) -> bool:
        return self not in (Access.PUBLIC, Access.SIGNED)

    @property
    def needs_person(self) -> bool:
        """No machine has it, whatever roles its token carries: what a model asks for, no program may grant."""
        return self is Access.APPROVER
