# ruff: noqa: E501 (documents and look-alikes stand as an author would write them)
"""Each fault of a document is found, at its line, with a remedy."""

from __future__ import annotations

import pytest

POLICY_FAULTS = [
    (
        "unknown key at the top",
        ("never: [health]", "never: [health]\nimport: [x]"),
        "unknown key `import`",
    ),
    (
        "unknown key in a permit",
        ("may: [collect], fields: [view.*]", "may: [collect], where: {}, fields: [view.*]"),
        "unknown key `where`",
    ),
    (
        "condition without parts",
        ("may: [collect], fields: [view.*]", "may: [collect], when: {}, fields: [view.*]"),
        "has no part",
    ),
    (
        "condition on a right",
        ("may: [read, erase], fields", "may: [read, erase], when: {age_from: 18}, fields"),
        "depends on no condition",
    ),
    (
        "condition on a number of people where there is one",
        (
            "may: [recommend], fields",
            "may: [recommend], when: {people_from: 5 people}, fields",
        ),
        "about one person",
    ),
    (
        "country that is none",
        ("roles: [chief], for: [orders]", "when: {jurisdiction: [UK]}, for: [orders]"),
        "`UK` is no country",
    ),
    (
        "place that is a word",
        ("roles: [chief], for: [orders]", "when: {jurisdiction: [germany]}, for: [orders]"),
        "not a place",
    ),
    (
        "nobody's age",
        ("roles: [chief], for: [orders]", "when: {age_from: 18, age_under: 16}, for: [orders]"),
        "not above its lower bound",
    ),
    (
        "no number of people",
        (
            "roles: [chief], for: [orders]",
            "when: {people_from: 9 people, people_under: 9 people}, for: [orders]",
        ),
        "not above its lower bound",
    ),
    (
        "no age of data",
        ("roles: [chief], for: [orders]", "when: {data_from: 2mo, data_under: 7d}, for: [orders]"),
        "not above `data_from`",
    ),
    (
        "no day",
        (
            "roles: [chief], for: [orders]",
            "when: {from: 2026-12-31, until: 2026-01-01}, for: [orders]",
        ),
        "lies before `from`",
    ),
    (
        "date of no calendar",
        ("roles: [chief], for: [orders]", "when: {from: 2026-02-30}, for: [orders]"),
        "not a date",
    ),
    (
        "hours of no day",
        ("roles: [chief], for: [orders]", "when: {hours: 25:00-26:00}, for: [orders]"),
        "not hours",
    ),
    (
        "hours that end when they begin",
        ("roles: [chief], for: [orders]", "when: {hours: 08:00-08:00}, for: [orders]"),
        "begin when they end",
    ),
    (
        "value twice",
        (
            "roles: [chief], for: [orders]",
            "when: {environment: {net: [office, office]}}, for: [orders]",
        ),
        "is named twice",
    ),
    (
        "age of data at no moment in a test",
        ("given: {contract: [orders]}", "given: {contract: [orders], data_age: 7d}"),
        "without a moment",
    ),
    (
        "age that is none in a test",
        ("given: {contract: [orders]}", "given: {contract: [orders], age: 17-16}"),
        "not an age",
    ),
    ("wrong version", ("policy/1", "policy/2"), "`privet` is none"),
    (
        "reading across purposes",
        (
            "    reuses: {orders: {assessment: CA-1}}\n    retention: 13mo\n    renew",
            "    retention: 13mo\n    renew",
        ),
        "collected neither for this purpose",
    ),
    (
        "unknown role",
        ("id: take, role: clerk", "id: take, role: clark"),
        "the role `clark` is not declared",
    ),
    (
        "unknown purpose",
        ("role: clerk, for: counts", "role: clerk, for: accounts"),
        "the purpose `accounts` is not declared",
    ),
    (
        "unknown built-in purpose",
        ('"privet:accountability"', '"privet:everything"'),
        "not the name of a purpose",
    ),
    (
        "unknown field",
        ("may: [collect], fields: [view.*]", "may: [collect], fields: [view.itm, view.*]"),
        "`view.itm` is no field",
    ),
    (
        "unknown event wildcard",
        ("may: [collect], fields: [view.*]", "may: [collect], fields: [views.*, view.*]"),
        "`views.*` is no field",
    ),
    ("unknown action", ("may: [recommend]", "may: [recomend]"), "none of the accepted words"),
    ("unknown recipient", ("to: [mailer]", "to: [printer]"), "`printer` is not declared"),
    (
        "recipient outside the purpose",
        ("    recipients: [mailer]\n", ""),
        "`mailer` is not declared",
    ),
    (
        "recipient that may not receive",
        ("receives: [profile.email]", "receives: [profile.age]"),
        "not among what a recipient receives",
    ),
    (
        "export to nobody",
        ("fields: [profile.email], to: [mailer]", "fields: [profile.email]"),
        "names its recipients",
    ),
    (
        "recipient of a read",
        ("fields: [purchase.*, profile.*]}", "fields: [purchase.*, profile.*], to: [mailer]}"),
        "names its recipients",
    ),
    (
        "export among other actions",
        ("may: [export], fields: [profile.email]", "may: [export, read], fields: [profile.email]"),
        "permit of its own",
    ),
    ("processor without contract", ("contract: DPA-1, ", ""), "a processor without a contract"),
    (
        "interest without assessment",
        ("  LIA-1: {is: legitimate-interest, text: Counts of many.}\n", ""),
        "kind `legitimate-interest`",
    ),
    (
        "interest resting on another kind",
        ("legitimate-interest: LIA-1", "legitimate-interest: CA-1"),
        "kind `legitimate-interest`",
    ),
    (
        "reuse without assessment",
        ("reuses: {orders: {assessment: CA-1}}", "reuses: {orders: {}}"),
        "`assessment` is missing",
    ),
    (
        "assessment nobody needs",
        ("  CA-2: {", "  CA-9: {is: compatibility, text: Idle.}\n  CA-2: {"),
        "nothing refers to this",
    ),
    (
        "device data without consent",
        (
            "may: [collect, read], fields: [purchase.*, profile.*]",
            "may: [collect, read], fields: [purchase.*, profile.*, view.*]",
        ),
        "comes from the device",
    ),
    (
        "no retention",
        ("    recipients: [mailer]\n    retention: 13mo\n", "    recipients: [mailer]\n"),
        "`retention` is missing",
    ),
    ("no text", ("    text: Send news.\n", ""), "`text` is missing"),
    ("blank text", ("text: Send news.", "text: '  '"), "visible characters"),
    ("hold without law", (", law: Tax records", ""), "a hold needs a time and the law"),
    (
        "hold of what is not collected",
        ("fields: [purchase.order, purchase.value]", "fields: [view.item]"),
        "held field is not collected",
    ),
    ("duplicate permit", ("id: follow,", "id: take,"), "the permit `take` is named twice"),
    (
        "duplicate test",
        (
            "tests:\n",
            "tests:\n  - {name: suggestions need consent, as: clerk, for: orders, may: read, then: AccessDenied}\n",
        ),
        "the test",
    ),
    (
        "duplicate field",
        ("fields: [purchase.item, view.item]", "fields: [purchase.item, purchase.item, view.item]"),
        "is named twice",
    ),
    ("role cycle", ("clerk: {}", "clerk: {inherits: [chief]}"), "inherit from each other"),
    ("role inheriting itself", ("desk: {}", "desk: {inherits: [desk]}"), "inherit from each other"),
    ("unknown parent", ("inherits: [clerk]", "inherits: [clark]"), "`clark` is not declared"),
    ("declared self", ("clerk: {}", "clerk: {}\n  self: {}"), "the subject herself"),
    ("wildcard role", ("clerk: {}", "clerk: {}\n  '*': {}"), "not a name"),
    ("unicode role", ("clerk: {}", "clerk: {}\n  сlerk: {}"), "not a name"),
    ("role with a line end", ("clerk: {}", 'clerk: {}\n  "boss\\n": {}'), "not a name"),
    (
        "self for an own purpose",
        ("id: take, role: clerk", "id: take, role: self"),
        "acts for rights and consent alone",
    ),
    (
        "a role apart from itself",
        ("separate: [[desk, auditor]]", "separate: [[clerk, chief]]"),
        "alone holds two roles",
    ),
    (
        "unknown separated role",
        ("separate: [[desk, auditor]]", "separate: [[desk, auditr]]"),
        "`auditr` is not declared",
    ),
    (
        "purposes in a circle",
        (
            "    basis: consent\n    reuses: {orders: {assessment: CA-1}}",
            "    basis: consent\n    builds_on: [letters]\n    reuses: {orders: {assessment: CA-1}}",
        ),
        "build on each other",
    ),
    (
        "renewed contract",
        ("    retention: 2y\n", "    retention: 2y\n    renew: 1y\n"),
        "only a consent is renewed",
    ),
    (
        "models nobody trains",
        ("    retention: 2y\n", "    retention: 2y\n    models: {}\n"),
        "no permit trains",
    ),
    (
        "purpose without permit",
        (
            "  - {id: count, role: clerk, for: counts, may: [derive], fields: [purchase.value, profile.age], minimize: {time: hour, profile.age: band(20), least: 20 people}}\n",
            "",
        ),
        "no permit serves",
    ),
    (
        "special reveal not under never",
        ("never: [health]", "never: []"),
        "reveals a special category",
    ),
    (
        "ground for what is never used",
        ("    renew: 12mo", "    renew: 12mo\n    special: {health: explicit-consent}"),
        "`health` is under `never`",
    ),
    (
        "ground for what needs none",
        ("    renew: 12mo", "    renew: 12mo\n    special: {adult: explicit-consent}"),
        "`adult` is no special category",
    ),
    (
        "ground for what is not declared",
        ("    renew: 12mo", "    renew: 12mo\n    special: {faith: explicit-consent}"),
        "`faith` is not declared",
    ),
    (
        "explicit consent without a consent",
        (
            "    basis: {contract: account}",
            "    basis: {contract: account}\n    special: {health: explicit-consent}",
        ),
        "a consent of its own",
    ),
    ("unknown never", ("never: [health]", "never: [health, faith]"), "`faith` is not declared"),
    (
        "unknown ground",
        ("    basis: {contract: account}", "    basis: habit"),
        "none of the accepted grounds",
    ),
    (
        "two grounds at once",
        ("{contract: account}", "{contract: account, legal-obligation: Law}"),
        "none of the accepted grounds",
    ),
    ("bad period", ("retention: 2y", "retention: 2 years"), "not a period"),
    ("zero period", ("retention: 2y", "retention: 0d"), "not a period"),
    (
        "permit without fields",
        ("may: [collect], fields: [view.*]", "may: [collect]"),
        "names no fields",
    ),
    (
        "fields where there are none",
        ("may: [prove, export]", "may: [prove, export], fields: ['*']"),
        "touch no fields",
    ),
    (
        "action of another purpose",
        ("may: [prove, export]", "may: [prove, read]"),
        "no action of this purpose",
    ),
    (
        "erasing for an own purpose",
        ("may: [collect, read]", "may: [collect, read, erase]"),
        "no action of this purpose",
    ),
    (
        "minimizing what is collected",
        (
            "may: [collect], fields: [view.*]",
            "may: [collect], fields: [view.*], minimize: {time: day}",
        ),
        "nothing to minimize",
    ),
    (
        "last of a profile",
        ("minimize: {least: 50 people}", "minimize: {least: 50 people, last: 3 events}"),
        "a profile has no `last`",
    ),
    (
        "least of one person",
        ("minimize: {last: 20 events, time: day}", "minimize: {least: 20 people}"),
        "about one person",
    ),
    ("bad last", ("last: 20 events", "last: 20"), "wrong type"),
    ("bad least", ("least: 50 people", "least: fifty people"), "not a number of people"),
    ("bad rule", ("round(5)", "round(0)"), "neither `band(n)`"),
    (
        "rule that does not fit",
        ("purchase.value: round(5)", "purchase.value: band(5)"),
        "does not fit the type `decimal`",
    ),
    (
        "rule on another's field",
        ("purchase.value: round(5)", "purchase.quantity: round(5)"),
        "neither a key here nor a field",
    ),
    (
        "drop of another's field",
        ("drop: [view.event_id]", "drop: [profile.email]"),
        "drop some of this permit",
    ),
    (
        "drop of everything",
        ("minimize: {last: 20 events, time: day}", "minimize: {drop: [purchase.item, view.item]}"),
        "drop some of this permit",
    ),
    (
        "deny of everything",
        ("roles: [chief], for: [orders], may_not: [read], fields: [purchase.value]", ""),
        "denies everything",
    ),
    (
        "deny of a right",
        ("for: [orders], may_not", "for: ['privet:rights'], may_not"),
        "not a name",
    ),
    (
        "unknown purpose in a test",
        ("given: {contract: [orders]}", "given: {contract: [order]}"),
        "`order` is not declared",
    ),
    ("path as data document", ("data: data.yaml", "data: ../data.yaml"), "not the name of a file"),
    (
        "reuse of itself",
        (
            "reuses: {orders: {assessment: CA-1}}",
            "reuses: {orders: {assessment: CA-1}, suggestions: {assessment: CA-1}}",
        ),
        "no other purpose",
    ),
    (
        "reuse without effect",
        (
            "    reuses: {orders: {assessment: CA-2}}\n",
            "    reuses: {orders: {assessment: CA-2}, counts: {assessment: CA-2}}\n",
        ),
        "no permit reads what that purpose collects",
    ),
]

