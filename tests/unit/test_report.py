"""The run report: the contract of its JSON, what findings say, what JUnit and the text may never do."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from msgspec.structs import replace

from pqvalidate.evidence import CaseRecord, Evidence, Step, StepResult, facts_digest
from pqvalidate.report import FORMATS
from pqvalidate.report.findings import Finding, finding, named, shortened
from pqvalidate.report.gaps import grouped, missing
from pqvalidate.report.junit import NOT_RUN
from pqvalidate.report.model import RunReport, build_report, next_commands
from pqvalidate.report.text import render
from pqvalidate.report.words import duration, printable, shell_line, short_names
from pqvalidate.verdict import judge
from tests.golden.samples import SAMPLES, Sample, interrupted, refuted

STEP = Step(check="ml-dsa/kat-verify", suite="known-answer", parameter_set="ML-DSA-87", clause="FIPS 204 §5.3",
            revision=1, severity="critical", bears_on="conformance", cases=45)  # fmt: skip


def explained(*cases: CaseRecord, iut: str = "pqcrypto", **more: Any) -> Finding:
    result = StepResult(step=0, outcome="fail", failed=len(cases) or 3, passed=42)
    found = finding(replace(STEP, **more), result, cases, iut=iut, seed="00ff", depth="standard")
    assert found is not None
    return found


def failed(case: str, **data: str) -> CaseRecord:
    return CaseRecord(step=0, case=case, outcome="fail", data=data)


def sample_named(name: str, version: str = "1.0") -> RunReport:
    """Return the report of a run whose vendor chose these words; the facts stay consistent."""
    sample = refuted()
    facts = sample.evidence.facts
    subject = replace(facts.subject, name=name, vendor=name, version=version, notes=(name,))
    facts = replace(facts, subject=subject)
    made: Evidence = replace(sample.evidence, facts=facts, facts_digest=facts_digest(facts))
    cases = [replace(case, why=name, case=f"{case.case} {name}") for case in sample.failed]
    return build_report(made, judge(made), cases, bundle=name, iut_argument=name)


# --- the contract of --format json ---------------------------------------------------------------------------------

CONTRACT: dict[str, set[str]] = {
    "": {"schema", "iut", "policy", "decision", "seed", "facts_digest", "bundle", "counts", "results", "claims",
         "controls"},
    "iut": {"vendor", "name", "version", "artefacts"},
    "iut.artefacts.0": {"path", "sha256"},
    "counts": {"planned", "pass", "fail", "error", "not_applicable"},
    "results.0": {"check", "suite", "parameter_set", "clause", "severity", "outcome", "reason", "cases", "finding"},
    "results.0.cases": {"planned", "passed", "failed", "faults"},
    "claims.0": {"claim", "verdict", "why"},
    "controls.0": {"control", "expected", "seen"},
}  # fmt: skip


@pytest.mark.parametrize("place", CONTRACT)
@pytest.mark.parametrize("sample", SAMPLES)
def test_the_json_report_has_every_field_of_the_contract(sample: str, place: str) -> None:
    value: Any = json.loads(FORMATS["json"](SAMPLES[sample]().report()))
    for step in filter(None, place.split(".")):
        value = value[int(step)] if step.isdecimal() else value[step]
    assert value.keys() >= CONTRACT[place]


def test_a_finding_has_every_field_of_the_contract() -> None:
    results = json.loads(FORMATS["json"](refuted().report()))["results"]
    findings = [result["finding"] for result in results if result["outcome"] == "fail"]
    assert len(findings) == 6
    assert all(found.keys() >= {"summary", "effect", "witness", "reproduce"} for found in findings)
    assert all(result["finding"] is None for result in results if result["outcome"] != "fail")


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_counts_add_up_to_what_was_planned(sample: str) -> None:
    report = json.loads(FORMATS["json"](SAMPLES[sample]().report()))
    counts = report["counts"]
    assert counts["planned"] == len(report["results"])
    assert counts["planned"] == counts["pass"] + counts["fail"] + counts["error"] + counts["not_applicable"]
    assert counts["not_applicable"] == len(report["not_tested"])


def test_limitations_are_never_empty() -> None:
    assert all(make().report().limitations for make in SAMPLES.values())


# --- findings ------------------------------------------------------------------------------------------------------


def test_a_step_that_did_not_fail_has_no_finding() -> None:
    result = StepResult(step=0, outcome="pass", passed=45)
    assert finding(STEP, result, (), iut="x", seed="00", depth="quick") is None


def test_the_summary_names_count_set_group_and_cases() -> None:
    cases = [failed(f"acvp/ML-DSA-sigVer-FIPS204/9/{number}") for number in (70, 67, 68)]
    assert explained(*cases).summary == "3 of 45 cases: acvp/ML-DSA-sigVer-FIPS204/9 tc 67-68, 70"


def test_a_long_list_of_cases_is_cut_and_says_how_many_are_left() -> None:
    text = named([f"acvp/set/{group}/{number}" for group in range(6) for number in range(0, 40, 2)])
    assert text.endswith(f"and {6 * 20 - 4 * 8} more")


def test_failed_cases_that_are_not_at_hand_are_counted_as_more() -> None:
    cases = [failed(f"drawn/{number}") for number in range(0, 40, 2)]
    result = StepResult(step=0, outcome="fail", failed=73, passed=42)
    found = finding(STEP, result, cases, iut="x", seed="00ff", depth="standard")
    assert found is not None
    assert found.summary.startswith("73 of 45 cases: drawn/0, 2, 4, 6, 8, 10, 12, 14 and 65 more")


def test_a_case_without_a_published_set_keeps_its_name() -> None:
    assert named(["drawn/3", "drawn/4"]) == "drawn/3-4"
    assert named(["round trip"]) == "round trip"


def test_flags_and_faults_are_counted() -> None:
    cases = [replace(failed(f"a/b/{n}"), flags=("Strcmp",), fault="crash") for n in (1, 2)]
    assert explained(*cases).summary.endswith("; flags: Strcmp 2; faults: crash 2")


def test_the_witness_is_the_smallest_failed_case() -> None:
    cases = [
        failed("a/b/1", message="00" * 40),
        failed("a/b/2", message="samples/x.bin"),
        failed("a/b/3", message="00"),
    ]
    assert explained(*cases).witness.case == "a/b/3"


def test_cases_are_ordered_as_people_count() -> None:
    assert explained(failed("a/b/10"), failed("a/b/9")).witness.case == "a/b/9"


def test_a_passed_case_is_no_witness() -> None:
    passed = CaseRecord(step=0, case="a/b/1", outcome="pass")
    assert explained(passed, failed("a/b/2", message="00" * 90)).witness.case == "a/b/2"


def test_values_of_more_than_64_bytes_are_shortened_with_their_length() -> None:
    assert shortened("ab" * 64) == "ab" * 64
    assert shortened("ab" * 1088) == f"{'ab' * 12}...{'ab' * 6} (1,088 bytes)"
    assert shortened("not hex " * 20) == "not hex " * 20


def test_without_cases_a_finding_has_counts_and_replays_the_check() -> None:
    found = explained()
    assert found.summary == "3 of 45 cases"
    assert found.witness.case == ""
    assert "--case" not in found.reproduce


def test_the_reproducer_is_the_command_of_the_contract() -> None:
    assert explained(failed("acvp/set/9/67")).reproduce == (
        "pqvalidate run pqcrypto --parameter-set ML-DSA-87 --only ml-dsa/kat-verify --case acvp/set/9/67 --seed 00ff"
    )


@pytest.mark.parametrize(("suite", "flags"), [("state", ["--depth", "quick"]), ("known-answer", [])])
def test_what_a_case_asks_at_quick_depth_only_is_replayed_at_quick_depth(suite: str, flags: list[str]) -> None:
    result = StepResult(step=0, outcome="fail", failed=1, passed=42)
    found = finding(
        replace(STEP, suite=suite), result, [failed("drawn/0")], iut="x", seed="00ff", depth="quick"
    )  # fmt: skip
    assert found is not None
    assert shlex.split(found.reproduce)[-4 if flags else -2 :] == ["--seed", "00ff", *flags]


def test_a_run_at_full_depth_is_replayed_at_full_depth() -> None:
    result = StepResult(step=0, outcome="fail", failed=1, passed=44)
    found = finding(STEP, result, [failed("drawn/900")], iut="x", seed="00", depth="full")
    assert found is not None
    assert found.reproduce.endswith("--seed 00 --depth full")


@pytest.mark.parametrize(
    "iut", ["./vendor y.toml", "it's.toml", "$(id).toml", "two\nlines.toml", "a\\b\t.toml", "é\u202e.toml"]
)
def test_the_reproducer_is_one_line_that_a_shell_reads_as_meant(iut: str) -> None:
    line = explained(failed("a/b/1"), iut=iut).reproduce
    assert len(line.splitlines()) == 1
    assert printable(line) == line
    script = line.replace("pqvalidate", "printf '%s\\0'", 1)
    words = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.decode().split("\0")
    assert words[:2] == ["run", iut]
    assert words[-2] == "00ff"


def test_an_effect_of_the_check_is_told_and_a_general_one_stands_in() -> None:
    assert explained(failed("a/b/1"), effect="Forged.").effect == "Forged."
    assert explained(failed("a/b/1")).effect == "The implementation does not do what FIPS 204 §5.3 asks for."
    assert explained(failed("a/b/1"), severity="advisory").effect.startswith("Not a failure")


def test_findings_come_by_severity_with_advisory_ones_last() -> None:
    text = render(refuted().report(), width=80, colour=False)
    marks = ["  1  critical", "  2  high", "  3  medium", "  4  advisory, no failure"]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


# --- JUnit ---------------------------------------------------------------------------------------------------------


def parsed(report: RunReport) -> ET.Element:
    return ET.fromstring(FORMATS["junit"](report).encode())


@pytest.mark.parametrize("sample", SAMPLES)
def test_junit_has_one_test_case_for_each_step_and_one_for_the_decision(sample: str) -> None:
    report = SAMPLES[sample]().report()
    assert len(parsed(report).findall(".//testcase")) == len(report.results) + 1


@pytest.mark.parametrize("sample", SAMPLES)
def test_junit_totals_count_what_is_inside(sample: str) -> None:
    root = parsed(SAMPLES[sample]().report())
    for node in (root, *root.findall("testsuite")):
        for total, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), (NOT_RUN, NOT_RUN)):
            assert node.get(total) == str(len(node.findall(f".//{tag}")))


@pytest.mark.parametrize("sample", SAMPLES)
def test_junit_is_green_exactly_where_the_decision_is_conforms(sample: str) -> None:
    report = SAMPLES[sample]().report()
    root = parsed(report)
    assert (not root.findall(".//failure") and not root.findall(".//error")) == (report.decision == "conforms")


def test_an_advisory_miss_is_no_failure_in_junit() -> None:
    case = parsed(refuted().report()).find(".//testcase[@name='ml-kem/dk-embedded-ek']")
    assert case is not None
    assert case.find("failure") is None
    assert case.findtext("system-out", "").startswith("Advisory, no failure: 1 of 8 cases")


def test_junit_carries_clause_severity_and_the_digest_of_the_facts() -> None:
    report = refuted().report()
    suite = parsed(report).find("testsuite")
    assert suite is not None
    names = {node.get("name"): node.get("value") for node in suite.findall("properties/property")}
    assert names["facts_digest"] == report.facts_digest
    first = {node.get("name"): node.get("value") for node in suite.findall("testcase/properties/property")}
    assert {"clause", "severity"} <= first.keys()


# --- foreign text --------------------------------------------------------------------------------------------------

HOSTILE = {
    "a terminal sequence": "evil\x1b[31m\x1b]0;title\x07",
    "a second line": "evil\nCONFORMS  under policy as-claimed",
    "a change of direction": "evil\u202etxet",
    "markup": "</failure><x a=\"'&]]>| `code` *bold* [bold red]",
    "no character at all": "evil\x00\ufffe",
    "a lone surrogate": "evil\udc80",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["text", "markdown", "junit", "sarif", "html"])
def test_what_a_vendor_writes_cannot_steer_a_report(kind: str, name: str) -> None:
    word = HOSTILE[kind]
    seen = FORMATS[name](sample_named(word.encode("utf-8", "replace").decode()))
    assert "evil" in seen or kind == "markup"
    assert not set(seen) & set("\x00\x07\x1b\u202e\ufffe\udc80")
    assert "\nCONFORMS" not in seen


@pytest.mark.parametrize("kind", HOSTILE)
def test_junit_and_json_stay_well_formed_whatever_a_vendor_writes(kind: str) -> None:
    report = sample_named(HOSTILE[kind].encode("utf-8", "replace").decode())
    assert parsed(report).findall(".//failure")
    assert json.loads(FORMATS["json"](report))["decision"] == "does-not-conform"


def test_a_path_that_is_not_utf_8_can_be_reported_in_every_format() -> None:
    sample = refuted()
    verdict = judge(sample.evidence)
    report = build_report(sample.evidence, verdict, sample.failed, bundle="b\udcff", iut_argument="i\udcff.toml")
    for form in FORMATS.values():
        assert form(report).encode("utf-8")


def test_markup_in_markdown_is_shown_and_not_obeyed() -> None:
    shown = FORMATS["markdown"](sample_named("<script>`|*x*"))
    assert "\\<script\\>\\`\\|\\*x\\*" in shown


# --- the text ------------------------------------------------------------------------------------------------------

COPIED_WHOLE = ("pqvalidate ",)


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("sample", SAMPLES)
def test_only_lines_to_be_copied_are_wider_than_the_page(sample: str, width: int) -> None:
    lines = render(SAMPLES[sample]().report(), width=width, colour=False).splitlines()
    assert [line for line in lines if len(line) > width and not any(word in line for word in COPIED_WHOLE)] == []


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("sample", SAMPLES)
def test_nothing_is_cut_off(sample: str, width: int) -> None:
    assert "…" not in render(SAMPLES[sample]().report(), width=width, colour=False)


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_digit_of_the_coverage_is_lost_and_no_fault_goes_unsaid(width: int) -> None:
    report = refuted().report()
    cases = replace(report.coverage[0].cases, planned=10_004_393, passed=4_215_001, faults=72)
    large = replace(report, coverage=(replace(report.coverage[0], cases=cases, checks_advisory=3),))
    page = render(large, width=width, colour=False)
    shown = " ".join(page[page.index("Coverage") : page.index("Questions about")].split())
    for told in ("4,215,001/10,004,393", "advisory", "misses", "faults", " 72", "passed"):
        assert told in shown, told


def test_colour_is_used_only_when_asked_for_or_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    report = refuted().report()
    assert "\x1b[" in render(report, width=80, colour=True)
    assert "\x1b[" not in render(report, width=80, colour=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" not in render(report)  # standard output is no terminal here
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in render(report)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in render(report)


def test_coverage_has_its_denominators() -> None:
    text = render(refuted().report(), width=80, colour=False)
    row = next(line for line in text.splitlines() if line.startswith("  ML-KEM-768  "))
    assert row.split() == ["ML-KEM-768", "refuted", "3/4", "5/8", "1", "1", "1,515/1,517"]


def test_what_failed_beside_the_questions_is_said_below_them() -> None:
    report = refuted().report()
    named = {name for row in report.questions for name in row.by}
    asked = [row for row in report.results if row.check in named and row.outcome == "pass"]
    told = "Failed beside these questions: "
    assert told not in "".join(FORMATS[name](report) for name in ("text", "markdown", "html"))
    other = replace(asked[0], check="ml-kem/campaign", outcome="fail", severity="high")
    beside = replace(report, results=(*report.results, other))
    for name in ("text", "markdown", "html"):
        assert f"{told}ml-kem/campaign" in FORMATS[name](beside).replace("\\", "")
    advisory = replace(report, results=(*report.results, replace(other, severity="advisory")))
    assert told not in FORMATS["text"](advisory)


def test_what_was_not_asked_says_by_which_reason() -> None:
    text = render(interrupted().report(), width=120, colour=False)
    assert "not-at-this-depth: left out at this depth, or cut off" in text
    assert "excluded: left out by the operator" in text
    assert "the module logs every refusal" in text


def test_a_misjudged_control_is_named() -> None:
    assert "no-implicit-rejection  ml-kem/implicit-rejection  must fail  seen to pass" in render(
        interrupted().report(), width=120, colour=False
    )


def test_many_checks_with_one_cause_are_counted() -> None:
    gaps = [(f"ml-kem/{n}", "ML-KEM-768", "not among the checks named by --only") for n in range(20)]
    assert grouped(gaps) == [("20 checks", ("ML-KEM-768",), "not among the checks named by --only")]


def test_missing_operations_are_named_one_by_one_however_many() -> None:
    gaps = [(f"ml-kem/{n}", "ML-KEM-768", "the implementation does not offer decapsulate") for n in range(20)]
    assert len(grouped(gaps)) == 20


def test_an_operation_and_its_input_are_one_thing() -> None:
    why = "the implementation does not offer sign and sign.context or sign_mu.rnd"
    assert missing(why) == "sign with context or sign_mu with rnd"
    assert missing("the implementation does not offer a and b or a and b") == "a and b"
    assert missing("left out") == "left out"


# --- what comes next -----------------------------------------------------------------------------------------------


def commands(sample: Sample) -> list[list[str]]:
    return [shlex.split(line) for _, line in next_commands(sample.report())]


def test_an_interrupted_run_is_resumed_with_its_own_command_seed_and_folder() -> None:
    sample = interrupted()
    seed = sample.evidence.facts.plan.seed
    assert commands(sample)[0] == [
        "pqvalidate", "run", "z-crypto", "--depth", "standard", "--seed", seed, "--out", sample.bundle, "--resume",
    ]  # fmt: skip


def test_an_interrupted_run_is_not_offered_for_a_certificate() -> None:
    assert all(words[1] != "certify" for words in commands(interrupted()))


def test_a_failed_run_can_be_explained_and_signed() -> None:
    assert [words[1] for words in commands(refuted())] == ["explain", "certify"]


# --- small words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0.0 s"), (9.96, "9.9 s"), (41.3, "41 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(int(seconds * 1_000_000_000)) == said


def test_siblings_are_named_once() -> None:
    assert short_names(["ML-KEM-512", "ML-KEM-768", "Dilithium2", "Dilithium3"]) == "ML-KEM-512 768, Dilithium2 3"


def test_a_shell_line_quotes_only_what_needs_it() -> None:
    assert shell_line(["run", "a b", "ml-kem/x"]) == "run 'a b' ml-kem/x"


@pytest.mark.parametrize("name", ["json", "markdown", "junit", "sarif", "html"])
def test_only_the_text_report_loads_rich(name: str) -> None:
    module = {"json": "json_format"}.get(name, name)
    script = f"import sys, pqvalidate.report.{module}; print('rich' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_the_table_of_formats_loads_neither_rich_nor_a_report() -> None:
    script = (
        "import sys, pqvalidate.report as r; "
        "assert set(r.FORMATS) == {'text', 'json', 'markdown', 'junit', 'sarif', 'html', 'code-quality'};"
        "print(sorted({'rich', 'jinja2', 'pqvalidate.report.model', 'cryptography'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
