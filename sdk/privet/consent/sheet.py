"""What one person said at once, as one leaf says it: one change, or several beside each other.

    {"kind": "ground", "sno": …, "changes": [[change, purpose, at, seen, expires, event], …],
     "notice": …, "jurisdiction": …, "commitment": …}

A leaf of one change keeps the form of ``Change.to_leaf``. Several share their notice, place and
commitment; texts that are empty are left out. An import is a leaf a person and not a leaf an
answer: a proof about her names nobody else, and there are fewer of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from privet.consent.change import Change
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHARED: Final = ("notice", "jurisdiction", "commitment")
_TEXTS: Final = (
    ("notice", "notice"),
    ("jurisdiction", "jurisdiction"),
    ("event", "event_id"),
    ("commitment", "commitment"),
)
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class Said(NamedTuple):
    """One change of a sheet, without what all of its changes share."""

    kind: str
    purpose: str
    at: int
    seen: int
    expires: int | None
    event_id: str


class Shared(NamedTuple):
    """What the changes of a sheet have in common."""

    notice: str = ""
    jurisdiction: str = ""
    commitment: str = ""


class Sheet(NamedTuple):
    """What one person said at once, with the text of its leaf.

    Attributes:
        sno: the subject's ordinal.
        shared: what all of it has in common.
        said: the changes.
        body: ``text`` of them.
    """

    sno: int
    shared: Shared
    said: tuple[Said, ...]
    body: bytes

    def changes(self) -> list[Change]:
        """The same, change by change."""
        return [
            Change(
                self.sno,
                one.purpose,
                one.kind,
                one.at,
                event_id=one.event_id,
                seen=one.seen,
                expires=one.expires,
                **self.shared._asdict(),
            )
            for one in self.said
        ]


def sheet(sno: int, shared: Shared, said: Sequence[Said]) -> Sheet:
    """What one person said at once; every text a code, every number in range."""
    made = Sheet(sno, shared, tuple(said), b"")
    body = spell(sno, shared, said) if len(said) > 1 else text(made.changes())
    return made._replace(body=body)


def to_leaf(changes: Sequence[Change]) -> dict[str, Any]:
    """The body of the leaf of what one person said at once; one change or more.

    Raises:
        InvalidInput: a part of a change is out of range or no code.
    """
    leaves = [change.to_leaf() for change in changes]  # refuses what is in no accepted form
    if len(leaves) == 1:
        return leaves[0]
    first = changes[0]
    body: dict[str, Any] = {"kind": "ground", "sno": first.sno}
    body |= {name: text for name in _SHARED if (text := getattr(first, name))}
    return body | {"changes": [list(_said(change)) for change in changes]}


def text(changes: Sequence[Change]) -> bytes:
    """The same as the canonical bytes that the leaf holds."""
    return _CANONICAL.encode(to_leaf(changes)).encode()


def spell(sno: int, shared: Shared, said: Sequence[Said]) -> bytes:
    """``text`` of a sheet of at least two changes, for very many; all texts must be codes."""
    each = ",".join(
        [
            f'["{kind}","{purpose}",{at},{seen},{"null" if expires is None else expires},"{event}"]'
            for kind, purpose, at, seen, expires, event in said
        ]
    )
    notice, place, commitment = shared
    return (
        f'{{"changes":[{each}],'
        f"{_spelt('commitment', commitment)}{_spelt('jurisdiction', place)}"
        f'"kind":"ground",{_spelt("notice", notice)}"sno":{sno}}}'
    ).encode()


def from_leaf(leaf: Mapping[str, Any]) -> list[Change]:
    """The changes that a leaf of the log says, each in the accepted form.

    Raises:
        IntegrityError: the leaf is not one that ``to_leaf`` makes.
    """
    if "changes" not in leaf:
        return [Change.from_leaf(leaf)]
    try:
        changes = read(leaf)
        rest = {k: v for k, v in leaf.items() if k != "changes"}
        for change in changes:
            Change.from_leaf({**rest, **_single(change)})
    except (KeyError, TypeError, ValueError):
        changes = []
    if len(changes) < 2:
        raise IntegrityError(
            "a ground leaf of the log could not be read",
            why="it is not in the form that privet writes",
            reason="ground.leaf",
        )
    return changes


def read(leaf: Mapping[str, Any]) -> list[Change]:
    """The changes of a leaf whose text was written by privet: its MAC was checked."""
    sno = leaf["sno"]
    told = leaf.get("changes")
    if told is None:
        texts = {name: leaf.get(key, "") for key, name in _TEXTS}
        told = ((leaf["change"], leaf["purpose"], leaf["at"], leaf["seen"], leaf.get("expires")),)
        return [
            Change(sno, purpose, kind, at, seen=seen, expires=expires, **texts)
            for kind, purpose, at, seen, expires in told
        ]
    notice, place, commitment = (leaf.get(name, "") for name in _SHARED)
    return [
        Change(sno, purpose, kind, at, notice, place, event, seen, expires, commitment)
        for kind, purpose, at, seen, expires, event in told
    ]


def said(leaf: Mapping[str, Any]) -> list[tuple[str, str, int, int, int | None]]:
    """Kind, purpose, instant, what was seen and expiry of each change of such a leaf."""
    if "changes" not in leaf:
        found = leaf["change"], leaf["purpose"], leaf["at"], leaf["seen"], leaf.get("expires")
        return [found]
    return [(kind, purpose, at, seen, ends) for kind, purpose, at, seen, ends, _ in leaf["changes"]]


def _said(change: Change) -> Said:
    return Said(
        change.kind, change.purpose, change.at, change.seen, change.expires, change.event_id
    )


def _single(change: Change) -> dict[str, Any]:
    """The members of a change that a leaf of its own would have."""
    own = {"change": change.kind, "purpose": change.purpose, "at": change.at, "seen": change.seen}
    own |= {"event": change.event_id} if change.event_id else {}
    return own if change.expires is None else {**own, "expires": change.expires}


def _spelt(name: str, code: str) -> str:
    return f'"{name}":"{code}",' if code else ""
