"""The web shop of ``examples/webshop``: a real server, walked through as a visitor would."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from privet.audit.verifier import verify_certificate

WEBSHOP = Path(__file__).resolve().parents[2] / "examples" / "webshop"

pytest.importorskip("fastapi", reason="needs privet[examples]")
httpx = pytest.importorskip("httpx", reason="needs httpx")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A shop on an empty directory and a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, str(WEBSHOP), str(tmp_path / "shop"), str(port)], stdout=log, stderr=log
    )
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert server.poll() is None, (tmp_path / "log").read_text()
            try:
                httpx.get(f"{base}/style.css")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield base
    finally:
        server.terminate()
        server.wait(30)
        log.close()


class Visitor:
    """Follows links and sends forms, as a browser without scripts."""

    def __init__(self, base: str) -> None:
        self.client = httpx.Client(base_url=base, follow_redirects=True)
        self.text = ""

    def go(self, path: str) -> str:
        self.text = self.client.get(path).text
        return self.text

    def press(self, label: str) -> str:
        for action, inside in re.findall(
            r'<form method="post" action="([^"]+)">(.*?)</form>', self.text
        ):
            if f'aria-label="{label}"' in inside or f">{label}<" in inside:
                fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', inside))
                self.text = self.client.post(action, data=fields).text
                return self.text
        raise AssertionError(label)


def certified(base: str, certificate: bytes) -> None:
    said = json.loads(certificate)["certificate"]
    assert said["gone"]
    assert verify_certificate(certificate, vkey=httpx.get(f"{base}/key").text).ok


def test_a_visitor_refuses_agrees_buys_looks_and_is_erased(address: str) -> None:
    she = Visitor(address)
    try:
        assert "May we?" in she.go("/")
        refused = she.press("No, thank you")
        assert "May we?" not in refused  # nobody is asked twice
        assert "Not personal: " in refused
        assert "because you" not in refused
        she.go("/item/lamp")
        assert (
            "lamp" not in she.go("/me").split("<details>")[0]
        )  # looked at without consent: not kept
        assert "Personal:" not in she.press("Yes, please")  # nothing is known of her yet
        bought = she.press("Buy Steel kettle")
        assert "Personal: " in bought
        assert "because you bought kettle" in bought
        she.go("/item/lamp")
        assert "because you looked at lamp" in she.go("/")
        known = she.go("/me")
        assert re.search(r"purchase: [^<]*kettle", known)
        assert re.search(r"view: [^<]*lamp", known)
        assert "Not personal: " in she.press("Withdraw my consent")
        assert "view: " not in she.go("/me")
        before = she.client.cookies["visitor"]
        gone = she.press("Erase me")
        assert "Keeping of tax records" in gone
        assert she.client.cookies["visitor"] != before
        name = re.search(r'href="(/certificate/[^"]+)"', gone)
        assert name
        certified(address, she.client.get(name[1]).content)
        assert "kettle" not in she.go("/me")
        assert "May we?" in she.go("/")
    finally:
        she.client.close()


def test_pages_are_guarded(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        first = client.get("/")
        assert "HttpOnly" in first.headers["set-cookie"]
        assert "SameSite=lax" in first.headers["set-cookie"]
        assert first.headers["content-security-policy"].startswith("default-src 'self';")
        assert first.headers["x-content-type-options"] == "nosniff"
        for answer, status in (
            (client.post("/erase", data={"token": "0" * 64}), 403),  # another site's form
            (client.post("/erase"), 400),
            (client.get("/item/<script>"), 404),
            (client.get("/certificate/..%2Fhome"), 404),
            (client.get("/nowhere"), 404),
        ):
            assert answer.status_code == status
            assert answer.text.startswith("<!doctype html>")
            assert "<script>" not in answer.text


def test_the_same_walk_on_a_phone(address: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page, asked, wrong = context.new_page(), [], []
    page.on("request", lambda request: asked.append(urlsplit(request.url).hostname))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)

    def fits() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    def press(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_load_state()
        fits()

    page.goto(address)
    fits()
    assert page.get_by_role("heading", name="May we?").is_visible()
    press("No, thank you")
    assert "Not personal: " in page.inner_text("#picks")
    page.goto(f"{address}/me")
    press("Yes, please")
    press("Buy Steel kettle")
    assert "because you bought kettle" in page.inner_text("#picks")
    page.get_by_role("link", name="What do you know about me?").click()
    assert "kettle" in page.inner_text("main")
    page.get_by_text("The whole report").click()
    fits()
    press("Erase me")
    with page.expect_download() as loading:
        page.get_by_role("link", name="Your certificate").click()
    certified(address, Path(loading.value.path()).read_bytes())
    page.goto(f"{address}/me")
    assert "kettle" not in page.inner_text("main")
    assert set(asked) == {"127.0.0.1"}
    assert wrong == []
    context.close()


def test_a_keyboard_is_enough(address: str, browser: Any) -> None:
    page = browser.new_context().new_page()

    def reach(name: str) -> None:
        """Tab until the control is focused, visibly, and press Enter."""
        page.wait_for_load_state()
        for _ in range(40):
            page.keyboard.press("Tab")
            held = page.evaluate(
                "(e => [e.ariaLabel || e.textContent, getComputedStyle(e).outlineStyle])"
                "(document.activeElement)"
            )
            if held[0] == name:
                assert held[1] == "solid"
                with page.expect_navigation():
                    page.keyboard.press("Enter")
                return
        raise AssertionError(name)

    page.goto(address)
    reach("Yes, please")
    reach("Buy Steel kettle")
    assert "because you bought kettle" in page.inner_text("#picks")
    reach("What do you know about me?")
    reach("Withdraw my consent")
    assert "Not personal: " in page.inner_text("#picks")
    reach("What do you know about me?")
    reach("Erase me")
    assert page.get_by_role("link", name="Your certificate").is_visible()
    page.context.close()
