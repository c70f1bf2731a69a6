"""The audit log: an append-only Merkle tree of records, and the only source of warrants."""

from privet.audit.entry import Entry
from privet.audit.export import ExportReport, export
from privet.audit.form import Form
from privet.audit.log import Log

__all__ = ["Entry", "ExportReport", "Form", "Log", "export"]
