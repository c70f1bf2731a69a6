"""One change of one legal ground: what a ledger leaf says, and nothing of who the person is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from privet.errors import IntegrityError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERYTHING: Final = "*"
"""The purpose of changes that bear on all purposes: enrolment and restriction (Art. 18)."""

IMPORTED: Final = "imported:"
"""Before the kind of what was said elsewhere and brought in: its time is only claimed."""

IMPORTABLE: Final = (
    "yes",
    "no",
    "withdrawn",
    "begun",
    "ended",
    "objected",
    "opted-out",
    "opted-in",
)
KINDS: Final = frozenset(
    {
        "yes",
        "renewed",
        "authorised",
        "no",
        "withdrawn",
        "begun",
        "ended",
        "objected",
        "upheld",
        "overruled",
        "known",
        "restricted",
        "lifted",
        "opted-out",
        "opted-in",
        *(IMPORTED + kind for kind in IMPORTABLE),
    }
)
GIVING: Final = frozenset({"yes", "authorised", "opted-in"})
"""Kinds that give a permission: the person's own yes, for a child her parent's (Art. 8), and
her yes to what she had opted out of; each by its effect."""

UNSEEN: Final = -1
MAX_SNO: Final = 2**32 - 1  # a roaring bitmap holds 32-bit ordinals
_MAX_INT: Final = 2**63 - 1

# A leaf is kept for good, so it takes codes only: no space, no @, nothing but ASCII.
_CODE = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,95})?")
_KIND = re.compile("|".join(sorted(KINDS)))
_PURPOSE = re.compile(r"\*|[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_TEXTS: Final = (
    ("notice", "notice"),
    ("jurisdiction", "jurisdiction"),
    ("event", "event_id"),
    ("commitment", "commitment"),
)


def effect(kind: str) -> str:
    """What a kind does to a ground: a renewal is a yes, an import what was said elsewhere."""
    return "yes" if kind == "renewed" else kind.removeprefix(IMPORTED)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one ground of one subject.

    Attributes:
        sno: the subject's ordinal.
        purpose: a purpose of the policy, or ``"*"`` for enrolment and restriction.
        kind: ``yes``, ``renewed`` (a yes of who had agreed already), ``no``,
            ``withdrawn`` (consent, Art. 7); ``authorised`` (a child's
            consent, by her parent, Art. 8); ``begun``, ``ended``
            (contract, Art. 6(1)(b), or a new beginning after an upheld objection);
            ``objected``, ``upheld``, ``overruled`` (Art. 21); ``opted-out``,
            ``opted-in`` (Cal. Civ. Code 1798.120, 1798.121, 1798.135); ``known``,
            ``restricted``, ``lifted`` (Art. 18; purpose ``"*"``); ``imported:KIND``, what
            was said elsewhere and brought in later.
        at: when it happened, UTC microseconds.
        notice: code of the notice that was shown, such as its hash.
        jurisdiction: code of the law that applies, such as a country.
        event_id: opaque code of the client's event; a repeat of it changes nothing.
        seen: position of the ledger that the person was looking at; -1: not told.
        expires: instant from which a ``yes`` or ``begun`` no longer holds, or None.
        commitment: hash of the sealed details (actor, channel, evidence).
    """

    sno: int
    purpose: str
    kind: str
    at: int
    notice: str = ""
    jurisdiction: str = ""
    event_id: str = ""
    seen: int = UNSEEN
    expires: int | None = None
    commitment: str = ""

    @property
    def effect(self) -> str:
        """What it does to the ground."""
        return effect(self.kind)

    @property
    def imported(self) -> bool:
        """Whether it was said elsewhere and brought in: its time is only claimed."""
        return self.kind.startswith(IMPORTED)

    def to_leaf(self) -> dict[str, Any]:
        """The body of the audit leaf; empty texts and a missing expiry are left out.

        Raises:
            InvalidInput: a part is out of range or not a code (a leaf outlives an
                erasure, so a caller's own text never enters it).
        """
        fault = _fault(self)
        if fault:
            raise InvalidInput(
                "a change of a ground was refused",
                why=f"its {fault} is not in the accepted form",
                remedy="Give codes of up to 96 ASCII letters, digits and ._:/+=- (hash free text).",
                reason="ground.form",
            )
        leaf: dict[str, Any] = {
            "kind": "ground",
            "change": self.kind,
            "sno": self.sno,
            "purpose": self.purpose,
            "at": self.at,
            "seen": self.seen,
        }
        for key, name in _TEXTS:
            text = getattr(self, name)
            if text:
                leaf[key] = text
        if self.expires is not None:
            leaf["expires"] = self.expires
        return leaf

    @classmethod
    def from_leaf(cls, leaf: Mapping[str, Any]) -> Change:
        """Read a change back from a leaf; keys that the log added are passed over.

        Raises:
            IntegrityError: the leaf is not one that ``to_leaf`` makes.
        """
        texts = {name: leaf.get(key, "") for key, name in _TEXTS}
        try:
            change = cls(
                sno=leaf["sno"],
                purpose=leaf["purpose"],
                kind=leaf["change"],
                at=leaf["at"],
                seen=leaf["seen"],
                expires=leaf.get("expires"),
                **texts,
            )
        except KeyError:
            raise _malformed() from None
        if leaf.get("kind") != "ground" or _fault(change):
            raise _malformed()
        return change


def _fault(change: Change) -> str:
    """The name of the first part that is not in the accepted form, or ``""``."""
    numbers = (
        ("ordinal", change.sno, 0, MAX_SNO),
        ("time", change.at, -_MAX_INT, _MAX_INT),
        ("position", change.seen, UNSEEN, _MAX_INT),
        ("expiry", 0 if change.expires is None else change.expires, -_MAX_INT, _MAX_INT),
    )
    for name, value, low, high in numbers:
        if type(value) is not int or not low <= value <= high:
            return name
    codes: list[tuple[str, Any, re.Pattern[str]]] = [
        ("kind", change.kind, _KIND),
        ("purpose", change.purpose, _PURPOSE),
        *((key, getattr(change, name), _CODE) for key, name in _TEXTS),
    ]
    for name, text, form in codes:
        if not isinstance(text, str) or not form.fullmatch(text):
            return name
    return ""


def _malformed() -> IntegrityError:
    return IntegrityError(
        "a ground leaf of the log could not be read",
        why="it is not in the form that privet writes",
        reason="ground.leaf",
    )
