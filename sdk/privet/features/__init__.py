"""Features: declared with the fields they need, computed alike for one subject and for all.

Pure functions over opened ``Events``: nothing here knows a store or decides who may see
what; the gate opens exactly the fields that ``needs`` lists, and calls ``compute``.
"""

from privet.features.catalogue import Catalogue, Level
from privet.features.compute import BUILT_IN, compute, feature, needs
from privet.features.daytime import time_of_day
from privet.features.people import demographic
from privet.features.rhythm import days_between_visits, frequency, recency, visits_30_days
from privet.features.spec import Cohort, Feature
from privet.features.spending import average_order, discount_share, monetary
from privet.features.taste import category_share

__all__ = [
    "BUILT_IN",
    "Catalogue",
    "Cohort",
    "Feature",
    "Level",
    "average_order",
    "category_share",
    "compute",
    "days_between_visits",
    "demographic",
    "discount_share",
    "feature",
    "frequency",
    "monetary",
    "needs",
    "recency",
    "time_of_day",
    "visits_30_days",
]
