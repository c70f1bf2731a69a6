"""Profiles: one row per subject, replaced as a whole under a fresh number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from privet.vault.batch import SEALED, Outcome, Rows, lapses_in, weeks_of
from privet.vault.codec import Column, Ints, Layout, encode
from privet.vault.joining import join, latest
from privet.vault.reading import PROFILE, decode_cells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.vault.pen import Change, Pen


def write_profiles(
    pen: Pen,
    rows: Rows,
    order: npt.NDArray[np.intp],
    domains: Mapping[str, int],
    outcome: Outcome,
) -> list[Change]:
    """Merge the given fields over each subject's present profile, under fresh numbers."""
    good = order[outcome == SEALED]
    last = np.ones(len(good), bool)
    last[:-1] = np.diff(rows.snos[good]) != 0
    kept = good[last]
    snos, starts = rows.snos[kept], np.arange(len(kept) + 1)
    subjects = snos.tolist()
    changes = []
    for dom in sorted(set(domains.values())):
        given = {n: v[kept] for n, v in rows.columns.items() if domains[n] == dom}
        touched = [x for x in pen.room.layouts.current[PROFILE] if x.names & given.keys()]
        before, extra = _before(pen, snos, dom, touched)
        columns, extra = _over(given, rows.extra, before, extra)
        weeks = weeks_of(lapses_in(pen.room, rows, dom, kept), starts)
        at = rows.at[kept]
        row = np.array([pen.manifests[s, dom].next_row for s in subjects], np.int64)
        seqs = [pen.manifests[s, dom].next_seq for s in subjects]
        places = list(zip(subjects, seqs, [1] * len(kept), weeks.tolist(), strict=True))
        for layout in touched:
            pen.seal(layout, dom, encode(layout, starts, at, row, columns, extra), places)
        for sno in subjects:
            manifest = pen.manifests[sno, dom]
            changes.append(pen.close((sno, dom), manifest.next_seq + 1, manifest.next_row + 1))
    return changes


def _before(
    pen: Pen, snos: Ints, dom: int, touched: Sequence[Layout]
) -> tuple[dict[str, Column], dict[str, tuple[str, ...]]]:
    """What the touched atoms hold now, one row per subject; their cells are marked gone."""
    names = frozenset().union(*(x.names for x in touched))
    layouts, kept = pen.room.layouts.by_grp, frozenset(snos.tolist())
    mine = [c for c in pen.found if c[1] == dom and c[0] in kept and layouts[c[3]].names <= names]
    for cell in mine:
        pen.gone.setdefault((cell[0], dom), []).append((cell[2], cell[3]))
    parts = list(decode_cells(pen.room, mine, pen.keys, None).values())
    joined = join([p for p, _ in parts], [o for _, o in parts])
    return latest(joined, snos, np.ones(len(joined.at), bool))[1], joined.extra


def _over(
    given: Mapping[str, Column],
    extra: Mapping[str, tuple[str, ...]],
    before: Mapping[str, Column],
    before_extra: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, Column], dict[str, tuple[str, ...]]]:
    """The given columns over those that were there; what is not given stays."""
    columns = {**before, **given}
    both = {**before_extra, **{n: extra[n] for n in given if n in extra}}
    return columns, both
