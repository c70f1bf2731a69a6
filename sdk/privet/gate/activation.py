"""Which policy is active: its documents live in the home, so that every worker sees the same."""

from __future__ import annotations

import json
from dataclasses import dataclass

from privet.consent import Ledger
from privet.db import Home, Tx
from privet.errors import AccessDenied, PolicyError, StoreUnavailable
from privet.gate import catalogue, separation
from privet.gate.parts import EVIDENCE, IDENTITY, IDENTITY_EVENT, Caller, Parts
from privet.gate.record import decide, entry
from privet.policy import Policy, compile_documents
from privet.types import ADMINISTRATION
from privet.vault import Vault

ACTIVE = "policy"


def active(home: Home) -> Policy:
    """The policy that this home was activated with, compiled from the documents it holds.

    Raises:
        StoreUnavailable: no policy was ever activated here.
        PolicyError: its documents are not those that were activated.
    """
    with home.data.read() as tx:
        rows = {
            str(k): bytes(v).decode()
            for k, v in tx.all("SELECT key, value FROM meta WHERE key LIKE 'policy%'")
        }
    if ACTIVE not in rows:
        raise StoreUnavailable(
            "this home has no policy",
            why="its creation did not finish",
            remedy="Run `privet init` on it again with a policy.",
            reason="store.unfinished",
        )
    policy = compile_documents({"policy": rows["policy:policy"], "data": rows["policy:data"]})
    if policy.hash != rows[ACTIVE]:
        raise PolicyError(
            "the policy in this home is not the one that was activated",
            why="its documents and its hash differ",
            remedy="Activate the policy again from a trusted copy.",
            reason="policy.changed",
        )
    return policy


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
        domains.setdefault(purpose, (purpose, purpose, ""))
    for own in (IDENTITY, EVIDENCE):
        domains[own] = (own, "privet:rights", "")
    kinds = {name: (spec.kind, spec.scale) for name, spec in policy.fields.items()}
    kinds |= {f"{IDENTITY_EVENT}.id": ("text", 0), f"{EVIDENCE}.details": ("text", 0)}
    vault.install(atoms, sorted(domains.values()), kinds)


def install(home: Home, vault: Vault, policy: Policy, *, first: bool = False) -> None:
    """Give the vault its layout and make the documents the active ones."""
    install_layout(vault, policy)
    with home.data.write() as tx:
        if first and tx.one("SELECT 1 FROM meta WHERE key = ?", (ACTIVE,)):
            return
        _put_documents(tx, policy)


def activate(parts: Parts, caller: Caller, policy: Policy) -> None:
    """Make another policy active; handles opened before refuse from their next read on.

    Raises:
        AccessDenied: no permit for ``privet:administration``.
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    parts.log.append(
        [
            entry(
                parts,
                caller,
                "admin",
                purpose=ADMINISTRATION,
                action="administer",
                subject="policy",
                hash=policy.hash,
            )
        ]
    )
    install_layout(parts.vault, policy)
    # Grounds are judged by basis; another policy may give a purpose another one.
    bases = {name: spec.basis for name, spec in policy.purposes.items()}
    ledger = Ledger(parts.home.data, parts.keys.secret("mac"), bases)
    with parts.home.data.write() as tx:  # both or neither: no ground is read under other bases
        _put_documents(tx, policy)
        ledger.rebuild(tx)
        if policy.items != parts.policy.items:
            separation.note(tx, catalogue.turned(tx, parts.policy.items, policy.items))


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


def _put_documents(tx: Tx, policy: Policy) -> None:
    for name in ("policy", "data"):
        _put(tx, f"policy:{name}", policy.documents[name])
    _put(tx, ACTIVE, policy.hash)


def _put(tx: Tx, key: str, value: str) -> None:
    tx.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value.encode()),
    )
