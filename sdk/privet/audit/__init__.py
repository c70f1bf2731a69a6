"""The audit log: an append-only Merkle tree of records, and the only source of warrants."""

from privet.audit.entry import Entry
from privet.audit.export import ExportReport, export
from privet.audit.extracting import Extract, extract
from privet.audit.form import Form
from privet.audit.log import Log
from privet.audit.selection import Selection

__all__ = ["Entry", "ExportReport", "Extract", "Form", "Log", "Selection", "export", "extract"]
