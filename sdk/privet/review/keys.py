"""Every key of a document as a page of reference, made of its published schema.

Nothing is said here that the forms do not say: a key that is added there is on the page, with
the words of its form, and a key that is removed there is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from privet.review.schemas import published

NAME = "NAME"
"""What stands for a key that the author chooses."""
_WORDS = {
    "Name": "a name",
    "FieldName": "a field, such as `purchase.item`",
    "FieldPattern": "a field, `purchase.*` or `*`",
    "PurposeName": "a purpose, or a built-in one",
    "Reference": "a reference, such as `CA-7`",
    "Country": "two capital letters",
    "PlaceCode": "a place, such as `DE`, `US-CA` or `EEA`",
    "FileName": "a file name, such as `data.yaml`",
    "Band": "a band, such as `25-34` or `65+`",
    "FieldType": "a type",
    "PeriodText": "a period, such as `24h`, `7d`, `6w`, `13mo`, `2y`",
    "PublicKey": "a public key",
    "LastText": "a number, such as `20 events`",
    "LeastText": "a number, such as `50 people`",
    "RuleText": "`band(n)` or `round(n)`",
    "HoursText": "hours, such as `22:00-06:00`",
    "DateText": "a date, such as `2026-12-31`",
    "InstantText": "an instant, such as `2026-12-31T18:00Z`",
    "AgeText": "an age, such as `16-17` or `18+`",
    "Import": "a pack with its hash, as `privet policy pin` prints it",
}
_HEAD = """# Keys of {document}.yaml

Every key that the document may have, made of the forms that read it: `privet policy schema
{document} --md` prints this page. An unknown key is refused. What the keys are for, with examples:
[Write a policy](../policy/write-a-policy.md). For editors: the
[JSON Schema](../schema/{document}.schema.json).

*{name}* stands for a name that you choose; *must* marks what may not be left out, and what holds
where a key is left out stands in the same column.
"""

Schema = Mapping[str, Any]


def page(document: str) -> str:
    """The page of reference, as Markdown.

    Args:
        document: ``"policy"`` or ``"data"``.

    Raises:
        InvalidInput: another name.
    """
    whole = published(document)
    places = _places(whole, document)
    parts = [_HEAD.format(document=document, name=NAME)]
    for form, path in places.items():
        parts.append(_section(whole if not form else whole["$defs"][form], path, places))
    return "\n".join(parts).rstrip("\n")


def _places(whole: Schema, document: str) -> dict[str, str]:
    """Each form to where it stands first, as one reads from the top; ``""`` is the document."""
    found: dict[str, str] = {}

    def visit(name: str, form: Schema, path: str) -> None:
        if name in found:
            return
        found[name] = path
        for key, value in form.get("properties", {}).items():
            inside = list(_forms(value, f"{path}.{key}" if name else key))
            for inner, below in inside:
                told = whole["$defs"][inner]
                first = f": {next(iter(told['properties']))}" if len(inside) > 1 else ""
                visit(inner, told, below + first)  # alternatives are told apart by a key

    visit("", whole, f"{document}.yaml")
    return found


def _forms(value: Schema, path: str) -> Iterator[tuple[str, str]]:
    """The forms that a value may have, each with its place."""
    if "$ref" in value:
        yield value["$ref"].rpartition("/")[2], path
    for choice in _choices(value):
        yield from _forms(choice, path)
    if "items" in value:
        yield from _forms(value["items"], f"{path}[]")
    for inner in value.get("patternProperties", {}).values():
        yield from _forms(inner, f"{path}.{NAME}")


def _choices(value: Schema) -> Sequence[Schema]:
    """What else may stand there, each told apart by its form."""
    found: Sequence[Schema] = value.get("anyOf") or value.get("oneOf", ())
    return found


def _section(form: Schema, path: str, places: Mapping[str, str]) -> str:
    lines = [f"## {path} {{ #{_anchor(path)} }}\n"]
    if form.get("description"):
        lines.append(f"{form['description']}\n")
    lines += ["| key | value | left out | what it says |", "|---|---|---|---|"]
    must = form.get("required", ())
    for key, value in form.get("properties", {}).items():
        told = _cell(value.get("description", ""))
        absent = "*must*" if key in must else _default(value)
        lines.append(f"| `{key}` | {_cell(_value(value, places))} | {absent} | {told} |")
    more = form.get("additionalProperties")
    if isinstance(more, Mapping):
        lines.append(f"| *{NAME}* | {_cell(_value(more, places))} | | one key each |")
    return "\n".join([*lines, ""])


def _value(value: Schema, places: Mapping[str, str]) -> str:
    """What may stand there, in words."""
    if "$ref" in value:
        place = places[value["$ref"].rpartition("/")[2]]
        _, _, alternative = place.partition(": ")
        return f"[a mapping{alternative and f' with `{alternative}`'}](#{_anchor(place)})"
    if choices := _choices(value):
        return " or ".join(_value(c, places) for c in choices if c.get("type") != "null")
    if "const" in value:
        return f"`{_spelt(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{word}`" for word in value["enum"])
    return _typed(value, places)


def _typed(value: Schema, places: Mapping[str, str]) -> str:
    kind = value.get("type")
    if kind == "array":
        return f"list, each: {_value(value['items'], places)}"
    if kind == "object":
        (inner,) = value["patternProperties"].values()
        return f"*{NAME}* to: {_value(inner, places)}"
    if kind == "integer":
        return f"a whole number, {value['minimum']} to {value['maximum']}"
    if kind == "boolean":
        return "`true` or `false`"
    pattern = value.get("pattern")
    return "text" if pattern is None else _scalars().get(pattern, f"text like `{pattern}`")


@cache
def _scalars() -> dict[str, str]:
    """The pattern of each scalar to its words."""
    from pydantic import TypeAdapter

    from privet.policy import lawform, scalars

    found: dict[str, str] = {}
    for name, words in _WORDS.items():
        scalar = getattr(lawform if name == "Import" else scalars, name)
        found.setdefault(TypeAdapter(scalar).json_schema()["pattern"], words)
    return found


def _default(value: Schema) -> str:
    default = value.get("default")
    if default is None or isinstance(default, (list, dict)):  # nothing, or nothing in it
        return ""
    return f"`{_spelt(default)}`"


def _spelt(value: object) -> str:
    """As YAML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _anchor(path: str) -> str:
    told = path.lower().replace("[]", " each").replace(".", " ").replace(":", " ")
    return "-".join(["key", *told.split()])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
