"""What people have in common at large: the few directions in which their entries differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RANKS = (15, 40)
"""How many directions are looked at: a rough picture of a person and a finer one."""
DAMPED = 0.25
"""An entry counts by its length to the power of one half, so that the popular do not fill all."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Themes:
    """The leading eigenvectors of a gram: pure singular value decomposition of people by entries.

    Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation
    tasks" (RecSys 2010). It knows of entries that are never had together what pairs cannot: that
    the same kind of people has them.

    Attributes:
        basis: the directions, the strongest first, shape (K, R), float64.
        length: what an entry's weight is multiplied by, shape (K,).
    """

    basis: np.ndarray
    length: np.ndarray

    @classmethod
    def of(cls, products: np.ndarray) -> Themes:
        """Of a gram of K entries, symmetric, with a diagonal above 0."""
        from scipy.linalg import eigh

        size = len(products)
        length = products.diagonal() ** -DAMPED
        if not size:
            return cls(np.zeros((0, 0)), length)
        some = [max(0, size - max(RANKS)), size - 1]
        # LAPACK wants columns one after the other: the transpose of a symmetric matrix is that.
        scaled = (products * length * length[:, None]).T
        _, found = eigh(scaled, subset_by_index=some, overwrite_a=True, check_finite=False)
        return cls(np.ascontiguousarray(found[:, ::-1]), length)

    def say(self, places: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """How a person looks in each number of directions.

        Args:
            places: her entries among the K.
            weight: of each.

        Returns:
            shape (number of ``RANKS``, K), float64; below 0 for what is unlike her.
        """
        hers = (weight * self.length[places]) @ self.basis[places]
        said = [self.basis[:, :rank] @ hers[:rank] / self.length for rank in RANKS]
        return np.stack(said)
