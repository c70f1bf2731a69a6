"""The sealed store: typed array cells under keys of their own per subject and domain."""

from privet.vault.batch import Rows
from privet.vault.compaction import Overdue
from privet.vault.keyring import Destruction, Keyring, open_keyring
from privet.vault.keyring.file import FileKeyring
from privet.vault.keys import Keys
from privet.vault.reading import Fetched, Plan
from privet.vault.store import Holding, Vault, twice
from privet.vault.subjects import Subjects
from privet.vault.writing import Committed, Prepared

__all__ = [
    "Committed",
    "Destruction",
    "Fetched",
    "FileKeyring",
    "Holding",
    "Keyring",
    "Keys",
    "Overdue",
    "Plan",
    "Prepared",
    "Rows",
    "Subjects",
    "Vault",
    "open_keyring",
    "twice",
]
