"""A request under Art. 17: look first, erase, and check the certificate as anybody can.

python examples/erasure.py [DIRECTORY]

Ada looked at a kettle and ordered it. The look goes, and she is subtracted from the model
that learned from it; her order stays for as long as a tax law holds it.
"""

import json
import sys
from pathlib import Path

import privet
from privet.audit.verifier import verify_certificate
from privet.recommend import Popularity


def main(directory: str = "var/erasure") -> None:
    """Erase one person, and leave the certificate beside the home."""
    place = Path(directory)
    with privet.open(place / "home", policy="pack:shop") as shop:
        live_a_little(shop)
        desk = shop.principal("desk", roles=["privacy-desk"])
        for line in desk.rights.plan("ada"):
            print(f"plan: {line.what} {line.name}: {line.fate}", line.law)
        erasure = desk.rights.erase("ada", request="R-2026-17")
        key = shop.principal("carl", roles=["auditor"]).audit.verifier_key
    certificate = place / "certificate.json"
    certificate.write_bytes(erasure.certificate)
    print(f"{erasure.state}; certificate verifies: {verifies(certificate, key)}")


def verifies(certificate: Path, key: str) -> bool:
    """Whether the certificate holds under a key that came another way, told with what it says."""
    said = json.loads(certificate.read_bytes())["certificate"]
    print("gone:", ", ".join(said["gone"]))
    print("held:", ", ".join(f"{h['law']} until {h['until'][:4]}" for h in said["held"]))
    print("models without her:", ", ".join(m["name"] for m in said["models"]))
    return verify_certificate(certificate.read_bytes(), vkey=key).ok


def live_a_little(shop: privet.Deployment) -> None:
    """Ada agrees, looks at a kettle and orders it; a model learns from what she looked at."""
    operator = shop.principal("ops", roles=["operator"])
    operator.admin.load_items([{"item": "kettle"}])
    operator.admin.add_notice("pack:shop")
    ada = shop.subject("ada", proof="login")
    (question,) = ada.consent.ask(["recommendations"])
    ada.consent.answer({"recommendations": True}, notice=question["notice"], how="web")
    storefront = shop.principal("web", roles=["storefront"])
    storefront.consent.begin("ada", "orders", reference="account opened")
    storefront.purpose("recommendations").record("ada", "view", event_id="1", item="kettle")
    order = {"order": "o-1", "item": "kettle", "quantity": 1, "value": "39.90"}
    storefront.purpose("orders").record("ada", "purchase", **order)
    models = shop.principal("nightly", roles=["trainer"]).purpose("recommendations").models
    models.serve(models.train("popular", Popularity(event="view")))


if __name__ == "__main__":
    main(*sys.argv[1:])
