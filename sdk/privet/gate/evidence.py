"""What those who answer for the processing may see of the log. GDPR Art. 5(2), 30."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from privet.audit import ExportReport, export
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry, flush_counts
from privet.types import ACCOUNTABILITY


def history(parts: Parts, caller: Caller, sno: int) -> list[dict[str, Any]]:
    """Every record that names this subject; the look itself is recorded as well."""
    decide(parts, caller, ACCOUNTABILITY, "prove", (), about=(sno,))
    parts.log.append(
        [entry(parts, caller, "access", purpose=ACCOUNTABILITY, action="prove", subjects=(sno,))]
    )
    return parts.log.history(sno)


def export_log(
    parts: Parts, caller: Caller, directory: Path, progress: Callable[[int], None] | None = None
) -> ExportReport:
    """Write the whole log as a directory that anybody can verify offline."""
    decide(parts, caller, ACCOUNTABILITY, "export", ())
    flush_counts(parts)
    parts.log.append([entry(parts, caller, "access", purpose=ACCOUNTABILITY, action="export")])
    return export(parts.home.audit, parts.log.vkey, directory)
