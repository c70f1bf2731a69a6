"""A bulk job that runs when another policy is activated stops, or finishes where that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, ModelUnavailable, StoreUnavailable
from privet.gate import publication
from privet.gate import read as reading
from privet.policy import load
from privet.recommend import Popularity
from privet.testing import agrees

PURPOSE = "recommendations"
PEOPLE = [f"p{i}" for i in range(10)]
STOPS, FINISHES = "policy.replaced", ""


@pytest.fixture
def opening(where: str, tmp_path: Path, clock: Any) -> Callable[[], Deployment]:
    def open_it(policy: str | None = None) -> Deployment:
        keyring = f"file:{tmp_path / 'keys'}"
        return open_deployment(where, policy=policy, keyring=keyring, clock=clock, sync="OFF")

    return open_it


@pytest.fixture
def shop(opening: Callable[..., Deployment], monkeypatch: Any) -> Iterator[Deployment]:
    """A shop in which every job takes several chunks."""
    monkeypatch.setattr(reading, "CHUNK", 4)
    with opening("pack:shop") as made:
        made.principal("ops", roles=["operator"]).admin.load_items(
            [{"item": f"i{n}"} for n in range(4)]
        )
        for n, who in enumerate(PEOPLE):
            agrees(made, who, PURPOSE)
            for item in range(2):
                web(made).record(
                    who, "view", event_id=f"{who}-{item}", item=f"i{(n + item) % 4}", dwell=1.0
                )
        yield made


def web(shop: Deployment) -> Any:
    return shop.principal("web", roles=["storefront"]).purpose(PURPOSE)


def models(shop: Deployment) -> Any:
    return shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models


def another(tmp_path: Path, running: str, word: str = "org") -> Path:
    """The same policy with another contact, which says what becomes of what runs."""
    texts = load("pack:shop").documents
    place = tmp_path / f"{running}-{word}"
    place.mkdir(exist_ok=True)
    (place / "data.yaml").write_text(texts["data"])
    said = texts["policy"].replace("privacy@example.com", f"privacy@example.{word}")
    said = said.replace("\ndata: data.yaml\n", f"\ndata: data.yaml\nrunning: {running}\n", 1)
    assert f"running: {running}" in said
    (place / "policy.yaml").write_text(said)
    return place


@pytest.fixture
def activated_after_a_chunk(
    opening: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Activate policies in another handle once a job has read its first chunk."""

    def arrange(*places: Path) -> None:
        real = reading.Reading.open
        left = list(places)

        def opened(self: Any, snos: Any, inspect: Any = None) -> Any:
            found = real(self, snos, inspect)
            while left:
                with opening() as other:
                    other.principal("ops", roles=["operator"]).admin.activate(left.pop(0))
            return found

        monkeypatch.setattr(reading.Reading, "open", opened)

    return arrange


JOBS: dict[str, Callable[[Deployment], object]] = {
    "training": lambda s: models(s).train("picks", Popularity(event="view")),
    "lists": lambda s: web(s).recommend_many(PEOPLE),
}


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (("stop",), STOPS),
        (("finish",), FINISHES),
        (("finish", "finish"), FINISHES),
        (("stop", "finish"), STOPS),
        (("finish", "stop"), STOPS),
    ],
)
def test_the_newest_word_decides(shop, tmp_path, activated_after_a_chunk, job, after, reason):
    models(shop).serve(models(shop).train("picks", Popularity(event="view")))
    before = models(shop).list()
    places = [another(tmp_path, what, f"x{i}") for i, what in enumerate(after)]
    activated_after_a_chunk(*places)
    if reason:
        with pytest.raises(AccessDenied) as refusal:
            JOBS[job](shop)
        assert refusal.value.reason == reason
    else:
        assert JOBS[job](shop)
    with pytest.raises(AccessDenied, match=r"policy\.replaced"):
        JOBS[job](shop)  # nothing begins under the old policy, whatever it says
    del before


def test_nothing_of_a_stopped_training_is_left(shop, tmp_path, opening, activated_after_a_chunk):
    activated_after_a_chunk(another(tmp_path, "stop"))
    with pytest.raises(AccessDenied, match=r"policy\.replaced"):
        models(shop).train("picks", Popularity(event="view"))
    with opening() as newer:
        assert models(newer).list() == []
        with newer._parts.home.data.read() as tx:
            assert tx.all("SELECT 1 FROM model") == []


def test_what_finished_is_bound_to_the_policy_it_began_with(
    shop, tmp_path, opening, activated_after_a_chunk
):
    place = another(tmp_path, "finish")
    text = (place / "policy.yaml").read_text()
    purpose = text.index("  recommendations:")
    at = text.index("retention:", purpose)
    (place / "policy.yaml").write_text(text[:at] + "retention: 1d" + text[text.index("\n", at) :])
    activated_after_a_chunk(place)
    version = models(shop).train("picks", Popularity(event="view"))
    with opening() as newer, pytest.raises(ModelUnavailable, match=r"model\.policy-changed"):
        models(newer).serve(version)


def test_an_activation_during_the_last_step_of_a_training_stops_it(
    shop, tmp_path, opening, monkeypatch
):
    real = publication.seal

    def slow(*args: Any, **more: Any) -> Any:
        made = real(*args, **more)
        with opening() as other:
            other.principal("ops", roles=["operator"]).admin.activate(another(tmp_path, "stop"))
        return made

    monkeypatch.setattr(publication, "seal", slow)
    with pytest.raises(AccessDenied, match=r"policy\.replaced"):
        models(shop).train("picks", Popularity(event="view"))


def test_an_activation_during_the_last_chunk_stops_a_list(shop, tmp_path, opening, monkeypatch):
    """After the last cells were opened, and before anything was handed out."""
    real, seen = reading.Reading.open, []

    def opened(self: Any, snos: Any, inspect: Any = None) -> Any:
        found = real(self, snos, inspect)
        seen.append(1)
        if len(seen) == 3:
            with opening() as other:
                other.principal("ops", roles=["operator"]).admin.activate(another(tmp_path, "stop"))
        return found

    models(shop).serve(models(shop).train("picks", Popularity(event="view")))
    monkeypatch.setattr(reading.Reading, "open", opened)
    with pytest.raises(AccessDenied, match=r"policy\.replaced"):
        web(shop).recommend_many(PEOPLE)
    assert len(seen) == 3


def test_a_job_finishes_under_no_grounds_but_its_own(shop, tmp_path, activated_after_a_chunk):
    """Grounds are kept as the policy in force judges them: another set of purposes is refused."""
    place = another(tmp_path, "finish")
    text = (place / "policy.yaml").read_text()
    text = text.replace(
        "\npurposes:\n",
        "\npurposes:\n  extra: {text: More of it., basis: consent, retention: 1y}\n",
    )
    permit = (
        "{id: extra, role: storefront, for: extra, may: [collect, read], fields: [profile.email]}"
    )
    (place / "policy.yaml").write_text(text.replace("\npermits:\n", f"\npermits:\n  - {permit}\n"))
    activated_after_a_chunk(place)
    with pytest.raises(StoreUnavailable, match=r"ground\.bases"):
        models(shop).train("picks", Popularity(event="view"))
