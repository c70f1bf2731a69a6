"""What consent, history and floors are worth: the demo's curves and its attack on models."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from privet.demo import memory
from privet.demo.results import records
from privet.recommend import EASE, NextBasket
from privet.recommend.pictures import draw_frontier
from privet.recommend.risk import ATTACKS

if TYPE_CHECKING:
    from privet.demo.run import Advance, Story
    from privet.recommend.studies import Tradeoff

METHOD = NextBasket(floor=10, least=20, by="type")
"""What the curves are drawn for: good at what is bought again, and quick to train."""
ATTACKED = ("item-item", "ease", "personal")
VARIED = EASE(weights="recency", by="type")
"""What the frontier is drawn for: of all methods it tells most of its people."""
STRENGTHS = (500.0, 2000.0, 20000.0)
ASKED = 600
"""Households that the frontier is measured on; its models learn from all."""
STEPS = 3 + len(ATTACKED)


def study(story: Story, advance: Advance) -> dict[str, Any]:
    """Both curves, the risk of some models, and the frontier of one."""
    learning = story.shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models
    cut = story.cut.to_pydatetime()
    consent = learning.curve("consent", METHOD, cut=cut)
    _step(advance)
    history = learning.curve("history", METHOD, cut=cut)
    _step(advance)
    risks = []
    for name in ATTACKED:
        for risk in learning.risk(story.versions[name], cut=cut):
            ndcg = story.facts["quality"]["repeat"][name]["ndcg@10"]
            risks.append({"model": name, **asdict(risk), "ndcg@10": ndcg})
        _step(advance)
    frontier = learning.frontier(
        VARIED, floors=[VARIED.floor], regularizations=STRENGTHS, people=ASKED, cut=cut
    )
    story.pictures["frontier"] = draw_frontier(frontier).decode()
    _step(advance)
    curves = {
        "consent": records(consent),
        "history": records(history),
        "smallest_window": history.attrs["smallest_window"],
    }
    return {"curves": curves, "risk": risks, "frontier": [_told(one) for one in frontier]}


def _told(one: Tradeoff) -> dict[str, Any]:
    attacks: dict[str, float | None] = dict.fromkeys(ATTACKS)  # none where people are too few
    attacks |= {risk.attack: risk.auc for risk in one.risks}
    ndcg = {str(task): value for task, value in one.ndcg.items()}
    return {"regularization": one.regularization, "floor": one.floor} | ndcg | attacks


def _step(advance: Advance) -> None:
    memory.give_back()
    advance(1)
