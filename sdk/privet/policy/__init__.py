"""Who may use what, for what, on which ground: two documents and one pure decision.

The rules of this room:

- Nothing is permitted by default; a deny overrides every permit; what cannot be
  evaluated is refused.
- A key that is accepted is enforced; an unknown one is refused.
- A fault names file, line, what is wrong and how to mend it, never a document's values.
- The storage layout (atoms, domains) follows from the rules; nobody declares it.

>>> from privet.policy import Ask, load
>>> policy = load("pack:shop")
>>> ask = Ask(frozenset({"storefront"}), "recommendations", "recommend", frozenset({"view.item"}))
>>> policy.decide(ask).permits
('suggest',)
"""

from privet.policy.approval import Approval, make_key, sign
from privet.policy.decide import Ask, Decision
from privet.policy.imported import Imported
from privet.policy.knowledge import (
    Because,
    EventSpec,
    FieldSpec,
    ItemSpec,
    Reveal,
    SubjectSpec,
    fold,
)
from privet.policy.layout import (
    APART,
    COLUMN,
    HELD,
    Atom,
    DomainSpec,
    apart,
    column,
    ended_with,
    fates,
    is_held,
)
from privet.policy.life import Life
from privet.policy.load import compile_documents, load, packs, pin, schema
from privet.policy.minimize import Minimize
from privet.policy.period import Period
from privet.policy.policy import Policy
from privet.policy.purpose import (
    Assessment,
    Controller,
    Hold,
    ModelRules,
    PurposeSpec,
    Recipient,
    SpecialGround,
)
from privet.policy.rules import Deny, Duty, Permit
from privet.policy.trials import TestResult, run_tests
from privet.policy.when import UNKNOWN, UNREADABLE, Circumstances, When, Window

__all__ = [
    "APART",
    "COLUMN",
    "HELD",
    "UNKNOWN",
    "UNREADABLE",
    "Approval",
    "Ask",
    "Assessment",
    "Atom",
    "Because",
    "Circumstances",
    "Controller",
    "Decision",
    "Deny",
    "DomainSpec",
    "Duty",
    "EventSpec",
    "FieldSpec",
    "Hold",
    "Imported",
    "ItemSpec",
    "Life",
    "Minimize",
    "ModelRules",
    "Period",
    "Permit",
    "Policy",
    "PurposeSpec",
    "Recipient",
    "Reveal",
    "SpecialGround",
    "SubjectSpec",
    "TestResult",
    "When",
    "Window",
    "apart",
    "column",
    "compile_documents",
    "ended_with",
    "fates",
    "fold",
    "is_held",
    "load",
    "make_key",
    "packs",
    "pin",
    "run_tests",
    "schema",
    "sign",
]
