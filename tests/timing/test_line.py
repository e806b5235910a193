"""A claim on execution time along the whole line: a run of a real C library, its certificate, its verification."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import document, pqvalidate, succeeded
from tests.timing.libraries import NAME, library

CHECKS = ("ml-kem/timing-statistics", "ml-kem/timing-encapsulation")
WORDING = "no leak detected by ml-kem/timing-statistics at at most 8192 pairs"
pytestmark = pytest.mark.needs("gcc")


def only(*checks: str) -> list[str]:
    return [word for check in checks for word in ("--only", check)]


def test_the_wording_on_timing_is_the_same_in_run_report_and_certificate(tmp_path: Path) -> None:
    manifest, bundle = library(tmp_path, "SOUND"), tmp_path / "b"
    words: list[str | Path] = [
        "run",
        manifest,
        *only(*CHECKS),
        "--case",
        "fixed-random",
        "--seed",
        "5a" * 16,
        "--out",
        bundle,
    ]
    done = pqvalidate(*words, "--format", "json")
    report = document(done)
    claims = {claim["claim"]: claim for claim in report["claims"]}
    assert claims[f"conformance {NAME}"]["verdict"] == "inconclusive"  # its checks were not named, so nothing passed
    claim = claims[f"timing {NAME}"]
    if any(row["outcome"] == "error" for row in report["results"]):  # a machine too busy to measure accuses nobody
        assert claim["verdict"] == "inconclusive"
        return
    assert claim["verdict"] == "confirmed", claim
    assert claim["why"].startswith(WORDING)
    assert claim["why"].endswith("This does not show that there is none")
    assert {row["check"] for row in report["timing"]} == set(CHECKS)
    assert all(row["figures"]["planted_ns"] > 0 for row in report["timing"])

    succeeded("keygen", "--out", tmp_path / "key")
    key, certificate = tmp_path / "key" / "signing-key.json", tmp_path / "c.json"
    succeeded("certify", bundle, "--key", key, "--out", certificate)
    verify = ("verify", certificate, "--trust", tmp_path / "key" / "trust.json")
    assert " ".join(WORDING.split()) in " ".join(succeeded(*verify).stdout.split())
    page = document(succeeded(*verify, "--format", "json"))
    assert WORDING in str(page)
    assert "execution time as a side channel" not in str(page)

    assert succeeded("judge", bundle, "--format", "html", code=done.returncode).stdout.count("<svg") == len(
        report["timing"]
    )


def test_a_leak_is_refuted_and_the_certificate_says_so(tmp_path: Path) -> None:
    manifest, bundle = library(tmp_path, "BRANCH_PER_BIT"), tmp_path / "b"
    words: list[str | Path] = [
        "run",
        manifest,
        *only(CHECKS[1]),
        "--case",
        "fixed-random",
        "--seed",
        "5a" * 16,
        "--out",
        bundle,
    ]
    report = document(succeeded(*words, "--format", "json", code=1))
    claim = report["claims"][-1]
    assert (claim["claim"], claim["verdict"]) == (f"timing {NAME}", "refuted")
    assert claim["why"] == f"a leak was detected: {CHECKS[1]}"
    (figures,) = [row["figures"] for row in report["timing"]]
    (finding,) = [row["finding"] for row in report["results"] if row["outcome"] == "fail"]
    assert figures["low_ns"] <= figures["median_ns"] <= figures["high_ns"]
    assert "figures" not in finding["witness"].get("values", {})
    succeeded("keygen", "--out", tmp_path / "key")
    key, certificate = tmp_path / "key" / "signing-key.json", tmp_path / "c.json"
    succeeded("certify", bundle, "--key", key, "--out", certificate)
    shown = succeeded("verify", certificate, "--trust", tmp_path / "key" / "trust.json").stdout
    assert f"a leak was detected: {CHECKS[1]}" in " ".join(shown.split())
