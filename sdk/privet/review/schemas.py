"""The forms of both documents as JSON Schema, for editors that complete and check."""

from __future__ import annotations

import json
from typing import Any

from privet.policy import schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def published(document: str) -> dict[str, Any]:
    """The schema as it is published.

    Args:
        document: ``"policy"`` or ``"data"``.

    Raises:
        InvalidInput: another name.
    """
    form = schema(document)
    return {"$schema": DIALECT, **form, "title": f"privet: {document}.yaml"}


def text(document: str) -> str:
    """The same as text, as the published file has it."""
    return json.dumps(published(document), indent=2, ensure_ascii=True)
