"""Scalar forms that both documents share, each with its JSON Schema pattern."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

from privet.policy.life import PUBLIC_KEY
from privet.policy.minimize import parse_last, parse_least, parse_rule
from privet.policy.period import Period
from privet.policy.when import parse_age, parse_date, parse_hours, parse_instant
from privet.types import BUILT_IN_PURPOSES, NAME

_MOST_TEXT = 2000
_MOST_NAME = 64
_NAME = NAME.pattern.removesuffix(r"\Z")


class Form(BaseModel):
    """Base of all forms: unknown keys are refused, nothing is coerced, inputs stay hidden."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    compiled = re.compile(f"(?:{pattern})\\Z")

    def check(text: str) -> str:
        if len(text) > _MOST_NAME * 4 or compiled.match(text) is None:
            raise PydanticCustomError("form", "{what}", {"what": what})
        return text

    return check


def _taken_by(parse: Callable[[str], object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            parse(text)
        except ValueError as error:
            # The parsers' messages are constants: they never repeat the text.
            raise PydanticCustomError("form", "{what}", {"what": str(error)}) from None
        return text

    return check


def visible(text: str) -> str:
    """The text, when it can be read on one line.

    Raises:
        PydanticCustomError: it is empty, too long, or holds what nobody sees.
    """
    if not text.strip() or len(text) > _MOST_TEXT or not text.isprintable():
        raise PydanticCustomError(
            "form", "{what}", {"what": f"not 1 to {_MOST_TEXT} visible characters on one line"}
        )
    return text


def _form(pattern: str, what: str) -> tuple[Any, Any]:
    schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return AfterValidator(_matching(pattern, what)), WithJsonSchema(schema)


def _parsed(parse: Callable[[str], object], pattern: str) -> tuple[Any, Any]:
    schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return AfterValidator(_taken_by(parse)), WithJsonSchema(schema)


_BUILT_IN = "|".join(sorted(BUILT_IN_PURPOSES))

Name = Annotated[str, *_form(_NAME, "not a name: small letters, digits, `-` and `_`")]
FieldName = Annotated[str, *_form(rf"{_NAME}\.{_NAME}", "not a field such as `purchase.item`")]
FieldPattern = Annotated[
    str,
    *_form(
        rf"\*|{_NAME}\.(?:\*|{_NAME})", "not a field such as `purchase.item`, `purchase.*` or `*`"
    ),
]
PurposeName = Annotated[str, *_form(rf"{_NAME}|{_BUILT_IN}", "not the name of a purpose")]
Reference = Annotated[
    str, *_form("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "not a reference such as `CA-7`")
]
Country = Annotated[str, *_form("[A-Z]{2}", "not a country's two capital letters")]
PlaceCode = Annotated[
    str, *_form("[A-Z]{2}(?:-[A-Z0-9]{1,3})?|EEA", "not a place such as `DE`, `US-CA` or `EEA`")
]
FileName = Annotated[str, *_form(rf"{_NAME}\.yaml", "not the name of a file beside the policy")]
Band = Annotated[
    str, *_form(r"[0-9]{1,6}(?:-[0-9]{1,6}|\+)", "not a band such as `25-34` or `65+`")
]
FieldType = Annotated[
    str,
    *_form(
        r"text|id|item|int|seconds|bool|band|decimal\([0-9]\)",
        "not one of text, id, item, int, decimal(n), seconds, bool, band",
    ),
]
Text = Annotated[str, AfterValidator(visible), WithJsonSchema({"type": "string", "minLength": 1})]
PeriodText = Annotated[str, *_parsed(Period.parse, "[1-9][0-9]{0,4}(?:h|d|w|mo|y)")]
PublicKey = Annotated[
    str, *_form(PUBLIC_KEY, "not a public key such as `privet policy keygen` prints")
]
LastText = Annotated[str, *_parsed(parse_last, "[1-9][0-9]{0,5} events?")]
LeastText = Annotated[str, *_parsed(parse_least, "[1-9][0-9]{0,8} (?:people|person)")]
RuleText = Annotated[str, *_parsed(parse_rule, r"(?:band|round)\([1-9][0-9]{0,5}\)")]
HoursText = Annotated[
    str, *_parsed(parse_hours, "[0-2][0-9]:[0-5][0-9]-(?:[0-2][0-9]:[0-5][0-9]|24:00)")
]
DateText = Annotated[str, *_parsed(parse_date, "[0-9]{4}-[0-9]{2}-[0-9]{2}")]
InstantText = Annotated[
    str, *_parsed(parse_instant, "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z")
]
AgeText = Annotated[str, *_parsed(parse_age, r"[0-9]{1,3}(?:-[0-9]{1,3}|\+)?")]
