"""The run report for people: the decision first, then coverage, findings, what was not asked, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.evidence import Severity
from pqvalidate.report.findings import Finding
from pqvalidate.report.gaps import gap_lines
from pqvalidate.report.identity import adapter, named
from pqvalidate.report.model import (
    Answered,
    NotTested,
    Product,
    Result,
    RunReport,
    counts_line,
    findings_by_severity,
    gaps_by_reason,
    next_commands,
    partly_asked,
    questions_by_algorithm,
)  # fmt: skip
from pqvalidate.report.terminal import Cell, Page
from pqvalidate.report.words import REASONS, counted, duration, sentence, short_name, short_names
from pqvalidate.verdict import Decision

DECISION_STYLE: dict[Decision, str] = {
    "conforms": "bold green", "does-not-conform": "bold red", "undecided": "bold yellow",
}  # fmt: skip
SEVERITY_STYLE: dict[Severity, str] = {
    "critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "advisory": "dim",
}  # fmt: skip
VERDICT_STYLE = {"confirmed": "green", "refuted": "red", "inconclusive": "yellow", "not-claimed": "dim"}
_ANSWER: dict[str, Cell] = {"yes": ("yes", "green"), "no": ("NO", "bold red"), "open": ("open", "yellow")}
_LABEL = 10
_ROOMY = 100  # from this width on, the coverage table has its rarer columns


def render(report: RunReport, *, width: int | None = None, colour: bool | None = None) -> str:
    """Return the report as text; ``width`` and ``colour`` None follow standard output (see ``terminal.Page``)."""
    page = Page(width=width, colour=colour)
    _opening(page, report)
    _coverage(page, report)
    _questions(page, report)
    _findings(page, report)
    _errors(page, report)
    note = f"{counted(report.counts.not_applicable, 'check')}; nothing is concluded about them"
    not_asked(page, report.not_tested, "Not asked", note)
    asked_in_part(page, [(row.check, row.parameter_set, row.why) for row in partly_asked(report)])
    limits(page, report.limitations)
    _controls(page, report)
    _closing(page, report)
    return str(page)


def _opening(page: Page, report: RunReport) -> None:
    decision = report.decision.replace("-", " ").upper()
    page.line((decision, DECISION_STYLE[report.decision]), f"  under policy {report.policy}")
    page.paragraph(sentence(report.why))
    if report.status == "interrupted":
        page.paragraph(("The run was interrupted: what it had not reached is listed as not asked.", "yellow"))
    page.gap()
    product_lines(page, report.iut)
    where = report.circumstances
    run = f"{report.depth} depth, {duration(where.duration_ns)}, Python {where.python}, {where.platform}"
    if where.worker_restarts:
        run += f", {counted(where.worker_restarts, 'worker restart')}"
    page.labelled("run", run, at=_LABEL)
    page.labelled("sandbox", ", ".join(where.sandbox) or "none", at=_LABEL)


def product_lines(page: Page, product: Product) -> None:
    """Add who made what, and the digests of the files that the report speaks of."""
    named(page, product.name, product.version, at=_LABEL)
    page.labelled("vendor", f"{product.vendor} ({product.form})", at=_LABEL)
    adapter(page, product.adapter, at=_LABEL)
    for number, row in enumerate(product.artefacts):
        label = "" if number else "files"
        tree = " (tree)" if row.kind == "tree" else ""
        page.labelled(label, f"{row.path}{tree}, {row.bytes:,} bytes", at=_LABEL)
        page.line((f"{'sha256':<{_LABEL}}", "dim"), row.sha256)
    if not product.artefacts:
        page.labelled("files", ("none named: the result is bound to no bytes", "yellow"), at=_LABEL)
    for note in product.notes:
        page.labelled("note", sentence(note), at=_LABEL)


def _coverage(page: Page, report: RunReport) -> None:
    page.heading("Coverage", counts_line(report))
    roomy = page.width >= _ROOMY
    head = [
        "parameter set",
        "verdict",
        "questions\nanswered",
        "checks\npassed",
        "failed",
        "not\nasked",
        "cases\npassed",
    ]
    head += ["advisory\nmisses", "errors\nof ours", "faults"] * roomy
    rows: list[list[Cell]] = []
    for row in report.coverage:
        cells: list[Cell] = [
            row.parameter_set, (row.verdict, VERDICT_STYLE[row.verdict]),
            f"{row.questions_answered}/{row.questions}", f"{row.checks_passed:,}/{row.checks:,}",
            _alarm(row.checks_failed, "red"), f"{row.checks_not_asked:,}",
            f"{row.cases.passed:,}/{row.cases.planned:,}",
        ]  # fmt: skip
        more = [f"{row.checks_advisory:,}", _alarm(row.checks_error, "yellow"), _alarm(row.cases.faults, "red")]
        rows.append(cells + more * roomy)
    page.table(head, rows, numbers=range(2, len(head)), indent=2)


def _alarm(number: int, style: str) -> Cell:
    return (f"{number:,}", style) if number else "0"


def _questions(page: Page, report: RunReport) -> None:
    for algorithm, questions in questions_by_algorithm(report.questions).items():
        sets = list(dict.fromkeys(name for answers in questions.values() for name in answers))
        standard = PARAMETER_SETS[sets[0]].standard
        page.heading(f"Questions about {algorithm}", standard)
        rows: list[list[Cell]] = []
        for answers in questions.values():
            first = next(iter(answers.values()))
            clause = first.clause.removeprefix(f"{standard} ")
            rows.append([first.text, (clause, "dim"), *(_answer(answers.get(name)) for name in sets)])
        head = ["", "clause", *(short_name(name) for name in sets)]
        page.table(head, rows, numbers=range(2, len(head)), wrap=(0, 1), indent=2)


def _answer(row: Answered | None) -> Cell:
    return _ANSWER[row.answer] if row else ("-", "dim")


def _findings(page: Page, report: RunReport) -> None:
    groups = findings_by_severity(report)
    if not groups:
        return
    advisory = sum(group[0][0].severity == "advisory" for group in groups)
    note = f", {counted(advisory, 'advisory miss', 'advisory misses')}" if advisory else ""
    page.heading("Findings", f"{counted(len(groups) - advisory, 'failed check')}{note}, the gravest first")
    for number, group in enumerate(groups, 1):
        if number > 1:
            page.gap()
        _finding(page, number, group)


def _finding(page: Page, number: int, group: list[tuple[Result, Finding]]) -> None:
    first, explained = group[0]
    sets = short_names([result.parameter_set for result, _ in group])
    mark = "advisory, no failure" if first.severity == "advisory" else first.severity
    page.line(f"{number:>3}  ", (mark, SEVERITY_STYLE[first.severity]), "  ", (first.check, "bold"), f"  {sets}")
    page.paragraph((first.clause, "dim"), f"  {sentence(explained.effect)}", indent=5)
    for result, found in group:
        page.labelled(result.parameter_set, found.summary, at=13, indent=5)
    witness = explained.witness
    if witness.case:
        page.labelled("witness", witness.case, at=13, indent=5)
        said = [witness.fault and f"fault: {witness.fault}", witness.why]
        for text in dict.fromkeys(filter(None, said)):
            page.labelled("", sentence(text), at=13, indent=5)
        if witness.values:
            rows = [((name, "dim"), value or "(empty)") for name, value in witness.values.items()]
            page.table(["", ""], rows, wrap=(1,), indent=7)
    page.line(("replay", "dim"), indent=5)
    for _, found in group:
        page.line(found.reproduce, indent=7)


def _errors(page: Page, report: RunReport) -> None:
    broken = [result for result in report.results if result.outcome == "error"]
    if not broken:
        return
    page.heading("Our own errors", "these say nothing about the implementation")
    page.table(["", "", ""], [[r.check, r.parameter_set, sentence(r.why)] for r in broken], wrap=(2,), indent=2)


def not_asked(page: Page, gaps: Sequence[NotTested], heading: str, note: str) -> None:
    """Add what is not asked and why, by reason."""
    page.heading(heading, note)
    if not gaps:
        page.paragraph("Nothing: every check of these parameter sets was asked.", indent=2)
    for reason, rows in gaps_by_reason(gaps).items():
        gap_lines(page, reason, REASONS[reason], rows)


def asked_in_part(page: Page, gaps: Sequence[tuple[str, str, str]]) -> None:
    """Add which checks are not asked with all their cases, given as (check, parameter set, why)."""
    if gaps:
        gap_lines(page, "asked in part", "some published cases of these checks were left out", gaps)


def limits(page: Page, limitations: Sequence[str]) -> None:
    """Add what cannot be concluded, whatever the decision."""
    page.heading("Limits", "whatever the decision")
    for limitation in limitations:
        page.paragraph(limitation, indent=2)


def _controls(page: Page, report: RunReport) -> None:
    wrong = [row for row in report.controls if row.expected != row.seen]
    right = len(report.controls) - len(wrong)
    page.heading("Controls", f"{right} of {counted(len(report.controls), 'control')} judged rightly")
    if not report.controls:
        page.paragraph(("None ran, so nothing shows that the checks can fail.", "yellow"), indent=2)
    elif not wrong:
        mutants = sum(row.expected == "fail" for row in report.controls)
        page.paragraph(
            f"Reference runs that must pass: {right - mutants}. Planted faults that must be found: {mutants}.", indent=2
        )
    rows = [(row.control, row.check, f"must {row.expected}", (f"seen to {row.seen}", "red")) for row in wrong]
    if rows:
        page.table(["", "", "", ""], rows, wrap=(0, 1), indent=2)


def _closing(page: Page, report: RunReport) -> None:
    page.heading("Record")
    page.line(("seed   ", "dim"), report.seed, indent=2)
    page.line(("facts  ", "dim"), report.facts_digest, indent=2)
    page.line(("bundle ", "dim"), report.bundle or "not kept", indent=2)
    page.line(("tool   ", "dim"), report.tool, indent=2)
    commands = next_commands(report)
    if commands:
        page.heading("Next")
    for purpose, command in commands:
        page.line((f"{purpose:<21}", "dim"), command, indent=2)
