"""Notices of a deployment: added through the log, kept and shown by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from privet.consent import Told, told
from privet.errors import IntegrityError, InvalidInput, PolicyError, StoreUnavailable
from privet.gate.answerable import find, missing
from privet.gate.catchup import catch_up
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry
from privet.notices import Notice, compare, read_notice
from privet.types import ADMINISTRATION


def everything(parts: Parts) -> list[Told]:
    """Every notice that was ever added, in the order of the log."""
    with parts.home.data.read() as tx:
        return parts.ledger.notices(tx)


def live(parts: Parts, known: Sequence[Told]) -> list[Told]:
    """The notices that people can be shown now, for whatever purpose, without repeats."""
    purposes = {purpose for one in known for purpose in one.purposes}
    now = parts.now
    found = {one.hash for purpose in purposes for one in told.live(known, purpose, now)}
    return [one for one in known if one.hash in found]


def text_of(parts: Parts, one: Told) -> Notice:
    """A notice with its text, which is compared with its hash before it is believed.

    Raises:
        StoreUnavailable: the log knows it, but its text is not here (``notice.lost``).
        IntegrityError: the text is not what was added (``notice.changed``).
    """
    key = f"notice:{one.hash}"
    known: Notice | None = parts.cache.get(key)
    if known is None:
        known = parts.cache[key] = read_notice(_document(parts, one), one.label)
    return known


def _document(parts: Parts, one: Told) -> str:
    with parts.home.data.read() as tx:
        row = tx.one("SELECT text FROM notice WHERE hash = ?", (one.hash,))
    if row is None or row[0] is None:
        raise StoreUnavailable(
            "the text of a notice is not here",
            why="the data store is an older copy, or its adding was cut off",
            remedy="Add the same document again; its hash tells that it is the same.",
            reason="notice.lost",
        )
    if hashlib.sha256(str(row[0]).encode()).hexdigest() != one.hash:
        raise IntegrityError(
            "the text of a notice was changed",
            why="it is not the one whose hash the log holds",
            remedy="Find the cause, and restore the data store from a trusted copy.",
            reason="notice.changed",
        )
    return str(row[0])


def add(parts: Parts, caller: Caller, notice: Notice) -> tuple[int, bool]:
    """Add one text of one version of a notice; again, it changes nothing.

    Returns:
        the position of its record, and whether it is new.

    Raises:
        AccessDenied: no permit for ``privet:administration``.
        PolicyError: the policy permits more than it tells (``notice.untold``).
        InvalidInput: its version was added with another text or head, or is an older one
            (``notice.version``).
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    _refuse_untold(parts, notice)
    known = everything(parts)
    same = next((one for one in known if one.hash == notice.hash), None)
    if same is None:
        same = _record(parts, caller, notice, _version(known, notice), known)
        new = True
    else:
        new = False
    with parts.home.data.write() as tx:
        tx.run(
            "UPDATE notice SET text = ? WHERE hash = ? AND text IS NULL",
            (notice.document, notice.hash),
        )
    return same.seq, new


def _refuse_untold(parts: Parts, notice: Notice) -> None:
    found = compare(parts.policy, [notice], asked=())
    if found:
        raise PolicyError(
            "the policy permits more than the notice tells",
            why=f"{found[0]['file']}, line {found[0]['line']}: {found[0]['what']}",
            remedy="Mend the notice or the policy, and run `privet notice check`.",
            reason="notice.untold",
            problems=found,
        )


def _version(known: Sequence[Told], notice: Notice) -> list[Told]:
    """The texts that this version has already; none where it is a new one."""
    past = told.versions(known, notice.name)
    texts = next((texts for texts in past if texts[0].version == notice.version), [])
    if not texts:
        return []
    if texts is not past[-1]:
        why = "a newer version was added since"
    elif any(one.language == notice.language for one in texts):
        why = "it was added with another text in this language"
    elif texts[0].head != notice.head:
        why = "it tells something else than the version does in its other languages"
    else:
        return texts
    raise InvalidInput(
        "this version of the notice cannot be added",
        why=why,
        remedy="Give it a new version; what people answered to is never changed.",
        reason="notice.version",
    )


def _record(
    parts: Parts, caller: Caller, notice: Notice, texts: Sequence[Told], known: Sequence[Told]
) -> Told:
    now = parts.now
    lapses = None
    if texts:
        lapses = texts[0].lapses
    elif notice.material:
        lapses = now if notice.grace is None else notice.grace.after(now)
    purposes = tuple(sorted(notice.purposes))
    wanted = Told(
        -1,
        notice.hash,
        notice.name,
        notice.version,
        notice.language,
        purposes,
        notice.head,
        now,
        lapses,
    )
    seq = parts.log.append(
        [
            entry(
                parts,
                caller,
                told.KIND,
                purpose=ADMINISTRATION,
                action="administer",
                redo=True,
                notice=wanted.to_leaf(),
            )
        ]
    )[0]
    catch_up(parts, seq)
    return Told.from_leaf(seq, wanted.to_leaf())


def language_of(parts: Parts, given: str) -> str:
    """The language of the notice named; empty where it is not kept here."""
    found = find(everything(parts), given)
    return "" if found is None else found.language


def shown_by(parts: Parts, given: str) -> str:
    """SHA-256 of the rendered form of the notice named; empty where its text is not here."""
    found = find(everything(parts), given)
    try:
        return "" if found is None else text_of(parts, found).shown
    except StoreUnavailable:  # no reason to turn a refusal away
        return ""


def shown_for(parts: Parts, purpose: str, language: str) -> Notice | None:
    """The text to show for a purpose; None where texts are kept elsewhere.

    Of several notices that tell of it, the one that was added last.

    Raises:
        InvalidInput: no live notice tells of it (``notice.missing``), or none does in
            this language (``notice.language``).
    """
    known = everything(parts)
    if not known:
        return None
    there = told.live(known, purpose, parts.now)
    if not there:
        raise missing("asked for")
    languages = sorted({one.language for one in there})
    fitting = [one for one in there if one.language == language]
    if not language and len(languages) == 1:
        fitting = there
    if not fitting:
        raise InvalidInput(
            "there is no live notice in this language",
            remedy=f"Ask for one of: {', '.join(languages)}.",
            reason="notice.language",
        )
    return text_of(parts, fitting[-1])


def untold(parts: Parts) -> tuple[dict[str, str | int], ...]:
    """Where the active policy permits more than the live notices tell."""
    return compare(parts.policy, [text_of(parts, one) for one in live(parts, everything(parts))])
