"""Whether people were told all that the policy permits: pure, fault by fault.

GDPR Art. 5(1)(a)-(b) and 13: what is done with data is what was told. A notice may tell
more than the policy permits; a policy must not permit more than a notice tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING

from privet.clock import micros
from privet.notices.document import faults
from privet.policy.problems import Problems, shown

if TYPE_CHECKING:
    from privet.notices.document import Fault, Notice, Telling
    from privet.policy import Period, Policy, PurposeSpec

_DAYS = tuple(
    micros(datetime(year, month, day, tzinfo=UTC))
    for year, month, day in product(range(2023, 2028), range(1, 13), (1, 15, 28))
)
"""Instants in months and years of every length: no period may be longer from any of them."""


def compare(
    policy: Policy, notices: Sequence[Notice], asked: Iterable[str] | None = None
) -> tuple[Fault, ...]:
    """Where the policy permits more than the notices tell.

    Args:
        policy: the compiled policy.
        notices: the notices that are live, each in all its languages.
        asked: purposes that a notice must tell of; every purpose of the policy if left out.

    Returns:
        The faults by file and line, each with ``file``, ``line``, ``what`` and ``fix``; in
        what no notice tells of, the file is the policy.
    """
    problems = Problems()
    for notice in notices:
        for name, telling in notice.purposes.items():
            _purpose(policy, notice, name, telling, problems)
    told = {name for notice in notices for name in notice.purposes}
    untold: list[Fault] = [
        {
            "file": "policy",
            "line": 1,
            "what": f"no live notice tells of the purpose {shown(name)} (GDPR Art. 13(1)(c))",
            "fix": "Add a notice that does, or drop the purpose.",
        }
        for name in (policy.purposes if asked is None else asked)
        if name not in told
    ]
    return (*faults(problems), *untold)


def _purpose(
    policy: Policy, notice: Notice, name: str, telling: Telling, problems: Problems
) -> None:
    spec = policy.purposes.get(name)
    if spec is None:
        problems.at(
            notice.place,
            ("purposes", name),
            f"the policy has no purpose {shown(name)}",
            "people would be told of what is not done (GDPR Art. 5(1)(a))",
            "Correct the name, or activate the policy that has it first.",
            problems.near(name, policy.purposes),
        )
        return
    found = (
        *_asking(spec, telling),
        *_categories(policy, name, telling),
        *_recipients(policy, spec, telling),
        *_periods(spec, telling),
    )
    for key, what, fix in found:
        problems.at(notice.place, ("purposes", name, key), what, _TOLD, fix)


_TOLD = "people are told all that the policy permits (GDPR Art. 13, 5(1)(a))"
_KEYS = {"consent": "ask", "opt-out": "opt_out"}
Found = tuple[str, str, str]


def _asking(spec: PurposeSpec, telling: Telling) -> Iterator[Found]:
    key = "ask" if telling.asked else "opt_out" if telling.opt_out else "tell"
    if key == _KEYS.get(spec.basis, "tell"):
        return
    yield (
        key,
        (
            f"{shown(spec.name)} rests on {spec.basis}, which the notice does not say "
            "(GDPR Art. 13(1)(c))"
        ),
        "Give `ask` for a consent, `opt_out` where people opt out, else `tell`.",
    )


def _categories(policy: Policy, purpose: str, telling: Telling) -> Iterator[Found]:
    used: dict[str, set[str]] = {}
    for permit in policy.permits.values():
        if permit.purpose == purpose:
            for field in permit.fields:
                used.setdefault(policy.fields[field].category, set()).add(permit.id)
    for category, permits in sorted(used.items()):
        if category not in telling.categories:
            by = ", ".join(map(shown, sorted(permits)))
            yield (
                "categories",
                (
                    f"{shown(purpose)} may use {shown(category)} data, which is not told ({by}; "
                    "GDPR Art. 13(2)(e), 14(1)(d))"
                ),
                f"Tell of {shown(category)}, or take its fields from {by}.",
            )
    for category in telling.categories:
        if all(field.category != category for field in policy.fields.values()):
            yield (
                "categories",
                f"there is no category {shown(category)} in the data document",
                "Use the names of its categories.",
            )


def _recipients(policy: Policy, spec: PurposeSpec, telling: Telling) -> Iterator[Found]:
    permitted = set(spec.recipients).union(
        *(p.to for p in policy.permits.values() if p.purpose == spec.name)
    )
    for name in sorted(permitted - set(telling.recipients)):
        yield (
            "recipients",
            (
                f"{shown(name)} may receive data for {shown(spec.name)}, which is not told "
                "(GDPR Art. 13(1)(e))"
            ),
            f"Tell of {shown(name)}, or take it from the purpose and its permits.",
        )
    for name in telling.recipients:
        if name not in policy.recipients:
            yield (
                "recipients",
                f"the policy has no recipient {shown(name)}",
                "Use the names of its recipients.",
            )


def _periods(spec: PurposeSpec, telling: Telling) -> Iterator[Found]:
    if _longer(spec.retention, telling.retention):
        yield (
            "retention",
            (
                f"data of {shown(spec.name)} is kept for {spec.retention}, longer than the "
                f"{telling.retention} told (GDPR Art. 13(2)(a))"
            ),
            f"Tell of {spec.retention}, or keep it for {telling.retention}.",
        )
    hold = spec.longest_hold
    if hold is None or not _longer(hold.period, telling.retention):
        return
    if telling.held is None or _longer(hold.period, telling.held):
        yield (
            "held",
            (
                f"a law holds data of {shown(spec.name)} for {hold.period}, which is not told "
                "(GDPR Art. 13(2)(a))"
            ),
            f"Add `held:` with {hold.period}.",
        )


def _longer(one: Period, other: Period) -> bool:
    """Whether a period is longer than another from some day on."""
    return any(one.after(day) > other.after(day) for day in _DAYS)
