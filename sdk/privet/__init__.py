"""privet: privacy-first personalization, where every read passes one gate.

    import privet

    shop = privet.open("var/shop", policy="pack:shop")
    web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
    web.recommend("ada", k=5)

Names load on first use, so that importing privet costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from privet.errors import (
    AccessDenied,
    AuditUnavailable,
    ConsentMissing,
    Erased,
    HandleInvalid,
    IntegrityError,
    InvalidInput,
    KeyUnavailable,
    MissingExtra,
    ModelUnavailable,
    Objected,
    PolicyError,
    PrivetError,
    StaleAnswer,
    StoreUnavailable,
    UnknownSubject,
)

if TYPE_CHECKING:
    from privet.auditdesk import AuditDesk
    from privet.backup.making import Backup
    from privet.backup.renewal import Restore
    from privet.clock import Clock
    from privet.columns.column import Sealed
    from privet.columns.value import SealedValue
    from privet.deployment import Deployment
    from privet.deployment import open_deployment as open
    from privet.desks import AdminDesk, ConsentDesk, RightsDesk
    from privet.gate.objections import Objection
    from privet.gate.planning import PlanLine
    from privet.gate.register import Erasure
    from privet.gate.renewal import Renewal
    from privet.gate.versions import Version
    from privet.ingest import LoadReport, Receipt
    from privet.maintenance import Maintenance
    from privet.notices import Notice
    from privet.principals import Access, Models, Principal
    from privet.recommend.evaluating import Evaluation
    from privet.recommend.picks import Pick, Picks
    from privet.restoring import Restored, restore
    from privet.rights.answering import ConsentReceipt
    from privet.rights.notices import NoticeLine, Notices
    from privet.subject import OwnConsent, OwnRights, Subject
    from privet.vault.keyring.aws import AwsKmsKeyring
    from privet.vault.keyring.environment import EnvironmentKeyring
    from privet.vault.keyring.file import FileKeyring
    from privet.vault.keyring.pkcs11 import Pkcs11Keyring
    from privet.vault.keyring.protocol import Destruction, Keyring
    from privet.vault.keyring.system import OsKeyring
    from privet.vault.keyring.transit import VaultKeyring

__version__ = "0.1.0"

_WHERE = {
    "open": ("privet.deployment", "open_deployment"),
    "Deployment": ("privet.deployment", "Deployment"),
    "Clock": ("privet.clock", "Clock"),
    "Version": ("privet.gate.versions", "Version"),
    "Erasure": ("privet.gate.register", "Erasure"),
    "PlanLine": ("privet.gate.planning", "PlanLine"),
    "LoadReport": ("privet.ingest", "LoadReport"),
    "Receipt": ("privet.ingest", "Receipt"),
    "Maintenance": ("privet.maintenance", "Maintenance"),
    "Notice": ("privet.notices", "Notice"),
    "NoticeLine": ("privet.rights.notices", "NoticeLine"),
    "Notices": ("privet.rights.notices", "Notices"),
    "Pick": ("privet.recommend.picks", "Pick"),
    "Picks": ("privet.recommend.picks", "Picks"),
    "Evaluation": ("privet.recommend.evaluating", "Evaluation"),
    "Backup": ("privet.backup.making", "Backup"),
    "Restore": ("privet.backup.renewal", "Restore"),
    "Restored": ("privet.restoring", "Restored"),
    "restore": ("privet.restoring", "restore"),
    "Access": ("privet.principals", "Access"),
    "Models": ("privet.principals", "Models"),
    "Principal": ("privet.principals", "Principal"),
    "AdminDesk": ("privet.desks", "AdminDesk"),
    "AuditDesk": ("privet.auditdesk", "AuditDesk"),
    "ConsentDesk": ("privet.desks", "ConsentDesk"),
    "Renewal": ("privet.gate.renewal", "Renewal"),
    "RightsDesk": ("privet.desks", "RightsDesk"),
    "ConsentReceipt": ("privet.rights.answering", "ConsentReceipt"),
    "Objection": ("privet.gate.objections", "Objection"),
    "OwnConsent": ("privet.subject", "OwnConsent"),
    "OwnRights": ("privet.subject", "OwnRights"),
    "Subject": ("privet.subject", "Subject"),
    "AwsKmsKeyring": ("privet.vault.keyring.aws", "AwsKmsKeyring"),
    "EnvironmentKeyring": ("privet.vault.keyring.environment", "EnvironmentKeyring"),
    "FileKeyring": ("privet.vault.keyring.file", "FileKeyring"),
    "OsKeyring": ("privet.vault.keyring.system", "OsKeyring"),
    "Pkcs11Keyring": ("privet.vault.keyring.pkcs11", "Pkcs11Keyring"),
    "VaultKeyring": ("privet.vault.keyring.transit", "VaultKeyring"),
    "Keyring": ("privet.vault.keyring.protocol", "Keyring"),
    "Destruction": ("privet.vault.keyring.protocol", "Destruction"),
    "Sealed": ("privet.columns", "Sealed"),
    "SealedValue": ("privet.columns", "SealedValue"),
}

__all__ = [
    "Access",
    "AccessDenied",
    "AdminDesk",
    "AuditDesk",
    "AuditUnavailable",
    "AwsKmsKeyring",
    "Backup",
    "Clock",
    "ConsentDesk",
    "ConsentMissing",
    "ConsentReceipt",
    "Deployment",
    "Destruction",
    "EnvironmentKeyring",
    "Erased",
    "Erasure",
    "Evaluation",
    "FileKeyring",
    "HandleInvalid",
    "IntegrityError",
    "InvalidInput",
    "KeyUnavailable",
    "Keyring",
    "LoadReport",
    "Maintenance",
    "MissingExtra",
    "ModelUnavailable",
    "Models",
    "Notice",
    "NoticeLine",
    "Notices",
    "Objected",
    "Objection",
    "OsKeyring",
    "OwnConsent",
    "OwnRights",
    "Pick",
    "Picks",
    "Pkcs11Keyring",
    "PlanLine",
    "PolicyError",
    "Principal",
    "PrivetError",
    "Receipt",
    "Renewal",
    "Restore",
    "Restored",
    "RightsDesk",
    "Sealed",
    "SealedValue",
    "StaleAnswer",
    "StoreUnavailable",
    "Subject",
    "UnknownSubject",
    "VaultKeyring",
    "Version",
    "open",
    "restore",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'privet' has no attribute {name!r}")
    module, attribute = _WHERE[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
