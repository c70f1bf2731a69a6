"""A campaign to one segment: only who agreed to both, and how many were left out for which reason.

python examples/campaign.py [DIRECTORY]

Segments are made with consent to segmentation; the mailer gets addresses of those alone who
agreed to the newsletter as well. Everybody on the list finds it in her own history.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

import privet
from privet.segments import KMeans

PEOPLE = 240
NOW = datetime.now(UTC)


def main(directory: str = "var/campaign") -> None:
    """Make two segments, release the one that comes often to the mailer, and write its list."""
    place = Path(directory)
    with privet.open(place / "home", policy="pack:grocery") as shop:
        live_a_little(shop)
        nightly = shop.principal("nightly", roles=["trainer"]).purpose("segmentation").segments
        nightly.serve(nightly.train("habits", KMeans(["recency", "frequency", "monetary"], k=2)))
        marketer = shop.principal("ines", roles=["marketer"])
        shown = marketer.purpose("segmentation").segments.show()
        print(shown[["segment", "size", "persona"]].to_string(index=False))
        chosen = shown.loc[shown["persona"].str.contains("comes often"), "segment"].iloc[0]
        mail = marketer.purpose("newsletter").segments
        release = mail.release(chosen, fields=["profile.email"], to="mailer")
        print(f"released: {release.people}; withheld: {dict(release.withheld)}")
        release.to_csv(place / "campaign.csv")
    print(f"lines in the file: {len((place / 'campaign.csv').read_text().splitlines())}")


def live_a_little(shop: privet.Deployment) -> None:
    """All agree to be segmented, every other pair to the newsletter; some buy more than others."""
    operator = shop.principal("ops", roles=["operator"])
    operator.admin.load_items([{"item": "tea", "type": "TEA", "department": "GROCERY"}])
    operator.admin.add_notice("pack:grocery")  # what people are told before they answer
    people = [f"person-{n}" for n in range(PEOPLE)]
    opened = NOW - timedelta(days=60)
    answers = [
        (person, purpose, kind, opened if kind == "begun" else datetime.now(UTC))
        for n, person in enumerate(people)
        for purpose, kind in (
            ("orders", "begun"),
            ("segmentation", "yes"),
            ("newsletter", "no" if n % 4 < 2 else "yes"),
        )
    ]
    frame = pd.DataFrame(answers, columns=["subject", "purpose", "kind", "at"])
    desk = shop.principal("import", roles=["privacy-desk", "storefront"])
    desk.consent.load(frame, notice="grocery/2026-11/en", channel="post", evidence="reply card")
    till = shop.principal("till", roles=["storefront"]).purpose("orders")
    for person in people:
        till.describe(person, email=f"{person}@example.com")
    sales = pd.DataFrame(
        [
            (person, NOW - timedelta(days=1 + 5 * basket, minutes=n), f"{n}-{basket}")
            for n, person in enumerate(people)
            for basket in range(10 if n % 2 else 2)
        ],
        columns=["subject", "at", "basket"],
    ).assign(item="tea", quantity=1, value=2.5, discount=0, coupon=0, store="s1")
    operator.purpose("orders").load("purchase", sales, columns={name: name for name in sales})


if __name__ == "__main__":
    main(*sys.argv[1:])
