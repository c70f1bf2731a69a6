"""What laws still hold of people who were erased, as it was decided then."""

from __future__ import annotations

import json

from privet.db import Tx
from privet.policy import Period


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
