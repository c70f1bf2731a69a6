"""How sure a mean is: people drawn again and again."""

from __future__ import annotations

import numpy as np

DRAWS = 1000
LEVEL = 0.95
CHUNK = 100


def bootstrap(values: np.ndarray, *, seed: int = 0, draws: int = DRAWS) -> tuple[float, float]:
    """The percentile interval of a mean at 95 %, the people being drawn with replacement.

    Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979). The same values and
    seed give the same bounds.

    Args:
        values: one per person, shape (P,), float64.
        seed: of the draws.
        draws: how many.

    Returns:
        lower and upper bound; NaN for nobody.
    """
    count = len(values)
    if not count:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = [
        values[rng.integers(0, count, (min(CHUNK, draws - begun), count))].mean(axis=1)
        for begun in range(0, draws, CHUNK)
    ]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(means), (tail, 1 - tail))
    return float(low), float(high)
