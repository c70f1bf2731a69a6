"""``privet consent``: the grounds of one person, on her behalf."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli import verdict
from privet.cli.audit import NO_KEY
from privet.cli.options import (
    Home,
    Json,
    Keyring,
    Name,
    SubjectId,
    VerifierKey,
    Who,
    acting,
    role,
)
from privet.cli.screen import Screen
from privet.errors import InvalidInput, StoreUnavailable
from privet.types import CONSENT, RIGHTS

if TYPE_CHECKING:
    from privet.ingest import Receipt
    from privet.rights.answering import ConsentReceipt

DESK = "privacy-desk"
SHOP = "storefront"
app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Grounds of one person, on her behalf."
)
DeskRoles = Annotated[list[str] | None, role(DESK)]
ShopRoles = Annotated[list[str] | None, role(SHOP)]
Purpose = Annotated[str, typer.Argument(metavar="PURPOSE", help="A purpose of the policy.")]
Evidence = Annotated[
    str, typer.Option("--evidence", metavar="TEXT", help="How it can be shown; kept sealed.")
]
ReceiptTo = Annotated[
    Path | None,
    typer.Option("--receipt", metavar="FILE", help="Write her signed receipt to this new file."),
]
Reference = Annotated[
    str, typer.Option("--reference", metavar="TEXT", help="The contract; kept sealed.")
]


@app.command()
def show(
    subject: SubjectId,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="A past instant, ISO 8601 with a zone."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: DeskRoles = None,
    json: Json = False,
) -> None:
    """Where each purpose stands for one person, now or at a past instant."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [DESK]))
    with acting(screen, who, CONSENT) as (_, principal):
        state = principal.consent.state(subject, at=None if at is None else _instant(at))
    screen.answer(
        {"purposes": state},
        lambda: screen.table(("purpose", "stands"), list(state.items())),
    )


