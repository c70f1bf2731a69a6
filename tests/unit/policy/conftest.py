# ruff: noqa: E501 (documents and look-alikes stand as an author would write them)
"""A small pair of documents, and the faults of an edited copy of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privet.errors import PolicyError
from privet.policy import Policy, compile_documents

DATA = """\
privet: data/1
subject: {is: account, id: account}
timezone: Europe/Berlin
categories: {contact: {}, transaction: {}, behaviour: {from_device: true}}
profile:
  email: {type: text, category: contact, optional: true}
  age: {type: band, category: contact, values: [0-17, 18-39, 40+]}
events:
  purchase:
    unique: [order, item]
    fields:
      item: {type: item, category: transaction}
      order: {type: id, category: transaction}
      quantity: {type: int, category: transaction}
      value: {type: decimal(2), category: transaction}
  view:
    unique: [event_id]
    fields:
      event_id: {type: id, category: behaviour}
      item: {type: item, category: behaviour}
items:
  fields: {title: text, category: text}
  reveals:
    health: {special: true, category: [PILLS], title: [Syrup]}
    adult: {min_age: 18, category: [WINE]}
"""

POLICY = """\
privet: policy/1
name: small
data: data.yaml
controller: {name: Example, contact: privacy@example.com}
recipients:
  mailer: {is: processor, country: IE, contract: DPA-1, receives: [profile.email]}
assessments:
  CA-1: {is: compatibility, text: Close to the order.}
  CA-2: {is: compatibility, text: Only with consent.}
  LIA-1: {is: legitimate-interest, text: Counts of many.}
  CA-3: {is: compatibility, text: Counts of many.}
purposes:
  orders:
    text: Deliver orders.
    basis: {contract: account}
    retention: 2y
    hold: {fields: [purchase.order, purchase.value], for: 7y, law: Tax records}
  suggestions:
    text: Suggest products.
    basis: consent
    reuses: {orders: {assessment: CA-1}}
    retention: 13mo
    renew: 12mo
    models: {deadline: 24h, co_count_floor: 5, least: 3}
  letters:
    text: Send news.
    basis: consent
    direct_marketing: true
    builds_on: [suggestions]
    reuses: {orders: {assessment: CA-2}}
    recipients: [mailer]
    retention: 13mo
  counts:
    text: Count sales.
    basis: {legitimate-interest: LIA-1}
    reuses: {orders: {assessment: CA-3}}
    retention: 13mo
never: [health]
roles:
  clerk: {}
  chief: {inherits: [clerk]}
  trainer: {}
  desk: {}
  auditor: {}
separate: [[desk, auditor]]
permits:
  - {id: take, role: clerk, for: orders, may: [collect, read], fields: [purchase.*, profile.*]}
  - {id: follow, role: clerk, for: suggestions, may: [collect], fields: [view.*]}
  - {id: suggest, role: clerk, for: suggestions, may: [recommend], fields: [purchase.item, view.item], minimize: {last: 20 events, time: day}}
  - {id: learn, role: trainer, for: suggestions, may: [train, serve], fields: [purchase.item, purchase.order, purchase.value, view.*], minimize: {time: week, purchase.value: round(5), drop: [view.event_id]}}
  - {id: send, role: chief, for: letters, may: [export], fields: [profile.email], to: [mailer], minimize: {least: 50 people}}
  - {id: count, role: clerk, for: counts, may: [derive], fields: [purchase.value, profile.age], minimize: {time: hour, profile.age: band(20), least: 20 people}}
  - {id: own, role: self, for: "privet:rights", may: [read, erase], fields: ["*"]}
  - {id: banner, role: self, for: "privet:consent", may: [answer, withdraw]}
  - {id: prove, role: auditor, for: "privet:accountability", may: [prove, export]}
denies:
  - {id: no-money, text: Chiefs see no money., roles: [chief], for: [orders], may_not: [read], fields: [purchase.value]}
tests:
  - {name: suggestions need consent, given: {contract: [orders]}, as: clerk, for: suggestions, may: recommend, fields: [purchase.item], then: ConsentMissing}
"""

Edit = tuple[str, str]
Faults = Callable[..., list[dict[str, str | int]]]


def _edited(text: str, *edits: Edit) -> str:
    for old, new in edits:
        assert old in text, f"the base document has no {old!r}"
        text = text.replace(old, new, 1)
    return text


@pytest.fixture
def texts() -> dict[str, str]:
    return {"data": DATA, "policy": POLICY}


@pytest.fixture(scope="session")
def small() -> Policy:
    return compile_documents({"data": DATA, "policy": POLICY})


@pytest.fixture
def edited() -> Callable[..., Policy]:
    """Compile the small documents after edits."""

    def build(policy: tuple[Edit, ...] = (), data: tuple[Edit, ...] = ()) -> Policy:
        return compile_documents({"data": _edited(DATA, *data), "policy": _edited(POLICY, *policy)})

    return build


@pytest.fixture
def faults(edited: Callable[..., Policy]) -> Faults:
    """The faults that the compiler finds in an edited copy."""

    def find(
        policy: tuple[Edit, ...] = (), data: tuple[Edit, ...] = ()
    ) -> list[dict[str, str | int]]:
        with pytest.raises(PolicyError) as caught:
            edited(policy, data)
        return list(caught.value.problems)

    return find