DATA_FAULTS = [
    ("age in a text", ("id: account}", "id: account, age: profile.email}"), "no number or band"),
    ("age in an event", ("id: account}", "id: account, age: view.item}"), "no number or band"),
    ("age nowhere", ("id: account}", "id: account, age: profile.ages}"), "no number or band"),
    ("unknown key", ("timezone:", "zone: x\ntimezone:"), "unknown key `zone`"),
    ("wrong version", ("data/1", "data/9"), "`privet` is none"),
    ("unknown zone", ("Europe/Berlin", "Europe/Atlantis"), "time zone is unknown"),
    ("zone that is a path", ("Europe/Berlin", "../../etc/passwd"), "time zone is unknown"),
    (
        "unknown category",
        ("type: int, category: transaction", "type: int, category: trade"),
        "`trade` is not declared",
    ),
    ("idle category", ("{contact: {}", "{contact: {}, idle: {}"), "no field belongs"),
    ("unknown type", ("type: int", "type: float"), "not one of text"),
    ("band without values", (", values: [0-17, 18-39, 40+]", ""), "`values` belongs"),
    (
        "values without band",
        ("type: int, category: transaction", "type: int, category: transaction, values: [1-2]"),
        "`values` belongs",
    ),
    ("overlapping bands", ("[0-17, 18-39, 40+]", "[0-17, 17-39, 40+]"), "overlap or do not ascend"),
    (
        "open band in the middle",
        ("[0-17, 18-39, 40+]", "[0-17, 18+, 40-50]"),
        "overlap or do not ascend",
    ),
    ("unknown key field", ("unique: [event_id]", "unique: [id]"), "`id` is no field of this event"),
    (
        "optional key field",
        (
            "event_id: {type: id, category: behaviour}",
            "event_id: {type: id, category: behaviour, optional: true}",
        ),
        "cannot tell events apart",
    ),
    ("event called profile", ("  view:\n", "  profile:\n"), "may not be called `profile`"),
    (
        "unused field",
        (
            "      item: {type: item, category: behaviour}\n",
            "      item: {type: item, category: behaviour}\n  ghost:\n    unique: [a]\n    fields: {a: {type: id, category: contact}}\n",
        ),
        "no purpose uses `ghost.a`",
    ),
    (
        "unknown catalogue field",
        ("category: [PILLS]", "kind: [PILLS]"),
        "`kind` is no catalogue field",
    ),
    (
        "reveal of nothing",
        ("{min_age: 18, category: [WINE]}", "{min_age: 18}"),
        "names no catalogue field",
    ),
    (
        "reason of nothing",
        ("{min_age: 18, category: [WINE]}", "{min_age: 18, because: [{why: It is sold so.}]}"),
        "names no catalogue field",
    ),
    (
        "value without its reason",
        ("{min_age: 18, category: [WINE]}", "{min_age: 18, because: [{category: [WINE]}]}"),
        "`why` is missing",
    ),
    (
        "empty reason",
        (
            "{min_age: 18, category: [WINE]}",
            "{min_age: 18, because: [{why: ' ', category: [WINE]}]}",
        ),
        "visible characters",
    ),
    (
        "value in two reasons",
        (
            "{min_age: 18, category: [WINE]}",
            "{min_age: 18, category: [WINE], because: [{why: Spirits., category: [' wine']}]}",
        ),
        "stands twice in one rule",
    ),
    (
        "unknown catalogue field in a reason",
        (
            "{min_age: 18, category: [WINE]}",
            "{min_age: 18, because: [{why: Spirits., kind: [WINE]}]}",
        ),
        "`kind` is no catalogue field",
    ),
    (
        "reserved catalogue field",
        ("{title: text, category: text}", "{title: text, category: text, special: text}"),
        "a word of `reveals`",
    ),
    (
        "special data on a contract",
        ("contact: {}", "contact: {special: true}"),
        "of a special category",
    ),
    ("number as a text", ("id: account}", "id: 7}"), "wrong type"),
    ("nothing where a mapping belongs", ("contact: {}", "contact: "), "wrong type"),
    (
        "key twice",
        ("timezone: Europe/Berlin", "timezone: Europe/Berlin\ntimezone: UTC"),
        "stands twice",
    ),
]


