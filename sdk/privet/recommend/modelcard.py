"""A model card: what a version is, what it was made of, how good and how risky it is.

Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019), with what GDPR Art. 5, 13
and 30 want to be told of a processing: purpose, ground, data, period, recipients of none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from privet.clock import iso
from privet.gate import artifact
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide
from privet.gate.versions import Version
from privet.recommend.split import TASKS
from privet.recommend.training import check_purpose, recommender_of

FORM = "privet:model-card/1"
COUNTS = frozenset({"people", "subjects"})
FORGETS = {
    "nothing": "It learns from nobody: there is nothing to forget.",
    "subtract": "What a person added is subtracted from whole-number sums. "
    "The model is then equal, to the byte, to one that never saw her.",
    "refit": "It is fitted again over what all others added. "
    "The model is then equal, to the byte, to one that never saw her.",
}
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}caption{text-align:left}"
    "th,td{border-bottom:1px solid #888;padding:.3rem .6rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}:root{color-scheme:light dark}"
)


@dataclass(frozen=True)
class ModelCard:
    """The card of one version, fit to be given to a reviewer.

    Attributes:
        data: the card as JSON data; its form stands in ``docs/reference/model-card.md``.
    """

    data: Mapping[str, Any]

    def html(self) -> str:
        """The card as one page of HTML that needs nothing from anywhere."""
        title = escape(f"Model card: {self.data['name']}, version {self.data['version']}")
        sections = "".join(_section(name, value) for name, value in self.data.items())
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{STYLE}</style></head>"
            f"<body><main><h1>{title}</h1>{sections}</main></body></html>\n"
        )


def card(parts: Parts, caller: Caller, purpose: str, version: Version) -> ModelCard:
    """The card of a version.

    Raises:
        AccessDenied: the policy does not let this caller evaluate.
        ModelUnavailable: the version is gone, or of another purpose.
    """
    version = artifact.current(parts, version)
    recommender = recommender_of(version)
    decide(parts, caller, purpose, "evaluate", recommender.needs, at_all=True)
    check_purpose(version, purpose)
    rules = parts.policy.purposes[purpose]
    report = dict(version.report)
    risk = report.pop("risk", None)
    return ModelCard(
        {
            "form": FORM,
            "name": version.name,
            "version": version.version,
            "state": version.state,
            "created": iso(version.created),
            "method": {"kind": recommender.kind, "parameters": recommender.params()},
            "purpose": {"name": purpose, "text": rules.text},
            "ground": {"basis": rules.basis, "reuses": sorted(rules.reuses)},
            "data": {
                "fields": sorted(recommender.needs),
                "until": iso(version.spec["until"]),
                "retention": str(rules.retention),
            },
            # In tens: one person more or less must not show.
            "subjects": {"at_least": version.subjects // 10 * 10},
            "floors": {
                name: getattr(recommender, name)
                for name in ("floor", "least")
                if hasattr(recommender, name)
            },
            "figures": _coarse(report) if _enough(report, rules.models.least) else None,
            "risk": _coarse(risk),
            "forgetting": {"how": recommender.forgets, "text": FORGETS[recommender.forgets]},
            "policy": {"hash": parts.policy.hash, "slice": version.slice},
            "digest": version.digest.hex(),
            "limits": [
                "The figures hold for the people and the time that they were measured on.",
                "Risk is what the attacks named here find; another attacker may find more.",
                "A list tells something of whoever it is made for: give it to nobody else.",
            ],
        }
    )


def _enough(report: Mapping[str, Any], least: int) -> bool:
    """Whether enough people were measured at every task to tell of them outside."""
    return all(report.get(task, {}).get("people", 0) >= max(least, 1) for task in TASKS)


def _coarse(value: Any) -> Any:
    """Figures with their numbers of people in whole tens, as ``subjects`` is."""
    if isinstance(value, Mapping):
        return {k: v // 10 * 10 if k in COUNTS else _coarse(v) for k, v in value.items()}
    return [_coarse(one) for one in value] if isinstance(value, (list, tuple)) else value


def _section(name: str, value: Any) -> str:
    heading = escape(name.replace("_", " ").capitalize())
    return f"<section><h2>{heading}</h2>{_told(value, heading)}</section>"


def _told(value: Any, caption: str) -> str:
    if value is None:
        return "<p>not measured</p>"
    if isinstance(value, Mapping):
        rows = "".join(
            f'<tr><th scope="row">{escape(str(key))}</th><td>{_told(inner, str(key))}</td></tr>'
            for key, inner in value.items()
        )
        return f"<table><caption>{escape(caption)}</caption><tbody>{rows}</tbody></table>"
    if isinstance(value, (list, tuple)):
        return f"<ul>{''.join(f'<li>{_told(inner, caption)}</li>' for inner in value)}</ul>"
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))
