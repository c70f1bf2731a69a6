"""What a person is asked, as data for any user interface.

Each purpose is a question of its own, in plain words, with a yes and a no of equal
weight; nothing is chosen before she chooses (GDPR Art. 4(11), 7(2), recital 32; CJEU
C-673/17, Planet49).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from privet.clock import iso
from privet.errors import InvalidInput
from privet.gate import notices, subject
from privet.gate.parts import Parts
from privet.gate.record import decide
from privet.notices import Notice
from privet.policy import Period, PurposeSpec
from privet.rights.answering import herself, one
from privet.rights.meaning import CHOSEN, above, stands_until_out
from privet.types import CONSENT, Id, check_list, check_type

QUIET = Period(months=12)
"""How long somebody who opted out, or said no to a part of what people opt out of, is not asked
again: Cal. Civ. Code 1798.135(c)(4) and (5)."""


def form(parts: Parts, person: Id, purposes: Sequence[str], language: str) -> list[dict[str, Any]]:
    """The questions, in the order of ``purposes``.

    Raises:
        InvalidInput: an unknown purpose, one that no live notice tells of
            (``notice.missing``), or a language that it is not told in
            (``notice.language``).
    """
    names = check_list(purposes, "purposes")
    check_type(language, str, "a language", "Give a language tag such as `en`.")
    specs = [_spec(parts, name) for name in names]
    seen = subject.position(parts)
    texts = [notices.shown_for(parts, spec.name, language) for spec in specs]
    quiet = _quiet(parts, person, [spec.name for spec in specs if _sale(parts, spec.name)])
    return [
        {
            **(_plain(spec, seen) if text is None else _told(spec, text, seen)),
            "not_before": quiet.get(spec.name),
        }
        for spec, text in zip(specs, texts, strict=True)
    ]


def _sale(parts: Parts, name: str) -> bool:
    """Whether a purpose, or one that it is a part of, stands until people opt out."""
    whole = (name, *above(parts.policy.purposes, name))
    return any(stands_until_out(parts.policy.purposes, one) for one in whole)


def _quiet(parts: Parts, person: Id, purposes: Sequence[str]) -> dict[str, str]:
    """Until when she is not to be asked, for each of these purposes that she refused."""
    (sno,) = parts.subjects.find([person])
    if not purposes or sno is None:
        return {}
    caller = herself(sno)
    decide(parts, caller, CONSENT, "read", (), about=one(sno))
    since = subject.refused(parts, caller, sno, purposes)
    until = {name: QUIET.after(at) for name, at in since.items()}
    return {name: iso(at) for name, at in until.items() if at > parts.now}


def _spec(parts: Parts, name: object) -> PurposeSpec:
    check_type(name, str, "a purpose", "Name a purpose of the policy.")
    spec = parts.policy.purposes.get(str(name))
    if spec is None:
        raise InvalidInput(
            "this purpose is not in the policy",
            remedy=f"Ask for: {', '.join(parts.policy.purposes)}.",
            reason="purpose.unknown",
        )
    return spec


def _told(spec: PurposeSpec, text: Notice, seen: int) -> dict[str, Any]:
    telling = text.purposes[spec.name]
    return {
        "purpose": spec.name,
        "text": telling.text,
        "ground": spec.basis,
        "categories": list(telling.categories),
        "recipients": list(telling.recipients),
        "retention": str(telling.retention),
        "choices": _choices(spec, text.yes, text.no),
        "chosen": None,
        "notice": text.hash,
        "label": text.label,
        "language": text.language,
        "told": text.text,
        "shown": text.shown,
        "seen": seen,
    }


def _plain(spec: PurposeSpec, seen: int) -> dict[str, Any]:
    """The same where the texts are kept elsewhere: the policy's own words, and no notice."""
    return {
        "purpose": spec.name,
        "text": spec.text,
        "ground": spec.basis,
        "categories": [],
        "recipients": list(spec.recipients),
        "retention": str(spec.retention),
        "choices": _choices(spec, "yes", "no"),
        "chosen": None,
        "notice": "",
        "label": "",
        "language": "",
        "told": "",
        "shown": "",
        "seen": seen,
    }


def _choices(spec: PurposeSpec, yes: str, no: str) -> list[dict[str, Any]]:
    if spec.basis not in CHOSEN:
        return []  # there is nothing to choose: asking would mislead
    return [{"answer": True, "label": yes}, {"answer": False, "label": no}]