@pytest.mark.parametrize(
    ("edit", "what"), [f[1:] for f in POLICY_FAULTS], ids=[f[0] for f in POLICY_FAULTS]
)
def test_a_fault_of_the_policy_is_named(faults, edit, what) -> None:
    found = faults(policy=(edit,))
    assert any(what in str(f["what"]) for f in found), found
    _are_whole(found)


@pytest.mark.parametrize(
    ("edit", "what"), [f[1:] for f in DATA_FAULTS], ids=[f[0] for f in DATA_FAULTS]
)
def test_a_fault_of_the_data_document_is_named(faults, edit, what) -> None:
    found = faults(data=(edit,))
    assert any(what in str(f["what"]) for f in found), found
    _are_whole(found)


def _are_whole(found: list[dict[str, str | int]]) -> None:
    """Every fault says where, what, why and how to mend it; a near word stands in the remedy."""
    for fault in found:
        assert set(fault) == {"file", "line", "column", "what", "why", "near", "fix"}
        assert int(fault["line"]) >= 1
        assert int(fault["column"]) >= 1
        assert fault["file"]
        assert fault["what"]
        assert fault["why"]
        assert fault["fix"]
        assert not fault["near"] or f"Did you mean `{fault['near']}`?" in str(fault["fix"])


LAWS = [
    ("reading across purposes", "6(4)"),
    ("interest without assessment", "6(1)(f)"),
    ("device data without consent", "ePrivacy Art. 5(3)"),
    ("special reveal not under never", "9(2)"),
    ("no retention", "5(1)(e)"),
    ("no text", "13(1)(c)"),
    ("processor without contract", "28(3)"),
    ("export to nobody", "13(1)(e)"),
    ("hold of what is not collected", "17(3)(b)"),
    ("explicit consent without a consent", "9(2)(a)"),
    ("permit without fields", "5(1)(c)"),
    ("deny of everything", ""),
]