@app.command()
def answer(
    subject: SubjectId,
    notice: Annotated[
        str, typer.Option("--notice", metavar="N", help="Hash or label of the notice she saw.")
    ],
    channel: Annotated[
        str, typer.Option("--channel", metavar="C", help="Where she answered, such as letter.")
    ],
    evidence: Evidence,
    yes: Annotated[
        list[str] | None, typer.Option("--yes", metavar="PURPOSE", help="May be repeated.")
    ] = None,
    no: Annotated[
        list[str] | None, typer.Option("--no", metavar="PURPOSE", help="May be repeated.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="When, ISO 8601 with a zone; now if left out."),
    ] = None,
    actor: Annotated[
        str, typer.Option("--actor", metavar="WHO", help="Who answered: desk, parent or agent.")
    ] = "desk",
    age: Annotated[
        int | None, typer.Option("--age", metavar="YEARS", help="Her age, where it is known.")
    ] = None,
    country: Annotated[
        str, typer.Option("--country", metavar="CODE", help="Whose law protects her, such as DE.")
    ] = "",
    receipt_to: ReceiptTo = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: DeskRoles = None,
    json: Json = False,
) -> None:
    """Record answers that the person gave elsewhere (GDPR Art. 7(1))."""
    screen = Screen(json)
    answers = _answers(yes or [], no or [])
    who = Who(home, keyring, name, tuple(roles or [DESK]))
    with acting(screen, who, CONSENT) as (_, principal):
        receipt = principal.consent.on_behalf(
            subject,
            answers,
            notice=notice,
            channel=channel,
            evidence=evidence,
            at=None if at is None else _instant(at),
            actor=actor,  # type: ignore[arg-type]  # refused there, with its own reason
            age=age,
            country=country,
        )
        _keep(receipt_to, receipt)
    tell(screen, receipt)


@app.command()
def withdraw(
    subject: SubjectId,
    purposes: Annotated[
        list[str], typer.Argument(metavar="PURPOSE...", help="Purposes of the policy.")
    ],
    evidence: Evidence,
    receipt_to: ReceiptTo = None,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: DeskRoles = None,
    json: Json = False,
) -> None:
    """Record a withdrawal; it holds from the next read, and models follow (Art. 7(3))."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [DESK]))
    with acting(screen, who, CONSENT) as (_, principal):
        receipt = principal.consent.withdraw(subject, *purposes, evidence=evidence)
        _keep(receipt_to, receipt)
    tell(screen, receipt)


@app.command()
def begin(
    subject: SubjectId,
    purpose: Purpose,
    reference: Reference = "",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "web",
    roles: ShopRoles = None,
    json: Json = False,
) -> None:
    """Begin a contract: the ground of a purpose that rests on one (Art. 6(1)(b))."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [SHOP]))
    with acting(screen, who, CONSENT) as (_, principal):
        receipt = principal.consent.begin(subject, purpose, reference=reference)
    tell(screen, receipt)


@app.command()
def end(
    subject: SubjectId,
    purpose: Purpose,
    reference: Reference = "",
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "web",
    roles: ShopRoles = None,
    json: Json = False,
) -> None:
    """End a contract that was begun."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [SHOP]))
    with acting(screen, who, CONSENT) as (_, principal):
        receipt = principal.consent.end(subject, purpose, reference=reference)
    tell(screen, receipt)


@app.command()
def renew(
    purposes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PURPOSE...]", help="Purposes that rest on consent; all of them."),
    ] = None,
    within: Annotated[
        int, typer.Option("--within", metavar="DAYS", min=0, max=36_500, help="Look so far ahead.")
    ] = 30,
    people: Annotated[
        bool, typer.Option("--list", help="Who, for one purpose; needs a role that may export.")
    ] = False,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "desk",
    roles: DeskRoles = None,
    json: Json = False,
) -> None:
    """Whom to ask again: whose consent lapsed or will, by time or by a material notice."""
    screen = Screen(json)
    asked = purposes or []
    if people and len(asked) != 1:
        raise InvalidInput(
            "a list is for one purpose", remedy="Name one PURPOSE.", reason="consent.unasked"
        )
    who, ahead = Who(home, keyring, name, tuple(roles or [DESK])), timedelta(days=within)
    with acting(screen, who, RIGHTS if people else CONSENT) as (_, principal):
        if people:
            ids = principal.consent.to_ask(asked[0], within=ahead)
            screen.answer({"people": ids}, lambda: screen.say("\n".join(map(str, ids))))
            return
        found = principal.consent.renewals(*asked, within=ahead)
    columns = ("purpose", "lapsed", "lapsing", "material", "notices")
    rows = [
        (r.purpose, r.lapsed, r.lapsing, r.material, ", ".join(r.notices) or "none kept")
        for r in found
    ]

    def shown() -> None:
        screen.table(columns, rows)
        for one in found:
            for week, count in one.weeks.items():
                screen.say(f"{one.purpose}: {count} in the week of {week}")

    screen.answer({"renewals": found}, shown)


@app.command()
def verify(
    receipt: Annotated[
        Path,
        typer.Argument(
            metavar="RECEIPT",
            exists=True,
            dir_okay=False,
            readable=True,
            help="The receipt that a person was given.",
        ),
    ],
    vkey: VerifierKey = None,
    json: Json = False,
) -> None:
    """Check the receipt of a consent; exit code 5 where it does not hold."""
    from privet.audit.verifier import CERTIFICATE_LIMIT, verify_receipt

    screen = Screen(json)
    screen.begin("anybody", (), "verifying a receipt")
    with receipt.open("rb") as file:
        data = file.read(CERTIFICATE_LIMIT + 1)
    found = verify_receipt(data, vkey=vkey)
    verdict.tell(screen, found, "the receipt of a consent", [] if vkey else [NO_KEY])


def _keep(path: Path | None, receipt: ConsentReceipt) -> None:
    """Write the person's receipt to a new file that only the owner of this process can read."""
    if path is None or not receipt.document:
        return
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(receipt.document)
    except OSError:
        raise StoreUnavailable(
            "the receipt was not written; the answer was recorded",
            why="the file exists already, or its directory cannot be written",
            remedy="Name a new file in a directory of yours, and answer again.",
            reason="file.unusable",
        ) from None


def tell(screen: Screen, receipt: Receipt) -> None:
    """What a change of a ground left behind."""
    line = f"recorded at {receipt.record}" if receipt.new else "nothing changed"
    told = {"record": receipt.record, "new": receipt.new}
    screen.answer(told, lambda: screen.say(line))


def _answers(yes: list[str], no: list[str]) -> dict[str, bool]:
    if not (yes or no) or set(yes) & set(no):
        raise InvalidInput(
            "there is no answer, or two to one purpose",
            remedy="Give --yes PURPOSE or --no PURPOSE, each purpose once.",
            reason="consent.answer",
        )
    return {**dict.fromkeys(yes, True), **dict.fromkeys(no, False)}


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            "a time is not in the form that is read",
            remedy="Write it as 2026-11-24T09:30:00+01:00.",
            reason="time.form",
        ) from None
