"""Dynamic separation of duty: who acted in one role does not act in another, by her own history.

What somebody did in a role that the policy keeps apart is noted before she does it, in a row
with a checksum; two requests at once wait for each other there, so that one of them is refused.
Static separation says what nobody may hold; this says what one person may not do who holds it
(INCITS 359-2012 6.4; Simon & Zurko, "Separation of Duty in Role-Based Environments", 1997).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from privet import crypto
from privet.errors import AccessDenied, IntegrityError
from privet.gate.breakglass import MINUTE_US

if TYPE_CHECKING:
    from privet.db import Tx
    from privet.gate.parts import Caller, Parts
    from privet.policy import Duty

GRAIN_US: Final = 60 * MINUTE_US
"""A row is renewed once an hour: what is bound by a time is bound up to an hour longer."""

MOST: Final = 1000
REASON: Final = "role.duty"
_WHO = ""  # the row that everything of one principal waits for; no role is called so
_CACHED = 10_000


def perform(
    parts: Parts, caller: Caller, about: Iterable[int] = (), version: str = ""
) -> str | None:
    """Note that the caller acts in her roles about these people; why she may not, else None.

    Args:
        parts: the open deployment.
        caller: who acts; of no group are two of her roles (``role.together``).
        about: ordinals of whom the request names.
        version: the training of a model that the request is about; empty for none.

    Raises:
        IntegrityError: a row was changed outside privet (``duty.mac``).
    """
    people = frozenset(about)
    about_what = {"subject": [f"/{sno}" for sno in sorted(people)], "version": [f"/{version}"]}
    scopes = {per: found for per, found in about_what.items() if per == "subject" or version}
    acts = [act for duty in parts.policy.duties for act in _acts(duty, caller, scopes)]
    if not acts:
        return None
    if len(people) > MOST and any(duty.per == "subject" for duty, _, _ in acts):
        return "it is about too many people at once to look at each"
    known: dict[tuple[str, str], int] = parts.cache.setdefault("duties", {})
    now = parts.now
    fresh = [a for a in acts if now - known.get((caller.pseudonym, a[1]), 0) >= GRAIN_US]
    if not fresh:
        return None
    with parts.home.data.write() as tx:
        _lock(tx, parts, caller.pseudonym, now)
        for duty, _, others in fresh:
            if any(_bars(tx, parts, duty, caller.pseudonym, other, now) for other in others):
                return "she acted in another of them before"
        for key in {mine for _, mine, _ in fresh}:
            _put(tx, parts, caller.pseudonym, key, now)
    if len(known) > _CACHED:
        known.clear()
    known |= {(caller.pseudonym, mine): now for _, mine, _ in fresh}
    return None


def denied(why: str) -> AccessDenied:
    """The error of an act that an earlier one of the same person bars."""
    return AccessDenied(
        "the policy keeps this from whoever acted in another role before",
        why=why,
        remedy="Let another person do it.",
        reason=REASON,
    )


def forget(tx: Tx, sno: int) -> None:
    """Drop what was noted about one person."""
    tx.run("DELETE FROM duty WHERE role LIKE ?", (f"%/{sno}",))


def _acts(
    duty: Duty, caller: Caller, known: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Duty, str, list[str]]]:
    """Under which key an act is noted, and under which one that bars it would be."""
    mine = duty.roles & caller.roles
    if not mine:
        return
    scopes = [*known.get(duty.per, ()), *([""] if duty.period is not None else [])]
    for role in mine:
        for scope in scopes:
            yield duty, role + scope, [other + scope for other in sorted(duty.roles - {role})]


def _lock(tx: Tx, parts: Parts, who: str, now: int) -> None:
    """Let no other request of the same principal look before this one is noted."""
    _put(tx, parts, who, _WHO, now)


def _bars(tx: Tx, parts: Parts, duty: Duty, who: str, other: str, now: int) -> bool:
    row = tx.one("SELECT at, mac FROM duty WHERE who = ? AND role = ?", (who, other))
    if row is None:
        return False
    at = _checked(parts, who, other, *row)
    return duty.period is None or duty.period.after(at + GRAIN_US) > now


def _checked(parts: Parts, who: str, key: str, at: object, mac: object) -> int:
    try:
        whole = type(at) is int and crypto.same(_mac(parts, who, key, at), bytes(mac))  # type: ignore[call-overload]
    except TypeError:  # SQLite keeps whatever is put into a column
        whole = False
    if not whole or type(at) is not int:
        raise IntegrityError(
            "what a principal did before did not pass its check",
            why="its row was changed outside privet, or belongs to another deployment",
            remedy="Stop writing; find the cause, and restore the data store from a true copy.",
            reason="duty.mac",
        )
    return at


def _put(tx: Tx, parts: Parts, who: str, key: str, now: int) -> None:
    tx.run(
        "INSERT INTO duty (who, role, at, mac) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (who, role) DO UPDATE SET at = excluded.at, mac = excluded.mac",
        (who, key, now, _mac(parts, who, key, now)),
    )


def _mac(parts: Parts, who: str, key: str, at: int) -> bytes:
    told = b"privet-duty-v1\0" + f"{who}\0{key}\0{at}".encode()
    return crypto.mac(parts.keys.secret("mac"), told)
