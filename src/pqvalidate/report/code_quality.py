"""The run report for the Code Quality widget of GitLab: each failed check, advisory miss and open question as an issue.

Source: GitLab documentation, "Code Quality report format"; the fields that GitLab reads, and no others.
"""

from __future__ import annotations

from typing import Any

from pqvalidate.documents import to_json
from pqvalidate.evidence import Severity
from pqvalidate.report.model import RunReport, counts_as_failure
from pqvalidate.report.sarif import OPEN_RULE, fingerprint, manifest_location
from pqvalidate.report.words import printable, sentence

_SEVERITIES: dict[Severity, str] = {
    "critical": "blocker", "high": "critical", "medium": "major", "low": "minor", "advisory": "info",
}  # fmt: skip


def render(report: RunReport) -> str:
    """Return the issues as one JSON list; an error of ours or a misjudged control is an issue, too."""
    found = [
        _issue(report, row.check, row.parameter_set, f"{row.finding.summary} ({row.clause})",
               _SEVERITIES[row.severity] if counts_as_failure(row) else "info")
        for row in report.results if row.finding
    ]  # fmt: skip
    found += [
        _issue(report, row.check, row.parameter_set, f"error of pqvalidate: {row.why}", "major")
        for row in report.results if row.outcome == "error"
    ]  # fmt: skip
    found += [
        _issue(report, row.check, row.control, f"control misjudged: it must {row.expected}", "major")
        for row in report.controls if row.expected != row.seen
    ]  # fmt: skip
    found += [
        _issue(report, f"{OPEN_RULE}/{row.id}", row.parameter_set, f"not answered: {row.text} ({row.clause})", "info")
        for row in report.questions if row.answer == "open"
    ]  # fmt: skip
    return to_json(found).decode("utf-8")


def _issue(report: RunReport, check: str, about: str, says: str, severity: str) -> dict[str, Any]:
    (mark,) = fingerprint(check, about).values()
    return {
        "description": sentence(printable(f"{about}: {says}")),
        "check_name": check,
        "fingerprint": mark,
        "severity": severity,
        "location": {"path": manifest_location(report)["uri"], "lines": {"begin": 1}},
    }
