"""Programs of vendors are timed by their own clock where they offer that, and from outside otherwise; it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import document, succeeded
from tests.harness.harnesses import manifest

UNMEASURED = str(Path(__file__).with_name("unmeasured.py"))


def timed(file: Path, *words: str) -> dict[str, Any]:
    done = succeeded("bench", file, "--only", "encapsulate", "--seconds", "0.5", "--format", "json", *words)
    return document(done)


@pytest.mark.parametrize("framing", ["jsonl", "binary"])
def test_a_program_with_a_clock_of_its_own_is_timed_by_it(framing: str, tmp_path: Path) -> None:
    report = timed(manifest(tmp_path, "openssl", framing=framing))
    (figure,) = report["figures"]
    assert (figure["where"], figure["clock"]) == ("program", "wall")
    assert 1_000 < figure["typical_ns"] < 10_000_000


def test_a_program_without_one_is_timed_from_outside_and_beside_others_by_the_wall(tmp_path: Path) -> None:
    report = timed(manifest(tmp_path, "openssl", program=UNMEASURED), "--against", "openssl")
    theirs, mine = report["figures"]
    assert (theirs["label"], theirs["where"], theirs["clock"]) == ("openssl", "inside", "processor")
    assert (mine["label"], mine["where"], mine["clock"]) == ("vendor", "outside", "wall")
    (ratio,) = report["ratios"]
    assert (ratio["clock"], ratio["outside"]) == ("wall", ["vendor"])
    assert ratio["ratio_ppm"] > 1_000_000, "the way there and back costs something"


@pytest.mark.parametrize(
    ("habit", "said"),
    [("boasts", "its own clock is not believed"), ("forgets", "did not return a list of")],
)
def test_a_clock_that_lies_gives_no_figure(habit: str, said: str, tmp_path: Path) -> None:
    file = manifest(tmp_path, "openssl", program=UNMEASURED, environment={"PQV_HABIT": habit})
    done = succeeded("bench", file, "--only", "encapsulate", "--seconds", "0.5", "--format", "json", code=3)
    (gap,) = document(done)["gaps"]
    assert said in gap["why"]
    assert document(done)["figures"] == []
