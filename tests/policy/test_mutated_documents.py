"""A sample of the campaign of mutated documents; ``benchmarks/mutated_documents.py`` runs the whole of it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from benchmarks.mutated_documents import SHARES, TOML, Documents, Found, campaign, changed, damaged, sample_bundle

SAMPLE = 2000


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("mutated") / "bundle")


@pytest.fixture(scope="module")
def sampled(bundle: Path) -> Found:
    return campaign(SAMPLE, "5eed", bundle)


def test_every_mutated_document_gives_a_decision_or_a_typed_error(sampled: Found) -> None:
    assert sampled.documents == SAMPLE
    assert sampled.untyped == []


def test_the_sample_has_every_kind_and_what_is_refused_and_what_is_accepted(sampled: Found) -> None:
    assert {kind for kind, _ in sampled.answers} == set(SHARES)
    answers = {answer for _, answer in sampled.answers}
    assert {"InputError", "invalid", "valid", "accepted, then does-not-conform", "accepted, then valid"} <= answers


def test_an_exception_that_is_not_typed_would_be_found(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(*_: object, **__: object) -> None:
        raise KeyError("payload")

    monkeypatch.setattr("benchmarks.mutated_documents.verify_verdict", careless)
    found = campaign(60, "5eed", bundle)
    assert found.untyped
    assert any("KeyError" in text for text in found.untyped)


def test_what_is_mutated_is_good(bundle: Path, tmp_path: Path) -> None:
    documents = Documents(tmp_path, bundle, "5eed")
    for kind, original in documents.originals.items():
        path = tmp_path / f"good{'.toml' if kind in TOML else '.json'}"
        path.write_bytes(original)
        assert documents.readers[kind](path) in {"valid", "accepted, then valid", "does-not-conform"}


def test_the_same_seed_gives_the_same_documents() -> None:
    original = {"a": [1, {"b": "c"}], "d": None}
    made = [
        [(damaged(draw, b"{}" * 20), json.dumps(changed(draw, original))) for _ in range(50)]
        for draw in (random.Random("1"), random.Random("1"))
    ]
    assert made[0] == made[1]
    assert sum(json.loads(tree) != original for _, tree in made[0]) > 40
