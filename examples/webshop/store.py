"""What the shop does, each step through privet's gate."""

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Any

import privet
from privet.recommend import ContentTFIDF

PURPOSE = "recommendations"
SHELF = {  # id: title, words to compare by, price
    "kettle": ("Steel kettle", "steel kettle for tea water", "39.90"),
    "teapot": ("Steel teapot", "steel teapot for tea", "29.90"),
    "cup": ("Tea cup", "porcelain cup for tea", "6.50"),
    "lamp": ("Desk lamp", "lamp for a desk", "49.00"),
    "chair": ("Desk chair", "wooden chair for a desk", "99.00"),
    "blanket": ("Wool blanket", "warm wool blanket", "59.00"),
}
MODELS = {"bought": "purchase", "looked": "view"}


class Webshop:
    """The shop without its pages."""

    def __init__(self, directory: Path) -> None:
        self.shop = privet.open(directory / "home", policy="pack:shop")
        self.certificates = directory / "certificates"
        self.certificates.mkdir(mode=0o700, exist_ok=True)
        self.secret = secrets.token_bytes(32)
        self.web = self.shop.principal("web", roles=["storefront"])
        operator = self.shop.principal("ops", roles=["operator"])
        operator.admin.load_items(
            [{"item": i, "title": title, "text": words} for i, (title, words, _) in SHELF.items()]
        )
        operator.admin.add_notice("pack:shop")  # what visitors are told; the same again is nothing
        models = self.shop.principal("start", roles=["trainer"]).purpose(PURPOSE).models
        for name, event in MODELS.items():
            models.serve(models.train(name, ContentTFIDF(event=event, text=("text",))))

    def token(self, visitor: str) -> str:
        """What a form must send back, so that no other site can send it (CSRF)."""
        return hmac.new(self.secret, visitor.encode(), hashlib.sha256).hexdigest()

    def answer(self, visitor: str, *, yes: bool, notice: str, seen: int) -> None:
        """Keep a yes or a no, with the hash of the words that she saw."""
        she = self.shop.subject(visitor, proof="session cookie")
        she.consent.answer({PURPOSE: yes}, notice=notice, how="web-banner", seen=seen)

    def look(self, visitor: str, item: str) -> None:
        """Keep that she looked at an item, where she agreed to that."""
        try:
            access = self.web.purpose(PURPOSE)
            access.record(visitor, "view", event_id=secrets.token_hex(8), item=item)
        except privet.AccessDenied:
            return  # without her consent nothing is kept, and the page is the same

    def buy(self, visitor: str, item: str) -> None:
        """Take an order: the contract is its ground, whatever she said to recommendations."""
        self.web.consent.begin(visitor, "orders", reference="order in the web shop")
        line = {"order": secrets.token_hex(8), "item": item, "quantity": 1, "value": SHELF[item][2]}
        self.web.purpose("orders").record(visitor, "purchase", **line)

    def known(self, visitor: str) -> dict[str, Any] | None:
        """All that is kept about her; None where nothing is."""
        try:
            return self.shop.subject(visitor, proof="session cookie").rights.access()
        except (privet.UnknownSubject, privet.Erased):
            return None

    def standing(self, visitor: str) -> str:
        """Where her answer stands; ``none`` where she gave none."""
        try:
            she = self.shop.subject(visitor, proof="session cookie")
            return she.consent.state()[PURPOSE]
        except (privet.UnknownSubject, privet.Erased):
            return "none"
