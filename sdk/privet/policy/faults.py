"""A form's validation errors in an author's words, with lines and without values."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import ValidationError

from privet.errors import InvalidInput
from privet.policy.dataform import DataForm
from privet.policy.policyform import PolicyForm
from privet.policy.problems import shown
from privet.policy.purpose import Basis
from privet.policy.scalars import Form

if TYPE_CHECKING:
    from collections.abc import Iterable

    from privet.policy.problems import Problems
    from privet.policy.reading import Document

F = TypeVar("F", bound=Form)

_TYPES = {
    "string_type": "text",
    "bool_type": "`true` or `false`",
    "int_type": "a whole number",
    "list_type": "a list in brackets",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

_GROUNDS = get_args(Basis)
_QUOTED = re.compile("'([^']+)'")
_BASES = (
    "Use `consent`, `{contract: REFERENCE}`, `{legitimate-interest: ASSESSMENT}`, "
    "`{legal-obligation: LAW}`, `{vital-interests: TEXT}` or "
    "`{opt-out: LAW, where: [PLACES]}`."
)


def validated(form: type[F], document: Document, problems: Problems) -> F | None:
    """The document in its form; each fault is noted in ``problems`` and gives None."""
    try:
        return form.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=True)
    for fault in found:
        what, why, fix, near = _words(fault, document, problems)
        problems.at(document, document.known(fault["loc"]), what, why, fix, near)
    return None


def schema(document: str) -> dict[str, Any]:
    """The JSON Schema of a document, for editors.

    Args:
        document: ``"data"`` or ``"policy"``.

    Raises:
        InvalidInput: another name.
    """
    forms: dict[str, type[Form]] = {"data": DataForm, "policy": PolicyForm}
    if document not in forms:
        raise InvalidInput("there is no such document", remedy="Ask for `data` or `policy`.")
    return forms[document].model_json_schema(by_alias=True)


@cache
def keys() -> frozenset[str]:
    """Every key that either document may use."""
    found: set[str] = set()
    for form in (DataForm, PolicyForm):
        whole = form.model_json_schema(by_alias=True)
        for part in (whole, *whole.get("$defs", {}).values()):
            found |= set(part.get("properties", {}))
    return frozenset(found)


@cache
def _told() -> dict[str, str]:
    """Each key to what it says, as its form tells; the first form that has it."""
    found: dict[str, str] = {}
    for form in (PolicyForm, DataForm):
        whole = form.model_json_schema(by_alias=True)
        for part in (whole, *whole.get("$defs", {}).values()):
            for key, described in part.get("properties", {}).items():
                found.setdefault(key, str(described.get("description", "")))
    return found


def _words(fault: Any, document: Document, problems: Problems) -> tuple[str, str, str, str]:
    """What is wrong, why it is refused, how to mend it, the nearest right word."""
    kind, last = fault["type"], fault["loc"][-1] if fault["loc"] else ""
    context = fault.get("ctx", {})
    where = _where(fault)
    if "basis" in fault["loc"] and kind != "form":
        # Every alternative of the union complains; one sentence says it better.
        why = "data is used on a ground of Art. 6(1), or of the law of a place, alone"
        return (
            "`basis` is none of the accepted grounds",
            why,
            _BASES,
            _near_word(document, fault, _GROUNDS, problems),
        )
    if kind == "extra_forbidden":
        near = problems.near(str(last), keys())
        why = "a key that is not known would not be enforced"
        return f"unknown key {shown(last)}", why, "Remove it or use a documented key.", near
    if kind == "missing":
        return f"the key {shown(last)} is missing", _wanted(str(last)), "Add it.", ""
    if kind == "literal_error":
        words = _QUOTED.findall(str(context.get("expected")))
        near = _near_word(document, fault, words, problems)
        why = "a word that is not known would not be enforced"
        fix = f"Use {context.get('expected')}."
        return f"{where} is none of the accepted words", why, fix, near
    what, fix = _misformed(kind, where, context)
    return what, "what cannot be read as it is meant is not guessed at", fix, ""


def _misformed(kind: str, where: str, context: Any) -> tuple[str, str]:
    if kind == "form":
        return f"{where}: {context.get('what')}", "Write it in the form named."
    if kind == "too_short":
        return f"{where} is empty or has too few entries", "Name what belongs there."
    wanted = f"Write {_TYPES[kind]}; quote texts." if kind in _TYPES else "See the page on it."
    return f"{where} has a value of the wrong type or size", wanted


def _wanted(key: str) -> str:
    """Why a key is asked for."""
    described = _told().get(key, "").rstrip(".")
    return (
        f"it says: {described[:1].lower()}{described[1:]}" if described else "the form asks for it"
    )


def _near_word(document: Document, fault: Any, words: Iterable[str], problems: Problems) -> str:
    """The accepted word nearest to what stands there, which itself is not told."""
    value = document.value(document.known(fault["loc"]))
    return problems.near(value, words) if isinstance(value, str) else ""


def _where(fault: Any) -> str:
    known = [step for step in fault["loc"] if isinstance(step, str) and step in keys()]
    return f"`{known[-1]}`" if known else "an entry"
