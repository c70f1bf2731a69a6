"""What a person is asked, as data for any user interface.

Each purpose is a question of its own, in plain words, with a yes and a no of equal
weight; nothing is chosen before she chooses (GDPR Art. 4(11), 7(2), recital 32; CJEU
C-673/17, Planet49).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from privet.errors import InvalidInput
from privet.gate import notices, subject
from privet.gate.parts import Parts
from privet.notices import Notice
from privet.policy import PurposeSpec
from privet.types import check_list, check_type


def form(parts: Parts, purposes: Sequence[str], language: str) -> list[dict[str, Any]]:
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
    return [
        _plain(spec, seen) if text is None else _told(spec, text, seen)
        for spec, text in zip(specs, texts, strict=True)
    ]


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
    if spec.basis != "consent":
        return []  # there is nothing to choose: asking would mislead
    return [{"answer": True, "label": yes}, {"answer": False, "label": no}]
