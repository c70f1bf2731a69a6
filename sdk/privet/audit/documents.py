"""Proofs as files: what `privet audit prove` writes and the stand-alone verifier checks.

Each has one form to the byte (keys sorted, indented by one space), so that nothing
unsigned can be laid beside what is proved.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from privet.audit import sets
from privet.audit.record import decode
from privet.audit.sets import SetProof

if TYPE_CHECKING:
    from collections.abc import Mapping

RECORD = "privet:record-proof/1"
SUBJECT = "privet:subject-proof/1"
GROWTH = "privet:growth-proof/1"


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that its holder can check offline, with nothing but the verifier.

    Attributes:
        document: the file's bytes.
        member: whether the person is in the record's set; None where no person was asked about.
    """

    document: bytes = field(repr=False)
    member: bool | None = None


def of_record(vkey: str, inclusion: Mapping[str, Any]) -> Proof:
    """That a record stands in the log."""
    return Proof(_written({"form": RECORD, "vkey": vkey, "inclusion": inclusion}))


def of_subject(
    vkey: str, inclusion: Mapping[str, Any], sno: int, shown: Mapping[str, Any] | None
) -> Proof:
    """That a subject is, or is not, in the set that a record committed to.

    Args:
        vkey: the log's verifier key.
        inclusion: the record's own proof.
        sno: her ordinal; whoever gets the proof learns it.
        shown: the slice of the set with her bit, and its path; None where the record tells.

    Raises:
        IntegrityError: the slice does not lead to what the record committed to.
    """
    about = decode(b64decode(inclusion["record"])).get("set")
    member = isinstance(about, dict) and sets.contains(about, sno, _slice(shown))
    fields = {"form": SUBJECT, "vkey": vkey, "inclusion": inclusion}
    return Proof(_written({**fields, "subject": sno, "member": member, "slice": shown}), member)


def of_growth(vkey: str, grown: Mapping[str, Any]) -> Proof:
    """That a newer checkpoint's log begins with an older one's."""
    return Proof(_written({"form": GROWTH, "vkey": vkey, **grown}))


def _slice(shown: Mapping[str, Any] | None) -> SetProof | None:
    if shown is None:
        return None
    path = tuple(bytes.fromhex(digest) for digest in shown["hashes"])
    return SetProof(b64decode(shown["bits"]), path)


def _written(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, indent=1, ensure_ascii=False).encode()
