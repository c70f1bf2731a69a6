"""Which records of the log are meant: by time, who, why, about whom, and what was decided."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Decided = Literal["permit", "deny"]
REFUSED = "denial"
"""The kind of a record of something that was refused."""


def decided(body: Mapping[str, Any]) -> Decided:
    """Whether a record is of a refusal; any other is of something that was permitted."""
    return "deny" if body.get("kind") == REFUSED else "permit"


@dataclass(frozen=True)
class Selection:
    """What is asked of a record; None asks nothing.

    Attributes:
        since: UTC microseconds of the first instant.
        until: of the first instant that no longer counts.
        who: a principal's pseudonym.
        purpose: why.
        subject: a person's ordinal.
        decision: whether it is a refusal.
        role: one of the roles acted in, with all that they inherit.
        action: what was done.
        kind: the kind of record.
    """

    since: int | None = None
    until: int | None = None
    who: str | None = None
    purpose: str | None = None
    subject: int | None = None
    decision: Decided | None = None
    role: str | None = None
    action: str | None = None
    kind: str | None = None

    @property
    def asked(self) -> dict[str, int | str]:
        """What is asked, by name."""
        told = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in told if value is not None}

    @cached_property
    def needles(self) -> tuple[bytes, ...]:
        """Bytes that every body has which is meant: looking for them spares parsing the others.

        A body is canonical JSON, so that one value has one spelling.
        """
        told = ("who", "purpose", "action", "kind")
        members = [(name, getattr(self, name)) for name in told]
        found = [b'"%b":%b' % (n.encode(), _spelt(v)) for n, v in members if v is not None]
        return (*found, _spelt(self.role)) if self.role is not None else tuple(found)

    def may(self, data: bytes) -> bool:
        """Whether a stored body could be meant; False is sure."""
        return all(needle in data for needle in self.needles)

    def meant(self, body: Mapping[str, Any]) -> bool:
        """Whether a body is meant, but for its time and its subjects, which indices tell."""
        if any(
            wanted is not None and body.get(name) != wanted
            for name, wanted in (
                ("who", self.who),
                ("purpose", self.purpose),
                ("action", self.action),
                ("kind", self.kind),
            )
        ):
            return False
        if self.role is not None and self.role not in body.get("roles", ()):
            return False
        return self.decision is None or decided(body) == self.decision

    @property
    def all(self) -> bool:
        """Whether nothing is asked of a body itself."""
        return not self.needles and self.decision is None


def _spelt(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")
