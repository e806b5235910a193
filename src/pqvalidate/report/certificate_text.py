"""One page about a certificate: whether it holds, for which bytes, what was seen, and what was not tested."""

from __future__ import annotations

from pqvalidate.certificate.overview import Contents
from pqvalidate.certificate.overview import Page as CertificatePage
from pqvalidate.documents import to_json
from pqvalidate.report.gaps import gap_lines
from pqvalidate.report.identity import adapter, named
from pqvalidate.report.terminal import Cell, Page
from pqvalidate.report.words import REASONS, counted, sentence, short_names

_LABEL = 14
_DECISION_STYLE = {"valid": "bold green", "invalid": "bold red", "expired": "bold yellow"}
_RULE_MARK: dict[str, Cell] = {"pass": ("yes", "green"), "fail": ("NO", "bold red"), "not-checked": ("-", "dim")}
_OUTCOME_STYLE = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_OUTSIDE = "outside-the-method"


def text(certificate: CertificatePage, *, width: int | None = None, colour: bool | None = None) -> str:
    """Return the page for people; ``width`` and ``colour`` None follow standard output (see ``terminal.Page``)."""
    page = Page(width=width, colour=colour)
    style = _DECISION_STYLE[certificate.decision]
    page.line((f"Certificate {certificate.decision.upper()}", style), f"  as of {certificate.as_of}")
    for reason in certificate.reasons:
        page.paragraph(f"{reason}.")
    contents = certificate.contents
    if contents:
        page.paragraph("The tests that it records: ", *_outcome(contents), ".")
        _identity(page, contents)
        _results(page, contents)
        _not_tested(page, contents)
        _limits(page, contents)
    else:
        page.paragraph("What it says is not shown, because its signatures are not good.")
    _rules(page, certificate)
    _record(page, certificate)
    return str(page)


def _outcome(says: Contents) -> tuple[Cell, str]:
    """Say beside the validity what was seen: a valid certificate may well record failed tests."""
    failed = [row for row in says.failed_checks if row.severity != "advisory"]
    counts = {
        "pass": f"every question of {counted(len(says.results), 'parameter set')} answered, no check failed",
        "fail": f"{counted(len(failed), 'failed check')}, listed below",
        "inconclusive": "not every question was answered, or a control was misjudged",
    }
    return (says.outcome, _OUTCOME_STYLE[says.outcome]), f"; {counts[says.outcome]}"


def json(certificate: CertificatePage) -> str:
    """Return the page as one JSON document."""
    return to_json(certificate).decode("utf-8")


def _identity(page: Page, says: Contents) -> None:
    page.gap()
    named(page, says.product, says.version, at=_LABEL)
    page.labelled("vendor", f"{says.vendor} ({says.form})", at=_LABEL)
    adapter(page, says.interface, at=_LABEL)
    for number, subject in enumerate(says.subjects):
        tree = " (tree)" if subject.annotations.digest_of == "tree" else ""
        seen = "" if subject.annotations.binding == "observed" else ", bytes not seen by the validator"
        size = f"{subject.annotations.bytes:,} bytes"
        page.labelled("" if number else "files", f"{subject.name}{tree}, {size}{seen}", at=_LABEL)
        page.line((f"{'sha256':<{_LABEL}}", "dim"), subject.digest.sha256)
    page.labelled("valid", f"{says.not_before} to {says.not_after}", at=_LABEL)
    page.labelled("issued", f"{says.issued_at}, certificate {says.id}", at=_LABEL)
    relation = f"{says.validator_role}; vendor relation {says.vendor_relation}"
    page.labelled("validator", f"{says.validator} ({relation})", at=_LABEL)
    page.labelled("tested", f"with {says.tool}, {says.depth} depth, on {says.platform}", at=_LABEL)
    page.labelled("sandbox", ", ".join(says.sandbox) or "none", at=_LABEL)
    standards: dict[str, list[str]] = {}
    for row in says.results:
        standards.setdefault(row.standard, []).append(row.parameter_set)
    for number, (standard, sets) in enumerate(standards.items()):
        page.labelled("" if number else "scope", f"{short_names(sets)} ({standard})", at=_LABEL)
    for condition in says.conditions_of_use:
        page.labelled("condition", sentence(condition), at=_LABEL)


