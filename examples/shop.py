"""A first recommendation: Ada agreed and looked at a kettle, Bob was never asked.

python examples/shop.py [DIRECTORY]
"""

import sys

import privet
from privet.recommend import ContentTFIDF

SHELF = ["steel kettle", "steel teapot", "desk lamp"]


def main(directory: str = "var/shop") -> None:
    """Open a shop, record one view, and recommend to two people."""
    with privet.open(directory, policy="pack:shop") as shop:
        operator = shop.principal("ops", roles=["operator"])
        operator.admin.load_items([{"item": name, "text": name} for name in SHELF])
        operator.admin.add_notice("pack:shop")  # what people are told
        nightly = shop.principal("nightly", roles=["trainer"]).purpose("recommendations")
        content = ContentTFIDF(event="view", text=("text",))
        nightly.models.serve(nightly.models.train("picks", content))

        ada = shop.subject("ada", proof="login")
        (question,) = ada.consent.ask(["recommendations"])  # show her its words, then:
        ada.consent.answer({"recommendations": True}, notice=question["notice"], how="web")
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        web.record("ada", "view", event_id="1", item="steel kettle")
        for person in ("ada", "bob"):
            picks = web.recommend(person, k=1, unseen=True)
            print(person, picks.personal, [(pick.item, pick.because) for pick in picks])


if __name__ == "__main__":
    main(*sys.argv[1:])
