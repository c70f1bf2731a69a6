"""``privet keys``: where the keys stand, how long epochs last, and what begins anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.screen import Screen
from privet.errors import InvalidInput
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from privet.gate.keylife import KeyStatus
    from privet.keydesk import KeyDesk

ROLE = "operator"
Roles = Annotated[list[str] | None, role(ROLE)]
app = typer.Typer(no_args_is_help=True, help="Keys: where they stand, and their rotation.")


class What(Enum):
    """What is begun anew."""

    kek = "kek"
    subject = "subject"
    index = "index"
    signing = "signing"


@app.command()
def status(
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Every epoch with its dates, the index, the signing key, and what is under way."""
    screen = Screen(json)
    with _desk(screen, home, keyring, name, roles) as desk:
        found = desk.status()
    screen.answer(_told(found), lambda: _show(screen, found))


@app.command()
def epoch(
    every: Annotated[
        int | None,
        typer.Option("--every", metavar="DAYS", help="How long an epoch lasts, from the next on."),
    ] = None,
    backups: Annotated[
        int | None,
        typer.Option("--backups", metavar="DAYS", help="How long copies of the keyring are kept."),
    ] = None,
    end: Annotated[
        bool,
        typer.Option("--end", help="End it now: no backup from before opens what was erased."),
    ] = False,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Tell when the epoch ends; set how long epochs last; end it now, and the index with it."""
    screen = Screen(json)
    with _desk(screen, home, keyring, name, roles) as desk:
        if every is not None or backups is not None:
            desk.terms(every_days=every, backup_days=backups)
        if end:
            with _progress(screen) as progress:
                desk.end_epoch(progress)
        found = desk.status()
    screen.answer(_told(found), lambda: _show(screen, found))


@app.command()
def rotate(
    what: Annotated[What, typer.Option("--what", help="Which keys.")],
    subject: Annotated[
        str | None,
        typer.Argument(metavar="[SUBJECT]", help="With --what subject: the app's own id of her."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Roles = None,
    json: Json = False,
) -> None:
    """Begin one kind of keys anew; interrupted, `privet maintain` or the same again goes on."""
    screen = Screen(json)
    if (what is What.subject) != (subject is not None):
        raise InvalidInput(
            "it is not clear whose keys are meant",
            remedy="Write `privet keys rotate --what subject ID`; other kinds take no id.",
            reason="keys.subject",
        )
    with _desk(screen, home, keyring, name, roles) as desk:
        with _progress(screen) as progress:
            if subject is not None:
                desk.rotate_subject(subject, progress)
            else:
                desk.rotate(what.value, progress)  # type: ignore[arg-type]
        found = desk.status()
    screen.answer(_told(found), lambda: _show(screen, found))


@contextmanager
def _desk(
    screen: Screen, home: str | None, keyring: str | None, name: str, roles: list[str] | None
) -> Iterator[KeyDesk]:
    who = Who(home, keyring, name, tuple(roles or [ROLE]))
    with acting(screen, who, ADMINISTRATION) as (_, principal):
        yield principal.keys


@contextmanager
def _progress(screen: Screen) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each step, from its first call on."""
    from contextlib import ExitStack

    from privet.cli.bars import measured

    with ExitStack() as stack:
        steps: dict[str, Callable[[int, int], None]] = {}

        def told(step: str, done: int, of: int) -> None:
            if step not in steps:
                stack.close()  # two bars at once would draw over each other
                steps[step] = stack.enter_context(measured(screen, step))
            steps[step](done, of)

        yield told


def _told(found: KeyStatus) -> dict[str, object]:
    epochs = [
        {
            "epoch": one.number,
            "state": one.state,
            "keyring": one.provider,
            "began": _date(one.began),
            "destroyed": _date(one.destroyed),
            "wraps": one.wraps,
        }
        for one in found.epochs
    ]
    return {
        "epochs": epochs,
        "every_days": found.terms.every_days,
        "backup_days": found.terms.backup_days,
        "ends": _date(found.terms.due),
        "opens_until": _date(found.opens_until),
        "under_way": found.under_way,
        "unwrapped": found.unwrapped,
        "index": list(found.index),
        "unrenewed": found.unrenewed,
        "marks_until": _date(found.marks_until),
        "renewals": found.renewals,
        "vkey": found.vkey,
    }


def _show(screen: Screen, found: KeyStatus) -> None:
    columns = ("epoch", "state", "keyring", "began", "destroyed", "keys wrapped")
    rows = [
        (e.number, e.state, e.provider, _date(e.began), _date(e.destroyed) or "-", e.wraps)
        for e in found.epochs
    ]
    screen.table(columns, rows)
    days = found.terms.every_days
    screen.say(f"the epoch and the index end on {_date(found.terms.due)}, then every {days} days")
    until = _date(found.opens_until)
    screen.say(
        "no date can be stated from which no backup opens who is erased now: the keyring "
        "destroys no secret"
        if until is None
        else f"no backup opens who is erased now from {until} on"
    )
    screen.say(f"index version {found.index[0]}; the log is signed by {found.vkey}")
    for sentence in _waiting(found):
        screen.note(f"! {sentence}")


def _waiting(found: KeyStatus) -> list[str]:
    """What is not finished, in sentences."""
    waiting = []
    if found.unwrapped:
        waiting.append(f"{found.unwrapped} keys still hang on an epoch that was left")
    if len(found.index) > 1:
        waiting.append(f"the index is renewed: {found.unrenewed} people are left")
    if found.renewals:
        waiting.append(f"the keys of {found.renewals} people are being renewed")
    if found.marks_until is not None:
        waiting.append(f"an earlier index stays until {_date(found.marks_until)} for the erased")
    if found.under_way:
        waiting.append("`privet maintain` goes on with what is under way")
    return waiting


def _date(us: int | None) -> str | None:
    from privet.clock import iso

    return None if us is None else iso(us)
