"""Which paper is made of what: a certificate, a judgement or a signed verdict as HTML or PDF."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, TypeAlias

from pqvalidate.certificate.envelope import parse_envelope
from pqvalidate.certificate.overview import Page
from pqvalidate.documents import read_bytes
from pqvalidate.errors import InputError
from pqvalidate.policy.svr import VerifiedVerdict
from pqvalidate.report.messages import Language
from pqvalidate.report.policy_text import PolicyReport
from pqvalidate.report.sheet import Sheet

PaperFormat: TypeAlias = Literal["html", "pdf"]
FORMATS = frozenset({"html", "pdf"})
"""Formats of papers; PDF goes to a file, for it is not text."""


def of_certificate(page: Page, file: Path, lang: Language, report: PolicyReport | None = None) -> bytes:
    """Return a verified certificate as PDF, the signed file attached, with a judgement of it if there is one."""
    return _paper(certificate_sheet(page, lang, report), file, page.body_sha256)


def certificate_html(page: Page, lang: Language, report: PolicyReport) -> str:
    """Return a verified certificate with a judgement of it as one HTML page."""
    from pqvalidate.report.html import sheet as show  # noqa: PLC0415  (the template engine is loaded for HTML only)

    return show(certificate_sheet(page, lang, report))


def certificate_sheet(page: Page, lang: Language, report: PolicyReport | None) -> Sheet:
    """Return the sheet of a certificate, with a judgement of it if there is one."""
    from pqvalidate.report import certificate_sheet as pages  # noqa: PLC0415  (loaded when used)
    from pqvalidate.report import policy_sheet  # noqa: PLC0415

    sheet = pages.sheet(page, lang)
    return policy_sheet.with_policies(sheet, report) if report and page.contents else sheet


def of_verdict(found: VerifiedVerdict, as_of: str, file: Path, form: PaperFormat, lang: Language) -> str | bytes:
    """Return a signed verdict that was verified, as HTML, or as PDF with the signed file attached."""
    from pqvalidate.report import policy_sheet  # noqa: PLC0415  (loaded when used)

    sheet = policy_sheet.signed(found, as_of, lang)
    return _paper(sheet, file, found.body_sha256) if form == "pdf" else _page(sheet)


def of_report(report: PolicyReport, form: PaperFormat, lang: Language, document: bytes) -> str | bytes:
    """Return a judgement as HTML, or as PDF with ``document``, the same judgement as JSON, attached."""
    from pqvalidate.report import pdf, policy_sheet  # noqa: PLC0415  (loaded when used)

    sheet = policy_sheet.matrix(report, lang)
    return pdf.render(sheet, attached=document, name="judgement.json") if form == "pdf" else _page(sheet)


def run_html(printed: str, report: PolicyReport, lang: Language) -> str:
    """Return the report of a run as HTML with the judgement of it behind: the policies, the sets, every rule."""
    from pqvalidate.report import policy_sheet  # noqa: PLC0415  (loaded when used)
    from pqvalidate.report.html import with_blocks  # noqa: PLC0415  (the template engine is loaded for HTML only)
    from pqvalidate.report.messages import Messages  # noqa: PLC0415

    say = Messages(lang)
    return with_blocks(printed, [*policy_sheet.policies(report, say), *policy_sheet.rules(report, say)], lang)


def _page(sheet: Sheet) -> str:
    from pqvalidate.report.html import sheet as show  # noqa: PLC0415  (the template engine is loaded for HTML only)

    return show(sheet)


def _paper(sheet: Sheet, file: Path, body_sha256: str) -> bytes:
    """Attach the file as it is on disk, provided that it is still the one that was verified."""
    from pqvalidate.report import pdf  # noqa: PLC0415  (loaded when used)

    data = read_bytes(file, "the signed file")
    if hashlib.sha256(parse_envelope(data, file).payload).hexdigest() != body_sha256:
        raise InputError(file, "", "has changed while it was read", "Verify it again")
    return pdf.render(sheet, attached=data, name=file.name)
