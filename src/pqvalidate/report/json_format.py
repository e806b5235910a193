"""The report as one JSON document: the contract that CI systems and other tools rely on."""

from __future__ import annotations

from pqvalidate.documents import to_json
from pqvalidate.report.model import RunReport


def render(report: RunReport) -> str:
    """Return schema pqvalidate/run-report/1, indented, with a final line feed; fields are only ever added to it."""
    return to_json(report).decode("utf-8")
