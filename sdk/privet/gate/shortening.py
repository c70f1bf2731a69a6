"""A retention that was shortened: what was sealed to be kept for longer is swept as well.

A cell says in clear in which week it is to be swept, and says it under its seal: by the retention
that held when it was sealed. Where a policy shortens that, no read releases what is past it from
then on; but the cells themselves would stay until their old week. So the domains are noted with
the policy, and maintenance cuts their cells anew, some thousand people at a time, each with the
week that the new retention gives. (GDPR Art. 5(1)(e).)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from privet.gate.record import housekeeping
from privet.policy import HELD, fates

if TYPE_CHECKING:
    from privet.db import Tx
    from privet.gate.batches import Pace
    from privet.gate.parts import Caller, Parts
    from privet.policy import Policy

KEY: Final = "shortened"
"""Under which the data store notes domains, and the last person who was looked through."""


def shortened(before: Policy, after: Policy, now: int) -> set[str]:
    """Domains whose rows may have to go sooner under ``after``."""
    found: set[str] = set()
    for name in before.purposes.keys() & after.purposes.keys():
        was, is_ = before.purposes[name], after.purposes[name]
        if is_.retention.before(now) > was.retention.before(now):
            found |= {*fates(name), *fates(name + HELD)}
        elif (was.hold, was.jurisdictions) != (is_.hold, is_.jurisdictions):
            found |= {*fates(name + HELD)}
    return found


def note(tx: Tx, domains: Iterable[str], *, again: bool = True) -> None:
    """Note domains; everybody is looked through from the beginning.

    ``again`` False: not where all of them are being looked through already.
    """
    before = noted(tx)[0]
    names = sorted({*domains, *before})
    if names and (again or names != before):
        _put(tx, names, 0)


def noted(tx: Tx) -> tuple[list[str], int]:
    """The domains that are noted, and the last person who was looked through."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (KEY,))
    if row is None:
        return [], 0
    told = json.loads(bytes(row[0]))
    return list(told["domains"]), int(told["from"])


def people(tx: Tx, parts: Parts) -> BitMap:
    """Who is still to be looked through."""
    domains, since = noted(tx)
    known = set(parts.vault.domain_names.values())
    found = BitMap().union(*(parts.vault.holders(tx, d) for d in domains if d in known))
    found.remove_range(0, since + 1)
    return found


def sweep(parts: Parts, caller: Caller, pace: Pace) -> int:
    """Cut the cells of noted domains anew; how many rows went.

    Broken off, it goes on behind the last thousand people that it finished.
    """
    from privet.gate.kept import bounds

    with parts.home.data.read() as tx:
        domains, _ = noted(tx)
        due = people(tx, parts)
    dropped = done = 0
    for batch in pace.batches(due):
        warrant = housekeeping(parts, caller, "retention", batch)
        with parts.home.data.read() as tx:
            groups = bounds(tx, parts, batch)
        for by_domain, who in groups:
            mine = {name: us for name, us in by_domain.items() if name in domains}
            dropped += parts.vault.sweep(warrant, parts.now, mine, who, every=True)
        done += len(batch)
        with parts.home.data.write() as tx:
            _went_on(tx, domains, None if done == len(due) else int(batch[-1]))
    if domains and not due:
        with parts.home.data.write() as tx:
            _went_on(tx, domains, None)
    return dropped


def _went_on(tx: Tx, domains: list[str], last: int | None) -> None:
    row = tx.one(f"SELECT value FROM meta WHERE key = ?{tx.for_update}", (KEY,))
    if row is None or json.loads(bytes(row[0]))["domains"] != domains:
        return  # more was noted meanwhile: everybody is looked through again
    if last is None:
        tx.run("DELETE FROM meta WHERE key = ?", (KEY,))
    else:
        _put(tx, domains, last)


def _put(tx: Tx, domains: list[str], last: int) -> None:
    tx.run(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (KEY, json.dumps({"domains": domains, "from": last}).encode()),
    )
