"""Anchors: places outside the stores that remember how far the audit log had come."""

from privet.audit.anchors.base import Anchor, Kept, Submission
from privet.audit.anchors.callback import CallbackAnchor
from privet.audit.anchors.file import FileAnchor
from privet.audit.anchors.pushing import Anchoring, Pushed
from privet.audit.anchors.state import cosigned
from privet.audit.anchors.witness import WitnessAnchor

__all__ = [
    "Anchor",
    "Anchoring",
    "CallbackAnchor",
    "FileAnchor",
    "Kept",
    "Pushed",
    "Submission",
    "WitnessAnchor",
    "cosigned",
]
