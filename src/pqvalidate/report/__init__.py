"""Reports: a run, a plan or a verified certificate in words, for people and for machines.

``FORMATS`` is the table of formats of ``pqvalidate run --format``; each entry turns a ``RunReport`` into the text that
goes to standard output. A format's module, and what it needs, is loaded when it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pqvalidate.report.model import RunReport


def text(report: RunReport) -> str:
    """Return the report for a terminal or a log; colour and width follow standard output."""
    from pqvalidate.report.text import render  # noqa: PLC0415  (rich is loaded for text only)

    return render(report)


def json(report: RunReport) -> str:
    """Return the report as one JSON document, schema pqvalidate/run-report/1."""
    from pqvalidate.report.json_format import render  # noqa: PLC0415  (loaded when used)

    return render(report)


def markdown(report: RunReport) -> str:
    """Return the report for a merge request, an issue or a wiki."""
    from pqvalidate.report.markdown import render  # noqa: PLC0415  (loaded when used)

    return render(report)


def junit(report: RunReport) -> str:
    """Return the report as JUnit XML, for the test page of a CI system."""
    from pqvalidate.report.junit import render  # noqa: PLC0415  (loaded when used)

    return render(report)


FORMATS: dict[str, Callable[[RunReport], str]] = {"text": text, "json": json, "markdown": markdown, "junit": junit}
