"""Where the audit log is anchored, for those who keep a deployment running."""

from __future__ import annotations

from typing import Literal

from privet.audit.anchors import Pushed, state
from privet.audit.anchors.pushing import CLOSED
from privet.audit.anchors.state import State
from privet.clock import iso
from privet.gate.parts import Parts

__all__ = ["Pushed", "found", "push", "settle"]

LATE_US = 5 * 60_000_000  # anchors are reached once a minute while there are records
SHOW = "Run `privet audit anchor`; see docs/guide/anchors.md."


def push(parts: Parts) -> list[Pushed]:
    """Bring the newest checkpoint to every anchor now.

    Raises:
        HandleInvalid: the deployment is closed, or was carried across a fork.
    """
    return parts.anchoring.push()


def settle(parts: Parts) -> int:
    """The same, for maintenance: the number of anchors that hold the newest checkpoint.

    Raises:
        StoreUnavailable: one could not be reached, after all were tried.
        IntegrityError: one showed that the log went back.
    """
    done = push(parts)
    for pushed in done:
        if pushed.error is not None:
            raise pushed.error
    return len(done)


def found(parts: Parts) -> tuple[Literal["ok", "warn", "fail"], str, str]:
    """How the anchors stand: ``ok``, ``warn`` or ``fail``, what is so, and what to do."""
    with parts.home.audit.read() as tx:
        known = state.read(tx)
        since = state.since(tx, parts.anchoring.names)
    mine = [known.get(name, State(name)) for name in parts.anchoring.names]
    bad = next((one for one in mine if one.reason in CLOSED), None)
    if bad is not None:
        return "fail", f"{bad.name} shows that the log went back [{bad.reason}]", SHOW
    strange = len(known.keys() - set(parts.anchoring.names))
    if strange:
        told = f"{strange} that took checkpoints before are not named in the settings"
        return "warn", told, "Name them in privet.toml (`anchors`), or pass anchors=."
    failing = [one for one in mine if one.failures]
    late = since is not None and parts.now - since > LATE_US
    overdue = late and parts.anchoring.within is not None
    if failing:
        told = ", ".join(
            f"{one.name} failed {one.failures} times ({one.reason})" for one in failing
        )
        return "fail" if overdue else "warn", told, SHOW
    if since is not None and late:
        return "fail" if overdue else "warn", f"records since {iso(since)} wait for an anchor", SHOW
    if not mine:
        told = "none: who can put the stores back can shorten the log unnoticed"
        return "ok", told, ""
    return "ok", f"{len(mine)} hold the first {min(one.size for one in mine)} records", ""