def _results(page: Page, says: Contents) -> None:
    page.heading("Results")
    rows: list[list[Cell]] = [
        [row.parameter_set if row.claimed else f"{row.parameter_set} (not claimed)", f"{row.answered}/{row.questions}",
         str(row.passed), (str(row.failed), "red") if row.failed else "0", str(row.inconclusive), str(row.not_run),
         f"{row.cases_run:,}/{row.cases_planned:,}"]
        for row in says.results
    ]  # fmt: skip
    head = ["", "questions\nanswered", "checks\npassed", "failed", "open", "not\nrun", "cases\nrun"]
    page.table(head, rows, numbers=range(1, 7), indent=2)
    for row in says.results:
        if row.open_questions:
            page.paragraph(f"{row.parameter_set}, not answered: {', '.join(row.open_questions)}.", indent=2)
    if says.failed_checks:
        failed = [
            [row.check, row.parameter_set, row.severity, f"{row.failed:,}/{row.planned:,}", row.clause]
            for row in says.failed_checks
        ]
        page.gap()
        page.table(["failed check", "", "severity", "cases", "clause"], failed, numbers=(3,), wrap=(4,), indent=2)
    wrong = [row.control for row in says.controls if row.expected != row.seen]
    page.paragraph(
        f"{says.controls_as_expected} of {counted(len(says.controls), 'control')} judged rightly"
        f"{': misjudged ' + ', '.join(wrong) if wrong else ''}.",
        indent=2,
    )


def _not_tested(page: Page, says: Contents) -> None:
    page.heading("NOT TESTED", "nothing is concluded about any of this")
    for row in says.not_tested:
        if row.reason == _OUTSIDE:
            page.paragraph(f"{sentence(row.what).removesuffix('.')}: {row.why}.", indent=2)
    for reason, meaning in (*REASONS.items(), ("error", "an error of ours; it says nothing about the product")):
        rows = [(row.check, row.parameter_set, row.why) for row in says.not_tested if row.reason == reason]
        if rows:
            gap_lines(page, reason, meaning, rows)


def _limits(page: Page, says: Contents) -> None:
    page.heading("Limits")
    for limitation in says.limitations:
        page.paragraph(sentence(limitation), indent=2)
    page.paragraph(says.disclaimer_en, indent=2)


def _rules(page: Page, certificate: CertificatePage) -> None:
    passed = sum(rule.outcome == "pass" for rule in certificate.rules)
    page.heading("Rules of verification", f"{passed} of {len(certificate.rules)} hold")
    rows: list[list[Cell]] = []
    for rule in certificate.rules:
        text = certificate.rule_texts[rule.rule]
        why = f" ({rule.why})." if rule.why and rule.outcome != "pass" else "."
        rows.append([_RULE_MARK[rule.outcome], text.removesuffix(".") + why])
    page.table(["", ""], rows, wrap=(1,), indent=2)
    for match in certificate.artefacts:
        found = f"is the tested {match.subject}" if match.subject else "is none of the tested files"
        page.paragraph(f"{match.path} {found}.", indent=2)


def _record(page: Page, certificate: CertificatePage) -> None:
    page.heading("Record")
    for signer in certificate.signers:
        page.line((f"{signer.family:<{_LABEL}}", "dim"), signer.scheme, indent=2)
        page.line((f"{'SPKI sha256':<{_LABEL}}", "dim"), signer.spki_sha256, indent=2)
    if not certificate.signers:
        page.paragraph("Signed by nobody who is trusted.", indent=2)
    page.line((f"{'body sha256':<{_LABEL}}", "dim"), certificate.body_sha256, indent=2)
    if certificate.contents:
        page.line(
            (f"{'facts sha256':<{_LABEL}}", "dim"), certificate.contents.facts_digest.removeprefix("sha256:"), indent=2
        )
        page.line((f"{'seed':<{_LABEL}}", "dim"), certificate.contents.seed, indent=2)
