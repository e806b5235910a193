"""Where output goes: documents and reports to standard output, the progress bar to a terminal, nothing elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, SEED, OnTerminal, document, environment, pqvalidate, succeeded
from tests.cli.conftest import Bench

QUICK = ("--depth", "quick", "--seed", SEED)

# The contract, as names and types; None stands for null. Reports may have more fields, never fewer.
CASES = {"planned": int, "passed": int, "failed": int, "faults": int}
FINDING = {"summary": str, "effect": str, "witness": dict, "reproduce": str}
CONTRACT = {
    "schema": str, "iut": {"vendor": str, "name": str, "version": str, "artefacts": [{"path": str, "sha256": str}]},
    "policy": str, "decision": str, "seed": str, "facts_digest": str, "bundle": (str, None),
    "counts": {"planned": int, "pass": int, "fail": int, "error": int, "not_applicable": int},
    "results": [
        {"check": str, "suite": str, "parameter_set": str, "clause": str, "severity": str, "outcome": str,
         "reason": (str, None), "cases": CASES, "finding": (FINDING, None)}
    ],
    "claims": [{"claim": str, "verdict": str, "why": str}],
    "controls": [{"control": str, "expected": str, "seen": str}],
}  # fmt: skip


def departures(value: object, shape: object, place: str = "$") -> list[str]:
    """Return where a JSON value does not have the shape."""
    if isinstance(shape, tuple):
        return [] if value is None else departures(value, shape[0], place)
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            return [f"{place} is no list with something in it"]
        return [wrong for n, item in enumerate(value) for wrong in departures(item, shape[0], f"{place}[{n}]")]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{place} is no object"]
        missing = [f"{place}.{name} is missing" for name in shape if name not in value]
        there = [name for name in shape if name in value]
        return missing + [wrong for name in there for wrong in departures(value[name], shape[name], f"{place}.{name}")]
    assert isinstance(shape, type)
    return [] if type(value) is shape else [f"{place} is {value!r}"]


def plain(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)


@pytest.mark.parametrize("vendor", ["openssl", "pqcrypto"])
def test_the_json_report_has_every_field_of_the_contract(bench: Bench, vendor: str) -> None:
    report = document(pqvalidate("judge", bench.bundle(vendor), "--format", "json"))
    assert departures(report, CONTRACT) == []
    assert report["schema"] == "pqvalidate/run-report/1"
    assert report["decision"] in {"conforms", "does-not-conform", "undecided"}
    assert {row["outcome"] for row in report["results"]} <= {"pass", "fail", "error", "not-applicable"}
    assert {row["verdict"] for row in report["claims"]} <= {"confirmed", "refuted", "inconclusive"}
    assert {row["expected"] for row in report["controls"]} == {"pass", "fail"}
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", report["facts_digest"])
    counts = report["counts"]
    assert counts["planned"] == len(report["results"])
    assert counts["planned"] == counts["pass"] + counts["fail"] + counts["error"] + counts["not_applicable"]
    assert all((row["finding"] is not None) == (row["outcome"] == "fail") for row in report["results"])
    assert all((row["reason"] is not None) == (row["outcome"] == "not-applicable") for row in report["results"])


def test_the_shape_test_does_see_a_departure(bench: Bench) -> None:
    report = document(pqvalidate("judge", bench.bundle("openssl"), "--format", "json"))
    report["counts"]["pass"] = "12"
    del report["results"][3]["clause"]
    assert departures(report, CONTRACT) == ["$.counts.pass is '12'", "$.results[3].clause is missing"]


def test_a_run_prints_one_document_and_nothing_on_standard_error(tmp_path: Path) -> None:
    done = succeeded("run", "mlkem", *QUICK, "--format", "json", "--out", tmp_path / "b")
    assert done.stderr == ""
    assert document(done)["bundle"] == str(tmp_path / "b")


def test_run_and_judge_print_the_same_document(bench: Bench, tmp_path: Path) -> None:
    ran = document(succeeded("run", "mlkem", *QUICK, "--format", "json", "--out", tmp_path / "b"))
    assert document(succeeded("judge", tmp_path / "b", "--format", "json")) == ran
    again = document(succeeded("judge", bench.bundle("mlkem"), "--format", "json"))
    assert [again[name] for name in ("decision", "results", "claims")] == [
        ran[name] for name in ("decision", "results", "claims")
    ]


@pytest.mark.parametrize("words", [["vendors"], ["doctor"], ["plan", "mlkem", "--seed", "00"]])
def test_the_other_verbs_print_documents_as_well(words: list[str]) -> None:
    done = succeeded(*words, "--format", "json")
    assert done.stderr == ""
    assert document(done)["schema"].startswith("pqvalidate/")


def test_junit_is_xml_with_a_failure_for_each_failed_check_and_one_for_the_decision(bench: Bench) -> None:
    xml = pqvalidate("judge", bench.bundle("pqcrypto"), "--format", "junit").stdout
    report = document(pqvalidate("judge", bench.bundle("pqcrypto"), "--format", "json"))
    failed = [row for row in report["results"] if row["outcome"] == "fail" and row["severity"] != "advisory"]
    assert len(list(ET.fromstring(xml).iter("failure"))) == len(failed) + 1 > 1


def test_markdown_names_the_decision_and_the_findings(bench: Bench) -> None:
    page = pqvalidate("judge", bench.bundle("pqcrypto"), "--format", "markdown").stdout
    assert page.startswith("# pqcrypto 1.0.0: does-not-conform\n")
    assert "ml-dsa/sign-context" in page


def test_the_text_report_gives_decision_denominators_findings_gaps_and_the_next_command(bench: Bench) -> None:
    page = pqvalidate("judge", bench.bundle("pqcrypto")).stdout
    for heading in ("DOES NOT CONFORM", "Coverage", "Findings", "Not asked", "Limits", "Controls", "Next"):
        assert heading in page
    assert re.search(r"ML-DSA-65 +refuted +\d+/\d+", page)
    assert page.index("Findings") < page.index("Not asked")
    assert "pqvalidate run pqcrypto --parameter-set ML-DSA-44 --only ml-dsa/sign-context --case" in page


def test_a_terminal_sees_a_progress_bar_and_standard_output_stays_clean(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    terminal = OnTerminal(
        "run", "pycryptodome", *QUICK, "--format", "json", "--out", tmp_path / "b", stdout=out
    )  # fmt: skip
    code = terminal.end()
    assert code in {0, 3}
    assert re.search(r"\d+/\d+ +cases, left +\d", plain(terminal.shown))
    assert re.search(r"ML-(KEM|DSA)-\d+ ml-|controls", terminal.shown)
    assert out.read_text(encoding="utf-8").startswith("{")
    assert "\x1b" not in out.read_text(encoding="utf-8")


def test_a_report_on_a_terminal_is_coloured_and_fits_it(bench: Bench) -> None:
    for columns in (80, 120):
        terminal = OnTerminal("judge", bench.bundle("openssl"), columns=columns)
        assert terminal.end() == 0
        assert "\x1b[1;32mCONFORMS" in terminal.shown
        lines = plain(terminal.shown).splitlines()
        copied_whole = re.compile(r"pqvalidate |[0-9a-f]{64}|/")  # digests, commands and paths are never broken
        assert [line for line in lines if len(line) > columns and not copied_whole.search(line)] == []


def test_no_colour_is_used_where_the_user_wants_none(bench: Bench) -> None:
    done = pqvalidate("judge", bench.bundle("openssl"), env=environment(NO_COLOR="1"))
    assert "\x1b" not in done.stdout


def test_a_reader_that_leaves_does_not_turn_a_refusal_into_a_pass(bench: Bench) -> None:
    words = [*COMMAND, "judge", str(bench.bundle("pqcrypto")), "--format", "json"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(words, env=environment(), stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["vendors"], ["explain"], ["judge"]])
def test_a_full_disk_behind_standard_output_is_said_plainly(bench: Bench, words: list[str]) -> None:
    given = [*words, str(bench.bundle("openssl"))] if words == ["judge"] else words
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *given], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "pqvalidate: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit", "sarif", "html"])
def test_a_narrow_locale_stops_no_report(bench: Bench, form: str) -> None:
    narrow = environment(PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    done = subprocess.run(
        [*COMMAND, "judge", str(bench.bundle("openssl")), "--format", form], env=narrow, capture_output=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    if form not in {"text", "sarif"}:  # SARIF lists findings, and this run has none
        assert "§7.2" in done.stdout.decode("utf-8")


def test_help_is_there_for_every_verb_and_quick() -> None:
    top = succeeded("--help").stdout
    for verb in ("run", "plan", "judge", "certify", "verify", "keygen", "vendors", "explain", "doctor"):
        assert f"    {verb}" in top
        assert succeeded(verb, "--help").stdout.startswith(f"usage: pqvalidate {verb}")
    loaded = "import sys, pqvalidate.cli; pqvalidate.cli.parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], env=environment(), capture_output=True, text=True, check=True)
    assert not {"numpy", "rich", "cryptography", "hypothesis", "securesystemslib"} & set(done.stdout.split())


def test_explain_knows_every_name_that_a_report_uses(bench: Bench) -> None:
    report = document(pqvalidate("judge", bench.bundle("pqcrypto"), "--format", "json"))
    names = {row["check"] for row in report["results"]} | {row["parameter_set"] for row in report["results"]}
    names |= {row["reason"] for row in report["results"] if row["reason"]}
    listed = succeeded("explain").stdout.split()
    assert names <= set(listed)
    for name in sorted(names)[:8]:
        assert succeeded("explain", name).stdout.startswith(name)


def test_vendors_says_what_is_here_and_how_to_get_the_rest() -> None:
    rows = {row["name"]: row for row in document(succeeded("vendors", "--format", "json"))["vendors"]}
    names = {"openssl", "pycryptodome", "pqcrypto", "kyber-py", "dilithium-py", "mlkem", "ml-kem-rs", "liboqs"}
    assert set(rows) >= names
    assert rows["openssl"]["available"]
    assert all(row["detail"] for row in rows.values())


def test_the_doctor_finds_vectors_whole_and_controls_right() -> None:
    found = document(succeeded("doctor", "--format", "json"))
    assert found["damaged"] == []
    assert found["vector_files"] > 50
    assert all(control["expected"] == control["seen"] for control in found["controls"])
    assert {control["expected"] for control in found["controls"]} == {"pass", "fail"}
