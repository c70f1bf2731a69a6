"""``privet policy test``: the tests that a policy carries, and what they leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privet.cli.options import Home, Json, Keyring
from privet.cli.policysource import MaybeReference, opened
from privet.cli.screen import Screen

if TYPE_CHECKING:
    from privet.review import Coverage


def try_out(
    ref: MaybeReference = None,
    covering: Annotated[
        bool, typer.Option("--coverage", help="Name what no test touches.")
    ] = False,
    fail_under: Annotated[
        int | None,
        typer.Option(
            "--fail-under",
            metavar="PERCENT",
            min=0,
            max=100,
            help="Exit code 1 where tests touch less; tells the coverage as well.",
        ),
    ] = None,
    home: Home = None,
    keyring: Keyring = None,
    json: Json = False,
) -> None:
    """Run the tests that a policy carries; exit code 1 where one fails."""
    from privet.policy import run_tests
    from privet.review import coverage

    screen = Screen(json)
    policy = opened(screen, ref, home, keyring, "testing a policy")
    results = run_tests(policy)
    failed = sum(not r.passed for r in results)
    covered = coverage(policy) if covering or fail_under is not None else None
    short = covered is not None and 100 * covered.share < (fail_under or 0)
    told: dict[str, Any] = {
        "ok": not failed and not short,
        "policy": policy.name,
        "failed": failed,
        "tests": results,
    }
    if covered is not None:
        told["coverage"] = {"share": covered.share, "untouched": covered.untouched}
    rows = [("ok" if r.passed else "FAIL", r.name, r.expected, r.got) for r in results]

    def shown() -> None:
        screen.table(("", "test", "expected", "got"), rows)
        screen.say(f"{len(results) - failed} of {len(results)} tests pass")
        if covered is not None:
            _covered(screen, covered, fail_under)

    screen.answer(told, shown)
    raise typer.Exit(1 if failed or short else 0)


def _covered(screen: Screen, covered: Coverage, wanted: int | None) -> None:
    screen.say(f"tests touch {covered.share:.0%} of permits, denies and purposes")
    screen.tree([(f"{what} that no test touches", n) for what, n in covered.untouched.items()])
    if wanted is not None and 100 * covered.share < wanted:
        screen.say(f"that is less than {wanted}%")
