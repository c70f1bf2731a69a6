"""A data scientist's notebook: from features to segments and models, and nobody's name.

python examples/data_scientist.py [DIRECTORY]

Each `# %%` is a cell for an editor that knows them. The data is generated.
"""

# %% A home with people who agreed, and sixty days of what they bought
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

import privet
from privet.recommend import NextBasket, Popularity
from privet.segments import GaussianMixture, KMeans

place = Path(sys.argv[1] if len(sys.argv) > 1 else "var/data-scientist")
now = datetime.now(UTC)
start, cut = now - timedelta(days=60), now - timedelta(days=20)
people = [f"person-{n}" for n in range(120)]
shop = privet.open(place / "home", policy="pack:grocery")
operator = shop.principal("ops", roles=["operator"])
operator.admin.load_items(
    [{"item": f"i-{n}", "type": f"type {n}", "department": "GROCERY"} for n in range(30)]
)
operator.admin.add_notice("pack:grocery")  # what people are told before they answer
grounds = pd.DataFrame(
    [
        (
            person,
            purpose,
            *(("begun", start) if purpose == "orders" else ("yes", datetime.now(UTC))),
        )
        for person in people
        for purpose in ("orders", "recommendations", "segmentation")
    ],
    columns=["subject", "purpose", "kind", "at"],
)
desk = shop.principal("import", roles=["privacy-desk", "storefront"])
desk.consent.load(grounds, notice="grocery/2026-11/en", channel="post", evidence="reply card")
bought = pd.DataFrame(
    [
        (person, start + timedelta(days=visit * (9 if n % 2 else 4)), f"i-{item}", f"{n}-{visit}")
        for n, person in enumerate(people)
        for visit in range(6 if n % 2 else 14)
        for item in sorted({n % 5, (n + visit) % 30, 7})
    ],
    columns=["subject", "at", "item", "basket"],
).assign(quantity=1, value=2, discount=0, coupon=0, store="s")
operator.purpose("orders").load("purchase", bought, columns={name: name for name in bought})
scientist = shop.principal("sam", roles=["trainer"])

# %% Features: of everybody who agreed, under numbers that mean nothing outside
table = scientist.purpose("segmentation").features(["recency", "frequency", "monetary"])
print(f"features: {len(table)} people\n{table.describe().loc[['mean', 'std']].round(1)}")

# %% Segments: compare ways, take the chosen one
segments = scientist.purpose("segmentation").segments
ways = [
    method(["recency", "frequency", "monetary"], k=k)
    for method in (KMeans, GaussianMixture)
    for k in (2, 3)
]
choice = segments.choose(ways)
print(choice[["method", "k", "silhouette", "stability", "chosen"]].round(2).to_string(index=False))
chosen = ways[int(choice["chosen"].to_numpy().argmax())]
version = segments.train("habits", chosen)
print("segments:", segments.evaluate(version))

# %% A model: learn until the cut, judge by what came after
models = scientist.purpose("recommendations").models
picks = models.train("picks", NextBasket(by="type"), until=cut)
found = models.evaluate(picks, cut=cut).measured["repeat"]
for name, measured in found.items():
    low, high = measured.intervals["ndcg"]
    print(f"nDCG@10 {name}: {measured.quality.ndcg:.2f} ({low:.2f} to {high:.2f})")

# %% How much agreement and how much history it needs
by_share = models.curve("consent", Popularity(by="type"), cut=cut, at=[0.5, 1.0])
by_days = models.curve("history", NextBasket(by="type"), cut=cut, at=[14, 40])
print(by_share[["at", "task", "ndcg"]].round(2).to_string(index=False))
print("days that are enough:", by_days.attrs["smallest_window"])

# %% The card for whoever reviews it; then it may serve
card = models.card(picks)
(place / "card.html").write_text(card.html(), encoding="utf-8")
print("forgets:", card.data["forgetting"]["text"])
models.serve(picks)
shop.close()
