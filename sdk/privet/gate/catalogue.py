"""The catalogue of items: not personal, plain, versioned; its change is administration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from privet.db import Tx
from privet.errors import InvalidInput
from privet.gate import separation
from privet.gate.parts import CATALOGUE, Caller, Parts
from privet.gate.record import decide, entry
from privet.policy import ItemSpec, Reveal, fold
from privet.types import ADMINISTRATION, check_text


@dataclass(frozen=True)
class Items:
    """All items, by code.

    Attributes:
        version: changes with every load.
        ids: item id of each code.
        attributes: catalogue field to values by code; ``""`` where unknown.
        revealed: what is kept apart (``never``, and special categories) to the items that
            reveal it, shape (number of items,), bool.
        min_age: the age in years below which an item is not shown, 0 for none, shape
            (number of items,), int64.
    """

    version: int
    ids: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    revealed: Mapping[str, np.ndarray]
    min_age: np.ndarray

    @cached_property
    def hidden(self) -> np.ndarray:
        """Items that reveal what not every purpose may use: sealed apart. (I,), bool."""
        return self.hidden_for(frozenset())

    def hidden_for(self, allowed: frozenset[str]) -> np.ndarray:
        """Items that a purpose with grounds for these special categories may not use.

        Returns:
            shape (number of items,), bool.
        """
        found = np.zeros(len(self.ids), np.bool_)
        for name, items in self.revealed.items():
            if name not in allowed:
                found |= items
        return found

    @cached_property
    def codes(self) -> Mapping[str, int]:
        """Item id to code."""
        return {item: code for code, item in enumerate(self.ids)}


def items(parts: Parts, marks: Mapping[str, bytes] | None = None) -> Items:
    """The current catalogue; read again when another process loaded a newer one.

    Args:
        parts: the open deployment.
        marks: of a snapshot just read, to spare a look at the version.
    """
    known: Items | None = parts.cache.get("items")
    if known is not None and marks is not None and known.version == version_of(marks):
        return known
    with parts.home.data.read() as tx:
        row = tx.one("SELECT value FROM meta WHERE key = ?", (CATALOGUE,))
        version = version_of({} if row is None else {CATALOGUE: bytes(row[0])})
        held: Items | None = parts.cache.get("items")
        if held is not None and held.version == version:
            return held
        rows = tx.all("SELECT id, fields FROM item ORDER BY code")
    fields = [json.loads(text) for _, text in rows]
    spec = parts.policy.items
    names = tuple(spec.fields)
    loaded = Items(
        version,
        tuple(str(item) for item, _ in rows),
        attributes := {n: tuple(str(f.get(n, "")) for f in fields) for n in names},
        {n: _revealing(spec.reveals[n], attributes, len(rows)) for n in spec.kept_apart},
        _min_age(spec, attributes, len(rows)),
    )
    parts.cache["items"] = loaded
    return loaded


def _revealing(rule: Reveal, attributes: Mapping[str, Sequence[str]], size: int) -> np.ndarray:
    """Which items a rule finds: each distinct value of a catalogue is looked at once."""
    found = np.zeros(size, np.bool_)
    for name, values in rule.values.items():
        column = attributes[name]
        hits = {value for value in set(column) if fold(value) in values}
        found |= np.fromiter((value in hits for value in column), np.bool_, size)
    return found


def _min_age(spec: ItemSpec, attributes: Mapping[str, Sequence[str]], size: int) -> np.ndarray:
    ages = np.zeros(size, np.int64)
    for rule in spec.reveals.values():
        if rule.min_age is not None:
            found = _revealing(rule, attributes, size)
            ages[found] = np.maximum(ages[found], rule.min_age)
    return ages


def version_of(marks: Mapping[str, bytes]) -> int:
    """The catalogue's version among a snapshot's ``Parts.marks``; 0 before the first load."""
    return int(marks.get(CATALOGUE, b"0"))


def load_items(
    parts: Parts, caller: Caller, ids: Sequence[str], attributes: Mapping[str, Sequence[str]]
) -> int:
    """Add items, or replace the attributes of known ones; their codes never change.

    Returns:
        The number of items that the catalogue did not know.

    Raises:
        InvalidInput: an id is not an exact identifier or comes twice, a field is unknown.
    """
    decide(parts, caller, ADMINISTRATION, "administer", ())
    unknown = sorted(set(attributes) - set(parts.policy.items.fields))
    if unknown:
        raise InvalidInput(
            "the catalogue has a field that the data document does not name",
            remedy=f"Name one of: {', '.join(parts.policy.items.fields)}.",
            reason="items.field",
        )
    for item in ids:
        check_text(item, "an item id")
    if len(set(ids)) != len(ids):
        raise InvalidInput("an item id comes twice in one load", reason="items.repeated")
    names = list(attributes)
    texts = (
        [
            json.dumps(dict(zip(names, values, strict=True)), sort_keys=True, ensure_ascii=False)
            for values in zip(*(attributes[n] for n in names), strict=True)
        ]
        if names
        else ["{}"] * len(ids)
    )
    parts.log.append(
        [
            entry(
                parts,
                caller,
                "admin",
                purpose=ADMINISTRATION,
                action="administer",
                subject="catalogue",
                rows=len(ids),
            )
        ]
    )
    with parts.home.data.write() as tx:
        parts.check_policy(tx)
        version = _next_version(tx)  # locks: two loads at once must not give one code twice
        was = {str(i): (int(c), str(f)) for i, c, f in tx.all("SELECT id, code, fields FROM item")}
        known = {item: code for item, (code, _) in was.items()}
        fresh = 0
        rows = []
        for item, text in zip(ids, texts, strict=True):
            if item not in known:
                known[item] = len(known)
                fresh += 1
            rows.append((item, known[item], text))
        changed = [(was[i][0], was[i][1], t) for i, _, t in rows if i in was and was[i][1] != t]
        spec = parts.policy.items
        separation.note(
            tx, [c for c, old, new in changed if _hidden(spec, new) and not _hidden(spec, old)]
        )
        tx.many(
            "INSERT INTO item (id, code, fields) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET fields = excluded.fields",
            rows,
        )
        tx.run("UPDATE meta SET value = ? WHERE key = 'catalogue'", (b"%d" % version,))
    return fresh


def turned(tx: Tx, before: ItemSpec, after: ItemSpec) -> list[int]:
    """Codes of the items that another policy hides, and this one did not."""
    rows = tx.all("SELECT code, fields FROM item")
    return [int(c) for c, text in rows if _hidden(after, text) and not _hidden(before, text)]


def _hidden(spec: ItemSpec, text: str) -> bool:
    return spec.hidden(json.loads(text))


def _next_version(tx: Tx) -> int:
    tx.run(
        "INSERT INTO meta (key, value) VALUES ('catalogue', ?) ON CONFLICT (key) DO NOTHING",
        (b"0",),
    )
    row = tx.one("SELECT value FROM meta WHERE key = 'catalogue'" + tx.for_update)
    return int(bytes(row[0])) + 1 if row else 1
