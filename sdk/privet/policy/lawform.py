"""What a law pack says beside its rules: what it asks of whoever imports it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from privet.policy.purpose import Basis
from privet.policy.scalars import Form, Name, PeriodText, PlaceCode, Text, visible

PurposeKind = Literal[Basis, "direct-marketing", "automated-decision", "special", "third-party"]
"""The ground of a purpose, or what else marks it: `special` has a ground of Art. 9(2),
`third-party` a recipient that is no processor."""
PurposeKinds = Annotated[list[PurposeKind], Field(min_length=1)]
FieldKinds = Annotated[list[Literal["special", "from-device"]], Field(min_length=1)]
Years = Annotated[int, Field(ge=1, le=21)]
Import = Annotated[
    str,
    AfterValidator(visible),
    WithJsonSchema(
        {"type": "string", "pattern": "^pack:[a-z][a-z0-9_-]{0,63}@sha256:[0-9a-f]{64}$"}
    ),
]


class RequirementForm(Form):
    """What every purpose of some kinds must fulfil, where the law of the pack protects people."""

    id: Name
    """Its name, for tables and for `overrides`."""
    text: Text
    """Why, in words, with the article."""
    kinds: PurposeKinds | None = None
    """Purposes that are of all these kinds; left out, every purpose."""
    basis: Annotated[list[Basis], Field(min_length=1)] | None = None
    """The grounds that such a purpose may rest on."""
    retention: PeriodText | None = None
    """How long its data may be used at most."""
    renew: PeriodText | None = None
    """After how long its consent must lapse at the latest."""
    recipients_in: Annotated[list[PlaceCode], Field(min_length=1)] | None = None
    """Where a recipient may sit without a `safeguard`: ISO 3166-1 codes, `EU` or `EEA`."""
    contracts: Literal[True] | None = None
    """Whether a contract must bind every recipient, a controller too."""
    officer: Literal[True] | None = None
    """Whether the controller must name a data protection officer."""
    own_consent: Annotated[dict[PlaceCode, Years], Field(min_length=1)] | None = None
    """From which age a consent is a child's own, in years, by place."""
