"""Flags that choose what is asked, where the bundle goes and when to stop; nothing that is left out ever passes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import pqvalidate as pqv
from tests.cli.command import SEED, document, pqvalidate, succeeded
from tests.cli.conftest import Bench

QUICK = ("--depth", "quick", "--seed", SEED)


def reported(*words: str | Path, cwd: Path | None = None) -> dict[str, Any]:
    return document(pqvalidate(*words, "--format", "json", cwd=cwd))


def asked(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(row["parameter_set"], row["check"]) for row in report["results"] if row["outcome"] != "not-applicable"}


def test_without_out_the_bundle_goes_to_a_folder_named_after_product_and_seed(tmp_path: Path) -> None:
    report = reported("run", "mlkem", *QUICK, cwd=tmp_path)
    assert report["bundle"] == f"pqvalidate-runs/mlkem-{SEED}"
    assert pqv.read_evidence(tmp_path / "pqvalidate-runs" / f"mlkem-{SEED}").status == "complete"


def test_an_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "precious").write_text("x")
    done = succeeded("run", "mlkem", *QUICK, "--out", tmp_path / "b", code=2)
    assert "never overwritten" in done.stderr
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["precious"]
    assert succeeded("run", "mlkem", *QUICK, "--out", tmp_path / "b" / "precious" / "c", code=2).stderr


def test_a_complete_bundle_is_not_resumed(bench: Bench) -> None:
    done = succeeded("run", "mlkem", *QUICK, "--resume", "--out", bench.bundle("mlkem"), code=2)
    assert "is complete; judge it" in done.stderr


def test_the_same_seed_gives_the_same_facts_and_another_seed_others(bench: Bench, tmp_path: Path) -> None:
    first = pqv.read_evidence(bench.bundle("mlkem")).facts_digest
    assert reported("run", "mlkem", *QUICK, "--out", tmp_path / "a")["facts_digest"] == first
    other = reported("run", "mlkem", "--depth", "quick", "--seed", "0bad", "--out", tmp_path / "b")
    assert other["facts_digest"] != first


def test_a_run_without_a_seed_draws_one(tmp_path: Path) -> None:
    words = ("run", "mlkem", "--depth", "quick", "--only", "ml-kem/kat-keygen", "--out")
    seeds = {reported(*words, tmp_path / name)["seed"] for name in "ab"}
    assert len(seeds) == 2
    assert all(len(seed) == 32 for seed in seeds)


def test_only_asks_the_named_checks_and_leaves_the_rest_open(tmp_path: Path) -> None:
    report = reported(
        "run", "mlkem", *QUICK, "--only", "ml-kem/dk-hash", "--only", "ml-kem/ek-length", "--out", tmp_path / "b"
    )
    assert {check for _, check in asked(report)} == {"ml-kem/dk-hash", "ml-kem/ek-length"}
    assert report["decision"] == "undecided"
    assert {row["why"] for row in report["results"] if row["reason"] == "excluded"} == {
        "not among the checks named by --only"
    }


def test_parameter_set_examines_the_named_sets_only(tmp_path: Path) -> None:
    report = reported("run", "openssl", *QUICK, "--parameter-set", "ML-KEM-1024", "--out", tmp_path / "b")
    assert {name for name, _ in asked(report)} == {"ML-KEM-1024"}
    verdicts = {row["claim"]: row["verdict"] for row in report["claims"]}
    assert verdicts["conformance ML-KEM-1024"] == "confirmed"
    assert verdicts["conformance ML-DSA-65"] == "inconclusive"
    assert report["decision"] == "undecided"


def test_exclude_is_recorded_with_its_reason_and_turns_no_gap_into_a_pass(tmp_path: Path) -> None:
    because = "dispute 17 about this check is open"
    words = ("run", "mlkem", *QUICK, "--exclude", "ml-kem/kat-keygen", "--exclude", "ml-kem/keygen-consistent")
    report = reported(*words, "--because", because, "--out", tmp_path / "b")
    assert report["decision"] == "undecided"
    facts = pqv.read_evidence(tmp_path / "b").facts
    steps = [step for step in facts.plan.steps if step.check == "ml-kem/kat-keygen"]
    assert steps
    assert {(step.reason, step.why, step.cases) for step in steps} == {("excluded", because, 0)}
    text = succeeded("judge", tmp_path / "b", code=3).stdout
    assert because in text


def test_excluding_the_failed_checks_does_not_make_a_faulty_product_conform(bench: Bench, tmp_path: Path) -> None:
    failed = {
        row["check"] for row in reported("judge", bench.bundle("pqcrypto"))["results"] if row["outcome"] == "fail"
    }
    flags = [word for check in sorted(failed) for word in ("--exclude", check)]
    report = reported("run", "pqcrypto", *QUICK, *flags, "--because", "they fail", "--out", tmp_path / "b")
    assert report["counts"]["fail"] == 0
    assert report["decision"] == "undecided"


@pytest.mark.parametrize("check", ["ml-dsa/sign-context", "ml-dsa/kat-verify-context"])
def test_the_replay_line_of_a_finding_replays_that_one_case_and_it_fails_again(
    bench: Bench, check: str, tmp_path: Path
) -> None:
    found = next(
        row for row in reported("judge", bench.bundle("pqcrypto"))["results"]
        if row["outcome"] == "fail" and row["check"] == check
    )  # fmt: skip
    words = shlex.split(found["finding"]["reproduce"])
    assert words[0] == "pqvalidate"
    again = reported(*words[1:], cwd=tmp_path)
    assert again["decision"] == "does-not-conform"
    ran = [row for row in again["results"] if row["cases"]["planned"]]
    assert [(row["check"], row["parameter_set"], row["cases"]["failed"]) for row in ran] == [
        (check, found["parameter_set"], 1)
    ]
    assert ran[0]["cases"]["planned"] == 1
    assert ran[0]["finding"]["witness"]["case"] == found["finding"]["witness"]["case"]
    assert ran[0]["finding"]["reproduce"] == found["finding"]["reproduce"]


def test_max_time_ends_in_order_and_the_rest_is_open(tmp_path: Path) -> None:
    done = succeeded("run", "openssl", *QUICK, "--max-time", "0.001", "--out", tmp_path / "b", code=3)
    assert done.stderr == ""
    evidence = pqv.read_evidence(tmp_path / "b")
    assert evidence.status == "interrupted"
    rest = [row for row in evidence.facts.results if row.reason == "not-at-this-depth"]
    assert len(rest) > 30
    assert "stopped by --max-time after 0.001 s" in {row.why for row in rest}
    assert evidence.facts.controls
    assert pqv.judge(evidence).decision == "undecided"


@pytest.mark.parametrize(("vendor", "flags", "code"), [
    ("openssl", ("--max-time", "0.2"), 3), ("pqcrypto", ("--fail-fast",), 1),
])  # fmt: skip
def test_a_run_that_was_stopped_goes_on_to_the_facts_of_an_undisturbed_one(
    tmp_path: Path, vendor: str, flags: tuple[str, ...], code: int
) -> None:  # fmt: skip
    run = ("run", vendor, *QUICK)
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    succeeded(*run, *flags, "--out", cut, code=code)
    assert pqv.read_evidence(cut).status == "interrupted"
    assert "go on with this run" in succeeded("judge", cut, code=code).stdout
    succeeded("keygen", "--out", tmp_path / "k")
    refused = succeeded("certify", cut, "--key", tmp_path / "k" / "signing-key.json", "--out", tmp_path / "c", code=4)
    assert "interrupted" in refused.stderr
    end = 1 if vendor == "pqcrypto" else 0
    succeeded(*run, "--out", whole, code=end)
    succeeded(*run, "--out", cut, "--resume", code=end)
    assert pqv.read_evidence(cut).facts_digest == pqv.read_evidence(whole).facts_digest
    assert "is complete; judge it" in succeeded(*run, "--out", cut, "--resume", code=2).stderr


def test_what_was_stopped_after_every_question_had_an_answer_is_undecided_all_the_same(tmp_path: Path) -> None:
    run = ("run", "ml-kem-rs", *QUICK, "--parameter-set", "ML-KEM-768", "--cases", "1000000", "--out", tmp_path / "b")
    done = succeeded(*run, "--max-time", "8", code=3)
    evidence = pqv.read_evidence(tmp_path / "b")
    questions = {name for question in evidence.facts.plan.questions for name in question.checks}
    steps = zip(evidence.facts.plan.steps, evidence.facts.results, strict=True)
    cut = [step.check for step, result in steps if result.reason == "not-at-this-depth" and result.not_run]
    assert cut == ["ml-kem/campaign"]
    judged = document(pqvalidate("judge", tmp_path / "b", "--policy", "pqc-behaviour", "--format", "json"))
    rules = [row for row in judged["policy_verdict"]["rules"] if "ml-kem/campaign" in json.dumps(row)]
    assert judged["policy_verdict"]["decision"] == "undecided"
    assert "insufficient-evidence" in {row["outcome"] for row in rules}
    assert not questions.intersection(cut)
    assert "ml-kem/campaign" in done.stdout


def test_fail_fast_stops_after_the_first_failed_check(bench: Bench, tmp_path: Path) -> None:
    report = reported("run", "pqcrypto", *QUICK, "--fail-fast", "--out", tmp_path / "b")
    everything = reported("judge", bench.bundle("pqcrypto"))
    assert report["decision"] == "does-not-conform"
    assert everything["counts"]["fail"] > 2 * report["counts"]["fail"]
    failed = [n for n, row in enumerate(report["results"]) if row["outcome"] == "fail"]
    stopped = failed[-1]
    assert {report["results"][n]["severity"] for n in failed[:-1]} <= {"advisory"}
    assert {row["outcome"] for row in report["results"][stopped + 1 :]} == {"not-applicable"}
    name = report["results"][stopped]["check"]
    assert f"stopped by --fail-fast after {name}" in {row["why"] for row in report["results"]}


def test_a_plan_lists_what_a_run_then_asks_and_runs_nothing(bench: Bench, tmp_path: Path) -> None:
    planned = document(succeeded("plan", "mlkem", *QUICK, "--format", "json", cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []
    rows = {(row["parameter_set"], row["check"], row["cases"], row["reason"]) for row in planned["checks"]}
    steps = pqv.read_evidence(bench.bundle("mlkem")).facts.plan.steps
    assert rows == {(step.parameter_set, step.check, step.cases, step.reason) for step in steps}


def test_a_manifest_beside_the_user_is_found_by_its_bare_name(tmp_path: Path) -> None:
    (tmp_path / "vendor-x.toml").write_text(
        'schema = "pqvalidate/manifest/1"\n[product]\nvendor = "X"\nname = "X"\nversion = "1"\n[attach]\n'
        'kind = "python"\ntarget = "x_adapter:implementation"\n[claims]\nconformance = ["ML-KEM-512"]\n'
    )
    (tmp_path / "x_adapter.py").write_text("from pqvalidate.vendors.mlkem import implementation\n")
    report = reported("run", "vendor-x", *QUICK, cwd=tmp_path)
    assert report["decision"] == "conforms"
    assert report["bundle"] == f"pqvalidate-runs/vendor-x-{SEED}"
    assert [row["path"] for row in report["iut"]["artefacts"]] == ["x_adapter.py"]


def test_a_bundle_whose_cases_or_shards_were_changed_is_not_judged(tmp_path: Path) -> None:
    run = ("run", "ml-kem-rs", *QUICK, "--parameter-set", "ML-KEM-768", "--cases", "9000", "--out", tmp_path / "b")
    succeeded(*run)
    for name, old, new in (
        ("cases.jsonl", '"outcome":"pass"', '"outcome":"fail"'), ("cases.jsonl", "{", None),
        ("shards.jsonl", "{", None), ("shards.jsonl", '"passed":4096', '"passed":4095'),
    ):  # fmt: skip
        file = tmp_path / "b" / name
        whole = file.read_text(encoding="utf-8")
        lines = whole.splitlines(keepends=True)
        changed = lines[1:] if new is None else [lines[0].replace(old, new), *lines[1:]]
        assert changed != lines
        file.write_text("".join(changed), encoding="utf-8")
        told = succeeded("judge", tmp_path / "b", code=4).stderr
        assert "are not those of its result" in told
        file.write_text(whole, encoding="utf-8")
    succeeded("judge", tmp_path / "b")
