"""What an open deployment can say about its own state, for `privet doctor`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from privet.audit.selfcheck import check as check_log
from privet.clock import SKEW, iso, micros
from privet.db import Store
from privet.errors import IntegrityError, PrivetError
from privet.gate import (
    anchoring,
    emergencies,
    forget,
    keylife,
    notices,
    objections,
    policies,
    register,
    upkeep,
    watching,
)
from privet.gate.answerable import ELSEWHERE, mode
from privet.gate.parts import Parts

SKEW_US = int(SKEW.total_seconds() * 1_000_000)
State = Literal["ok", "warn", "fail"]
MAINTAIN = "Run `privet maintain`."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: its name.
        state: ``"fail"`` must be mended, ``"warn"`` should be looked at.
        what: what was found.
        remedy: what to do; empty where it is well.
    """

    check: str
    state: State
    what: str
    remedy: str = ""


def examine(parts: Parts) -> list[Finding]:
    """Look at the stores, the policy, the clock, the log and what waits. Changes nothing."""
    checks: dict[str, Callable[[Parts], Finding]] = {
        "stores": _stores,
        "policy": _policy,
        "notices": _notices,
        "objections": _objections,
        "emergencies": _emergencies,
        "clock": _clock,
        "keyring": _keyring,
        "audit log": _log,
        "anchors": _anchors,
        "maintenance": _waiting,
    }
    return [_guarded(name, check, parts) for name, check in checks.items()]


def waiting(parts: Parts) -> dict[str, int]:
    """How much of each kind maintenance has to do. Changes nothing."""
    return {
        "erasures": len(register.pending(parts)),
        "withdrawals": len(forget.unsettled(parts)),
        "holds": len(register.ended_holds(parts)),
        "cells": upkeep.overdue(parts),
        "epochs": int(keylife.is_due(parts) or keylife.status(parts).under_way),
    }


def _guarded(name: str, check: Callable[[Parts], Finding], parts: Parts) -> Finding:
    """One check that cannot be made must not hide what the others find."""
    try:
        return check(parts)
    except PrivetError as error:
        return failed(name, error)


def failed(name: str, error: PrivetError) -> Finding:
    """An error as a finding."""
    why = f": {error.why}" if error.why else ""
    return Finding(name, "fail", f"{error.what}{why} [{error.reason}]", error.remedy)


def _stores(parts: Parts) -> Finding:
    stores = (parts.home.data, parts.home.keys, parts.home.audit)
    if stores[0].dialect != "sqlite":
        return Finding("stores", "ok", "three schemas of one deployment")
    for store in stores:
        _check_pages(store)
    return Finding("stores", "ok", "three stores of one deployment, every page in order")


def _check_pages(store: Store) -> None:
    with store.read() as tx:
        told = tx.one("PRAGMA quick_check(1)")
    if told is None or told[0] != "ok":
        raise IntegrityError(
            f"the {store.name} store is damaged",
            why="SQLite's own check of its pages fails",
            reason="store.damaged",
        )


def _policy(parts: Parts) -> Finding:
    policies.check_recorded(parts)
    found = policies.active(parts.home)
    if found.hash != parts.policy.hash:
        return Finding("policy", "warn", "another one was activated meanwhile", "Look again.")
    if watching.differs(parts):
        what = "the document that this process was opened with was changed since"
        return Finding("policy", "warn", what, "Activate it and open again, or put it back.")
    return Finding("policy", "ok", f"{found.name}, hash {found.hash[:16]} as activated")


def _notices(parts: Parts) -> Finding:
    if mode(notices.everything(parts)) == ELSEWHERE:
        return Finding("notices", "ok", "none: the texts that answers name are kept elsewhere")
    found = notices.untold(parts)
    if found:
        what = f"{len(found)} things that the policy permits are not told"
        return Finding("notices", "fail", what, "Run `privet notice check`.")
    return Finding("notices", "ok", "all that the policy permits is told")


def _objections(parts: Parts) -> Finding:
    told, overdue = objections.counts(parts)
    decide = "Decide them: `privet consent objections`."
    if overdue:
        what = f"{overdue} of {told} wait for longer than a month (GDPR Art. 12(3), 21(1))"
        return Finding("objections", "fail", what, decide)
    if told:
        return Finding("objections", "warn", f"{told} wait for a decision", decide)
    return Finding("objections", "ok", "none waits for a decision")


def _emergencies(parts: Parts) -> Finding:
    found = emergencies.counts(parts)
    told = [f"{found[state]} {state}" for state in ("open", "asked") if found.get(state)]
    if told:
        look = "Look at them: `privet emergency list`."
        return Finding("emergencies", "warn", ", ".join(told), look)
    past = sum(found.get(state, 0) for state in ("over", "ended"))
    return Finding("emergencies", "ok", f"none is open; {past} were")


def _clock(parts: Parts) -> Finding:
    last = parts.log.leaves(parts.log.size() - 1, 1)
    newest = int(last[0][1]["ts"]) if last else 0
    if newest > micros(parts.clock.now()) + SKEW_US:
        return Finding(
            "clock",
            "fail",
            f"it stands before the newest record, which is of {iso(newest)}",
            "Set the machine's clock; what lapsed meanwhile may be taken for current.",
        )
    return Finding("clock", "ok", "not before the newest record of the log")


def _anchors(parts: Parts) -> Finding:
    state, told, remedy = anchoring.found(parts)
    return Finding("anchors", state, told, remedy)


def _keyring(parts: Parts) -> Finding:
    begun = time.monotonic()
    kind = parts.keys.ask_keyring()
    took = round((time.monotonic() - begun) * 1000)
    return Finding("keyring", "ok", f"{kind}; it gave this epoch's key in {took} ms")


def _log(parts: Parts) -> Finding:
    size = check_log(parts.home.audit, parts.log.vkey)
    parts.log.check_redo()
    return Finding("audit log", "ok", f"{size} records under one signed tree")


def _waiting(parts: Parts) -> Finding:
    told = ", ".join(f"{count} {name}" for name, count in waiting(parts).items() if count)
    if not told:
        return Finding("maintenance", "ok", "nothing waits")
    return Finding("maintenance", "warn", f"waiting: {told}", MAINTAIN)
