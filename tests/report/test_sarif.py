"""SARIF 2.1.0, field by field as OASIS defines them: section numbers are those of the specification."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import pytest
from msgspec.structs import replace

from pqvalidate.report import FORMATS
from pqvalidate.report.model import RunReport, counts_as_failure
from tests.golden.samples import SAMPLES, conforming, interrupted, refuted

KINDS = {"pass", "open", "informational", "notApplicable", "review", "fail"}  # 3.27.9
LEVELS = {"none", "note", "warning", "error"}  # 3.27.10
OPTIONAL_OF_A_RESULT = {"kind", "level", "locations", "partialFingerprints", "properties", "ruleId", "ruleIndex"}
URI = re.compile(r"(file://)?[A-Za-z0-9._~/%-]+")


def run_of(report: RunReport) -> dict[str, Any]:
    log = json.loads(FORMATS["sarif"](report))
    assert list(log) == ["$schema", "version", "runs"]  # 3.13
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_tool_names_itself_and_a_rule_for_each_result(sample: str) -> None:
    run = run_of(SAMPLES[sample]().report())
    driver = run["tool"]["driver"]
    assert driver["name"] == "pqvalidate"
    assert re.fullmatch(r"\d+\.\d+\.\d+", driver["version"])
    names = [rule["id"] for rule in driver["rules"]]
    assert len(set(names)) == len(names)
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"].endswith(".")  # 3.49.9
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]  # optional in the standard; code pages ask for it
        assert rule["defaultConfiguration"]["level"] in LEVELS
    for result in run["results"]:
        assert names[result["ruleIndex"]] == result["ruleId"]  # 3.27.6


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_field_of_a_result_is_one_of_the_standard_and_has_its_type(sample: str) -> None:
    for result in run_of(SAMPLES[sample]().report())["results"]:
        assert set(result) == {"message", *OPTIONAL_OF_A_RESULT}
        assert result["kind"] in KINDS
        assert result["level"] in LEVELS
        assert result["kind"] == "fail" or result["level"] == "none"
        assert result["message"]["text"]
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert URI.fullmatch(physical["artifactLocation"]["uri"])
        assert physical["region"] == {"startLine": 1}  # 3.30.5: counted from 1
        assert location["logicalLocations"][0]["name"].startswith("ML-")
        assert re.fullmatch("[0-9a-f]{64}", result["partialFingerprints"]["checkAndParameterSet/v1"])


def test_each_failed_check_is_a_problem_and_an_advisory_miss_is_for_review() -> None:
    report = refuted().report()
    results = run_of(report)["results"]
    failed = {(r.check, r.parameter_set) for r in report.results if counts_as_failure(r)}
    assert {(r["ruleId"], r["properties"]["parameterSet"]) for r in results if r["kind"] == "fail"} == failed
    assert [r["ruleId"] for r in results if r["kind"] == "review"] == ["ml-kem/dk-embedded-ek"]


def test_severity_decides_the_level() -> None:
    levels = {r["properties"]["severity"]: r["level"] for r in run_of(refuted().report())["results"]}
    assert levels == {"critical": "error", "high": "error", "medium": "warning", "advisory": "none"}


def test_a_run_without_findings_has_no_results() -> None:
    assert run_of(conforming().report())["results"] == []


def test_an_unanswered_question_is_open_and_not_silent() -> None:
    results = run_of(interrupted().report())["results"]
    assert {result["kind"] for result in results} == {"open"}
    assert any("J(z‖c)" in result["message"]["text"] for result in results)


def test_errors_of_ours_a_misjudged_control_and_an_interruption_are_notifications() -> None:
    (invocation,) = run_of(interrupted().report())["invocations"]
    texts = [row["message"]["text"] for row in invocation["toolExecutionNotifications"]]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitCode"] == 3
    for part in ("the oracle ran out of memory", "control no-implicit-rejection misjudged", "the run was interrupted"):
        assert any(part in text for text in texts)
    (sound,) = run_of(conforming().report())["invocations"]
    assert (sound["executionSuccessful"], sound["exitCode"], sound["toolExecutionNotifications"]) == (True, 0, [])
    assert datetime.fromisoformat(sound["startTimeUtc"]) < datetime.fromisoformat(sound["endTimeUtc"])


@pytest.mark.parametrize(
    ("argument", "uri"),
    [
        ("./vendor y.toml", "vendor%20y.toml"),
        ("x-crypto", "x-crypto.toml"),
        ("../a/b#c.toml", "../a/b%23c.toml"),
        ("/srv/a b.toml", "file:///srv/a%20b.toml"),
    ],
)
def test_a_finding_points_at_the_manifest(argument: str, uri: str) -> None:
    report = replace(refuted().report(), iut_argument=argument)
    location = run_of(report)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": uri}
    assert unquote(uri).removeprefix("file://") == argument.removeprefix("./") or argument == "x-crypto"


def test_a_built_in_manifest_is_relative_to_the_installed_package() -> None:
    run = run_of(replace(refuted().report(), iut_argument="mlkem"))
    location = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": "vendors/mlkem.toml", "uriBaseId": "PQVALIDATE"}
    assert location["uriBaseId"] in run["originalUriBaseIds"]


@pytest.mark.parametrize(
    ("words", "uri"),
    [(("--prompt", "p.json"), "p.json"), (("--prompt", "p.json", "--manifest", "m.toml"), "m.toml")],
)
def test_an_import_of_acvp_files_points_at_its_manifest_or_prompt(words: tuple[str, ...], uri: str) -> None:
    report = refuted().report()
    command = ("acvp", "import", "r.json", *words)
    report = replace(report, circumstances=replace(report.circumstances, command=command))
    assert run_of(report)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": uri}


def test_a_finding_keeps_its_fingerprint_from_build_to_build() -> None:
    now, later = refuted().report(), replace(refuted().report(), seed="00" * 32, facts_digest="sha256:" + "0" * 64)
    marks = [[r["partialFingerprints"] for r in run_of(report)["results"]] for report in (now, later)]
    assert marks[0] == marks[1]
    assert len({json.dumps(mark) for mark in marks[0]}) == len(marks[0])


def test_what_a_vendor_writes_becomes_neither_a_link_nor_a_placeholder() -> None:
    report = refuted().report()
    results = tuple(
        replace(row, finding=replace(row.finding, summary="[click](https://example.org) {0} C:\\x\x1b [1, 2]"))
        if row.finding else row for row in report.results
    )  # fmt: skip
    text = run_of(replace(report, results=results))["results"][0]["message"]["text"]
    assert r"\[click](https://example.org) {{0}} C:\x\x1b" in text
    assert "[1, 2]" in text
