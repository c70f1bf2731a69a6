"""Each domain pack holds its own tests beside each law that it does not import."""

from __future__ import annotations

import pytest

from privet.policy import compile_documents, load, packs, pin, run_tests

DOMAINS = [name for name in packs() if not load(f"pack:{name}").protects]
LAWS = [name for name in packs() if name not in {*DOMAINS, "gdpr"}]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_pack_stands_beside_a_law(domain: str, law: str) -> None:
    mine = f"""
privet: policy/1
name: mine
data: data.yaml
imports: [{pin(f"pack:{domain}")}, {pin(f"pack:{law}")}]
controller: {{name: Mine, contact: privacy@mine.example, officer: dpo@mine.example}}
"""
    data = load(f"pack:{domain}").documents["data"]
    policy = compile_documents({"policy": mine, "data": data})
    assert [r.name for r in run_tests(policy) if not r.passed] == []
    assert {pack.name for pack in policy.imports} == {"gdpr", domain, law}
