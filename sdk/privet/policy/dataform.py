"""The form of ``data.yaml``: what the shop knows. Owner: the developers."""

from typing import Annotated, Literal

from pydantic import Field

from privet.policy.scalars import Band, FieldName, FieldType, Form, Name, Text


class SubjectForm(Form):
    """Who the data is about."""

    is_: Name = Field(alias="is")
    """What one subject is, such as `loyalty-account`."""
    id: Name
    """What the app's identifier of a subject is called."""
    age: FieldName | None = None
    """The field of the profile that tells a person's age in years, for rules that depend on it."""


class CategoryForm(Form):
    """A kind of personal data."""

    special: bool = False
    """Of a special category: health, religion and the like (GDPR Art. 9(1))."""
    from_device: bool = False
    """Read from the person's device, which needs consent (ePrivacy Directive Art. 5(3))."""


class FieldForm(Form):
    """One field."""

    type: FieldType
    """text, id, item, int, decimal(n), seconds, bool or band."""
    category: Name
    """One of `categories`."""
    values: Annotated[list[Band], Field(min_length=1)] | None = None
    """The bands of a `band`, in order."""
    optional: bool = False
    """Whether an event or a profile may come without it."""


class EventForm(Form):
    """One type of event."""

    unique: Annotated[list[Name], Field(min_length=1)]
    """The app's own key: recorded twice is recorded once."""
    fields: Annotated[dict[Name, FieldForm], Field(min_length=1)]
    """Field name to field."""


class BecauseForm(Form, extra="allow"):
    """Items that reveal it for one reason; further keys are catalogue fields."""

    __pydantic_extra__: dict[str, Annotated[list[Text], Field(min_length=1)]]

    why: Text
    """The reason, as a compliance officer reads it."""


class RevealForm(Form, extra="allow"):
    """What an item tells about whoever takes it; further keys are catalogue fields."""

    __pydantic_extra__: dict[str, Annotated[list[Text], Field(min_length=1)]]

    why: Text | None = None
    """Why the values of the further keys reveal it."""
    because: Annotated[list[BecauseForm], Field(min_length=1)] | None = None
    """More values, grouped by the reason why they reveal it."""
    special: bool = False
    """Of a special category by inference (CJEU C-184/20, C-21/23)."""
    min_age: Annotated[int, Field(ge=1, le=120)] | None = None
    """The age below which the item may not be sold, in years."""


class ItemsForm(Form):
    """The catalogue: no personal data."""

    fields: dict[Name, Literal["text"]] = Field(default={})
    """Catalogue field to its type."""
    reveals: dict[Name, RevealForm] = Field(default={})
    """Name of what is revealed to the rule that finds it."""


class DataForm(Form):
    """What the shop knows about people; says nothing about who may use it, or why."""

    privet: Literal["data/1"]
    """The version of this form."""
    end: Literal["marked"] | None = None
    """Say so where the last line is `...`: a document that was cut short is then refused."""
    subject: SubjectForm
    """Who the data is about."""
    timezone: Annotated[str, Field(min_length=1, max_length=64)]
    """IANA zone for time-of-day features; instants are kept in UTC."""
    categories: Annotated[dict[Name, CategoryForm], Field(min_length=1)]
    """The kinds of personal data."""
    profile: dict[Name, FieldForm] = Field(default={})
    """One value per person and field."""
    events: dict[Name, EventForm] = Field(default={})
    """What happens, append-only."""
    items: ItemsForm = ItemsForm()
    """The catalogue."""
