"""The run report and the page about a certificate as HTML: one file each, which loads nothing and runs nothing.

The first page, on paper too, has what a reader must know before relying on the rest; details come after it. Every text
of others is escaped by the template engine, and its control characters are written out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.certificate.overview import Contents
from pqvalidate.certificate.overview import Page as CertificatePage
from pqvalidate.report import claim_lines, gaps, identity, model, plots, qr, words
from pqvalidate.report.certificate_sheet import signatures_good, status_of
from pqvalidate.report.messages import Language, Messages
from pqvalidate.report.sheet import Block, Sheet

Rows = list[tuple[str, tuple[str, ...], str]]

_DIGESTS = re.compile(r"[0-9a-f]{64}(, [0-9a-f]{64})*")
_OUTSIDE = "outside-the-method"


def render(report: model.RunReport, *, lang: Language = "en") -> str:
    """Return the run report as one HTML page in a language."""
    say = Messages(lang)
    partly = [(row.check, row.parameter_set, row.why) for row in model.partly_asked(report)]
    return _page(
        "run.html.j2", say, report=report, title=identity.heading(report.iut.name, report.iut.version),
        findings=model.findings_by_severity(report), counts=model.counts_line(report, say),
        questions=_questions(report), BESIDE=model.BESIDE, commands=model.next_commands(report),
        partly=gaps.grouped(partly),
        errors=[row for row in report.results if row.outcome == "error"],
        not_asked={reason: gaps.grouped(rows) for reason, rows in model.gaps_by_reason(report.not_tested).items()},
        misjudged=[row for row in report.controls if row.expected != row.seen],
        drawn=[plots.drawn(row, number, say) for number, row in enumerate(report.timing)] if plots.available() else [],
        plots_remedy=plots.REMEDY,
    )  # fmt: skip


def certificate(page: CertificatePage, *, lang: Language = "en") -> str:
    """Return the page about a verified certificate as HTML in a language.

    What the certificate says is shown only if its signatures are good, as in every other format.
    """
    says = page.contents
    return _page(
        "certificate.html.j2", Messages(lang), page=page, says=says, signed=signatures_good(page),
        status=status_of(page),
        title=identity.heading(says.product, says.version) if says else "",
        outside=[row for row in says.not_tested if row.reason == _OUTSIDE] if says else [],
        not_asked=_gaps(says) if says else {},
        advisory=any(row.advisory for row in says.results) if says else False,
        misjudged=[row for row in says.controls if row.expected != row.seen] if says else [],
    )  # fmt: skip


def sheet(of: Sheet) -> str:
    """Return a sheet as one HTML page."""
    return _page("sheet.html.j2", Messages(of.lang), sheet=of)


def with_blocks(page: str, blocks: Sequence[Block], lang: Language) -> str:
    """Return a page of ours with blocks of a sheet behind what it says."""
    # Whatever others wrote is escaped, so that this tag is ours alone.
    before, end, after = page.rpartition("</main>")
    return f"{before}{_page('judgement.html.j2', Messages(lang), blocks=blocks)}{end}{after}"


def _gaps(says: Contents) -> dict[str, Rows]:
    found: dict[str, list[tuple[str, str, str]]] = {}
    for reason in words.GAP_REASONS:
        rows = [(row.check, row.parameter_set, row.why) for row in says.not_tested if row.reason == reason]
        if rows:
            found[reason] = rows
    return {reason: gaps.grouped(rows) for reason, rows in found.items()}


def _questions(report: model.RunReport) -> list[tuple[str, str, list[str], list[dict[str, model.Answered]], list[str]]]:
    """Return per algorithm: name, standard, parameter sets, questions with their answers, and what failed beside."""
    found = []
    for algorithm, rows in model.questions_by_algorithm(report.questions).items():
        sets = list(dict.fromkeys(name for answers in rows.values() for name in answers))
        beside = model.failed_beside(report, algorithm)
        found.append((algorithm, PARAMETER_SETS[sets[0]].standard, sets, list(rows.values()), beside))
    return found


def _page(template: str, say: Messages, **values: Any) -> str:  # noqa: ANN401  (whatever the template shows)
    return _templates().get_template(template).render(say=say, **values) + "\n"


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("pages")), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless,
    )  # fmt: skip
    environment.filters |= {
        "sentence": words.sentence, "missing": gaps.missing, "short_names": _short_names, "cut": identity.cut,
    }  # fmt: skip
    environment.globals |= {
        "REASONS": words.GAP_REASONS, "wbr": _breakable, "qr": _code, "scope": identity.scope,
        "split_claims": claim_lines.split,
        "claim_title": claim_lines.title, "claim_value": _claim_value, "claim_remarks": claim_lines.remarks,
        "external_line": claim_lines.external_line, "failures": identity.failures, "whole": identity.whole,
    }  # fmt: skip
    return environment


def _harmless(value: object) -> object:
    """Write out control and direction characters in everything that is shown and is no markup of ours."""
    return words.printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _short_names(names: Sequence[str]) -> str:
    return words.short_names([name for name in names if name])


def _claim_value(value: object, say: Messages) -> str:
    """Return the value of a claim, a digest with places where a line may end."""
    text = claim_lines.value_text(value, say)
    return _breakable(text) if _DIGESTS.fullmatch(text) else text


def _breakable(text: str) -> Markup:
    """Return a digest in groups of eight, between which a line may end; it is copied without blanks."""
    shown = words.printable(text)
    return Markup("<wbr>").join(shown[place : place + 8] for place in range(0, len(shown), 8))


def _code(says: str) -> Markup:
    """Return a QR code; its SVG holds nothing of the text but the pattern that encodes it."""
    return Markup(qr.svg(says))  # noqa: S704  (drawn by segno: numbers and commands of a path)
