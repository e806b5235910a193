"""The scripts in benchmarks/: what the gate lets through, and what the page of figures says."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from pqvalidate.bench.benchmark import Wanted
from pqvalidate.bench.records import read_report
from pqvalidate.documents import to_json
from tests.bench.vendors import manifest
from tests.cli.command import environment, succeeded
from tests.house_rules.tree import ROOT

FOLDER = ROOT / "benchmarks"


def script(name: str) -> ModuleType:
    """Import a script of benchmarks/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BEFORE = {"a plan": 1000, "a call": 2000}


@pytest.mark.parametrize(
    ("now", "bad", "said"),
    [
        ({"a plan": 1000, "a call": 2000}, False, "as before"),
        ({"a plan": 1050, "a call": 2000}, False, "1.050 x the baseline, as before"),
        ({"a plan": 1051, "a call": 2000}, True, "1.051 x the baseline, TOO MANY"),
        ({"a plan": 1000, "a call": 1000}, False, "fewer, record a new baseline"),
        ({"a plan": 1000}, True, "a call: is not counted any more"),
        ({"a plan": 1000, "a call": 2000, "more": 1}, True, "more: has no baseline"),
    ],
)
def test_the_gate_fails_above_five_per_cent_and_where_a_stage_is_lost(
    now: dict[str, int], said: str, *, bad: bool
) -> None:
    lines, failed = script("gate").judged(now, BEFORE)
    assert failed is bad
    assert said in "\n".join(lines)


def test_the_committed_baseline_counts_what_the_stages_are() -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "gate_stages.py")], capture_output=True, text=True, check=True, timeout=120,
        env=environment(),
    )  # fmt: skip
    stages = done.stdout.splitlines()
    assert "import pqvalidate" in stages
    rows = json.loads((FOLDER / "gate.json").read_text("utf-8"))
    assert rows
    for row in rows:
        assert list(row["instructions"]) == [*stages, "the worker's share of a call"]
        assert all(count > 1000 for count in row["instructions"].values())
        assert {"circumstances", "libc", "compiler", "msgspec", "numpy"} == set(row["key"])


def test_where_nothing_was_recorded_the_gate_says_so_and_what_differs() -> None:
    gate = script("gate")
    here = gate.key()
    other = here | {"circumstances": here["circumstances"].replace("python-3.", "python-2."), "numpy": "0.1"}
    said = gate.without_baseline(here, [{"key": dict.fromkeys(here, "")}, {"key": other}])
    assert said[0].startswith("gate: no baseline for this interpreter")
    assert [line.split(":")[0].strip() for line in said[1:-1]] == ["circumstances", "numpy"]
    assert said[2] == f"  numpy: here {here['numpy']}; in the nearest baseline 0.1"
    assert "in the nearest baseline nothing" in gate.without_baseline(here, [])[1]


@pytest.mark.needs("valgrind")
def test_an_interpreter_without_a_baseline_passes_visibly(tmp_path: Path) -> None:
    gate = (FOLDER / "gate.py").read_text("utf-8")
    (tmp_path / "gate.py").write_text(gate, "utf-8")  # no gate.json lies beside it
    done = subprocess.run(
        [sys.executable, str(tmp_path / "gate.py")], capture_output=True, text=True, check=False, timeout=60,
        env=environment(),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("gate: no baseline for this interpreter")


@pytest.mark.parametrize(("required", "code"), [("1", 1), ("0", 0)])
def test_without_valgrind_the_gate_names_the_tool(required: str, code: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "gate.py")], capture_output=True, text=True, check=False, timeout=60,
        env=environment(PATH=str(tmp_path), PQV_REQUIRE_TOOLCHAINS=required),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (code, "")
    assert "tool-missing: valgrind" in done.stdout


def test_a_proof_goes_on_with_the_runs_that_were_kept_and_with_no_others(tmp_path: Path) -> None:
    kept, file = script("kept"), tmp_path / "kept.json"
    first = kept.Kept(file, {"proof": "a"})
    assert first.wants("x", 2)
    first.add("x", ratio_ppm=5)
    again = kept.Kept(file, {"proof": "a"})
    assert again.of("x") == [{"what": "x", "ratio_ppm": 5}]
    assert again.wants("x", 2)
    again.add("x", ratio_ppm=6)
    assert not again.wants("x", 2)
    assert not kept.Kept(file, {"proof": "a"}).wants("x", 2)
    with pytest.raises(SystemExit, match="runs of another question"):
        kept.Kept(file, {"proof": "b"})
    assert not kept.Kept(None, {}, minutes=1e-9).wants("x", 2)


