"""Backups of a deployment: three copies that belong together, and what a restore reads of them."""

from privet.backup.making import Backup, back_up
from privet.backup.manifest import Manifest
from privet.backup.reading import Parcel, find

__all__ = ["Backup", "Manifest", "Parcel", "back_up", "find"]
