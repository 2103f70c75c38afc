"""lexicon: the words that questions are made of: kinds, filters, and small words without a meaning of their own. Pure.

A word that stands in no list here, and nowhere in the record, is not understood. So no word of time is a small word:
"the other day" must be named as not understood, not ignored.
"""

import re
from enum import StrEnum

from resilibot.contracts.case import OVER, Status


class Kind(StrEnum):
    LIST = "list"
    COUNT = "count"
    WHEN = "when"
    WHY = "why"
    APPROVED = "who approved"
    CHANGED = "what changed"
    DONE = "what was done"
    SIMILAR = "similar"
    STATUS = "is it over"


EXAMPLES = {
    Kind.LIST: "which incidents were open yesterday?",
    Kind.COUNT: "how many critical incidents were there last week?",
    Kind.WHEN: "when did checkout fail, and for how long?",
    Kind.WHY: "why did checkout fail last night?",
    Kind.APPROVED: "who approved the rollback of checkout?",
    Kind.CHANGED: "what changed before checkout failed?",
    Kind.DONE: "what was done about checkout?",
    Kind.SIMILAR: "were there incidents like the last one?",
    Kind.STATUS: "is checkout over?",
}

_OPEN = tuple(status for status in Status if status not in OVER)
OPEN_WORDS = ("open", "active", "ongoing", "unresolved")
STATUSES: dict[str, tuple[Status, ...]] = {
    **dict.fromkeys((*OPEN_WORDS, "current", "currently"), _OPEN),
    **dict.fromkeys(("pending", "waiting"), (Status.PENDING_APPROVAL,)),
    "resolved": OVER,
    "closed": (Status.CLOSED,),
    "denied": (Status.DENIED,),
}
ALL_STATUSES = (*_OPEN, *OVER)
NEGATIONS = ("not", "never")  # of the status or severity that follows
SEVERITIES = ("low", "medium", "high", "critical")
NEWEST = ("last", "latest", "newest", "recent")

_INCIDENTS = r"(?:incidents?|outages?|alarms?)"
_BESIDE = r"(?: (?!caus|chang|releas|deploy)\w+){0,3}"  # "which change caused the incident" asks for the change

# The first that fits. What is asked for stands before what it is asked of: "how many were caused by a release?"
_PATTERNS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.COUNT, ("how many", "how often", "number of", "count")),
    (
        Kind.SIMILAR,
        (
            "similar|alike|resembles?",
            "(?:incidents?|outages?|anything|something|ones?|seen|happened) like",
            r"(?:seen|happened|had) (?:this |it |that )?(?:\w+ )?before",
        ),
    ),
    (Kind.LIST, (rf"^(?:list|show|which|(?:is|are|was|were) there){_BESIDE} {_INCIDENTS}",)),
    (
        Kind.APPROVED,
        (
            r"who (?:\w+ )?(?:approved?|denied|deny|rejected|allowed|agreed|permitted)",
            "approvals?|approver|approved by",
        ),
    ),
    (Kind.CHANGED, ("changes?|changed|deploy(?:ed|ment|ments|s)?|releas(?:e|es|ed)",)),
    (Kind.WHEN, ("when|what time|how long",)),
    (
        Kind.WHY,
        (r"why|causes?|caused|reasons?|diagnosis|explain", "what (?:happened|broke|went wrong|is wrong|was wrong)"),
    ),
    (
        Kind.DONE,
        (
            "done|actions?|remed(?:y|ies)|rollback|restarted|rolled back",
            "what (?:did|have|has) (?:you|we|it|resilibot|they)",
            "how (?:was|were|did|is) .*(?:fixed|fix|resolved?|healed|repaired|recover(?:ed)?)",
            "who (?:fixed|healed|repaired)",
        ),
    ),
    (
        Kind.STATUS,
        (
            "over|still|status|state|fixed|what is open",
            "(?:is|are) .*(?:ok|okay|well|healthy|resolved|down|up|failing|broken|closed|working)",
        ),
    ),
    (Kind.LIST, (rf"list|show|any|which|{_INCIDENTS}", "what (?:failed|is going on|was going on|is failing)")),
)
KINDS = tuple((kind, re.compile(rf"\b(?:{'|'.join(patterns)})\b")) for kind, patterns in _PATTERNS)

_KEY_WORDS = """
approved approvals approver approval denied rejected similar alike resembles count number deployed deployment changed
changes release released caused cause reason diagnosis explain happened actions action remedy status incidents incident
outages outage alarms alarm resolved closed pending escalated critical medium unresolved latest newest recent restarted
rolled rollback failed healthy fixed yesterday
"""
_SMALL_WORDS = """
a about actually again all allowed already alright also am an and any anything approve are as at back be because been
before being between breaking break broke broken but by can could crash crashed crashing deny did do does doing done
down during each else ever every everything fail failing failure failures fails fault fix fixes for from gave get
getting give go going gone got had happen happening happens has have having he healed hello help her here hey hi him
his how i if in into is issue issues it its itself just kind know let like list long look lot made make many may me
more most much my need never no not now of off often ok okay on one ones only or our out over page paged people person
please problem problems question raised really recover recovered recovering repaired resilibot resolve right said say
see seen service services she should show since so some somebody someone something state stay still stop stopped such
take tell than thank thanks that the their them then there these they thing things think this those time times to took
trouble troubles up us use very via want was way we well went were what when where whether which while who whom whose
why will with within work working works would wrong yes yet you your agreed permitted rejected remedies causes reasons
approves resembles wake woke woken error errors fire fired firing alert alerts deploy deploys deployments releases
rolled last s t d ll re ve m
"""
KEY_WORDS = frozenset(_KEY_WORDS.split())  # a mistyped one is read as the nearest
LEXICON = KEY_WORDS | frozenset(_SMALL_WORDS.split()) | frozenset(STATUSES) | frozenset(SEVERITIES) | frozenset(NEWEST)
