"""The sealed store: typed array cells under keys of their own per subject and domain."""

from privet.vault.batch import Rows
from privet.vault.cells import Renewed
from privet.vault.compaction import Overdue
from privet.vault.keyring import Destruction, Keyring, open_keyring
from privet.vault.keyring.file import FileKeyring
from privet.vault.keys import EpochState, Keys, Terms
from privet.vault.reading import Fetched, Plan
from privet.vault.rekeying import alone, gen_of
from privet.vault.renewing import Renewing
from privet.vault.rows import by_subject
from privet.vault.shred import Ending
from privet.vault.store import Holding, Vault, twice
from privet.vault.subjects import Subjects
from privet.vault.writing import Committed, Prepared

__all__ = [
    "Committed",
    "Destruction",
    "Ending",
    "EpochState",
    "Fetched",
    "FileKeyring",
    "Holding",
    "Keyring",
    "Keys",
    "Overdue",
    "Plan",
    "Prepared",
    "Renewed",
    "Renewing",
    "Rows",
    "Subjects",
    "Terms",
    "Vault",
    "alone",
    "by_subject",
    "gen_of",
    "open_keyring",
    "twice",
]
