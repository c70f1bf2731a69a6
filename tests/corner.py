"""A small shop whose policy is changed, and people in it."""

from __future__ import annotations

from pathlib import Path

from privet.deployment import Deployment, open_deployment

DATA = """\
privet: data/1
subject: {is: customer, id: text}
timezone: UTC
categories:
  account: {}
profile:
  name: {type: text, category: account}
  city: {type: text, category: account}
events:
  purchase:
    unique: [order]
    fields:
      order: {type: id, category: account}
      item: {type: text, category: account}
      value: {type: int, category: account}
"""
POLICY = """\
privet: policy/1
name: corner
data: data.yaml
controller: {name: Corner shop, contact: mail@example.org}
purposes:
  service: {text: We serve you., basis: {contract: order}, retention: 2y}
roles:
  shop: {}
  ops: {}
  desk: {}
permits:
  - {id: collect, role: shop, for: service, may: [collect], fields: ["*"]}
  - {id: look, role: shop, for: service, may: [read], fields: ["*"]}
  - {id: contracts, role: shop, for: "privet:consent", may: [begin, end]}
  - {id: admin, role: ops, for: "privet:administration", may: [administer]}
  - {id: log, role: desk, for: "privet:accountability", may: [prove, export]}
  - {id: people, role: desk, for: "privet:rights", may: [read, erase, export], fields: ["*"]}
denies:
  - {id: no-value, text: Values stay., roles: [desk], for: [service], fields: [purchase.value]}
"""
FINER = POLICY.replace(
    'may: [read], fields: ["*"]}', "may: [read], fields: [purchase.order, purchase.item]}"
).replace(
    "  - {id: contracts",
    "  - {id: values, role: ops, for: service, may: [read], "
    "fields: [purchase.value, profile.name, profile.city]}\n"
    "  - {id: contracts",
)
"""What a shop assistant reads holds the value no more: it is to be sealed apart."""


class Corner:
    """A home, opened again after each activation."""

    def __init__(self, where: str, keys: Path, clock: object, root: Path) -> None:
        self.where, self.keys, self.clock, self.root = where, keys, clock, root
        self.write(POLICY)
        self.shop = self.open(policy=self.path)

    @property
    def path(self) -> Path:
        return self.root / "policy.yaml"

    def write(self, policy: str, data: str = DATA) -> Path:
        self.root.mkdir(exist_ok=True)
        (self.root / "data.yaml").write_text(data)
        self.path.write_text(policy)
        return self.path

    def open(self, **more: object) -> Deployment:
        return open_deployment(
            self.where, keyring=f"file:{self.keys}", clock=self.clock, sync="OFF", **more
        )  # type: ignore[arg-type]

    def again(self, **more: object) -> Deployment:
        self.shop.close()
        self.shop = self.open(**more)
        return self.shop

    @property
    def admin(self):  # type: ignore[no-untyped-def]
        return self.shop.principal("olga", roles=["ops"]).admin

    def activate(self, policy: object, **more: object) -> str:
        digest = self.admin.activate(policy, **more)
        self.again()
        return digest

    def buy(self, *people: str, shop: Deployment | None = None, order: str = "o1") -> None:
        clerk = (shop or self.shop).principal("carl", roles=["shop"])
        for who in people:
            clerk.consent.begin(who, "service", reference="r")
            clerk.purpose("service").record(who, "purchase", order=order, item="tea", value=777)

    def records(self) -> list[dict]:
        log = self.shop._parts.log
        return [body for _, body in log.leaves(0, log.size())]
