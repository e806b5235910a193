"""Instructions: a planted slowdown of some per cent fails the build, the same code again does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.bench.counts import count_changes, count_ratios
from pqvalidate.bench.records import Change, Count, CountRatio
from pqvalidate.bench.rules import judge_rule, parse_rule
from tests.bench.vendors import manifest
from tests.cli.command import document, environment, pqvalidate, succeeded

RULE = "decapsulate instructions change > 1.01"
QUICK = ("--only", "decapsulate", "--seconds", "0.1", "--format", "json")


def counted(*words: str | Path, code: int = 0) -> dict[str, Any]:
    return document(succeeded("bench", *words, *QUICK, code=code))


@pytest.mark.needs("valgrind")
def test_four_per_cent_more_instructions_fail_the_build_and_the_same_code_does_not(tmp_path: Path) -> None:
    file, kept = manifest(tmp_path, "mine", 50), tmp_path / "saved.json"
    first = counted(file, "--instructions", "--save", kept)
    (count,) = first["counts"]
    assert count["low"] <= count["instructions"] <= count["high"]
    assert count["high"] / count["low"] < 1.005
    assert first["machine"]["counted"].startswith("valgrind-")
    again = counted(file, "--compare", kept, "--fail-if", RULE)
    (change,) = [row for row in again["changes"] if row["of"] == "instructions"]
    assert 0.998 < change["change_ppm"] / 1e6 < 1.002
    assert again["rules"][0]["verdict"] == "kept"
    manifest(tmp_path, "mine", 53)
    slower = counted(file, "--compare", kept, "--fail-if", RULE, code=1)
    assert slower["rules"][0]["verdict"] == "broken"
    assert "in two runs: mine ML-KEM-768 1.0" in slower["rules"][0]["why"]


def test_without_valgrind_the_tool_is_named_and_the_rule_stays_undecided(tmp_path: Path) -> None:
    file, kept = manifest(tmp_path, "mine", 1), tmp_path / "saved.json"
    env = environment(PATH=str(tmp_path))
    assert pqvalidate("bench", file, *QUICK, "--save", kept, env=env).returncode == 0
    done = pqvalidate("bench", file, *QUICK, "--compare", kept, "--fail-if", RULE, env=env)
    assert done.returncode == 3, done.stderr
    report = document(done)
    assert [row["label"] for row in report["figures"]] == ["mine"]
    assert [gap["why"].split(":")[0] for gap in report["gaps"]] == ["tool-missing"]
    assert "valgrind" in report["gaps"][0]["why"]
    assert report["rules"][0]["verdict"] == "undecided"


@pytest.mark.needs("valgrind")
def test_one_that_breaks_under_valgrind_has_a_gap_and_no_count(tmp_path: Path) -> None:
    more = "'valgrind' in __import__('os').environ.get('LD_PRELOAD', '') and __import__('os')._exit(3)"
    report = counted(manifest(tmp_path, "shy", 1, more=more), "--instructions")
    assert report["counts"] == []
    assert [row["label"] for row in report["figures"]] == ["shy"]
    assert report["gaps"][0]["why"].startswith("while its instructions were counted, it broke: crash")


def count(label: str, low: int, high: int, *, key: str = "expanded", operation: str = "decapsulate") -> Count:
    return Count(
        operation=operation, parameter_set="ML-KEM-768", label=label, call=operation, key=key,  # type: ignore[arg-type]
        attempts=0, calls=16, instructions=(low + high) // 2, low=low, high=high,
    )  # fmt: skip


def verdict(text: str, ratios: list[CountRatio], changes: list[Change]) -> str:
    rule = parse_rule(text)
    broken = rule.breaking(ratios, changes)
    return judge_rule(rule, broken, broken, rule.rows(ratios, changes)).verdict


def test_only_a_whole_interval_above_the_limit_breaks_a_rule_about_instructions() -> None:
    before = [count("mine", 1000, 1000)]
    assert verdict(RULE, [], count_changes([count("mine", 1011, 1013)], before)) == "broken"
    assert verdict(RULE, [], count_changes([count("mine", 1009, 1019)], before)) == "kept"
    assert verdict(RULE, [], count_changes([count("mine", 1000, 1000)], before)) == "kept"
    ratios = count_ratios([count("mine", 3000, 3000), count("ref", 1000, 1000)], [("mine", "ref")])
    assert [(row.label, row.reference, row.ratio_ppm) for row in ratios] == [("mine", "ref", 3_000_000)]
    assert verdict("decapsulate instructions ratio > 2.9", ratios, []) == "broken"
    assert verdict("decapsulate ML-KEM-768 instructions ratio > 3", ratios, []) == "kept"


def test_rules_about_time_and_about_instructions_do_not_meet() -> None:
    changes = count_changes([count("mine", 2000, 2000)], [count("mine", 1000, 1000)])
    ratios = count_ratios([count("mine", 3000, 3000), count("ref", 1000, 1000)], [("mine", "ref")])
    assert verdict("decapsulate change > 1.5", [], changes) == "undecided"
    assert verdict("decapsulate ratio > 1.5", ratios, []) == "undecided"
    assert verdict("encapsulate instructions change > 1.01", [], changes) == "undecided"


def test_counts_of_unlike_calls_are_not_compared() -> None:
    assert count_changes([count("mine", 2000, 2000, key="seed")], [count("mine", 1000, 1000)]) == []
    assert count_changes([count("mine", 2000, 2000)], [count("other", 1000, 1000)]) == []
    (ratio,) = count_ratios([count("mine", 3000, 3000, key="seed"), count("ref", 1000, 1000)], [("mine", "ref")])
    assert ratio.same_form is False


def test_a_saved_count_that_is_no_interval_ends_with_code_4(tmp_path: Path) -> None:
    file, kept = manifest(tmp_path, "mine", 1), tmp_path / "saved.json"
    succeeded("bench", file, *QUICK, "--save", kept)
    content = json.loads(kept.read_text())
    content["counts"] = [
        {"operation": "decapsulate", "parameter_set": "ML-KEM-768", "label": "mine", "call": "decapsulate",
         "key": "seed", "attempts": 0, "calls": 4, "instructions": 0, "low": 0, "high": 0}
    ]  # fmt: skip
    kept.write_text(json.dumps(content))
    done = pqvalidate("bench", file, "--compare", kept)
    assert (done.returncode, done.stdout) == (4, "")
    assert "counts[0]" in done.stderr
