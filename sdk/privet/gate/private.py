"""What privet keeps of how it knows a person: sealed apart, under her own key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyroaring import BitMap

from privet.gate.catchup import fenced_among
from privet.gate.parts import Caller, Parts
from privet.gate.record import authorise
from privet.gate.wishes import EVERYTHING
from privet.gate.write import FOREVER
from privet.types import CONSENT
from privet.vault import Rows


def seal_private(
    parts: Parts,
    caller: Caller,
    event: str,
    domain: str,
    name: str,
    values: Sequence[tuple[int, str]],
) -> None:
    """Seal texts about how privet knows a subject (her id, her evidence), one per subject."""
    snos = np.array([sno for sno, _ in values], np.int64)
    order = np.argsort(snos, kind="stable")
    texts = np.array([text for _, text in values], dtype=object)[order]
    warrant = authorise(
        parts,
        caller,
        "write",
        purpose=CONSENT,
        action="collect",
        subjects=[int(s) for s in snos],
        fields=[f"{event}.{name}"],
    )
    rows = Rows(
        event=event,
        dom_of={name: domain},
        snos=snos[order],
        at=np.full(len(snos), parts.now, np.int64),
        columns={name: texts},
        extra={},
        keys=None,
        lapses={domain: np.full(len(snos), FOREVER, np.int64)},
    )
    while True:
        prepared = parts.vault.prepare(warrant, rows)
        with parts.home.data.write() as tx:
            parts.ledger.epoch(tx, EVERYTHING, lock=True)  # holds a fence back until we commit
            people = set(warrant.subjects)
            allowed = BitMap(people - fenced_among(tx, people))
            if parts.vault.commit(tx, prepared, allowed) is not None:
                return
