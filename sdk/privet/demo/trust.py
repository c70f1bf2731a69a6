"""What the compliance officer and the person herself see: withdrawal, erasure, the log."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.audit.verifier import verify_certificate, verify_directory
from privet.demo import memory

if TYPE_CHECKING:
    from privet.demo.run import Story


def withdraw_and_erase(story: Story) -> None:
    """One household takes its consent back, another has itself erased.

    The first two with sales: in a home where the demo ran before, they did so already.
    """
    web = story.shop.principal("web", roles=["storefront"]).purpose("recommendations")
    buyers = set(story.tables.sales["household_id"])
    chosen = [h for h in story.eligible if h in buyers][:2]
    if len(chosen) < 2:
        return
    leaving, erased = chosen
    before = _digests(story)
    if web.recommend(str(leaving), k=1).personal:
        story.shop.subject(str(leaving), proof="demo").consent.withdraw("recommendations")
    after = web.recommend(str(leaving), k=3)
    story.facts["withdrawal"] = {
        "household": leaving,
        "personal_after": after.personal,
        "why": after.why,
        "models_changed": sorted(n for n, d in _digests(story).items() if before[n] != d),
    }
    memory.give_back()  # models were learned anew, and are once more
    herself = story.shop.subject(str(erased), proof="demo").rights
    planned = herself.plan()
    done = herself.erase()
    path = story.options.out / "certificate.json"
    path.write_bytes(done.certificate)
    verdict = verify_certificate(done.certificate, vkey=_vkey(story))
    story.facts["erasure"] = {
        "household": erased,
        "state": done.state,
        "plan": [asdict(line) for line in planned],
        "held": [asdict(held) for held in done.held],
        "certificate": str(path),
        "certificate_ok": verdict.ok,
    }


def audit(story: Story) -> None:
    """Export the log, verify it, forge a copy and have the forgery found."""
    directory = story.options.out / "audit"
    auditor = story.shop.principal("auditor", roles=["auditor"])
    with story.stage("exporting and verifying the log", 3) as advance:
        auditor.audit.export(directory)
        advance(1)
        verdict = verify_directory(directory, vkey=_vkey(story))
        advance(1)
        forged = story.options.out / "audit-forged"
        found = _forge(directory, forged, _vkey(story))
        advance(1)
    story.facts["audit"] = {
        "directory": str(directory),
        "records": verdict.size,
        "ok": verdict.ok,
        "forged": found,
    }


def _forge(directory: Path, copy: Path, vkey: str) -> dict[str, Any]:
    """Change one letter of a record in the middle of a copy; what the verifier says of it."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    bundles = sorted(p for p in (copy / "tile" / "entries").rglob("*") if p.is_file())
    bundle = bundles[len(bundles) // 2]
    data = bytearray(bundle.read_bytes())
    at = data.index(b'"policy"', len(data) // 2)
    data[at + 1] ^= 1
    bundle.write_bytes(bytes(data))
    verdict = verify_directory(copy, vkey=vkey)
    return {
        "ok": verdict.ok,
        "first_bad": verdict.first_bad,
        "problem": verdict.problems[0].what if verdict.problems else "",
    }


def _digests(story: Story) -> dict[str, str]:
    models = story.shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models
    return {v.name: v.digest.hex() for v in models.list() if v.state == "live"}


def _vkey(story: Story) -> str:
    return story.shop.principal("auditor", roles=["auditor"]).audit.verifier_key
