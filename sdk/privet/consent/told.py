"""What the log knows of a notice: which purposes it tells of, since when, and what it ends.

A *notice* has a name, versions, and a text in one language or several for each version.
The newest version of a name is *live*, in every language that it has; an older one no
longer is. A version that is *material* asks everybody again: from its instant ``lapses``
on, no yes that was given before it, or to an older text, holds any longer.

All of this is a pure function of the leaves, so that one person's ground and everybody's
bitmaps agree about it, and a store that was put back learns it again from the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from privet.consent.change import GIVING
from privet.consent.macs import Macs, check
from privet.errors import IntegrityError

if TYPE_CHECKING:
    from privet.consent.change import Change
    from privet.consent.entries import Entries
    from privet.db import Tx

KIND: Final = "notice"
"""The kind of a notice's leaf."""

_COLUMNS = "seq, hash, name, version, language, purposes, head, at, lapses"
_HASH = re.compile(r"[0-9a-f]{64}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Told:
    """One text of one version of a notice, as its leaf says it.

    Attributes:
        seq: position of its leaf.
        hash: SHA-256 of the document, 64 hex digits.
        name: what the notice is called.
        version: the version's own name; which one is newer, the log says.
        language: a language tag (BCP 47), such as ``"en"``.
        purposes: the purposes that it tells of, sorted.
        head: SHA-256 of what it tells besides words; the same in all languages.
        at: when it was added, UTC microseconds.
        lapses: instant from which a yes to an older text no longer holds; None where
            the version changes nothing that matters.
    """

    seq: int
    hash: str
    name: str
    version: str
    language: str
    purposes: tuple[str, ...]
    head: str
    at: int
    lapses: int | None

    @property
    def label(self) -> str:
        """How people call it: name, version and language, such as ``shop/2026-11/en``."""
        return f"{self.name}/{self.version}/{self.language}"

    def to_leaf(self) -> dict[str, Any]:
        """What its leaf says; the text itself stands beside the log, under its hash."""
        leaf: dict[str, Any] = {
            "hash": self.hash,
            "name": self.name,
            "version": self.version,
            "language": self.language,
            "purposes": list(self.purposes),
            "head": self.head,
            "at": self.at,
        }
        return leaf if self.lapses is None else {**leaf, "lapses": self.lapses}

    @classmethod
    def from_leaf(cls, seq: int, leaf: Mapping[str, Any]) -> Told:
        """Read a notice back from its leaf.

        Raises:
            IntegrityError: the leaf is not one that ``to_leaf`` makes.
        """
        try:
            told = cls(
                seq,
                leaf["hash"],
                leaf["name"],
                leaf["version"],
                leaf["language"],
                tuple(leaf["purposes"]),
                leaf["head"],
                leaf["at"],
                leaf.get("lapses"),
            )
            codes = (told.name, told.version, told.language, *told.purposes)
            whole = all(_HASH.fullmatch(t) for t in (told.hash, told.head))
            whole = whole and all(_CODE.fullmatch(code) for code in codes)
        except (KeyError, TypeError):
            whole = False
        if not whole or type(told.at) is not int or type(told.lapses) not in {int, type(None)}:
            raise IntegrityError(
                "a notice's leaf of the log could not be read",
                why="it is not in the form that privet writes",
                reason="ground.leaf",
            )
        return told


@dataclass(frozen=True, slots=True)
class Floor:
    """What one material version ends for one purpose.

    Attributes:
        seq: position of the version's first leaf.
        at: when it was added, UTC microseconds.
        lapses: instant from which a yes to something older no longer holds.
        older: hashes of the older texts that tell of the purpose.
    """

    seq: int
    at: int
    lapses: int
    older: frozenset[str]

    def ends(self, seq: int, change: Change) -> bool:
        """Whether this yes was given before the version, or to an older text.

        A yes that was given on paper before the version may be recorded after it; one to
        the older text may pass the door in the instant at which the version comes.
        """
        return seq < self.seq or change.at < self.at or change.notice in self.older


Floors = Mapping[str, Sequence[Floor]]
"""The floors of each purpose that has one."""


def insert(tx: Tx, macs: Macs, told: Told) -> bool:
    """Write what a leaf says, once; whether it was not there yet."""
    values = _values(told)
    marks = ", ".join("?" * (len(values) + 1))
    return bool(
        tx.run(
            f"INSERT INTO notice ({_COLUMNS}, mac) VALUES ({marks}) ON CONFLICT (hash) DO NOTHING",
            (*values, macs.notice(values)),
        )
    )


def everything(tx: Tx, macs: Macs) -> list[Told]:
    """All notices in the order of the log.

    Raises:
        IntegrityError: a row does not bear its MAC.
    """
    found = []
    for *row, mac in tx.all(f"SELECT {_COLUMNS}, mac FROM notice ORDER BY seq"):
        check(macs.notice(row), mac, "a notice")
        found.append(_read(*row))
    return found


def versions(told: Iterable[Told], name: str) -> list[list[Told]]:
    """The versions of one notice, oldest first, each with its texts in the order of the log."""
    found: dict[str, list[Told]] = {}
    for one in told:
        if one.name == name:
            found.setdefault(one.version, []).append(one)
    return list(found.values())


def live(told: Sequence[Told], purpose: str, at: int) -> list[Told]:
    """The texts that a person could be shown for a purpose at one instant (UTC microseconds)."""
    there = [one for one in told if one.at <= at]
    names = dict.fromkeys(one.name for one in there)
    newest = [versions(there, name)[-1] for name in names]
    return [one for texts in newest for one in texts if purpose in one.purposes]


def floors(told: Sequence[Told]) -> Floors:
    """What every material version ends, by purpose."""
    found: dict[str, list[Floor]] = {}
    for name in dict.fromkeys(one.name for one in told):
        for texts in versions(told, name):
            first = texts[0]
            if first.lapses is None:
                continue
            for purpose in first.purposes:
                older = frozenset(
                    one.hash for one in told if one.seq < first.seq and purpose in one.purposes
                )
                found.setdefault(purpose, []).append(
                    Floor(first.seq, first.at, first.lapses, older)
                )
    return found


def shortened(entries: Entries, under: Sequence[Floor]) -> Entries:
    """The entries of one ground, each yes with the expiry that material versions leave it."""
    if not under:
        return entries
    return [(seq, _shorten(seq, change, under)) for seq, change in entries]


def _shorten(seq: int, change: Change, under: Sequence[Floor]) -> Change:
    if change.effect not in GIVING:
        return change
    ends = [floor.lapses for floor in under if floor.ends(seq, change)]
    if not ends:
        return change
    own = [] if change.expires is None else [change.expires]
    return replace(change, expires=min(ends + own))


def _read(
    seq: int,
    text: str,
    name: str,
    version: str,
    language: str,
    purposes: str,
    head: str,
    at: int,
    lapses: int | None,
) -> Told:
    named = tuple(json.loads(purposes))
    return Told(seq, text, name, version, language, named, head, at, lapses)


def _values(told: Told) -> tuple[Any, ...]:
    return (
        told.seq,
        told.hash,
        told.name,
        told.version,
        told.language,
        json.dumps(told.purposes),
        told.head,
        told.at,
        told.lapses,
    )
