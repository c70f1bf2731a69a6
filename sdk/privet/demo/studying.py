"""What consent, history and floors are worth: the demo's curves and its attack on models."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from privet.demo.results import records
from privet.recommend import NextBasket

if TYPE_CHECKING:
    from privet.demo.run import Advance, Story

METHOD = NextBasket(floor=10, least=20, by="type")
"""What the curves are drawn for: good at what is bought again, and quick to train."""
ATTACKED = ("item-item", "ease", "personal")
STEPS = 2 + len(ATTACKED)


def study(story: Story, advance: Advance) -> dict[str, Any]:
    """Both curves, and the risk of some models."""
    learning = story.shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models
    cut = story.cut.to_pydatetime()
    consent = learning.curve("consent", METHOD, cut=cut)
    advance(1)
    history = learning.curve("history", METHOD, cut=cut)
    advance(1)
    risks = []
    for name in ATTACKED:
        for risk in learning.risk(story.versions[name], cut=cut):
            ndcg = story.facts["quality"]["repeat"][name]["ndcg@10"]
            risks.append({"model": name, **asdict(risk), "ndcg@10": ndcg})
        advance(1)
    curves = {
        "consent": records(consent),
        "history": records(history),
        "smallest_window": history.attrs["smallest_window"],
    }
    return {"curves": curves, "risk": risks}
