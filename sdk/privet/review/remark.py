"""What a check of a policy has to say, before it is known where in the document that stands."""

from __future__ import annotations

from typing import NamedTuple


class Remark(NamedTuple):
    """One thing to look at.

    Attributes:
        code: what kind it is.
        section: the part of the document: ``"permits"``, ``"denies"``, ``"roles"``,
            ``"purposes"``.
        name: which entry of it.
        what: what is the matter.
        fix: how to mend it.
    """

    code: str
    section: str
    name: str
    what: str
    fix: str
