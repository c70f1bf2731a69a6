"""``privet notice``: what people are told, word by word and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.screen import Screen, fault
from privet.settings import resolve
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privet.rights.notices import NoticeLine

OPERATOR = "operator"
WHERE = {
    "kept": "texts are kept here: a purpose without a live notice cannot be agreed to",
    "elsewhere": "texts are kept elsewhere: answers name them by codes of the host's own",
}
app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="What people are told: add, list, check."
)
OperatorRoles = Annotated[list[str] | None, role(OPERATOR)]


@app.command()
def add(
    document: Annotated[
        str, typer.Argument(metavar="FILE", help="The notice: a head between `---`, then text.")
    ],
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "ops",
    roles: OperatorRoles = None,
    json: Json = False,
) -> None:
    """Add one text of one version of a notice; the same again changes nothing."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or [OPERATOR]))
    with acting(screen, who, ADMINISTRATION) as (shop, principal):
        receipt = principal.admin.add_notice(document)
        line = next(one for one in shop.notices.list() if one.record == receipt.record)
    told = {**_row(line), "record": receipt.record, "new": receipt.new}
    said = f"recorded at {receipt.record}" if receipt.new else "nothing changed"
    screen.answer(told, lambda: screen.say(f"{line.label}: {said}\nnotice {line.notice}"))


@app.command("list")
def list_(home: Home = None, keyring: Keyring = None, json: Json = False) -> None:
    """Every notice that was ever added, and which of them are live."""
    screen = Screen(json)
    with _opened(screen, home, keyring, "listing notices") as shop:
        mode, lines = shop.notices.mode, shop.notices.list()
    rows = [_row(line) for line in lines]

    def shown() -> None:
        screen.say(WHERE[mode])
        columns = ("label", "live", "purposes", "added", "lapses", "notice")
        screen.table(columns, [[_cell(row[c]) for c in columns] for row in rows])

    screen.answer({"mode": mode, "notices": rows}, shown)


@app.command()
def show(
    notice: Annotated[
        str, typer.Argument(metavar="NOTICE", help="Its hash, or name/version/language.")
    ],
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """One notice: what it tells, as data and as people read it."""
    screen = Screen(json)
    with _opened(screen, home, keyring, "showing a notice") as shop:
        found = shop.notices.show(notice)
    told = {
        "notice": found.hash,
        "label": found.label,
        "material": found.material,
        "purposes": {
            name: {"text": telling.text, **telling.as_data()}
            for name, telling in found.purposes.items()
        },
        "answers": {"yes": found.yes, "no": found.no},
        "shown": found.shown,
        "rendered": found.rendered,
    }
    screen.answer(told, lambda: screen.say(f"{found.label}\nnotice {found.hash}\n{found.rendered}"))


@app.command()
def check(
    documents: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...]", help="Notices; the live ones of the home if left out."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", metavar="REF", help="As for `policy check`; the home's if left out."
        ),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """List where the policy permits more than the notices tell; exit code 2 where it does."""
    from privet.notices import compare, load_notice
    from privet.policy import load

    screen = Screen(json)
    files = [load_notice(document) for document in documents or []]
    if files and policy is not None:
        screen.begin("anybody", (), "checking notices")
        found = compare(load(policy), files)
    else:
        with _opened(screen, home, keyring, "checking notices") as shop:
            compiled = shop.policy if policy is None else load(policy)
            live = [shop.notices.show(one.notice) for one in shop.notices.list() if one.live]
        found = compare(compiled, files or live)
    _verdict(screen, found)


def _verdict(screen: Screen, found: Sequence[dict[str, str | int]]) -> None:
    def shown() -> None:
        for problem in found:
            screen.say(fault(problem))
        screen.say(f"{len(found)} to mend" if found else "all that the policy permits is told")

    screen.answer({"ok": not found, "problems": list(found)}, shown)
    raise typer.Exit(2 if found else 0)


def _opened(screen: Screen, home: str | None, keyring: str | None, doing: str) -> Any:
    from privet.deployment import open_deployment

    found = resolve(home, keyring)
    screen.begin("anybody", (), doing, found.place)
    return open_deployment(found.home, keyring=found.keyring)


def _row(line: NoticeLine) -> dict[str, Any]:
    return {
        "notice": line.notice,
        "label": line.label,
        "name": line.name,
        "version": line.version,
        "language": line.language,
        "purposes": list(line.purposes),
        "added": line.added.isoformat(),
        "live": line.live,
        "lapses": None if line.lapses is None else line.lapses.isoformat(),
    }


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "live" if value else ""
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)
