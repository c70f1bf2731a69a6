"""A night's work: housekeeping, then models, served only where they are worth it.

python examples/nightly.py [HOME]

Habits are learned up to four weeks ago and judged by what people bought since. Where they
beat what is merely popular, the same method learns from everything and serves. Run it from
cron: every step may be repeated.
"""

import logging
import sys
from datetime import UTC, datetime, timedelta

import privet
from privet.recommend import PersonalFrequency, Popularity

HELD_OUT = timedelta(days=28)
POPULAR = Popularity()
HABITS = PersonalFrequency(basket="order")
log = logging.getLogger("nightly")


def main(home: str | None = None, now: datetime | None = None) -> int:
    """Maintain, train, judge, serve; 1 where something waits for somebody to look at it."""
    cut = (now or datetime.now(UTC)) - HELD_OUT
    with privet.open(home) as shop:
        done = shop.maintenance.run(budget=timedelta(minutes=10))
        log.info("maintenance: %s", done)
        trainer = shop.principal("nightly", roles=["trainer"]).purpose("recommendations")
        try:
            renew(trainer.models, cut)
        except privet.PrivetError as refusal:  # carries no personal value: it may be logged
            log.warning("no new model: %s", refusal)
            return 1
    return 1 if -1 in done.values() else 0


def renew(models: privet.Models, cut: datetime) -> None:
    """Serve what is popular, for whoever has no list of her own, then habits if they are better."""
    popular = judged(models, "popular", POPULAR, cut)
    models.serve(models.train("popular", POPULAR))
    habits = judged(models, "habits", HABITS, cut)
    log.info("repeat nDCG@10: habits %.3f, popular %.3f", habits, popular)
    if habits > popular:  # the last one served is the purpose's own
        models.serve(models.train("habits", HABITS))


def judged(
    models: privet.Models, name: str, method: Popularity | PersonalFrequency, cut: datetime
) -> float:
    """How good the method would have been, had it learned nothing since the cut."""
    return models.evaluate(models.train(name, method, until=cut), cut=cut).quality["repeat"].ndcg


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main(*sys.argv[1:2]))
