"""How a verdict of the stand-alone verifier is told, and the exit code that it gives."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from privet.cli.screen import Screen
from privet.errors import IntegrityError, InvalidInput

if TYPE_CHECKING:
    from privet.audit.verifier import Verdict


def tell(screen: Screen, verdict: Verdict, what: str, notes: list[str]) -> None:
    """Tell a verdict.

    Raises:
        InvalidInput: there was nothing to judge.
        typer.Exit: with the exit code of an integrity error where it is broken.
    """
    if not verdict.usable:
        problem = verdict.problems[0]
        raise InvalidInput(
            "there is nothing to verify",
            why=f"{problem.file or what} {problem.what}",
            remedy=f"Name {what}, and keys and checkpoints as privet wrote them.",
            reason="verify.unusable",
        )
    notes = [*verdict.notes, *notes]
    told: dict[str, Any] = {**asdict(verdict), "notes": notes}
    if not verdict.ok:
        told["error"] = _broken(verdict, what).to_json()
    screen.answer(told, lambda: _show(screen, verdict, notes))
    if not verdict.ok:
        raise typer.Exit(IntegrityError.exit_code)


def _broken(verdict: Verdict, what: str) -> IntegrityError:
    first = "" if verdict.first_bad is None else f", first at record {verdict.first_bad}"
    return IntegrityError(
        f"{what} does not verify",
        why=f"{len(verdict.problems)} findings{first}",
        remedy="Keep it as evidence; compare it with an earlier export and with the log itself.",
        reason="verify.broken",
    )


def _show(screen: Screen, verdict: Verdict, notes: list[str]) -> None:
    state = "intact" if verdict.ok else "BROKEN"
    screen.say(f"{state}: {verdict.size} records of {verdict.origin or '(unknown)'}")
    for problem in verdict.problems:
        place = "" if problem.seq is None else f"record {problem.seq}: "
        screen.say(f"  {place}{problem.file}: {problem.what}")
    if verdict.first_bad is not None:
        screen.say(f"first bad record: {verdict.first_bad}")
    for note in notes:
        screen.say(f"note: {note}")
