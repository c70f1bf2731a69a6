"""Three refusals, each explained: a wrong role, a wrong purpose, a field too many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from privet.errors import PrivetError
from privet.recommend import Popularity

if TYPE_CHECKING:
    from privet.demo.run import Story


def show(story: Story) -> list[dict[str, object]]:
    """What was asked, and the error it met."""
    shop = story.shop
    asked: dict[str, Callable[[], object]] = {
        "the storefront trains a model": lambda: (
            shop.principal("web", roles=["storefront"])
            .purpose("recommendations")
            .models.train("own", Popularity(least=20, by="type"))
        ),
        "a purpose that nobody wrote down": lambda: shop.principal(
            "web", roles=["storefront"]
        ).purpose("profiling"),
        "the trainer groups people by their address": lambda: (
            shop.principal("nightly", roles=["trainer"])
            .purpose("segmentation")
            .features(["recency", "profile:email"])
        ),
    }
    return [{"asked": text, **_met(ask)} for text, ask in asked.items()]


def _met(ask: Callable[[], object]) -> dict[str, object]:
    try:
        ask()
    except PrivetError as error:
        return error.to_json()
    raise AssertionError("the demo was not refused where it must be")