@pytest.mark.parametrize("name", ["prove_bench", "repeat_timing"])
def test_a_proof_that_ran_out_of_time_ends_by_itself_and_says_that_runs_are_missing(name: str) -> None:
    words = [sys.executable, str(FOLDER / f"{name}.py"), "--minutes", "0.000001"]
    if name == "repeat_timing":
        words += ["no-such-manifest.toml"]
    for form in ("text", "json"):
        done = subprocess.run(
            [*words, "--format", form], capture_output=True, text=True, check=False, timeout=120, env=environment()
        )
        assert done.returncode == 3, done.stderr
        if form == "json":
            assert json.loads(done.stdout)["parts"]
        else:
            assert "0 of " in done.stdout


def test_one_run_of_a_proof_is_kept_with_its_ratio(tmp_path: Path) -> None:
    prove, kept = script("prove_bench"), script("kept")
    row = prove.repeats(kept.Kept(tmp_path / "kept.json", {}), 1, 0.05)
    assert (row["runs"], row["verdict"]) == ("1 of 1", "shown")
    (run,) = kept.Kept(tmp_path / "kept.json", {}).runs
    assert run["low_ppm"] <= run["ratio_ppm"] <= run["high_ppm"]


def test_a_proof_that_failed_once_is_not_shown() -> None:
    prove, kept = script("prove_bench"), script("kept")
    seen = kept.Kept(None, {})
    for ratio in (1_000_000, 1_000_000, 1_031_000):
        seen.add("repeats", ratio_ppm=ratio, ms=9_000)
    assert prove.repeats(seen, 3, 1.0)["verdict"] == "not shown"
    for verdict in ("broken", "broken", "kept"):
        seen.add("21 beside 20", rules=dict.fromkeys((prove.TIME_RULE, prove.COUNT_RULE), verdict), ms=9_000)
    assert {row["verdict"] for row in prove.planted(seen, 3, 1.0, 21, "broken")} == {"not shown"}


def test_a_leak_in_any_run_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    repeat, kept = script("repeat_timing"), script("kept")
    seen = kept.Kept(None, {"proof": "timing"})
    seen.add("run", outcomes={"ml-kem/timing-statistics null pass": 1}, ms=1)
    assert repeat.judged(seen, 1, "text") == 0
    assert repeat.judged(seen, 2, "text") == 3
    seen.add("run", outcomes={"ml-kem/timing-statistics null fail": 1}, ms=1)
    assert repeat.judged(seen, 2, "json") == 1
    printed = capsys.readouterr()
    assert '"leaks": 1' in printed.out
    assert "1 leaks reported in 2 of 2 runs, 2 comparisons" in printed.err


def test_the_page_of_figures_says_what_the_result_says(tmp_path: Path) -> None:
    mine, theirs, kept = manifest(tmp_path, "mine", 2), manifest(tmp_path, "theirs", 1), tmp_path / "kept.json"
    succeeded(
        "bench", mine, "--against", theirs, "--only", "decapsulate", "--seconds", "0.1", "--memory", "--save", kept
    )
    report = read_report(kept)
    page: str = script("figures").page(report, ["absent (not installed)"])
    ratio = next(row.ratio_ppm / 1e6 for row in report.ratios)
    assert f"({ratio:.2f} x)" in page
    assert "### ML-KEM-768: time of a call" in page
    assert "Not available on this machine: absent (not installed)." in page
    assert f"- processor {report.machine.processor}" in page
    memory = next(row for row in report.memory if row.label == "mine")
    assert f"{memory.first_kib:,} + {memory.later_kib:,}" in page
    rows = [line for line in page.splitlines() if line.startswith("| mine |")]
    assert len(rows) == 4  # who, time, memory, bytes


def test_figures_of_single_sets_are_kept_and_put_together(tmp_path: Path) -> None:
    figures = script("figures")
    mine, theirs = manifest(tmp_path, "mine", 2), manifest(tmp_path, "theirs", 1)
    wanted = Wanted(
        named=(str(mine),), against=str(theirs), parameter_sets=("ML-KEM-768",), operations=("decapsulate",),
        seconds=0.05,
    )  # fmt: skip
    kept = tmp_path / "kept"
    first = figures.measured(wanted, kept)
    assert figures.measured(wanted, kept) == first  # nothing is measured twice
    assert to_json(first) == (kept / "ML-KEM-768.json").read_bytes()
    other = json.loads((kept / "ML-KEM-768.json").read_text("utf-8").replace("ML-KEM-768", "ML-KEM-512"))
    (kept / "ML-KEM-512.json").write_text(json.dumps(other), "utf-8")
    both = replace(wanted, parameter_sets=("ML-KEM-768", "ML-KEM-512"))
    whole = figures.measured(both, kept)
    assert [row.parameter_set for row in whole.figures] == ["ML-KEM-768"] * 2 + ["ML-KEM-512"] * 2
    assert "## ML-KEM-512" in figures.page(whole, [])
    other["seconds_per_operation_ms"] += 1
    (kept / "ML-KEM-512.json").write_text(json.dumps(other), "utf-8")
    with pytest.raises(SystemExit, match="was measured otherwise"):
        figures.measured(both, kept)
