"""Making a policy the active one: its documents live in the home, so that all see the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from privet.consent import Ledger
from privet.db import Home, Store, Tx
from privet.errors import AccessDenied
from privet.gate import (
    approving,
    catalogue,
    dropping,
    moving,
    policies,
    resealing,
    separation,
    shortening,
)
from privet.gate.approving import NOBODY, Approved
from privet.gate.batches import Pace
from privet.gate.parts import EVIDENCE, IDENTITY, IDENTITY_EVENT, Caller, Parts
from privet.gate.policies import Activation
from privet.gate.record import decide, entry
from privet.gate.resealing import Progress
from privet.policy import Policy, column
from privet.policy.approval import Approval
from privet.types import ADMINISTRATION
from privet.vault import Vault


def _silent(_done: int, _of: int) -> None:
    pass


def ledger_of(data: Store, mac_key: bytes, policy: Policy) -> Ledger:
    """The ledger of grounds as a policy judges them."""
    bases = {name: spec.basis for name, spec in policy.purposes.items()}
    places = {name: spec.where for name, spec in policy.purposes.items() if spec.where}
    return Ledger(data, mac_key, bases, places)


def check_same(asked: Policy, policy: Policy) -> None:
    """Refuse to open with another policy than the active one."""
    if asked.hash != policy.hash:
        raise AccessDenied(
            "another policy is active in this home",
            why=f"it is {policy.hash[:16]}, the one given is {asked.hash[:16]}",
            remedy="Activate the new one first: `privet policy activate`, or open without policy=.",
            reason="policy.not-active",
        )


def install_layout(vault: Vault, policy: Policy) -> None:
    """Give the vault the cell groups and domains that follow from the policy."""
    atoms = [(a.event, tuple(a.fields)) for a in policy.atoms]
    atoms += [(IDENTITY_EVENT, ("id",)), (EVIDENCE, ("details",))]
    domains = {d.name: (d.name, d.purpose, d.hold) for d in policy.domains}
    for purpose in policy.purposes:  # contributions to models live in the purpose's own
        for name in (purpose, column(purpose)):
            domains.setdefault(name, (name, purpose, ""))
    for own in (IDENTITY, EVIDENCE):
        domains[own] = (own, "privet:rights", "")
    kinds = {name: (spec.kind, spec.scale) for name, spec in policy.fields.items()}
    kinds |= {f"{IDENTITY_EVENT}.id": ("text", 0), f"{EVIDENCE}.details": ("text", 0)}
    vault.install(atoms, sorted(domains.values()), kinds)


def install(home: Home, vault: Vault, policy: Policy, *, first: bool = False) -> None:
    """Give the vault its layout and make the documents the active ones."""
    install_layout(vault, policy)
    with home.data.write() as tx:
        if first and tx.one("SELECT 1 FROM meta WHERE key = ?", (policies.ACTIVE,)):
            return
        policies.make_active(tx, policy)


def activate(
    parts: Parts,
    caller: Caller,
    policy: Policy,
    signed: Sequence[Approval] = (),
    *,
    loosens: bool = False,
    progress: Progress = _silent,
) -> None:
    """Make another policy active; handles opened before refuse from their next read on.

    What it keeps apart and was sealed together is re-sealed first, under the policy in force,
    which holds until then. Where it is interrupted, it holds still; the same again goes on.

    Args:
        parts: the open deployment.
        caller: who activates.
        policy: what is to hold.
        signed: approvals by the people whom the policy in force asks.
        loosens: whoever activates has seen that restrictions are gone from it.
        progress: is told how many people's cells are re-sealed, and of how many.

    Raises:
        AccessDenied: no permit for ``privet:administration``; too few people approved; or
            another policy was activated meanwhile.
        PolicyError: a restriction is gone from a document that may be cut short
            (``policy.cut``), or a field has another type than its stored values.
        StoreUnavailable: another policy is being activated (``policy.busy``).
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    approving.check(parts, caller, policy, signed)
    if not loosens:
        dropping.check(parts, caller, policy)
    vault = Vault(parts.home, parts.keys, parts.subjects, parts.clock)
    install_layout(vault, policy)
    moving.move(parts, caller, Pace(progress))  # of an activation that was broken off
    resealing.begin(parts, policy)
    resealing.reseal(parts, caller, vault, policy, progress)
    # Again, since it took its time: whatever was activated meanwhile decides now.
    approved = approving.check(parts, caller, policy, signed)
    activation = recorded(parts, caller, policy, approved)
    after = _after(parts, vault, policy)
    with parts.home.data.write() as tx:  # both or neither: no ground is read under other bases
        _check_still(tx, parts, approved)
        _change(tx, parts, after, [activation])
    resealing.finish(after, caller, vault, policy)
    moving.move(after, caller, Pace(progress))


