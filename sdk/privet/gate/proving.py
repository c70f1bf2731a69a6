"""Documents that show somebody else what stands in the log."""

from __future__ import annotations

import json

from privet.audit import documents
from privet.audit.documents import Proof
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry
from privet.types import ACCOUNTABILITY

HISTORY = "privet:history-proof/1"


def record(parts: Parts, caller: Caller, seq: int, sno: int | None) -> Proof:
    """The proof that a record stands in the log and, of a person, whether it names her.

    Args:
        parts: the open deployment.
        caller: who asks.
        seq: index of the record.
        sno: the person's ordinal, which the proof tells to whoever gets it; None for nobody.

    Raises:
        AccessDenied: no permit to export the log, which names whoever else is in the record.
        InvalidInput: the log has no such record.
    """
    about = () if sno is None else (sno,)
    decide(parts, caller, ACCOUNTABILITY, "export", (), about=about)
    told = entry(
        parts, caller, "access", purpose=ACCOUNTABILITY, action="export", subjects=about,
        task="prove",
    )  # fmt: skip
    parts.log.append([told])
    if sno is None:
        return documents.of_record(parts.log.vkey, parts.log.prove(seq))
    inclusion, shown = parts.log.prove_subject(seq, sno)
    return documents.of_subject(parts.log.vkey, inclusion, sno, shown)


def growth(parts: Parts, caller: Caller, checkpoint: bytes) -> Proof:
    """The proof that the log only grew since an earlier checkpoint of it.

    Raises:
        AccessDenied: no permit to export the log.
        InvalidInput: the checkpoint names no record, or more than there are.
        IntegrityError: it is not signed by this log's key, or the log holds other records.
    """
    decide(parts, caller, ACCOUNTABILITY, "export", ())
    told = entry(parts, caller, "access", purpose=ACCOUNTABILITY, action="export", task="prove")
    parts.log.append([told])
    return documents.of_growth(parts.log.vkey, parts.log.prove_growth(checkpoint))


def history(parts: Parts, caller: Caller, sno: int) -> bytes:
    """All records that name one person, each with its proof; told in ``audit-export.md``.

    Where a record lists others by their ordinals, only its index is told.

    Raises:
        AccessDenied: no permit to prove under ``privet:accountability``.
    """
    decide(parts, caller, ACCOUNTABILITY, "prove", (), about=(sno,))
    told = entry(parts, caller, "access", purpose=ACCOUNTABILITY, action="prove", subjects=(sno,))
    parts.log.append([told])
    head, found = parts.log.shown(sno)
    document = {
        "form": HISTORY,
        "vkey": parts.log.vkey,
        "checkpoint": head,
        "subject": sno,
        "records": found,
    }
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False).encode()
