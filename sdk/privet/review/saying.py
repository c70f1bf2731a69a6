"""Differences of policies as sentences that a lawyer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.review import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.policy import Policy
    from privet.review.facts import Facts, Key, Value
    from privet.review.space import Answer

_SAID = {
    "basis": "rests on",
    "where": "stands until people opt out in",
    "retention": "is kept for",
    "renew": "is asked again after",
    "text": "is told to people as",
    "reuses": "may read what was collected for",
    "builds_on": "needs also a ground for",
    "special": "may use what reveals",
    "recipients": "may disclose data to",
    "direct_marketing": "is direct marketing",
    "parent": "is a part of",
    "human_step": "is decided in the end by",
    "jurisdictions": "is stricter",
    "hold fields": "keeps past an erasure",
    "hold period": "keeps what a law holds for",
    "hold law": "keeps past an erasure by the law",
    "models deadline": "lets a model serve after somebody left for",
    "models co_count_floor": "keeps co-counts of at least so many people:",
    "models least": "trains models on at least so many people:",
    "role": "is",
    "country": "sits in",
    "contract": "has the contract",
    "receives": "may be sent",
    "unique": "is the same again where these are:",
    "kind": "has the type",
    "category": "is of the category",
    "never": "is never used",
    "min_age": "asks for an age of",
    "minutes": "is open for so many minutes:",
    "second": "is confirmed by",
    "after_erasure records": "keeps its records after an erasure on the ground:",
    "after_erasure suppression": "keeps out who was erased on the ground:",
    "after_erasure period": "keeps out who was erased for",
    "after_erasure kept": "keeps the records of its log for",
}
"""What is said of a thing under a key; any other key stands for itself."""

_FIRST = ("basis", "retention", "country", "category")
"""What is told of a new thing."""


def permission(
    both: Sequence[Policy],
    roles: Sequence[frozenset[str]],
    actions: Sequence[str],
    fields: Sequence[str],
    purpose: str,
    to: str | None,
    where: Mapping[str, Sequence[str]],
    pair: tuple[Answer, Answer],
) -> str:
    """'analyst may now read purchase.store for analytics', and the like."""
    before, after = pair
    people = words.listed(words.who(held) for held in roles)
    what = " ".join(
        [
            words.listed(actions),
            *([words.fields(fields, both)] if fields else []),
            f"for {purpose}",
            *([f"to {to}"] if to else []),
            *([f"({', '.join(_where(where))})"] if where else []),
        ]
    )
    if not after.allowed:
        return f"{people} may no longer {what}"
    if not before.allowed:
        how = minimized(after)
        return f"{people} may now {what}{f' ({how})' if how else ''}"
    was, now = minimized(before), minimized(after)
    return f"{people} may {what} otherwise: {now or 'in full'}, before {was or 'in full'}"


def _where(where: Mapping[str, Sequence[str]]) -> list[str]:
    return [words.listed(some, "or") for some in where.values()]


def minimized(answer: Answer) -> str:
    """What happens before release, in words; empty where nothing does."""
    parts = [] if answer.open else ["left out"]
    parts += [words.width(*rule) for rule in answer.rules]
    parts += [] if answer.last is None else [f"the last {answer.last} events"]
    parts += [] if answer.time is None else [f"times to the {answer.time}"]
    parts += [f"at least {answer.least} people"] if answer.least > 1 else []
    return ", ".join(parts)


def thing(about: str, name: str, told: Facts, *, new: bool) -> str:
    """A thing that only one of the policies has, with what is said first of a new one."""
    said = {key[2]: value for key, value in told.items() if key[:2] == (about, name)}
    first = [f"{_SAID[key]} {said[key]}" for key in _FIRST if isinstance(said.get(key), str)]
    more = f": {words.listed(first)}" if first else ""
    return f"the {_named(about, name)} is {'new' if new else 'gone'}{more}"


def fact(key: Key, before: Value | None, after: Value | None) -> str:
    """What is said otherwise about a thing that both have."""
    about, name, *said = key
    phrase = _SAID.get(" ".join(said), f"{' '.join(said)}:".replace("_", " "))
    if said[0] == "assessment":
        phrase = f"reads what was collected for {said[1]} under the assessment"
    if said[0] == "own_consent":
        phrase = f"takes a consent in {said[1]} as a child's own from an age of"
    subject = f"the {_named(about, name)}".strip()
    if isinstance(before, frozenset) or isinstance(after, frozenset):
        return f"{subject} {phrase} {_members(frozenset(before or ()), frozenset(after or ()))}"
    return f"{subject} {phrase} {after or 'nothing'}, before {before or 'nothing'}"


def _named(about: str, name: str) -> str:
    return {"reveals": f"rule {name} on what items reveal"}.get(about, f"{about} {name}".strip())


def _members(before: frozenset[str], after: frozenset[str]) -> str:
    more, fewer = sorted(after - before), sorted(before - after)
    parts = [f"now also {words.listed(more)}"] if more else []
    parts += [f"no longer {words.listed(fewer)}"] if fewer else []
    return "; ".join(parts)
