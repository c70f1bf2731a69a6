"""Comparing the heads of today with those of an earlier look: was anybody put back whole?

A head is written again and again under one key, and its number of writes only grows. A person
put back with her head, her cells and her key agrees with herself, and only here is seen to be
older. Where the key is another one, or gone, her data was destroyed since and perhaps begun
anew: then the log or the ledger says why, by a fence or by an entry of hers since.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privet.gate.kept import has_ended, purpose_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from privet.db import Tx
    from privet.gate.parts import Parts
    from privet.gate.storedigest import Earlier
    from privet.vault.checking import HeadState

_SINCE = "SELECT 1 FROM ledger WHERE sno = ? AND seq > ?"


@dataclass(slots=True)
class Compared:
    """Walks through an earlier digest beside the heads of today, both ascending."""

    parts: Parts
    earlier: Earlier
    faults: Counter[str] = field(default_factory=Counter)
    _then: Iterator[HeadState] | None = None
    _next: HeadState | None = None

    def some(self, heads: Sequence[HeadState], last: int) -> None:
        """The heads of today of all people up to ``last`` who were not told before."""
        if self._then is None:
            self._then = self.earlier.heads()
            self._next = next(self._then, None)
        now = {(head.sno, head.dom): head for head in heads}
        while self._next is not None and self._next.sno <= last:
            before = self._next
            self._next = next(self._then, None)
            self._compare(before, now.get((before.sno, before.dom)))

    def end(self) -> None:
        """Whoever stands in the digest and above everybody of today is gone."""
        self.some((), 2**63)

    def _compare(self, before: HeadState, now: HeadState | None) -> None:
        if now is None:
            self.faults["rollback.gone"] += not self._told(before)
        elif now.ver < before.ver:
            self.faults["rollback.head"] += now.gen == before.gen or not self._told(before)
        elif now.ver == before.ver:
            self.faults["rollback.head"] += now.digest != before.digest

    def _told(self, head: HeadState) -> bool:
        """Whether something is known that may have destroyed her data since."""
        sno = head.sno
        purpose = purpose_of(self.parts.vault.domain_names.get(head.dom, ""))
        with self.parts.home.data.read() as tx:
            return (
                _fenced(tx, sno)
                or tx.one(_SINCE, (sno, self.earlier.position)) is not None
                # A withdrawal of before the look, of which the data was destroyed after it.
                or has_ended(tx, self.parts, sno, purpose)
            )


def _fenced(tx: Tx, sno: int) -> bool:
    return tx.one("SELECT 1 FROM fence WHERE sno = ?", (sno,)) is not None
