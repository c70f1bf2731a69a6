"""What an erasure would do: the dry run that a person or a desk sees before it. GDPR Art. 17."""

from __future__ import annotations

from dataclasses import dataclass

from privet.errors import AccessDenied
from privet.gate.held import kept_out_until, remains
from privet.gate.holds import holds_of, look
from privet.gate.parts import IDENTITY, Caller, Parts
from privet.gate.record import decide
from privet.gate.register import Held
from privet.policy import COLUMN
from privet.types import RIGHTS


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of an erasure's dry run.

    Attributes:
        what: ``"data"``, ``"column"`` (of the app's own tables), ``"model"``, ``"grounds"`` or
            ``"log"``.
        name: domain, or purpose, or purpose and model.
        rows: sealed events or cells of hers in it.
        fate: ``"destroyed"``, ``"subtracted"``, ``"held"`` or ``"kept"``.
        law: which law holds it, or the ground on which it is kept.
        until: until when, RFC 3339; empty for as long as the log.
    """

    what: str
    name: str
    rows: int
    fate: str
    law: str = ""
    until: str = ""


def plan(parts: Parts, caller: Caller, sno: int) -> list[PlanLine]:
    """What an erasure would destroy, subtract and hold; nothing is changed."""
    decide(parts, caller, RIGHTS, "erase", (), about=(sno,))
    if not caller.may_touch(sno):
        raise AccessDenied("only your own data can be named here", reason="self.only")
    warrant = look(parts, caller, [sno], task="plan")
    holds, _ = holds_of(parts, warrant, [sno])[sno]
    with parts.home.data.read() as tx:
        holdings = parts.vault.holdings(tx, sno)
        sealed = sorted(parts.vault.domains_of(tx, sno))
        grounds = len(parts.ledger.entries(tx, sno))
    if holds:  # whose invoice it is stays with it, as long as the longest hold
        holds = {**holds, IDENTITY: max(holds.values(), key=lambda held: held.until)}
    lines = [_line(f"{h.domain}/{h.event}", h.rows, holds.get(h.domain)) for h in holdings]
    columns = [name.removesuffix(COLUMN) for name in sealed if name.endswith(COLUMN)]
    lines += [PlanLine("column", name, 1, "destroyed") for name in columns]
    lines += models_of(parts, sno)
    lines.append(PlanLine("grounds", "ledger", grounds, "destroyed"))
    for left in remains(parts, kept_out_until(parts)):
        lines.append(PlanLine("log", left["what"], 1, "kept", left["ground"], left["until"] or ""))
    return lines


def models_of(parts: Parts, sno: int) -> list[PlanLine]:
    """The models that she is part of."""
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT DISTINCT l.purpose, l.name FROM contribution c "
            "JOIN model_live l ON l.model = c.model WHERE c.sno = ?",
            (sno,),
        )
    return [PlanLine("model", f"{p}/{n}", 1, "subtracted") for p, n in sorted(rows)]


def _line(name: str, rows: int, held: Held | None) -> PlanLine:
    if held is None:
        return PlanLine("data", name, rows, "destroyed")
    return PlanLine("data", name, rows, "held", held.law, held.until)
