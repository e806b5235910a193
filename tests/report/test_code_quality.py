"""GitLab's Code Quality report: the fields that it reads, one issue for each finding, a fingerprint that lasts."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from msgspec.structs import replace

from pqvalidate.report import FORMATS
from pqvalidate.report.model import RunReport
from tests.golden.samples import SAMPLES, conforming, refuted


def issues(report: RunReport) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(FORMATS["code-quality"](report))
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_issue_has_the_fields_that_gitlab_reads(sample: str) -> None:
    found = issues(SAMPLES[sample]().report())
    for issue in found:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert re.fullmatch("[0-9a-f]{64}", issue["fingerprint"])
        assert issue["location"]["lines"] == {"begin": 1}
        assert not issue["location"]["path"].startswith("./")
    marks = [issue["fingerprint"] for issue in found]
    assert len(set(marks)) == len(marks)


def test_each_failed_check_and_each_open_question_is_an_issue() -> None:
    report = refuted().report()
    names = [issue["check_name"] for issue in issues(report)]
    assert [row.check for row in report.results if row.finding] == names[: sum(bool(r.finding) for r in report.results)]
    undecided = SAMPLES["undecided"]().report()
    still_open = {f"unanswered-question/{row.id}" for row in undecided.questions if row.answer == "open"}
    assert still_open
    assert still_open <= {issue["check_name"] for issue in issues(undecided)}


def test_a_run_that_conforms_has_no_issue_that_is_more_than_information() -> None:
    assert {issue["severity"] for issue in issues(conforming().report())} <= {"info"}


def test_it_points_at_the_manifest() -> None:
    report = replace(refuted().report(), iut_argument="vendor/x")
    assert {issue["location"]["path"] for issue in issues(report)} == {"vendor/x.toml"}