def bring_forward(
    parts: Parts, caller: Caller, policy: Policy, activated: Sequence[Activation]
) -> Parts:
    """Let a policy hold that the log says was activated: a restored home holds an older one.

    What allowed its activation then is in that record; nothing is asked again.

    Args:
        parts: the parts of the home, under the older policy; nobody else has it open.
        caller: on whose behalf.
        policy: the one that was activated last.
        activated: every activation that this home does not know of, oldest first.

    Returns:
        The parts under that policy.
    """
    vault = Vault(parts.home, parts.keys, parts.subjects, parts.clock)
    install_layout(vault, policy)
    moving.move(parts, caller)
    resealing.begin(parts, policy)
    resealing.reseal(parts, caller, vault, policy, _silent)
    after = _after(parts, vault, policy)
    with parts.home.data.write() as tx:
        _change(tx, parts, after, activated)
    resealing.finish(after, caller, vault, policy)
    moving.move(after, caller)
    return after


def _after(parts: Parts, vault: Vault, policy: Policy) -> Parts:
    # Grounds are judged by basis; another policy may give a purpose another one.
    ledger = ledger_of(parts.home.data, parts.keys.secret("mac"), policy)
    return replace(parts, policy=policy, vault=vault, ledger=ledger, cache={})


def _change(tx: Tx, parts: Parts, after: Parts, activated: Sequence[Activation]) -> None:
    """Make the policy of ``after`` the active one, with all that follows from it."""
    policy = after.policy
    policies.make_active(tx, policy)
    for activation in activated:
        policies.note(tx, activation)
    after.ledger.rebuild(tx)
    if policy.items != parts.policy.items:
        separation.note(tx, catalogue.turned(tx, parts.policy.items, policy.items))
    moving.check_none(tx)
    moving.note(tx, moving.moves(parts.policy, policy))
    shortening.note(tx, shortening.shortened(parts.policy, policy, parts.now))
    resealing.end(tx)


def _check_still(tx: Tx, parts: Parts, approved: Approved) -> None:
    """Refuse where another policy was activated since this one was approved of."""
    tx.one(f"SELECT value FROM meta WHERE key = ?{tx.for_update}", (policies.ACTIVE,))
    parts.check_policy(tx)
    if approving.place(tx, parts) != approved.place:  # away from this one, and back to it
        parts.replaced()


def recorded(
    parts: Parts, caller: Caller, policy: Policy, approved: Approved = NOBODY
) -> Activation:
    """Record that a policy becomes the active one, and who approved of it."""
    told = entry(
        parts,
        caller,
        "admin",
        purpose=ADMINISTRATION,
        action="administer",
        subject="policy",
        hash=policy.hash,
        **approved.recorded(),
    )
    (seq,) = parts.log.append([told])
    ((_, body),) = parts.log.leaves(seq, 1)
    at, who = int(body["ts"]), caller.pseudonym
    return Activation(seq, policy.hash, at, policy.name, who, approved.people, policy.life.running)


@dataclass(frozen=True, slots=True)
class Stored:
    """How much lies in the cells of one kind; no personal value, and nobody's own count.

    Attributes:
        event: the event's name, or ``"profile"``.
        fields: bare names that are sealed together.
        domain: whose key they are under.
        cells: number of cells.
        rows: number of rows in them.
    """

    event: str
    fields: frozenset[str]
    domain: str
    cells: int
    rows: int


def stored(parts: Parts, caller: Caller) -> tuple[Stored, ...]:
    """How much is stored of what, by layout and domain: what a change of policy would cost.

    Raises:
        AccessDenied: no permit for ``privet:administration``.
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    with parts.home.keys.read() as tx:
        names = {int(dom): str(name) for dom, name in tx.all("SELECT dom, name FROM domain")}
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT l.event, l.fields, c.dom, COUNT(*), SUM(c.n) FROM cell c "
            "JOIN layout l ON l.grp = c.grp GROUP BY l.event, l.fields, c.dom"
        )
    return tuple(
        Stored(
            str(event),
            frozenset(str(name) for name, _, _ in json.loads(fields)),
            names.get(int(dom), ""),
            int(cells),
            int(n),
        )
        for event, fields, dom, cells, n in sorted(rows)
    )
