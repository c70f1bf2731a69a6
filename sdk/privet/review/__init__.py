"""Reviewing a policy: what it means, what differs, what is too much, what would happen.

The rules of this room:

- Everything is worked out on the compiled policy, by asking it; nothing is decided twice.
- Nobody's data is touched. Records come in decoded, and only their codes and counts are used.
- What cannot be told is said, and counted as refused.

>>> from privet.policy import load
>>> from privet.review import diff
>>> diff(load("pack:shop"), load("pack:shop")).same
True
"""

from privet.review.coverage import Coverage, coverage
from privet.review.diff import Change, Difference, diff
from privet.review.explain import Explanation, explain
from privet.review.lint import Finding, lint
from privet.review.remedies import Remedy
from privet.review.replay import Changed, Replayed, replay
from privet.review.resealing import Resealing
from privet.review.unused import Unused, unused

__all__ = [
    "Change",
    "Changed",
    "Coverage",
    "Difference",
    "Explanation",
    "Finding",
    "Remedy",
    "Replayed",
    "Resealing",
    "Unused",
    "coverage",
    "diff",
    "explain",
    "lint",
    "replay",
    "unused",
]
