"""Reports: a run, a plan or a verified certificate in words, for people and for machines.

``FORMATS`` is the table of formats of ``pqvalidate run --format``; each entry turns a ``RunReport`` into the text that
goes to standard output. ``CERTIFICATE_FORMATS`` is that of ``pqvalidate verify``. A format's module, and what it needs,
is loaded when it is used. Text and HTML speak the language that is asked for; documents for machines are in English in
any language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from pqvalidate.certificate.overview import Page
    from pqvalidate.report.model import RunReport

Language: TypeAlias = Literal["en", "nl"]


class Format(Protocol):
    """A format: a report and a language in, the whole document out."""

    def __call__(self, report: RunReport, lang: Language = "en") -> str:
        """Return the document."""
        ...


class CertificateFormat(Protocol):
    """A format: the page about a verified certificate and a language in, the whole document out."""

    def __call__(self, page: Page, lang: Language = "en") -> str:
        """Return the document."""
        ...


def text(report: RunReport, lang: Language = "en") -> str:
    """Return the report for a terminal or a log; colour and width follow standard output."""
    from pqvalidate.report.text import render  # noqa: PLC0415  (rich is loaded for text only)

    return render(report, lang=lang)


def json(report: RunReport, lang: Language = "en") -> str:  # noqa: ARG001  (for machines)
    """Return the report as one JSON document, schema pqvalidate/run-report/1."""
    from pqvalidate.report.json_format import render  # noqa: PLC0415  (loaded when used)

    return render(report)


def markdown(report: RunReport, lang: Language = "en") -> str:  # noqa: ARG001  (for build systems)
    """Return the report for a merge request, an issue, a wiki or the job summary of a build."""
    from pqvalidate.report.markdown import render  # noqa: PLC0415  (loaded when used)

    return render(report)


def junit(report: RunReport, lang: Language = "en") -> str:  # noqa: ARG001  (for machines)
    """Return the report as JUnit XML, for the test page of a CI system."""
    from pqvalidate.report.junit import render  # noqa: PLC0415  (loaded when used)

    return render(report)


def sarif(report: RunReport, lang: Language = "en") -> str:  # noqa: ARG001  (for machines)
    """Return the report as SARIF 2.1.0, for the code page of a build system; it points at the manifest."""
    from pqvalidate.report.sarif import render  # noqa: PLC0415  (loaded when used)

    return render(report)


def code_quality(report: RunReport, lang: Language = "en") -> str:  # noqa: ARG001  (for machines)
    """Return the report for the Code Quality widget of GitLab; it points at the manifest."""
    from pqvalidate.report.code_quality import render  # noqa: PLC0415  (loaded when used)

    return render(report)


def html(report: RunReport, lang: Language = "en") -> str:
    """Return the report as one HTML page that loads nothing."""
    from pqvalidate.report.html import render  # noqa: PLC0415  (the template engine is loaded for HTML only)

    return render(report, lang=lang)


FORMATS: dict[str, Format] = {
    "text": text, "json": json, "markdown": markdown, "junit": junit, "sarif": sarif, "html": html,
    "code-quality": code_quality,
}  # fmt: skip


def verified_text(page: Page, lang: Language = "en") -> str:
    """Return the page about a certificate for a terminal."""
    from pqvalidate.report.certificate_text import text  # noqa: PLC0415  (rich is loaded for text only)

    return text(page, lang=lang)


def verified_json(page: Page, lang: Language = "en") -> str:  # noqa: ARG001  (for machines)
    """Return the page about a certificate as one JSON document."""
    from pqvalidate.report.certificate_text import json  # noqa: PLC0415  (loaded when used)

    return json(page)


def verified_html(page: Page, lang: Language = "en") -> str:
    """Return the page about a certificate as one HTML page that loads nothing."""
    from pqvalidate.report.html import certificate  # noqa: PLC0415  (the template engine is loaded for HTML only)

    return certificate(page, lang=lang)


CERTIFICATE_FORMATS: dict[str, CertificateFormat] = {
    "text": verified_text, "json": verified_json, "html": verified_html,
}  # fmt: skip
"""Formats of ``pqvalidate verify`` that are text; ``papers`` makes PDF."""
