"""A policy changes: read what it means, try it on last week, have two people sign, activate.

python examples/policy_change.py [DIRECTORY]

The policy in force asks for two signatures of three. A first draft would break the shop's own
list, which last week's requests show before anybody is hurt; the second goes live. The same
with the command line: docs/guide/change-a-policy.md.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import privet
from privet.policy import load, make_key, sign
from privet.recommend import ContentTFIDF
from privet.review import diff

WEEK = timedelta(days=7)
SIGNERS = ("privacy-officer", "head-of-it", "works-council")
SUGGEST = "fields: [purchase.item, purchase.order, view.item], minimize: {time: day}"
NO_VIEWS = "fields: [purchase.item, purchase.order], minimize: {time: day}"
BY_WEEK = "fields: [purchase.item, purchase.order, view.item], minimize: {time: week}"


def main(directory: str = "var/policy-change") -> None:
    """From the policy of today to the one of tomorrow."""
    place = Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    keys = {name: place / f"{name}.pem" for name in SIGNERS}
    today = drafted(place / "today", "data: data.yaml", f"data: data.yaml\n{approvals(keys)}")
    with privet.open(place / "home", policy=today) as shop:
        live_a_week(shop)
        careful = drafted(place / "careful", SUGGEST, NO_VIEWS, of=today)
        better = drafted(place / "better", SUGGEST, BY_WEEK, of=today)
        for draft in (careful, better):
            review(shop, today, draft)
        activate(shop, better, keys)
    with privet.open(place / "home") as shop:
        learn(shop)  # a model serves under the rules that it was made under, and under no others
        print("approved by:", ", ".join(sorted(ops(shop).history()[-1].approvals)))
        (pick,) = storefront(shop).recommend("person-3", k=1, unseen=True)
        print("still suggested:", pick.item, pick.because)


def review(shop: privet.Deployment, today: Path, draft: Path) -> None:
    """What it means for whom, and what last week would have been under it."""
    print(f"# {draft.name}")
    for change in diff(load(today), load(draft)).changes:
        print(f"{change.kind}: {change.sentence}")
    auditor = shop.principal("carl", roles=["auditor"])
    found = auditor.audit.replay(draft, since=datetime.now(UTC) - WEEK)
    print(f"of {found.requests} requests {found.same} are decided the same")
    for changed in found.changes:
        print(f"{changed.outcome}: {changed.sentence}")


def activate(shop: privet.Deployment, draft: Path, keys: dict[str, Path]) -> None:
    """One signature is too few; with two of three it is activated, by who may administer."""
    admin = ops(shop)
    candidate, where = load(draft), admin.place
    signed = [sign(candidate, where, keys[name]) for name in SIGNERS[:2]]
    try:
        admin.activate(draft, approvals=signed[:1])
    except privet.AccessDenied as refusal:
        print("one signature:", refusal.reason)
    print("re-sealed first:", admin.cost(draft).cells, "cells")
    print("activated:", admin.activate(draft, approvals=signed) == candidate.hash)


def drafted(place: Path, old: str, new: str, of: str | Path = "pack:shop") -> Path:
    """A copy of a policy's two documents with one change."""
    place.mkdir(exist_ok=True)
    documents = load(of).documents
    (place / "policy.yaml").write_text(documents["policy"].replace(old, new, 1))
    (place / "data.yaml").write_text(documents["data"])
    return place


def approvals(keys: dict[str, Path]) -> str:
    """Who must sign the next policy: each makes a key, and keeps it for herself."""
    people = [f'    {name}: ["{make_key(path)}"]' for name, path in keys.items()]
    return "\n".join(["approvals:", "  needed: 2", "  by:", *people])


def live_a_week(shop: privet.Deployment) -> None:
    """Six people agree, look at things, and are suggested others."""
    admin = ops(shop)
    admin.load_items([{"item": name, "text": name} for name in ("steel kettle", "steel pot")])
    admin.add_notice("pack:shop")
    for n in range(6):
        herself = shop.subject(f"person-{n}", proof="login")
        (question,) = herself.consent.ask(["recommendations"])
        herself.consent.answer({"recommendations": True}, notice=question["notice"], how="web")
        storefront(shop).record(f"person-{n}", "view", event_id=f"v-{n}", item="steel kettle")
    learn(shop)
    for n in range(6):
        storefront(shop).recommend(f"person-{n}", k=1, unseen=True)


def learn(shop: privet.Deployment) -> None:
    """Train and serve."""
    models = shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models
    models.serve(models.train("picks", ContentTFIDF(event="view", text=("text",))))


def storefront(shop: privet.Deployment) -> privet.principals.Access:
    """The shop's pages, for recommendations."""
    return shop.principal("web", roles=["storefront"]).purpose("recommendations")


def ops(shop: privet.Deployment) -> privet.principals.AdminDesk:
    """Who runs the deployment."""
    return shop.principal("ops", roles=["operator"]).admin


if __name__ == "__main__":
    main(*sys.argv[1:])
