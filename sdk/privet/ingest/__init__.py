"""The way in: declared columns, validated; what cannot be taken is refused with its reason."""

from privet.ingest.columns import Column, typed
from privet.ingest.frame import LoadReport, load
from privet.ingest.rows import Receipt, describe, record

__all__ = ["Column", "LoadReport", "Receipt", "describe", "load", "record", "typed"]
