"""What a policy says of its own life: who approves of the next one, and what an end does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from privet.policy.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.policy.context import Context
    from privet.policy.dataform import DataForm
    from privet.policy.policyform import PolicyForm
    from privet.policy.problems import Problems
    from privet.policy.reading import Document

Running = Literal["stop", "finish"]
ChangedFile = Literal["record", "refuse"]
PUBLIC_KEY = r"ed25519:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="
"""32 bytes in canonical base64 (RFC 4648)."""
END = "..."
"""YAML's own mark of a document's end (YAML 1.2.2, 9.1.2)."""


@dataclass(frozen=True, eq=True)
class Life(Frozen):
    """How one version of a policy gives way to the next.

    Attributes:
        needed: how many people must approve of the next one; 0 where nobody must.
        approvers: each person who may, with her public keys.
        running: what becomes of bulk jobs that began under the policy before.
        changed_file: what becomes of a process whose document was changed after it was read.
        marked: whether both documents say where they end.
    """

    needed: int = 0
    approvers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    running: Running = "stop"
    changed_file: ChangedFile = "record"
    marked: bool = False

    def person(self, key: str) -> str | None:
        """Whose public key this is; None for nobody's."""
        return next((name for name, keys in self.approvers.items() if key in keys), None)


def life(data: DataForm, policy: PolicyForm) -> Life:
    """What two documents say of it."""
    approvals = policy.approvals
    return Life(
        approvals.needed if approvals else 0,
        {name: tuple(keys) for name, keys in approvals.by.items()} if approvals else {},
        policy.running,
        policy.changed_file,
        bool(data.end and policy.end),
    )


def check_end(document: Document, text: str, marked: str | None, problems: Problems) -> None:
    """Refuse a document that says that its end is marked and has no mark: it was cut short."""
    lines = text.rstrip("\n").rpartition("\n")
    if marked and lines[2] != END:
        problems.at(
            document,
            ("end",),
            "the document says that its end is marked, and the mark is not there",
            "what was cut off may have been denies; what is left would permit more",
            f"Take the whole document; its last line is `{END}`.",
        )


def check_approvals(context: Context) -> None:
    """Note what would let one person approve alone, or nobody ever."""
    form = context.policy.approvals
    if form is None:
        return
    if form.needed > len(form.by):
        context.wrong(
            ("approvals", "needed"),
            "more people must approve than there are",
            "no other policy could ever be activated",
            "Name more people, or ask for fewer.",
        )
    seen: dict[str, str] = {}
    for name, keys in form.by.items():
        for i, key in enumerate(keys):
            if key in seen:
                context.wrong(
                    ("approvals", "by", name, i),
                    "this key is there twice",
                    "one signature would count for two people",
                    "Give each person keys of her own.",
                )
            if not is_sound(key):
                context.wrong(
                    ("approvals", "by", name, i),
                    "this is no key that a person can have made",
                    "anybody can make signatures for it (a point of small order, RFC 8032 5.1)",
                    "Make one: `privet policy keygen`.",
                )
            seen[key] = name


def is_sound(key: str) -> bool:
    """Whether a public key is of full order, as every honestly made one is."""
    from privet.crypto import SMALL_ORDER
    from privet.policy.approval import raw

    return raw(key) not in SMALL_ORDER
