"""``privet policy``: read, try, understand and change the two documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privet.cli import (
    policydiff,
    policyexplain,
    policylife,
    policylint,
    policyreplay,
    policytest,
)
from privet.cli.options import Home, Json, Keyring
from privet.cli.policysource import MaybeReference, Reference, opened
from privet.cli.screen import Screen, fault
from privet.errors import PolicyError

if TYPE_CHECKING:
    from privet.policy import Policy

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Check, test, explain, show, activate."
)


@app.command()
def check(ref: Reference, json: Json = False) -> None:
    """Compile a policy and list every fault with its line and how to mend it."""
    from privet.policy import load

    screen = Screen(json)
    screen.begin("anybody", (), "checking documents")
    try:
        policy = load(ref)
    except PolicyError as error:
        refused = error
    else:
        warned = list(policy.warnings)
        told = {"ok": True, "problems": [], "warnings": warned}
        told |= {"policy": policy.name, "hash": policy.hash, "imports": list(policy.imports)}
        told["marked"] = policy.life.marked
        screen.answer(told, lambda: _accepted(screen, policy))
        return
    found = {"ok": False, "problems": list(refused.problems), "error": refused.to_json()}
    screen.answer(found, lambda: _faults(screen, refused))
    raise typer.Exit(refused.exit_code)


def _accepted(screen: Screen, policy: Policy) -> None:
    from privet.review import words

    for warning in policy.warnings:
        screen.say(f"warning: {fault(warning)}")
    for line in words.imported(policy):
        screen.say(line)
    screen.say(f"{policy.name}: no fault, hash {policy.hash}")
    if not policy.life.marked:
        screen.note("the documents do not mark their end (`end: marked`): a cut may pass unnoticed")


def _faults(screen: Screen, error: PolicyError) -> None:
    for problem in error.problems:
        screen.say(fault(problem))
    screen.say(str(error) if not error.problems else f"{len(error.problems)} to mend")


@app.command()
def show(
    ref: MaybeReference = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it as one page: role by purpose."),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """The policy as tables for a lawyer: purposes, grounds, retention, holds, permits."""
    from privet.cli import policyshow
    from privet.review.page import page

    screen = Screen(json)
    policy = opened(screen, ref, home, keyring, "reading a policy")
    if html is None:
        screen.answer(policyshow.data(policy), lambda: policyshow.show(screen, policy))
        return
    html.write_text(page(policy), encoding="utf-8")
    told = {**policyshow.data(policy), "html": str(html)}
    screen.answer(told, lambda: screen.say(f"written: {html}"))


@app.command()
def schema(
    document: Annotated[
        str, typer.Argument(metavar="DOCUMENT", help="policy or data: which of the two.")
    ] = "policy",
    md: Annotated[
        bool, typer.Option("--md", help="As a page of reference: every key, in Markdown.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the JSON Schema of a document, for editors that complete and check."""
    from privet.review.keys import page
    from privet.review.schemas import published, text

    screen = Screen(json)
    if md:
        told = page(document)
        screen.answer({"page": told}, lambda: screen.say(told))
        return
    form = published(document)
    screen.answer(form, lambda: screen.say(text(document)))


@app.command()
def pin(
    pack: Annotated[str, typer.Argument(metavar="PACK", help="pack:NAME, or the name alone.")],
    json: Json = False,
) -> None:
    """Print what a policy writes under `imports` for a pack: its name and its hash."""
    from privet.policy import pin as pinned

    screen = Screen(json)
    line = pinned(pack)
    screen.answer({"import": line}, lambda: screen.say(line))


app.command("keygen")(policylife.keygen)
app.command("sign")(policylife.sign)
app.command("activate")(policylife.activate)
app.command("history")(policylife.history)
app.command("test")(policytest.try_out)
app.command("explain")(policyexplain.explain)
app.command("diff")(policydiff.diff)
app.command("lint")(policylint.lint)
app.command("replay")(policyreplay.replay)
app.command("unused")(policyreplay.unused)
