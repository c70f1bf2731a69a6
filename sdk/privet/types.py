"""Plain data that crosses the borders between rooms."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NewType

from privet.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np

Sno = NewType("Sno", int)
"""A subject's ordinal: opaque, never used again, linked to the person only by ``subject_ref``."""

Id = str | int
"""An app's own id of a person: exact text, or an integer; ``1`` and ``"1"`` are two people."""

Action = Literal[
    "collect",
    "read",
    "recommend",
    "train",
    "evaluate",
    "serve",
    "derive",
    "export",
    "correct",
    "restrict",
    "erase",
    "begin",
    "end",
    "answer",
    "withdraw",
    "object",
    "prove",
    "administer",
]

SELF_ROLE = "self"
CONSENT = "privet:consent"
RIGHTS = "privet:rights"
ACCOUNTABILITY = "privet:accountability"
FORGETTING = "privet:forgetting"
ADMINISTRATION = "privet:administration"
BUILT_IN_PURPOSES = frozenset({CONSENT, RIGHTS, ACCOUNTABILITY, FORGETTING, ADMINISTRATION})

NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*\Z")
"""The form of names in documents: roles, purposes, events, fields, permits."""

# Categories C* but assigned private, format, surrogate and control characters make look-alikes.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
MAX_ID_BYTES = 256


def check_text(value: str, what: str, limit: int = MAX_ID_BYTES) -> str:
    """Return ``value`` when it is an exact identifier, else raise.

    An identifier equals its NFC form, has no control, format, private or
    unassigned character and takes 1 to ``limit`` bytes of UTF-8. Nothing is
    folded: two ids are one only when their bytes are.

    Raises:
        InvalidInput: with the accepted form, never the value.
    """
    accepted = f"Use 1 to {limit} bytes of NFC text without control or format characters."
    if not isinstance(value, str):
        raise InvalidInput(f"{what} is not text", remedy=accepted, reason="id.type")
    # Length first: a text of a megabyte is not worth normalizing.
    if not value or len(value) > limit or len(value.encode("utf-8", "surrogatepass")) > limit:
        raise InvalidInput(f"{what} is empty or too long", remedy=accepted, reason="id.length")
    if not value.isascii() and unicodedata.normalize("NFC", value) != value:
        raise InvalidInput(f"{what} is not in NFC form", remedy=accepted, reason="id.form")
    if not value.isprintable() and any(
        unicodedata.category(c) in _REFUSED_CATEGORIES for c in value
    ):
        raise InvalidInput(
            f"{what} holds a control, format or unassigned character",
            remedy=accepted,
            reason="id.characters",
        )
    return value


def check_subject(subject: object) -> str | int:
    """Return an external id in an accepted form.

    Raises:
        InvalidInput: it is neither exact text nor an integer of 64 bits.
    """
    if isinstance(subject, bool) or not isinstance(subject, Integral):
        return check_text(subject, "a subject id")  # type: ignore[arg-type]
    number = int(subject)  # NumPy's integers are ones too
    if not -(2**63) <= number < 2**63:
        raise InvalidInput("a subject's id is out of range", reason="id.range")
    return number


def check_type(
    value: object, kinds: type | tuple[type, ...], what: str, accepted: str, reason: str = ""
) -> None:
    """Refuse an argument of another type before anything looks into it.

    Python's own errors would repeat the value, and come from wherever it first fails.

    Args:
        value: the argument.
        kinds: the types that are taken.
        what: the argument's name.
        accepted: what to give, as the remedy.
        reason: the code; ``argument.type`` when left out.

    Raises:
        InvalidInput: it is of none of these types.
    """
    if not isinstance(value, kinds):
        raise InvalidInput(
            f"{what} is of a type that is not taken",
            remedy=accepted,
            reason=reason or "argument.type",
        )


def check_list(values: Any, what: str, reason: str = "argument.type") -> list[Any]:
    """The members of anything that is several: a list, a generator, a column.

    Raises:
        InvalidInput: one text (which would be taken letter by letter), a mapping, or nothing
            that has members.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidInput(f"{what} are no list", remedy="Give a list.", reason=reason)
    return list(values)


def check_path(value: Any, what: str, reason: str) -> Path:
    """A place in the file system, whether something is there or not.

    Raises:
        InvalidInput: with ``reason``: no path, or one that no file system takes.
    """
    try:
        path = Path(value)
        usable = b"\0" not in os.fsencode(path)
    except (TypeError, UnicodeEncodeError):
        usable = False
    if not usable:
        raise InvalidInput(
            f"{what} is no path", remedy="Give a path without NUL as text or Path.", reason=reason
        )
    return path


_MINT = os.urandom(16)


@dataclass(frozen=True, slots=True)
class Warrant:
    """Proof that a durable audit record authorises opening these subjects' cells.

    Only ``Warrant.issue`` makes one, and only the audit log calls it, after its
    commit; the vault refuses anything else, another process's warrant included.

    Attributes:
        seq: index of the record in the log.
        purpose: why; a purpose of the policy or a built-in one.
        subjects: the exact set, as sorted unique ordinals.
    """

    seq: int
    purpose: str
    subjects: frozenset[int] = field(repr=False)
    # Not of the constructor: a copy for other subjects (``dataclasses.replace``) proves nothing.
    _proof: bytes = field(default=b"", init=False, repr=False)
    _pid: int = field(default=-1, init=False, repr=False)

    @classmethod
    def issue(cls, seq: int, purpose: str, subjects: frozenset[int]) -> Warrant:
        """Make the warrant of a record that is durable. For the audit log alone."""
        warrant = cls(seq, purpose, subjects)
        object.__setattr__(warrant, "_proof", _MINT)
        object.__setattr__(warrant, "_pid", os.getpid())
        return warrant

    def covers(self, sno: int) -> bool:
        """Whether this warrant is genuine, of this process, and names ``sno``."""
        return self._proof is _MINT and self._pid == os.getpid() and sno in self.subjects

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a warrant cannot leave its process")


@dataclass(frozen=True, slots=True, repr=False)
class Events:
    """Opened events of several subjects, as columns: the working form behind the gate.

    Rows are grouped by subject and, within one, ordered by time then by seal order.

    Attributes:
        subjects: ordinals of the subjects, ascending, shape (S,), int64. Opaque to callers.
        starts: row offsets of each subject, shape (S + 1,), int64.
        at: instants, UTC microseconds, shape (R,), int64.
        columns: field name (without the event) to values, each shape (R,). int, bool
            and item-code columns are int64, ``decimal(n)`` int64 in units of
            10**-n, ``seconds`` float64, text and id columns object arrays of str.
        extra: for item columns, the ids that the catalogue did not know when they were
            sealed: code ``c < 0`` stands for ``extra[name][-c - 1]``. Such an id may be
            personal, so it never enters the plain catalogue.
    """

    subjects: np.ndarray
    starts: np.ndarray
    at: np.ndarray
    columns: Mapping[str, np.ndarray]
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.at)

    def __repr__(self) -> str:
        # Values never show: a frame printed into a log must say nothing of a person.
        return f"Events(subjects={len(self.subjects)}, rows={len(self.at)})"
