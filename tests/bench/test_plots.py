"""Plots: a picture says what the table says, and a missing extra is named before anything is measured."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.bench.vendors import manifest
from tests.cli.command import pqvalidate, succeeded, with_planted

QUICK = ("--only", "decapsulate", "--seconds", "0.1")
PNG = b"\x89PNG\r\n\x1a\n"


def words_of(svg: Path) -> str:
    return " ".join("".join(node.itertext()) for node in ET.parse(svg).iter() if node.tag.endswith("}text"))


def test_ratios_and_distributions_are_drawn_as_svg_and_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    mine, theirs = manifest(tmp_path, "mine", 1), manifest(tmp_path, "theirs", 2)
    folder = tmp_path / "plots"
    succeeded("bench", mine, "--against", theirs, *QUICK, "--plots", folder)
    assert sorted(file.name for file in folder.iterdir()) == [
        "ratios.png", "ratios.svg", "times-ML-KEM-768.png", "times-ML-KEM-768.svg",
    ]  # fmt: skip
    assert "ML-KEM-768 decapsulate, mine / theirs" in words_of(folder / "ratios.svg")
    times = words_of(folder / "times-ML-KEM-768.svg")
    assert "decapsulate, mine" in times
    assert "decapsulate, theirs" in times
    assert "µs" in times
    for picture in folder.glob("*.png"):
        content = picture.read_bytes()
        assert content.startswith(PNG)
        assert len(content) > 5000


def test_without_matplotlib_the_extra_is_named_and_nothing_is_measured(tmp_path: Path) -> None:
    file = manifest(tmp_path, "mine", 1)
    planted = "sys.modules['matplotlib'] = None"
    done = with_planted(planted, "bench", file, *QUICK, "--plots", tmp_path / "plots")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'pqvalidate[plots]'" in done.stderr


def test_a_folder_that_cannot_be_made_ends_with_code_2(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = pqvalidate("bench", manifest(tmp_path, "mine", 1), *QUICK, "--plots", tmp_path / "no" / "such")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--plots" in done.stderr
