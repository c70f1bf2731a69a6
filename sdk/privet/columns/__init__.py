"""Columns of an app's own tables, sealed under the key of the row's person.

    class Customer(SQLModel, table=True):
        id: str = Field(primary_key=True)
        phone: Any = Field(
            sa_column=Column(privet.Sealed("orders", "profile.phone", subject="id"))
        )

    with orders.sealing(session):                 # an ``Access``: who and why
        session.add(Customer(id="ada", phone="+49 30 1"))
        session.commit()
    with orders.opening(session):
        session.get(Customer, "ada").phone.value  # "+49 30 1"

Anywhere else the attribute is a ``SealedValue`` that shows nothing, and the table holds bytes.
"""

from privet.columns.column import Sealed
from privet.columns.opening import opening
from privet.columns.sealing import sealing
from privet.columns.value import SealedValue

__all__ = ["Sealed", "SealedValue", "opening", "sealing"]
