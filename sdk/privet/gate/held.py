"""What is left of people who were erased: what laws hold, and what the log keeps."""

from __future__ import annotations

import json
from typing import Any

from privet.clock import iso
from privet.db import Tx
from privet.gate.parts import Parts
from privet.policy import Period


def kept_out_until(parts: Parts) -> int:
    """Until when somebody who is erased now is kept out, UTC microseconds."""
    return parts.policy.after_erasure.period.after(parts.now)


def remains(parts: Parts, suppressed: int) -> list[dict[str, Any]]:
    """What is left of the ledger after an erasure, on which ground and until when.

    Args:
        parts: the open deployment.
        suppressed: until when she is kept out.

    Returns:
        ``records``: those of the log, whose number leads to nobody any more; they stay as
        long as the log (``until`` is None). ``suppression``: the keyed mark of her ids.
    """
    rule = parts.policy.after_erasure
    return [
        {"what": "records", "ground": rule.records, "until": None},
        {"what": "suppression", "ground": rule.suppression, "until": iso(suppressed)},
    ]


def held_periods(tx: Tx) -> dict[int, dict[str, Period]]:
    """Of each person of whom a law still holds something: domain to how long it keeps an event.

    Decided when she was erased: what is learned of her place later prolongs nothing.
    """
    rows = tx.all("SELECT sno, detail FROM request WHERE state = 'held'")
    return {
        int(sno): {
            domain: Period.parse(told["period"])
            for domain, told in json.loads(detail)["holds"].items()
            if told.get("period")
        }
        for sno, detail in rows
    }
