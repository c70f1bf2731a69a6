"""Habit, what goes together, the like-minded and the trend, weighed by what came next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from privet.errors import InvalidInput
from privet.features.catalogue import ITEM, Catalogue
from privet.recommend import trend
from privet.recommend.base import Forgets, Recommender
from privet.recommend.boosting import Trees, nothing
from privet.recommend.checks import at_least
from privet.recommend.choosing import LEAST_SCALE, NAMES, PRIOR, Weights, choose, fixed
from privet.recommend.content import ContentTFIDF
from privet.recommend.ease import EASE
from privet.recommend.evidence import Sources
from privet.recommend.hybridfitted import HybridFitted
from privet.recommend.lookalikes import Lookalikes
from privet.recommend.nextbasket import NextBasket
from privet.recommend.rows import pack_rows, unpack_rows
from privet.recommend.state import Contributions, State, broken, to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.recommend.history import Histories, History

PARTS = ("habit", "ease", "baskets", "trend")
"""``habit``: her own visits; ``ease``: what goes with her entries; ``baskets``: people like
her; ``trend``: what people took lately, for the first time, and again."""
MOST_WEIGHT = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Hybrid(Recommender):
    """Parts weighed by two additive cards: one of entries she had, one of all others.

    Each card is a weighted sum of evidence, so every pick can say which part carried it. The
    weights are chosen on what people took in the windows before the end of what is learned
    from, with the parts learned up to the start of each; then the parts are learned from
    everything up to the end. The card of others is fitted list by list, that of both by
    logistic regression, after which both stand for the log odds of being taken next.
    Where evidence for an entry she had matters together (its age much for one taken each week,
    little for one taken once), small trees boosted on the same windows add to its log odds.

    With ``weights`` given nothing is chosen, no tree is grown, the state is a sum, and forgetting
    subtracts. Otherwise weights and trees depend on everybody and are chosen again when somebody
    is taken out.

    Args:
        parts: which of ``PARTS`` are used; it works with any of them missing.
        basket: the field that tells baskets apart; None makes each day one.
        text: catalogue attributes by whose words an entry that few people have is placed
            among those that read alike; none leaves such entries out.
        regularization: of the part ``ease``, in people.
        half_life_days: of the part ``ease``.
        floor: the least number of people behind a pair.
        least: an entry of which fewer people are known is judged by its text alone.
        validate_days: length of a window that weights are chosen on.
        windows: how many such windows.
        weights: weights by name (``choosing.NAMES``), those not named being 0 but for
            ``fresh.score``, which is above 0 and 1 by itself; None to choose them.
    """

    kind: ClassVar[str] = "hybrid"
    parts: tuple[str, ...] = PARTS
    basket: str | None = "basket"
    text: tuple[str, ...] = ()
    regularization: float = 1000
    half_life_days: float = 120
    floor: int = 10
    least: int = 20
    validate_days: int = 28
    windows: int = 5
    weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        object.__setattr__(self, "text", tuple(self.text))
        _known("part", self.parts, PARTS)
        _known("weight", tuple(self.weights or ()), NAMES)
        if not self.parts:
            raise InvalidInput("a hybrid needs a part", reason="recommend.parameter")
        for name in ("floor", "least", "validate_days", "windows"):
            at_least(name, getattr(self, name), 1)
        for name, weight in (self.weights or {}).items():
            at_least(name, weight, -MOST_WEIGHT)
            at_least(name, -weight, -MOST_WEIGHT)
        at_least("fresh.score", (self.weights or {}).get("fresh.score", 1), LEAST_SCALE)
        self._ease()  # its own checks

    @property
    def forgets(self) -> Forgets:
        """By fitting anew where weights are chosen."""
        return "refit" if self.weights is None else "subtract"

    @property
    def needs(self) -> frozenset[str]:
        """Item and basket."""
        basket = {f"{self.event}.{self.basket}"} if self.basket else set()
        return super().needs | basket

    def params(self) -> dict[str, Any]:
        """The parameters as JSON data."""
        return asdict(self)

    def _visit_field(self) -> str | None:
        return self.basket

    def contribution(self, history: History, now_day: int) -> np.ndarray:
        """Her rows: entry, visit and age in days, as ``rows.pack_rows`` lays them out."""
        return pack_rows(history, now_day)

    def contributions(self, cohort: Histories, now_day: int) -> Contributions:
        """``contribution`` of each person of a cohort."""
        return Contributions.of(pack_rows(cohort[i], now_day) for i in range(len(cohort)))

    def empty(self, size: int) -> State:
        """No people; the weights given, or those that hold without evidence."""
        arrays = {"people": np.zeros(1, np.int64), "trend": np.zeros((trend.ROWS, size), np.int64)}
        for name, part in self._sums().items():
            empty = part.empty(size).arrays
            arrays |= {f"{name}.{array}": empty[array] for array in empty}
        weights = PRIOR if self.weights is None else self.weights
        return State(size, {**arrays, "weights": fixed(dict(weights)), "trees": nothing()})

    def add(self, state: State, entries: np.ndarray | None, sign: int = 1) -> State:
        """Add or subtract one person, where weights are given."""
        if self.forgets == "refit":
            return super().add(state, entries, sign)
        if entries is None or not len(entries):
            return state
        return self.total(state, [unpack_rows(entries, state.size)], 0, sign)

    def add_all(self, state: State, cohort: Contributions | None) -> State:
        """Add a cohort at once, where weights are given."""
        if self.forgets == "refit":
            return super().add_all(state, cohort)
        people = [unpack_rows(rows, state.size) for rows in cohort or () if len(rows)]
        return self.total(state, people, 0)

    def fit(self, size: int, kept: Contributions) -> State:
        """Choose weights and trees on the windows before the end, then learn from everything."""
        # By what they hold and not by when they came, so that no rounding tells of an order.
        people = [unpack_rows(rows, size) for rows in sorted(kept, key=to_bytes) if len(rows)]
        state = self.total(self.empty(size), people, 0)
        if self.weights is None:
            bare, entries = replace(self, by=ITEM, text=()), _numbered(size)

            def learn(past: Sequence[History], day: int) -> Sources:
                return bare.sources(bare.total(bare.empty(size), past, day), entries)

            state.arrays.update(choose(people, learn, self.windows, self.validate_days))
        return state

    def total(self, state: State, people: Sequence[History], day: int, sign: int = 1) -> State:
        """Add (or with ``sign=-1`` subtract) the sums of some people as of a day, in place.

        Raises:
            IntegrityError: somebody was never added.
        """
        counts = trend.count(people, day, state.size)
        total = state.arrays["trend"]
        if sign < 0 and bool((total < counts).any()):
            raise broken("a contribution was subtracted that had not been added")
        for name, part in self._sums().items():
            inner, added = _within(state, name), [part.contribution(h, day) for h in people]
            if sign > 0:
                part.add_all(inner, Contributions.of(added))
            else:
                for one in added:
                    part.add(inner, one, sign)
        total += sign * counts
        state.arrays["people"][0] += sign * sum(len(history) > 0 for history in people)
        return state

    def sources(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> Sources:
        """The parts, ready to be asked."""
        made = {
            name: part.finish(_within(state, name), catalogue, names)
            for name, part in self._sums().items()
        }
        counts, people = state.arrays["trend"], int(state.arrays["people"][0])
        hidden = catalogue.level(self.by, names).hidden
        return Sources(
            habit=self._baskets() if "habit" in self.parts else None,
            ease=made.get("ease"),  # type: ignore[arg-type]
            near=made.get("baskets"),  # type: ignore[arg-type]
            trend=trend.shares(counts, people, self.least) if "trend" in self.parts else {},
            known=(counts[0] >= self.least) & ~hidden,
        )

    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> HybridFitted:
        """Derive the parts, both cards and the trees."""
        sources, alike = self.sources(state, catalogue, names), None
        if self.text:
            content = ContentTFIDF(event=self.event, item=self.item, by=self.by, text=self.text)
            words = content.finish(content.empty(state.size), catalogue, names)
            alike = Lookalikes.of(words, sources.known)
        return HybridFitted(
            level=catalogue.level(self.by, names),
            event=self.event,
            sources=sources,
            weights=Weights.of(state.arrays["weights"]),
            trees=Trees.of(state.arrays["trees"]),
            least=self.least,
            alike=alike,
        )

    def _sums(self) -> dict[str, EASE | NextBasket]:
        """The parts that are sums over pairs."""
        every: dict[str, EASE | NextBasket] = {"ease": self._ease(), "baskets": self._baskets()}
        return {name: part for name, part in every.items() if name in self.parts}

    def _ease(self) -> EASE:
        return EASE(
            event=self.event,
            item=self.item,
            by=self.by,
            weights="recency",
            regularization=self.regularization,
            half_life_days=self.half_life_days,
            floor=self.floor,
            least=self.least,
        )

    def _baskets(self) -> NextBasket:
        return NextBasket(
            event=self.event,
            item=self.item,
            by=self.by,
            basket=self.basket,
            neighbours=1,
            floor=self.floor,
            least=self.least,
        )


def _within(state: State, part: str) -> State:
    """The arrays of one part: the same memory."""
    head = f"{part}."
    arrays = {n.removeprefix(head): a for n, a in state.arrays.items() if n.startswith(head)}
    return State(state.size, arrays)


def _numbered(size: int) -> Catalogue:
    """Entries without names, for choosing weights: nothing of the shop speaks in that."""
    return Catalogue(tuple(f"{i:08d}" for i in range(size)))


def _known(what: str, named: tuple[str, ...], known: tuple[str, ...]) -> None:
    if set(named) - set(known):
        raise InvalidInput(
            f"a {what} of the hybrid is unknown",
            why=f"known are {', '.join(known)}",
            reason="recommend.parameter",
        )
