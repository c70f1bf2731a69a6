"""Recommenders: exact sums of people's contributions, and rankings derived from them.

Pure over ``Events`` and ``Catalogue``: the gate opens what ``needs`` lists, seals what
``pack`` returns, and keeps each contribution under its person's key, so that forgetting
her is subtracting exactly what she added.
"""

from privet.recommend.base import Fitted, Recommender
from privet.recommend.codec import KINDS, Artifact, build, pack, unpack
from privet.recommend.content import ContentTFIDF
from privet.recommend.ease import EASE
from privet.recommend.history import EMPTY, Histories, History
from privet.recommend.hybrid import Hybrid
from privet.recommend.itemitem import ItemItem
from privet.recommend.metrics import Quality, quality, rating_errors
from privet.recommend.nextbasket import NextBasket
from privet.recommend.personal import PersonalFrequency
from privet.recommend.popularity import Popularity, PopularityFitted
from privet.recommend.reasons import Reason, because
from privet.recommend.sparse import SparseEASE
from privet.recommend.split import TASKS, Task, Truth, after, before, lists, truth
from privet.recommend.state import Contributions, State, from_bytes, to_bytes

__all__ = [
    "EASE",
    "EMPTY",
    "KINDS",
    "TASKS",
    "Artifact",
    "ContentTFIDF",
    "Contributions",
    "Fitted",
    "Histories",
    "History",
    "Hybrid",
    "ItemItem",
    "NextBasket",
    "PersonalFrequency",
    "Popularity",
    "PopularityFitted",
    "Quality",
    "Reason",
    "Recommender",
    "SparseEASE",
    "State",
    "Task",
    "Truth",
    "after",
    "because",
    "before",
    "build",
    "from_bytes",
    "lists",
    "pack",
    "quality",
    "rating_errors",
    "to_bytes",
    "truth",
    "unpack",
]
