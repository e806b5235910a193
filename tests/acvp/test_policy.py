"""An import is judged under a profile as a run is: by name or file, on a day, with what the buyer adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acvp.exchange import Exchange
from tests.acvp.test_round_trip import DSA
from tests.cli.command import document


def test_an_import_is_judged_under_a_profile(sent: Exchange, tmp_path: Path) -> None:
    words = ("--policy", "cnsa-2.0", "--as-of", "2026-11-25", "--format", "json")
    done = sent.judged([sent.response(name) for name in DSA], DSA, tmp_path / "out", *words)
    assert done.returncode == 1, done.stderr
    report = document(done)
    assert (report["policy"], report["decision"]) == ("cnsa-2.0", "does-not-conform")
    verdict = report["policy_verdict"]
    assert (verdict["as_of"], verdict["judged_from"]) == ("2026-11-25", "bundle")
    assert {row["parameter_set"]: row["decision"] for row in verdict["sets"]} == {"ML-DSA-44": "denied"}
    assert next(row["outcome"] for row in verdict["rules"] if row["rule"] == "cnsa2.sig") == "fail"


@pytest.mark.parametrize(
    ("words", "says"),
    {
        "no such policy": (("--policy", "cnsa-3.0"), "unknown policy 'cnsa-3.0'"),
        "no such day": (("--policy", "cnsa-2.0", "--as-of", "2026-02-30"), "is not a date"),
        "a date without effect": (("--service-life-until", "2031-01-01"), "has no effect without a --policy"),
    }.values(),
)  # fmt: skip
def test_what_cannot_be_judged_is_refused_before_a_bundle_is_made(
    sent: Exchange, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    done = sent.judged([sent.response(name) for name in DSA], DSA, tmp_path / "out", *words)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_a_set_that_is_judged_alone_may_be_named_without_a_profile(sent: Exchange, tmp_path: Path) -> None:
    words = ("--parameter-set", "ML-DSA-44", "--format", "json")
    done = sent.judged([sent.response(name) for name in DSA], DSA, tmp_path / "out", *words)
    assert (done.returncode, document(done)["policy"]) == (0, "as-claimed")
