"""Laws together never allow more than any one of them, and least of all where nothing is known."""

from __future__ import annotations

import json
from itertools import chain, combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from privet.policy import Ask, Circumstances, Policy, compile_documents
from privet.policy.imports import pack_hash
from privet.policy.places import GROUPS as EVERYWHERE

DATA = """\
privet: data/1
subject: {is: account, id: account, age: profile.age}
timezone: UTC
categories: {contact: {}, illness: {special: true}, device: {from_device: true}}
profile:
  email: {type: text, category: contact, optional: true}
  age: {type: int, category: contact, optional: true}
  allergy: {type: text, category: illness, optional: true}
  screen: {type: text, category: device, optional: true}
"""
PURPOSES = {
    "orders": {"text": "Deliver.", "basis": {"contract": "account"}, "retention": "1y"},
    "offers": {"text": "Offer.", "basis": "consent", "retention": "1y", "direct_marketing": True},
    "care": {"text": "Care.", "basis": "consent", "retention": "1y"},
}
ACTIONS = ("collect", "read", "derive", "train")
PLACES = ("DE", "FR", "GB", "BR", "US", None)
AGES = ((12, 12), (17, 17), (30, 30), None)
GROUPS = (["EEA"], ["GB"], ["BR"], ["DE", "GB"])


def a_deny(name: str) -> st.SearchStrategy[dict[str, Any]]:
    kinds = st.sampled_from(["consent", "contract", "direct-marketing"])
    parts = st.fixed_dictionaries(
        {"may_not": st.lists(st.sampled_from(ACTIONS), min_size=1, unique=True)},
        optional={
            "kinds": st.lists(kinds, min_size=1, max_size=2, unique=True),
            "categories": st.lists(
                st.sampled_from(["special", "from-device"]), min_size=1, max_size=1
            ),
            "when": st.fixed_dictionaries({"age_under": st.sampled_from([13, 18])}),
        },
    )
    return parts.map(lambda found: {"id": name, "text": "No.", **found})


@st.composite
def a_law(draw: st.DrawFn, name: str) -> dict[str, Any]:
    denies = [draw(a_deny(f"{name}-{i}")) for i in range(draw(st.integers(1, 3)))]
    return {
        "privet": "policy/1",
        "name": name,
        "data": "data.yaml",
        "protects": draw(st.sampled_from(GROUPS)),
        "controller": {"name": "Example", "contact": "privacy@example.com"},
        "purposes": PURPOSES,
        "roles": {"staff": {}, "desk": {}},
        "permits": [
            {"id": "own", "role": "self", "for": "privet:rights", "may": ["read"], "fields": ["*"]},
            {
                "id": "desk",
                "role": "desk",
                "for": "privet:rights",
                "may": ["read"],
                "fields": ["*"],
            },
            *(
                {
                    "id": f"own-{p}",
                    "role": "staff",
                    "for": p,
                    "may": ["collect", "read"],
                    "fields": ["profile.email"],
                }
                for p in PURPOSES
            ),
        ],
        "denies": denies,
    }


def composed(laws: list[dict[str, Any]]) -> Policy:
    texts = {law["name"]: {"policy": json.dumps(law), "data": DATA} for law in laws}
    fields = {"orders": ["profile.email", "profile.age"], "offers": ["*"], "care": ["*"]}
    shop = {
        "privet": "policy/1",
        "name": "shop",
        "data": "data.yaml",
        "imports": [f"pack:{name}@sha256:{pack_hash(text)}" for name, text in texts.items()],
        "controller": {"name": "Example", "contact": "privacy@example.com"},
        "purposes": PURPOSES,
        "roles": {"clerk": {}},
        "permits": [
            {"id": f"do-{p}", "role": "clerk", "for": p, "may": list(ACTIONS), "fields": fields[p]}
            for p in PURPOSES
        ],
    }
    documents = {"policy": json.dumps(shop), "data": DATA}
    for name, text in texts.items():
        documents |= {f"pack:{name}:{key}": value for key, value in text.items()}
    return compile_documents(documents)


ASKS = [
    Ask(frozenset({"clerk"}), purpose, action, frozenset({f"profile.{field}"}))
    for purpose in PURPOSES
    for action in ACTIONS
    for field in ("email", "age", "allergy", "screen")
]
KNOWN = [Circumstances(jurisdiction=place, age=age) for place in PLACES for age in AGES]


MARKS = {
    "orders": {"contract"},
    "offers": {"consent", "direct-marketing"},
    "care": {"consent"},
}
SORTS = {"profile.allergy": "special", "profile.screen": "from-device"}


def denied(law: dict[str, Any], ask: Ask, known: Circumstances) -> bool:
    """Whether a law denies it, read off its text: what is not known of a person counts for it."""
    protected = frozenset[str]().union(*(EVERYWHERE.get(p, {p}) for p in law["protects"]))
    if known.jurisdiction is not None and known.jurisdiction not in protected:
        return False
    (field,) = ask.fields
    for deny in law["denies"]:
        under = deny.get("when", {}).get("age_under")
        young = under is None or known.age is None or known.age[0] < under
        about = SORTS.get(field) in deny["categories"] if "categories" in deny else True
        of_kind = set(deny.get("kinds", ())) <= MARKS[ask.purpose]
        if young and about and of_kind and ask.action in deny["may_not"]:
            return True
    return False


@settings(max_examples=40, deadline=None)
@given(st.tuples(a_law("north"), a_law("south")).map(list))
def test_what_no_law_denies_is_allowed_and_nothing_else(laws: list[dict[str, Any]]) -> None:
    policy = composed(laws)
    permitted = composed([])
    for ask in ASKS:
        for known in KNOWN:
            wanted = permitted.decide(ask).allowed and not any(
                denied(law, ask, known) for law in laws
            )
            assert policy.decide(ask, known).allowed == wanted, (ask, known)


@settings(max_examples=25, deadline=None)
@given(st.tuples(a_law("north"), a_law("south"), a_law("west")).map(list))
def test_laws_together_allow_what_each_of_them_allows(laws: list[dict[str, Any]]) -> None:
    """For everybody; so of a person whose place is unknown never more than any one law would."""
    alone = [composed([law]) for law in laws]
    sets = chain.from_iterable(combinations(range(3), n) for n in (2, 3))
    for chosen in sets:
        together = composed([laws[i] for i in chosen])
        for ask in ASKS:
            for known in KNOWN:
                each = all(alone[i].decide(ask, known).allowed for i in chosen)
                assert together.decide(ask, known).allowed == each


@settings(max_examples=25, deadline=None)
@given(st.tuples(a_law("north"), a_law("south")).map(list))
def test_whose_place_is_unknown_falls_under_all_of_them(laws: list[dict[str, Any]]) -> None:
    policy = composed(laws)
    for ask in ASKS:
        for age in AGES:
            if policy.decide(ask, Circumstances(age=age)).allowed:
                for place in PLACES:
                    known = Circumstances(jurisdiction=place, age=age)
                    assert policy.decide(ask, known).allowed, (ask, known)


@settings(max_examples=25, deadline=None)
@given(
    st.permutations(["north", "south", "west"]),
    st.tuples(a_law("north"), a_law("south"), a_law("west")),
)
def test_the_order_of_imports_means_nothing(
    order: list[str], laws: tuple[dict[str, Any], ...]
) -> None:
    named = {law["name"]: law for law in laws}
    assert composed([named[name] for name in order]) == composed(list(laws))
