"""``privet policy``: read, try, understand and change the two documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli import policydiff, policylint, policytest
from privet.cli.options import Home, Json, Keyring, Name, Who, acting, role
from privet.cli.policysource import MaybeReference, Reference, opened
from privet.cli.screen import Screen, fault
from privet.errors import InvalidInput, PolicyError
from privet.types import ADMINISTRATION

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
        told = {"ok": True, "problems": [], "policy": policy.name, "hash": policy.hash}
        screen.answer(told, lambda: screen.say(f"{policy.name}: no fault, hash {policy.hash}"))
        return
    found = {"ok": False, "problems": list(refused.problems), "error": refused.to_json()}
    screen.answer(found, lambda: _faults(screen, refused))
    raise typer.Exit(refused.exit_code)


def _faults(screen: Screen, error: PolicyError) -> None:
    for problem in error.problems:
        screen.say(fault(problem))
    screen.say(str(error) if not error.problems else f"{len(error.problems)} to mend")


@app.command()
def explain(
    ref: MaybeReference = None,
    roles: Annotated[
        list[str] | None, typer.Option("--role", metavar="ROLE", help="Who; may be repeated.")
    ] = None,
    purpose: Annotated[str, typer.Option("--purpose", metavar="PURPOSE", help="What for.")] = "",
    action: Annotated[str, typer.Option("--action", metavar="ACTION", help="What is done.")] = "",
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="FIELD", help="Such as purchase.item; may be repeated."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="RECIPIENT", help="Recipient of an export.")
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Say what the policy decides and why; nobody's data is touched and nothing recorded."""
    from privet.policy import Ask

    if not (roles and purpose and action):
        raise InvalidInput(
            "there is no question to explain",
            remedy="Name at least one --role, a --purpose and an --action.",
            reason="usage",
        )
    screen = Screen(json)
    policy = opened(screen, ref, home, keyring, "explaining a decision")
    asked = Ask(frozenset(roles), purpose, action, _expanded(policy, fields or []), to)
    decision = policy.decide(asked)
    told = {"policy": policy.name, "hash": policy.hash, **decision.explain()}
    screen.answer(told, lambda: _tree(screen, told))


def _expanded(policy: Policy, fields: list[str]) -> frozenset[str]:
    """The fields, with ``purchase.*`` and ``*`` spelt out as the documents do."""
    found: set[str] = set()
    for name in fields:
        prefix = name.removesuffix("*")
        matching = [f for f in policy.fields if name.endswith("*") and f.startswith(prefix)]
        found.update(matching or [name])
    return frozenset(found)


def _tree(screen: Screen, told: dict[str, Any]) -> None:
    screen.say(f"{'PERMITTED' if told['allowed'] else 'REFUSED'}: {told['why']}")
    screen.tree(
        [
            ("reason", [told["reason"]]),
            ("permits that grant", told["permits"]),
            ("deny that overrides", [told["deny"]] if told["deny"] else []),
            ("grounds that must hold", told["grounds"]),
            ("fields that open", told["granted"]),
            ("fields that are refused", told["refused"]),
            ("minimized", _minimized(told["minimize"])),
            ("fewest people", [told["least"]] if told["least"] > 1 else []),
        ]
    )


def _minimized(how: dict[str, Any]) -> list[str]:
    lines = [f"{name} is left out" for name in how["drop"]]
    if how["last"] is not None:
        lines.append(f"only the last {how['last']} events")
    if how["time"] is not None:
        lines.append(f"times to the {how['time']}")
    return lines + [f"{name} by {operation}({width})" for name, operation, width in how["rules"]]


@app.command()
def show(
    ref: MaybeReference = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """The policy as tables for a lawyer: purposes, grounds, retention, holds, permits."""
    from privet.cli import policyshow

    screen = Screen(json)
    policy = opened(screen, ref, home, keyring, "reading a policy")
    screen.answer(policyshow.data(policy), lambda: policyshow.show(screen, policy))


@app.command()
def activate(
    ref: Reference,
    home: Home = None,
    keyring: Keyring = None,
    name: Name = "operator",
    roles: Annotated[list[str] | None, role("operator")] = None,
    json: Json = False,
) -> None:
    """Make another policy the active one of a home; open handles refuse from then on."""
    screen = Screen(json)
    who = Who(home, keyring, name, tuple(roles or ["operator"]))
    with acting(screen, who, ADMINISTRATION) as (_, principal):
        active = principal.admin.activate(ref)
    screen.answer({"hash": active}, lambda: screen.say(f"active now: {active}"))


app.command("test")(policytest.try_out)
app.command("diff")(policydiff.diff)
app.command("lint")(policylint.lint)
