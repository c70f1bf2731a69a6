"""Habit, what goes together, the like-minded and the trend, weighed by what came next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from privet.errors import InvalidInput
from privet.features.catalogue import ITEM, Catalogue
from privet.recommend import further, traits
from privet.recommend.base import Forgets, Recommender
from privet.recommend.boosting import Trees, nothing
from privet.recommend.cards import UNIT
from privet.recommend.checks import at_least
from privet.recommend.choosing import LEAST_SCALE, NAMES, PRIOR, Weights, choose, fixed
from privet.recommend.content import ContentTFIDF
from privet.recommend.ease import EASE
from privet.recommend.holdout import by_share, by_windows
from privet.recommend.hybridfitted import HybridFitted
from privet.recommend.hybridsums import Sums
from privet.recommend.lookalikes import Lookalikes
from privet.recommend.nextbasket import NextBasket
from privet.recommend.rows import pack_rows, unpack_rows
from privet.recommend.state import Contributions, State, to_bytes
from privet.recommend.words import WORDS, Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.features.catalogue import Level
    from privet.recommend.content import ContentFitted
    from privet.recommend.evidence import Sources
    from privet.recommend.history import Histories, History
    from privet.types import Events

PARTS = ("habit", "ease", "baskets", "trend")
"""``habit``: her own visits; ``ease``: what goes with her entries; ``baskets``: people like
her; ``trend``: what people took lately, for the first time, and again."""
VALIDATE = ("windows", "share")
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

    With ``traits`` somebody little is known of gets what is popular, more so what is with people
    who share a trait with her: each trait adds how much likelier they are to have an entry,
    shrunk to no difference where they are few. That needs the purpose's permit for these fields
    of the profile; who has none of them gets what is popular.

    Args:
        parts: which of ``PARTS`` are used; it works with any of them missing.
        basket: the field that tells baskets apart; None makes each day one.
        text: catalogue attributes by whose words an entry that few people have is placed
            among those that read alike; none leaves such entries out.
        traits: fields of the profile, such as ``("age",)``, by which people are alike.
        content: catalogue attributes, such as ``("genre",)``: entries count for more whose
            words are more frequent in her history than in everybody's.
        regularization: of the part ``ease``, in people.
        half_life_days: of the part ``ease``.
        scaling: of the part ``ease``.
        themes: whether the part ``ease`` also says what looks like her at large (``Themes``).
        floor: the least number of people behind a pair.
        least: an entry of which fewer people are known is judged by its text alone.
        validate: what weights are chosen on. ``"windows"``: what came in windows before the
            end. ``"share"``: a third of what each person had, at most ten entries, where that
            came in one sitting, so that time tells nothing; then the card of entries she had
            stays as it is.
        validate_days: length of a window.
        windows: how many windows, or how many times a part is held out.
        weights: weights by name (``names``), those not named being 0 but for
            ``fresh.score``, which is above 0 and 1 by itself; None to choose them.
    """

    kind: ClassVar[str] = "hybrid"
    parts: tuple[str, ...] = PARTS
    basket: str | None = "basket"
    text: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    regularization: float = 1000
    half_life_days: float = 120
    scaling: float = 0
    themes: bool = True
    floor: int = 10
    least: int = 20
    validate: Literal["windows", "share"] = "windows"
    validate_days: int = 28
    windows: int = 5
    weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        for name in ("parts", "text", "traits", "content"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _known("part", self.parts, PARTS)
        _known("weight", tuple(self.weights or ()), self.names)
        _known("way to validate", (self.validate,), VALIDATE)
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
        """Item and basket, and the traits: fields of the profile."""
        basket = {f"{self.event}.{self.basket}"} if self.basket else set()
        return super().needs | basket | {f"profile.{name}" for name in self.traits}

    @property
    def names(self) -> tuple[str, ...]:
        """What has a weight, in the order of the weights."""
        more = further.names(self.traits, self.content)
        return (*NAMES, *(f"fresh.{name}" for name in more))

    def params(self) -> dict[str, Any]:
        """The parameters as JSON data."""
        return asdict(self)

    def _visit_field(self) -> str | None:
        return self.basket

    def histories(self, events: Mapping[str, Events], level: Level) -> Histories:
        """Histories, with the traits where some are read.

        Raises:
            InvalidInput: its event or the profile was not read.
        """
        found = super().histories(events, level)
        if not self.traits:
            return found
        return replace(found, traits=traits.read(events, found.subjects, self.traits))

    def contribution(self, history: History, now_day: int) -> np.ndarray:
        """Her traits, then her rows: entry, visit and age in days (``rows.pack_rows``)."""
        rows = pack_rows(history, now_day)
        hers = traits.pack(traits.known(history, len(self.traits)))
        return np.concatenate([hers, rows]) if len(rows) else rows

    def contributions(self, cohort: Histories, now_day: int) -> Contributions:
        """``contribution`` of each person of a cohort."""
        people = range(len(cohort))
        return Contributions.of(self.contribution(cohort[i], now_day) for i in people)

    def of_items(self, catalogue: Catalogue, level: Level) -> dict[str, np.ndarray]:
        """The words of the entries, where they are weighed."""
        return Words.of(catalogue, level, self.content).arrays() if self.content else {}

    def empty(self, size: int) -> State:
        """No people; the weights given, or those that hold without evidence."""
        chosen = {"weights": self._prior(), "trees": nothing()}
        return State(size, self.sums().empty(size) | chosen)

    def fits(self, state: State) -> bool:
        """Whether this kind can have made its arrays; how many traits and words, it cannot tell."""
        form, made = self.empty(state.size).form(), state.form()
        if self.traits:
            if not traits.fits(state):
                return False
            form |= {name: made[name] for name in traits.empty(0)}
        if self.content and self.weights is None:
            if not Words.fits(state):
                return False
            form |= {name: made[name] for name in WORDS}
        return form == made

    def add(self, state: State, entries: np.ndarray | None, sign: int = 1) -> State:
        """Add or subtract one person, where weights are given."""
        if self.forgets == "refit":
            return super().add(state, entries, sign)
        if entries is None or not len(entries):
            return state
        return self.sums().add(state, [self._unpack(entries, state.size)], 0, sign)

    def add_all(self, state: State, cohort: Contributions | None) -> State:
        """Add a cohort at once, where weights are given."""
        if self.forgets == "refit":
            return super().add_all(state, cohort)
        people = [self._unpack(rows, state.size) for rows in cohort or () if len(rows)]
        return self.sums().add(state, people, 0)

    def fit(
        self, size: int, kept: Contributions, items: Mapping[str, np.ndarray] | None = None
    ) -> State:
        """Choose weights and trees on what is held out, then learn from everything."""
        # By what they hold and not by when they came, so that no rounding tells of an order.
        people = [self._unpack(rows, size) for rows in sorted(kept, key=to_bytes) if len(rows)]
        state = self.sums().add(self.empty(size), people, 0)
        if self.weights is None:
            words = self._words(items)
            state.arrays.update(words.arrays() if words else {})
            sums, entries = replace(self, by=ITEM).sums(), _numbered(size)

            def learn(past: Sequence[History], day: int) -> Sources:
                learned = sums.add(State(size, sums.empty(size)), past, day)
                return sums.sources(learned, entries, words=words)

            if self.validate == "share":
                held_out = by_share(people, self.windows)
            else:
                held_out = by_windows(people, self.windows, self.validate_days)
            state.arrays.update(choose(held_out, learn, self._prior() / UNIT))
            self._balance(state.arrays["weights"])
        return state

    def finish(
        self, state: State, catalogue: Catalogue, names: tuple[str, ...] | None = None
    ) -> HybridFitted:
        """Derive the parts, both cards and the trees."""
        level = catalogue.level(self.by, names)
        words = Words.of(catalogue, level, self.content) if self.content else None
        sources, alike = self.sums().sources(state, catalogue, names, words), None
        if self.text:
            alike = Lookalikes.of(self._reading(self.text, catalogue, names), sources.known)
        return HybridFitted(
            level=level,
            event=self.event,
            sources=sources,
            weights=Weights.of(state.arrays["weights"]),
            trees=Trees.of(state.arrays["trees"]),
            least=self.least,
            alike=alike,
            reading=self._reading(self.content, catalogue, names) if self.content else None,
        )

    def _prior(self) -> np.ndarray:
        """The weights given, or those that hold without evidence; in millionths."""
        if self.weights is not None:
            return fixed(self.weights, self.names)
        more = further.names(self.traits, self.content)
        usual = {f"fresh.{name}": weight for name, weight in further.usual(more).items()}
        return fixed(PRIOR | usual, self.names)

    def _balance(self, weights: np.ndarray) -> None:
        """Let popularity count as much as any trait at least, in place.

        A lift is a part of the popularity with some people. Those whom weights are chosen on are
        known by so much that popularity hardly counts, which is not so for who is new.
        """
        at = [i for i, name in enumerate(self.names) if name.startswith("fresh.trait.")]
        if at:
            weights[at[0] - 1] = weights[[at[0] - 1, *at]].max()

    def _words(self, items: Mapping[str, np.ndarray] | None) -> Words | None:
        if not self.content:
            return None
        if not items:
            raise InvalidInput(
                "a hybrid that weighs content was fitted without the words of its items",
                remedy="Give `fit` what `of_items` says of the catalogue.",
                reason="recommend.unread",
            )
        return Words.held(items)

    def _unpack(self, packed: np.ndarray, size: int) -> History:
        """The history of a contribution, with its traits."""
        end = 2 * len(self.traits)
        return replace(unpack_rows(packed[end:], size), traits=traits.unpack(packed[:end]))

    def _reading(
        self, text: tuple[str, ...], catalogue: Catalogue, names: tuple[str, ...] | None
    ) -> ContentFitted:
        """What reads alike by some attributes."""
        content = ContentTFIDF(event=self.event, item=self.item, by=self.by, text=text)
        level = catalogue.level(self.by, names)
        return content.finish(content.empty(len(level)), catalogue, names)

    def sums(self) -> Sums:
        """The parts that are learned from people."""
        return Sums(
            by=self.by,
            habit=self._baskets() if "habit" in self.parts else None,
            ease=self._ease() if "ease" in self.parts else None,
            baskets=self._baskets() if "baskets" in self.parts else None,
            themes=self.themes,
            trend="trend" in self.parts,
            traits=self.traits,
            floor=self.floor,
            least=self.least,
        )

    def _ease(self) -> EASE:
        return EASE(
            event=self.event,
            item=self.item,
            by=self.by,
            weights="recency",
            regularization=self.regularization,
            half_life_days=self.half_life_days,
            scaling=self.scaling,
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