@pytest.mark.parametrize(("name", "article"), LAWS)
def test_a_refusal_that_a_law_asks_for_names_its_article(faults, name: str, article: str) -> None:
    ((edit, what),) = [fault[1:] for fault in POLICY_FAULTS if fault[0] == name]
    found = [f for f in faults(policy=(edit,)) if what in str(f["what"])]
    assert found
    assert all(article in f"{fault['what']} {fault['why']}" for fault in found)


def test_what_no_purpose_reads_and_special_data_without_a_ground_name_their_articles(
    faults,
) -> None:
    edits = {name: edit for name, edit, _ in DATA_FAULTS}
    (idle,) = faults(data=(edits["unused field"],))
    assert "Art. 25" in str(idle["what"])
    special = faults(data=(edits["special data on a contract"],))
    assert any("Art. 9(2)" in str(f["what"]) and "Art. 9(1)" in str(f["why"]) for f in special)


NEAR = [
    (("id: take, role: clerk", "id: take, role: clark"), "clerk"),
    (("for: counts, may", "for: count, may"), "counts"),
    (("may: [recommend]", "may: [recomend]"), "recommend"),
    (("basis: consent", "basis: consnt"), "consent"),
    (("fields: [view.*]", "fields: [view.itm, view.*]"), "view.item"),
    (("to: [mailer]", "to: [mailr]"), "mailer"),
    (("assessment: CA-1}", "assessment: CA-11}"), "CA-1"),
    (("    renew: 12mo", "    renews: 12mo"), "renew"),
    (("builds_on: [suggestions]", "builds_on: [sugestions]"), "suggestions"),
    (("may: [prove, export]", "may: [prove, prove_it]"), "prove"),
    (("never: [health]", "never: [helth]"), "health"),
]


