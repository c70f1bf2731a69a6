"""Small edits of a policy document, tried out: what they would allow that is refused today."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privet.errors import PolicyError
from privet.policy import compile_documents
from privet.policy.problems import Problems
from privet.policy.reading import read
from privet.review.places import written

if TYPE_CHECKING:
    from privet.policy import Policy

ASSESSMENT = "CA-new"
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Edit:
    """Names to add to a policy document.

    Attributes:
        permit: id of the permit that is added to; a new one where there is none.
        role: of a new permit.
        purpose: of the permit.
        actions: to add, sorted.
        fields: to add, sorted.
        to: recipients to add.
        reuses: purposes that its purpose would have to reuse, with an assessment each.
    """

    permit: str
    role: str
    purpose: str
    actions: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    reuses: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many names it writes; a permit costs its keys as well."""
        new = 0 if not self.role else 3
        return new + len(self.actions) + len(self.fields) + len(self.to) + 2 * len(self.reuses)


def tried(policy: Policy, edit: Edit) -> Policy | None:
    """The policy after an edit; None where the compiler refuses it."""
    document = read(policy.documents["policy"], "policy.yaml", Problems())
    if document is None or len(policy.permits) > _MOST:
        return None
    data = deepcopy(document.data)
    if not _apply(data, edit):
        return None
    try:
        # JSON is YAML, and every text in it is quoted, so that nothing is read otherwise.
        return compile_documents({**policy.documents, "policy": json.dumps(data)})
    except PolicyError:
        return None


def _apply(data: dict[str, Any], edit: Edit) -> bool:
    permits = data.setdefault("permits", [])
    if edit.reuses and edit.purpose not in data.get("purposes", ()):
        return False  # it comes from a pack, whose document is not ours to edit
    if edit.role:
        permit = {"id": edit.permit, "role": edit.role, "for": edit.purpose, "may": []}
        permits.append(permit)
    else:
        permit = next((p for p in permits if p["id"] == written(edit.permit)), {})
    if not permit:
        return False
    for key, more in (("may", edit.actions), ("fields", edit.fields), ("to", edit.to)):
        if more:
            permit[key] = [*(permit.get(key) or ()), *more]
    for source in edit.reuses:
        reuses = data["purposes"][edit.purpose].setdefault("reuses", {})
        reuses[source] = {"assessment": ASSESSMENT}
        assessment = {"is": "compatibility", "text": "To be written."}
        data.setdefault("assessments", {})[ASSESSMENT] = assessment
    return True
