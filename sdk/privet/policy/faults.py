"""A form's validation errors in an author's words, with lines and without values."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from privet.errors import InvalidInput
from privet.policy.dataform import DataForm
from privet.policy.policyform import PolicyForm
from privet.policy.problems import Problems, shown
from privet.policy.scalars import Form

if TYPE_CHECKING:
    from privet.policy.reading import Document, Path

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

_BASES = (
    "Use `consent`, `{contract: REFERENCE}`, `{legitimate-interest: ASSESSMENT}` "
    "or `{legal-obligation: LAW}`."
)


def validated(form: type[F], document: Document, problems: Problems) -> F | None:
    """The document in its form; each fault is noted in ``problems`` and gives None."""
    try:
        return form.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=True)
    for fault in found:
        what, fix = _words(fault)
        problems.at(document, _path(document, fault["loc"]), what, fix)
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


def _path(document: Document, loc: tuple[int | str, ...]) -> Path:
    """The location without the union members that pydantic puts between keys."""
    return document.known(loc)


def _words(fault: Any) -> tuple[str, str]:
    """What is wrong and how to mend it."""
    kind, last = fault["type"], fault["loc"][-1] if fault["loc"] else ""
    context = fault.get("ctx", {})
    where = _where(fault)
    if "basis" in fault["loc"] and kind != "form":
        # Every alternative of the union complains; one sentence says it better.
        return "`basis` is none of the accepted grounds", _BASES
    if kind == "extra_forbidden":
        return f"unknown key {shown(last)}", _nearest(str(last))
    said = {
        "missing": (f"the key {shown(last)} is missing", "Add it."),
        "form": (f"{where}: {context.get('what')}", "Write it in the form named."),
        "literal_error": (
            f"{where} is none of the accepted words",
            f"Use {context.get('expected')}.",
        ),
        "too_short": (f"{where} is empty or has too few entries", "Name what belongs there."),
    }
    wanted = f"Write {_TYPES[kind]}; quote texts." if kind in _TYPES else "See the page on it."
    return said.get(kind, (f"{where} has a value of the wrong type or size", wanted))


def _nearest(key: str) -> str:
    near = get_close_matches(key, sorted(keys()), 1)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    return f"{hint}Remove it or use a documented key."


def _where(fault: Any) -> str:
    known = [step for step in fault["loc"] if isinstance(step, str) and step in keys()]
    return f"`{known[-1]}`" if known else "an entry"