@pytest.mark.parametrize(("edit", "near"), NEAR)
def test_the_nearest_right_word_is_named(faults, edit, near: str) -> None:
    assert near in {f["near"] for f in faults(policy=(edit,))}


def test_a_fault_carries_its_column(faults, texts) -> None:
    (found,) = faults(policy=(("role: clerk, for: counts", "role: clark, for: counts"),))
    line = texts["policy"].splitlines()[int(found["line"]) - 1]
    assert line[int(found["column"]) - 1 :].startswith("role: clerk")


def test_many_faults_come_at_once_and_in_bounded_time(texts) -> None:
    import time

    from privet.errors import PolicyError
    from privet.policy import compile_documents

    wrong = "".join(
        f"  - {{id: w{i}, role: clark-{i}, for: counts, may: [derive], fields: [purchase.valu{i}]}}\n"
        for i in range(3_000)
    )
    began = time.process_time()
    with pytest.raises(PolicyError) as caught:
        compile_documents(
            texts | {"policy": texts["policy"].replace("denies:\n", f"{wrong}denies:\n")}
        )
    assert time.process_time() - began < 5
    assert "6000 faults" in str(caught.value)
    assert len(caught.value.problems) == 200


def test_faults_of_both_documents_come_together(faults) -> None:
    found = faults(
        policy=(("retention: 2y", "retention: long"),), data=(("type: int", "type: float"),)
    )
    assert {f["file"] for f in found} == {"policy.yaml", "data.yaml"}


