"""The report of `claims check`, for people and for machines."""

from __future__ import annotations

from collections.abc import Callable

from pqvalidate.claims.assessing import ClaimsReport, for_certificate
from pqvalidate.claims.registry import OBJECTIVES
from pqvalidate.documents import to_json
from pqvalidate.report.claim_lines import (
    STYLES,
    evidence_lines,
    external_line,
    remarks,
    section,
    split,
    title,
    value_text,
)
from pqvalidate.report.markdown import escaped
from pqvalidate.report.messages import Language, Messages
from pqvalidate.report.terminal import Page
from pqvalidate.report.words import printable


def text(report: ClaimsReport, lang: Language = "en") -> str:
    """Return the report for a terminal or a log."""
    page, say = Page(), Messages(lang)
    page.line((say("Claims of {who}", who=printable(report.by)), "bold"),
              f"  {say('as of {moment}', moment=report.as_of)}")  # fmt: skip
    page.paragraph(f"{_compared(report, say)}.")
    section(page, for_certificate(report), report.external_certificates, say, report.as_of)
    page.heading(say("EU Cloud Sovereignty Framework"), say("for information; no level is computed"))
    for name, about in OBJECTIVES.items():
        rows = [row for row in report.claims if name in row.objectives]
        counts = [f"{sum(row.status == status for row in rows)} {say(status)}" for status in STYLES]
        page.paragraph(f"{name}, {say(about)}: {', '.join(counts)}.", indent=2)
    return str(page)


def _compared(report: ClaimsReport, say: Messages) -> str:
    if report.compared_with is None:
        return say("Not compared with a run: give --bundle to compare algorithms and tested files")
    return say("Compared with the run of facts {digest}", digest=report.compared_with)


def json(report: ClaimsReport, lang: Language = "en") -> str:  # noqa: ARG001  (for machines)
    """Return the report as one JSON document, schema pqvalidate/claims-report/1."""
    return to_json(report).decode("utf-8")


def _table(report: ClaimsReport, say: Messages) -> list[tuple[str, str, str, str]]:
    claims, _ = split(for_certificate(report))
    return [
        (title(row.id, say), value_text(row.value, say), say(row.status),
         "; ".join([*map(say.known, remarks(row, say, report.as_of)), *evidence_lines(row, say)]))
        for row in claims
    ]  # fmt: skip


def markdown(report: ClaimsReport, lang: Language = "en") -> str:
    """Return the report for a wiki, an issue or the job summary of a build."""
    say = Messages(lang)
    head = (say("claim"), say("value"), say("status"), say("remarks"))
    lines = [head, ("---",) * 4, *(tuple(map(escaped, line)) for line in _table(report, say))]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    _, silent = split(for_certificate(report))
    missing = "; ".join(title(row.id, say) for row in silent) or say("none")
    other = "".join(f"- {escaped(external_line(row, say))}\n" for row in report.external_certificates)
    parts = [
        f"## {escaped(say('Claims of {who}', who=report.by))}\n\n{_compared(report, say)}.\n\n{table}",
        f"{say('not-provided')}: {missing}.\n",
        f"### {say('Certificates of other schemes')}\n\n{other}" if other else "",
    ]
    return "\n".join(part for part in parts if part)


FORMATS: dict[str, Callable[[ClaimsReport, Language], str]] = {"text": text, "json": json, "markdown": markdown}
"""Formats of `claims check`; a certificate shows its claims in every format of its own."""
