"""Bounds within which two documents are compiled in bounded time and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privet.policy.dataform import DataForm
    from privet.policy.policyform import PolicyForm
    from privet.policy.problems import Problems
    from privet.policy.reading import Document

MAX_ROLES = 2_000
MAX_PURPOSES = 1_000
MAX_APART = 1_000
MAX_FIELDS = 4_000
MAX_NAMED = 2_000_000
"""Fields of all different sets of fields that rules name, wildcards spelt out."""

_WHY = "what follows from it could not be kept in bounded memory"


def check_limits(
    data: DataForm,
    policy: PolicyForm,
    data_document: Document,
    policy_document: Document,
    problems: Problems,
) -> None:
    """Note what is more than a deployment can hold; nothing else is looked at then."""
    counted = (
        (policy_document, "roles", len(policy.roles), MAX_ROLES),
        (policy_document, "purposes", len(policy.purposes), MAX_PURPOSES),
        (policy_document, "separate", len(policy.separate), MAX_APART),
        (data_document, "events", _fields(data), MAX_FIELDS),
    )
    for document, key, count, most in counted:
        if count > most:
            what = "fields" if key == "events" else key
            problems.at(
                document,
                (key,),
                f"more than {most} {what}" if key != "separate" else f"more than {most} groups",
                _WHY,
                "Give many one role, one purpose, one field: not each their own.",
            )


def _fields(data: DataForm) -> int:
    return len(data.profile) + sum(len(event.fields) for event in data.events.values())


def check_named(sets: list[frozenset[str]], document: Document, problems: Problems) -> None:
    """Note where rules name more fields, in more different sets, than can be kept."""
    if sum(map(len, sets)) > MAX_NAMED:
        problems.at(
            document,
            ("permits",),
            f"more than {MAX_NAMED} fields in all the different sets that rules name",
            _WHY,
            "Let rules name the same fields, or `*`.",
        )