def test_a_fault_carries_its_own_line(faults, texts) -> None:
    (found,) = faults(policy=(("retention: 2y", "retention: long"),))
    line = texts["policy"].splitlines().index("    retention: 2y") + 1
    assert (found["file"], found["line"]) == ("policy.yaml", line)


def test_a_near_miss_is_suggested(faults) -> None:
    found = faults(policy=(("    renew: 12mo", "    renews: 12mo"),))
    assert any("Did you mean `renew`?" in str(f["fix"]) for f in found)


def test_no_fault_repeats_a_value(faults) -> None:
    secret = "Ada Lovelace +49 170 1234567"
    for edit in (
        ("retention: 2y", f"retention: '{secret}'"),
        ("basis: consent", f"basis: '{secret}'"),
        ("role: clerk", f"role: '{secret}'"),
        ("never: [health]", f"never: [health]\n'{secret}': 1"),
        ("fields: [view.*]", f"fields: ['{secret}']"),
        ("may: [recommend]", f"may: ['{secret}']"),
    ):
        assert secret not in str(faults(policy=(edit,)))


def test_the_error_chain_holds_no_value(edited) -> None:
    import traceback

    from privet.errors import PolicyError

    canary = f"canary-{4711 * 3}"  # in no source line that a traceback shows
    edit = ("retention: 2y", f"retention: {canary}")
    with pytest.raises(PolicyError) as caught:
        edited(policy=(edit,))
    assert canary not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
