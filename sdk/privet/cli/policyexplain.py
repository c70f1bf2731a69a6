"""``privet policy explain``: why allowed, why refused, and what would change that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring
from privet.cli.policysource import MaybeReference, opened
from privet.cli.screen import Screen, printable
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.policy import Ask, Policy
    from privet.policy.when import Circumstances
    from privet.review import Explanation

Many = list[str] | None
_GROUNDS = frozenset({"contract", "agreed", "withdrawn", "objected", "opted_out", "restricted"})
_WIDE = 400  # a file or a pipe has no edge to wrap at


def _of_person(name: str, what: str) -> Any:
    return typer.Option(f"--{name}", metavar="PURPOSE", help=f"Of a person: {what}")


def explain(
    ref: MaybeReference = None,
    roles: Annotated[
        Many, typer.Option("--role", metavar="ROLE", help="Who; may be repeated.")
    ] = None,
    purpose: Annotated[str, typer.Option("--purpose", metavar="PURPOSE", help="What for.")] = "",
    action: Annotated[str, typer.Option("--action", metavar="ACTION", help="What is done.")] = "",
    fields: Annotated[
        Many,
        typer.Option("--field", metavar="FIELD", help="Such as purchase.item; may be repeated."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="RECIPIENT", help="Recipient of an export.")
    ] = None,
    contract: Annotated[Many, _of_person("contract", "a contract runs for it.")] = None,
    agreed: Annotated[Many, _of_person("agreed", "she agreed to it.")] = None,
    withdrawn: Annotated[Many, _of_person("withdrawn", "she took that back.")] = None,
    objected: Annotated[Many, _of_person("objected", "she objected to it.")] = None,
    opted_out: Annotated[Many, _of_person("opted-out", "she opted out of it.")] = None,
    restricted: Annotated[
        bool, typer.Option("--restricted", help="Of a person: her data is restricted.")
    ] = False,
    given: Annotated[
        Many,
        typer.Option(
            "--given",
            metavar="NAME=VALUE",
            help="A circumstance as in a policy's test: jurisdiction, age, at, people, data_age,"
            " emergency or environment.NAME; may be repeated.",
        ),
    ] = None,
    tree: Annotated[
        bool, typer.Option("--tree", help="Draw every rule that was looked at as a tree.")
    ] = False,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Say what the policy decides and why; nobody's data is touched and nothing recorded."""
    from privet.policy import Ask
    from privet.policy.trials import Given
    from privet.review import explain as answered

    if not (roles and purpose and action):
        raise InvalidInput(
            "there is no question to explain",
            remedy="Name at least one --role, a --purpose and an --action.",
            reason="usage",
        )
    screen = Screen(json)
    policy = opened(screen, ref, home, keyring, "explaining a decision")
    asked = Ask(frozenset(roles), purpose, action, _expanded(policy, fields or []), to)
    grounds = (contract, agreed, withdrawn, objected, opted_out)
    known = _known(given or [])
    person = None
    if restricted or any(part is not None for part in grounds):
        run, yes, gone, against, out = (frozenset(part or ()) for part in grounds)
        person = Given(run, yes, gone, against, restricted, known, out)
    found = answered(policy, asked, known, person)
    told = {"policy": policy.name, "hash": policy.hash, **found.to_dict()}
    if not tree:
        screen.answer(told, lambda: _shown(screen, told))
    else:
        screen.answer(told, lambda: _drawn(screen, policy, asked, found))


def _known(given: list[str]) -> Circumstances:
    """The circumstances of the options, as a test of a policy would say them."""
    from pydantic import ValidationError

    from privet.policy.policyform import GivenForm
    from privet.policy.whenform import circumstances

    data: dict[str, Any] = {}
    for text in given:
        name, found, value = text.partition("=")
        if not found or name in _GROUNDS:
            raise _not_given()
        if name.startswith("environment."):
            data.setdefault("environment", {})[name.partition(".")[2]] = value
        elif name == "emergency":
            data.setdefault(name, []).append(value)
        else:
            data[name] = int(value) if name == "age" and value.isdecimal() else value
    try:
        return circumstances(GivenForm.model_validate(data))
    except ValidationError:
        raise _not_given() from None


def _not_given() -> InvalidInput:
    return InvalidInput(
        "a circumstance is not of its form",
        remedy="Write it as in `given` of a policy's test, such as age=17 or jurisdiction=BR.",
        reason="usage",
    )


def _expanded(policy: Policy, fields: list[str]) -> frozenset[str]:
    """The fields, with ``purchase.*`` and ``*`` spelt out as the documents do."""
    found: set[str] = set()
    for name in fields:
        prefix = name.removesuffix("*")
        matching = [f for f in policy.fields if name.endswith("*") and f.startswith(prefix)]
        found.update(matching or [name])
    return frozenset(found)


def _shown(screen: Screen, told: dict[str, Any]) -> None:
    screen.say(f"{'PERMITTED' if told['allowed'] else 'REFUSED'}: {told['sentence']}")
    lines = [change["line"] for change in told["changes"]]
    if lines:
        screen.say(f"smallest change: {lines[0]}")
    elif not told["allowed"]:
        screen.say("smallest change: none in one line")
    screen.tree(
        [
            ("or", lines[1:]),
            ("reason", [told["reason"]]),
            ("permits that grant", told["permits"]),
            ("deny that overrides", [told["deny"]] if told["deny"] else []),
            ("what must hold of each person", told["needs"]),
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


def _drawn(screen: Screen, policy: Policy, asked: Ask, found: Explanation) -> None:
    """Every rule that was looked at, with what it says to the request."""
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    from privet.review.looked import looked_at

    outcome = "PERMITTED" if found.allowed else "REFUSED"
    root = Tree(Text(printable(f"{outcome}: {found.sentence}")))
    parts = [*looked_at(policy, asked, found.decision)]
    parts.append(("each person", list(found.needs)))
    parts.append(("would allow it, the smallest first", [r.line for r in found.remedies]))
    for name, lines in parts:
        if lines:
            branch = root.add(Text(printable(name)))
            for line in lines:
                branch.add(Text(printable(line)))
    Console(file=screen.text, width=None if screen.fancy else _WIDE).print(root)
