"""The command `bench` as a user runs it, on implementations whose speed was planted."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.vendors import claim, manifest
from tests.cli.command import document, environment, pqvalidate, succeeded

QUICK = ("--only", "decapsulate", "--seconds", "0.5")


def timed(*words: str | Path, code: int = 0) -> dict[str, Any]:
    return document(succeeded("bench", *words, *QUICK, "--format", "json", code=code))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return manifest(tmp_path_factory.mktemp("sound"), "sound", 40)


def ratio_of(report: dict[str, Any]) -> tuple[float, float, float]:
    (row,) = report["ratios"]
    low, middle, high = (row[field] / 1e6 for field in ("low_ppm", "ratio_ppm", "high_ppm"))
    return low, middle, high


def test_a_planted_slowdown_is_found_and_fails_the_build(sound: Path, tmp_path: Path) -> None:
    slow = manifest(tmp_path, "slow", 160)
    rule = "decapsulate ratio > 1.1"
    report = timed(slow, "--against", sound, "--fail-if", rule, code=1)
    low, middle, high = ratio_of(report)
    assert 1.1 < low <= middle <= high
    assert middle > 2  # planted: 4; on a crowded machine it is seen as more
    assert [row["verdict"] for row in report["rules"]] == ["broken"]
    assert "in two runs: slow ML-KEM-768" in report["rules"][0]["why"]
    assert report["gaps"] == []
    assert {row["label"] for row in report["figures"]} == {"slow", "sound"}


def test_an_implementation_is_as_fast_as_itself_and_no_rule_is_broken(sound: Path) -> None:
    report = timed(sound, "--against", sound, "--fail-if", "decapsulate ratio > 1.05")
    low, _, high = ratio_of(report)
    assert low < 1.05
    assert high > 0.95
    assert [row["label"] for row in report["contestants"]] == ["sound", "sound-2"]
    assert report["rules"][0]["verdict"] == "kept"
    (mine, theirs) = report["figures"]
    assert mine["clock"] == theirs["clock"] == "processor"
    assert mine["low_ns"] <= mine["typical_ns"] <= mine["high_ns"]
    assert 0 < mine["ns"]["p05"] <= mine["ns"]["median"] <= mine["ns"]["p99"]


def test_the_first_of_several_is_the_reference_and_text_says_what_was_seen(sound: Path, tmp_path: Path) -> None:
    slow = manifest(tmp_path, "slow", 160)
    done = succeeded("bench", sound, slow, *QUICK)
    assert done.stderr == ""
    (line,) = [line for line in done.stdout.splitlines() if line.strip().startswith("slow ") and " x " in line]
    assert " x sound (" in line
    assert "key as a seed" in line


def test_a_claim_on_speed_is_confirmed_or_refuted(sound: Path, tmp_path: Path) -> None:
    of = str(sound)
    confirmed = manifest(tmp_path, "right", 10, performance=claim(1.1, of))
    report = timed(confirmed)
    assert [row["verdict"] for row in report["claims"]] == ["confirmed"]
    refuted = manifest(tmp_path, "boasting", 160, performance=claim(1.1, of))
    report = timed(refuted, code=1)
    assert [row["verdict"] for row in report["claims"]] == ["refuted"]
    assert "second run" in report["claims"][0]["why"]


def test_a_run_and_its_certificate_say_that_a_claim_on_speed_was_not_judged(tmp_path: Path) -> None:
    file = manifest(tmp_path, "hopeful", 10, performance=claim(1.5, "openssl"))
    words = ("--depth", "quick", "--only", "ml-kem/kat-decapsulate", "--seed", "5eed", "--out", tmp_path / "bundle")
    said = (
        "the vendor claims that decapsulate of ML-KEM-768 is at least 1.5 times as fast as that of openssl; this run"
        " did not judge that, `pqvalidate bench` does"
    )
    ran = pqvalidate("run", file, *words)
    assert said[4:60] in " ".join(ran.stdout.split())
    succeeded("keygen", "--out", tmp_path / "key")
    key, out = tmp_path / "key" / "signing-key.json", tmp_path / "certificate.json"
    succeeded("certify", tmp_path / "bundle", "--key", key, "--out", out)
    page = succeeded("verify", out, "--trust", tmp_path / "key" / "trust.json", "--format", "json").stdout
    assert f"Note on the adapter: {said}" in json.loads(page)["contents"]["limitations"]


def test_a_claim_that_cannot_be_timed_is_inconclusive(sound: Path, tmp_path: Path) -> None:
    file = manifest(tmp_path, "hopeful", 10, performance=claim(1.0, str(sound), "decapsulate_loaded"))
    report = timed(file, code=3)
    assert report["claims"][0]["verdict"] == "inconclusive"


def test_a_wrong_answer_is_not_timed_however_fast_it_is(sound: Path, tmp_path: Path) -> None:
    wrong = manifest(tmp_path, "wrong", 0, answer="bytes(32)", performance=claim(1.0, str(sound)))
    report = timed(wrong, code=3)
    assert [(gap["label"], gap["why"]) for gap in report["gaps"]] == [
        ("wrong", "gave a wrong answer to an honest input")
    ]
    assert report["claims"][0]["verdict"] == "inconclusive"
    assert report["ratios"] == []


def test_waiting_for_something_else_counts_as_time_on_the_wall(sound: Path, tmp_path: Path) -> None:
    waiting = manifest(tmp_path, "waiting", 1, more="__import__('time').sleep(0.002)")
    report = timed(waiting, "--against", sound)
    figure = next(row for row in report["figures"] if row["label"] == "waiting")
    assert figure["clock"] == "wall"
    assert figure["typical_ns"] > 2_000_000
    assert report["ratios"][0]["clock"] == "wall"


def test_one_that_dies_while_it_is_timed_has_a_gap_and_the_other_its_figure(sound: Path, tmp_path: Path) -> None:
    more = "self.count = getattr(self, 'count', 0) + 1; self.count > 90 and __import__('os')._exit(3)"
    report = timed(manifest(tmp_path, "dying", 1, more=more), "--against", sound)
    assert [row["label"] for row in report["figures"]] == ["sound"]
    (gap,) = report["gaps"]
    assert gap["why"].startswith("while it was timed, it broke: crash")


def test_a_saved_result_is_compared_with_by_its_ratio(sound: Path, tmp_path: Path) -> None:
    changing, kept = manifest(tmp_path, "changing", 40), tmp_path / "saved.json"
    timed(changing, "--against", sound, "--save", kept)
    manifest(tmp_path, "changing", 160)
    report = timed(
        changing, "--against", sound, "--compare", kept, "--fail-if", "decapsulate change > 1.1", code=1
    )  # fmt: skip
    (change,) = report["changes"]
    assert change["of"] == "ratio"
    assert 1.1 < change["low_ppm"] / 1e6 < change["change_ppm"] / 1e6 < 10
    assert report["rules"][0]["verdict"] == "broken"


def test_without_a_reference_times_are_compared_on_the_same_machine_only(sound: Path, tmp_path: Path) -> None:
    kept = tmp_path / "saved.json"
    timed(sound, "--save", kept)
    report = timed(sound, "--compare", kept)
    assert [row["of"] for row in report["changes"]] == ["time"]
    content = json.loads(kept.read_text())
    content["machine"]["processor"] = "another"
    kept.write_text(json.dumps(content))
    report = timed(sound, "--compare", kept, "--fail-if", "decapsulate change > 1.1", code=3)
    assert report["changes"] == []
    assert report["rules"][0]["verdict"] == "undecided"


def test_the_other_formats_hold_the_same_figures(sound: Path) -> None:
    done = succeeded("bench", sound, *QUICK, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["implementation"], row["operation"], row["reference"]) == ("sound", "decapsulate", "")
    assert int(row["low_ns"]) <= int(row["typical_ns"]) <= int(row["high_ns"])
    done = succeeded("bench", sound, *QUICK, "--format", "pytest-benchmark")
    (entry,) = json.loads(done.stdout)["benchmarks"]
    assert entry["name"] == "ML-KEM-768 decapsulate [sound]"
    assert 0 < entry["stats"]["median"] < 0.1


def test_pytest_benchmark_reads_its_format(sound: Path, tmp_path: Path) -> None:
    pytest.importorskip("pytest_benchmark")
    stored = tmp_path / "0001_bench.json"
    stored.write_text(succeeded("bench", sound, *QUICK, "--format", "pytest-benchmark").stdout)
    done = subprocess.run(
        [sys.executable, "-c", "from pytest_benchmark.cli import main; main()", "compare", str(stored)],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment(), timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "decapsulate [sound]" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["openssl", "--only", "decapsulat"], "nearest: decapsulate"),
        (["openssl", "--parameter-set", "ML-KEM-512"], "is not claimed by any of them"),
        (["openssl", "--seconds", "0"], "--seconds"),
        (["openssl", "--seconds", "nan"], "--seconds"),
        (["openssl", "--fail-if", "faster"], "is no rule"),
        (["openssl", "--fail-if", "verify change > 2"], "needs --compare"),
        (["openssl", "--against", "opensssl"], "nearest: openssl"),
        (["openssl", "--save", "no/such/folder/file"], "there is no such folder"),
    ],
)
def test_what_cannot_be_carried_out_ends_with_code_2_and_says_why(words: list[str], said: str) -> None:
    done = pqvalidate("bench", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "missing required field"),
        ("no", "is not JSON"),
        ('{"schema": "pqvalidate/bench/2"}', "schema"),
    ],
)
def test_a_malformed_saved_result_ends_with_code_4(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    file.write_text(content)
    done = pqvalidate("bench", "openssl", "--compare", file)
    assert (done.returncode, done.stdout) == (4, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("performance", "said"),
    [
        (claim(0, "openssl"), "claims.performance[0].at_least"),
        (claim(float("inf"), "openssl"), "claims.performance[0].at_least"),
        (claim(1, ""), "claims.performance[0].of"),
        (claim(1, "openssl").replace("768", "512"), "claims.performance[0].parameter_set"),
        (claim(1, "openssl", "decapsulat"), "claims.performance[0].operation"),
        (claim(1, "opensssl"), "there is no such file"),
    ],
)
def test_a_malformed_claim_on_speed_ends_with_code_4(performance: str, said: str, tmp_path: Path) -> None:
    done = pqvalidate("bench", manifest(tmp_path, "odd", 1, performance=performance))
    assert (done.returncode, done.stdout) == (4, "")
    assert said in done.stderr
