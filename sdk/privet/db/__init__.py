"""Three stores (data, keys, audit) in SQLite files or PostgreSQL schemas, through one door."""

from privet.db.home import Home, Location, create_stores, locate, migrate_stores, open_stores
from privet.db.store import Store, Tx

__all__ = [
    "Home",
    "Location",
    "Store",
    "Tx",
    "create_stores",
    "locate",
    "migrate_stores",
    "open_stores",
]
