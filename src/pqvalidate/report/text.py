"""The run report for people: the decision first, then coverage, findings, what was not asked, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.evidence import Severity
from pqvalidate.report.findings import Finding
from pqvalidate.report.gaps import gap_lines
from pqvalidate.report.identity import adapter, named
from pqvalidate.report.messages import ENGLISH, Language, Messages
from pqvalidate.report.model import (
    BESIDE,
    Answered,
    NotTested,
    Product,
    Result,
    RunReport,
    counts_line,
    failed_beside,
    findings_by_severity,
    gaps_by_reason,
    next_commands,
    partly_asked,
    questions_by_algorithm,
)  # fmt: skip
from pqvalidate.report.terminal import Cell, Page
from pqvalidate.report.words import REASONS, sentence, short_name, short_names
from pqvalidate.verdict import Decision

DECISION_STYLE: dict[Decision, str] = {
    "conforms": "bold green", "does-not-conform": "bold red", "undecided": "bold yellow",
}  # fmt: skip
SEVERITY_STYLE: dict[Severity, str] = {
    "critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "advisory": "dim",
}  # fmt: skip
VERDICT_STYLE = {"confirmed": "green", "refuted": "red", "inconclusive": "yellow", "not-claimed": "dim"}
_ANSWER: dict[str, tuple[str, str]] = {"yes": ("yes", "green"), "no": ("NO", "bold red"), "open": ("open", "yellow")}
_LABEL: dict[Language, int] = {"en": 10, "nl": 13}


def render(report: RunReport, *, width: int | None = None, colour: bool | None = None, lang: Language = "en") -> str:
    """Return the report as text; ``width`` and ``colour`` None follow standard output (see ``terminal.Page``)."""
    page, say = Page(width=width, colour=colour), Messages(lang)
    _opening(page, report, say)
    _coverage(page, report, say)
    _questions(page, report, say)
    _execution_times(page, report, say)
    _findings(page, report, say)
    _errors(page, report, say)
    note = say("{checks}; nothing is concluded about them", checks=say.counted(report.counts.not_applicable, "check"))
    not_asked(page, report.not_tested, say("Not asked"), note, say)
    asked_in_part(page, [(row.check, row.parameter_set, row.why) for row in partly_asked(report)], say)
    limits(page, report.limitations, say)
    _controls(page, report, say)
    _closing(page, report, say)
    return str(page)


def _opening(page: Page, report: RunReport, say: Messages) -> None:
    decision = say(report.decision).replace("-", " ").upper()
    page.line((decision, DECISION_STYLE[report.decision]), f"  {say('under policy {name}', name=report.policy)}")
    page.paragraph(sentence(say.known(report.why)))
    if report.status == "interrupted":
        page.paragraph((say("The run was interrupted: what it had not reached is listed as not asked."), "yellow"))
    page.gap()
    product_lines(page, report.iut, say)
    where = report.circumstances
    depth, spent = say("{depth} depth", depth=report.depth), say.duration(where.duration_ns)
    run = f"{depth}, {spent}, Python {where.python}, {where.platform}"
    if where.worker_restarts:
        run += f", {say.counted(where.worker_restarts, 'worker restart')}"
    page.labelled(say("run"), run, at=_LABEL[say.language])
    page.labelled(say("sandbox"), ", ".join(where.sandbox) or say("none"), at=_LABEL[say.language])


def product_lines(page: Page, product: Product, say: Messages = ENGLISH) -> None:
    """Add who made what, and the digests of the files that the report speaks of."""
    named(page, product.name, product.version, at=_LABEL[say.language], say=say)
    page.labelled(say("vendor"), f"{product.vendor} ({say(product.form)})", at=_LABEL[say.language])
    adapter(page, product.adapter, at=_LABEL[say.language], say=say)
    for number, row in enumerate(product.artefacts):
        label = "" if number else say("files")
        tree = f" ({say('tree')})" if row.kind == "tree" else ""
        page.labelled(label, f"{row.path}{tree}, {say.number(row.bytes)} bytes", at=_LABEL[say.language])
        page.line((f"{'sha256':<{_LABEL[say.language]}}", "dim"), row.sha256)
    if not product.artefacts:
        page.labelled(
            say("files"), (say("none named: the result is bound to no bytes"), "yellow"), at=_LABEL[say.language]
        )
    for note in product.notes:
        page.labelled(say("note"), sentence(say.known(note)), at=_LABEL[say.language])


def _coverage(page: Page, report: RunReport, say: Messages) -> None:
    page.heading(say("Coverage"), counts_line(report, say))
    usual = [
        say("parameter set"),
        say("verdict"),
        say("questions\nanswered"),
        say("checks\npassed"),
        say("failed"),
        say("not\nasked"),
        say("cases\npassed"),
    ]
    rare = [say("advisory\nmisses"), say("errors\nof ours"), say("faults")]
    rows: list[tuple[list[Cell], list[Cell]]] = []
    for row in report.coverage:
        cells: list[Cell] = [
            row.parameter_set, (say(row.verdict), VERDICT_STYLE[row.verdict]),
            f"{row.questions_answered}/{row.questions}",
            f"{say.number(row.checks_passed)}/{say.number(row.checks)}",
            _alarm(row.checks_failed, "red", say), say.number(row.checks_not_asked),
            f"{say.number(row.cases.passed)}/{say.number(row.cases.planned)}",
        ]  # fmt: skip
        errors, faults = _alarm(row.checks_error, "yellow", say), _alarm(row.cases.faults, "red", say)
        rows.append((cells, [say.number(row.checks_advisory), errors, faults]))
    _widest_that_fits(page, usual, rare, rows)


def _widest_that_fits(
    page: Page, usual: Sequence[str], rare: Sequence[str], rows: Sequence[tuple[list[Cell], list[Cell]]]
) -> None:
    """Add a table with all columns; on a narrower page the usual ones, and of the rest in words what is not 0."""
    head, body = [*usual, *rare], [cells + more for cells, more in rows]
    if page.fits(head, body, indent=2):
        page.table(head, body, numbers=range(2, len(head)), indent=2)
        return
    narrow = page.fits(usual, [cells for cells, _ in rows], indent=2)
    if narrow:
        page.table(usual, [cells for cells, _ in rows], numbers=range(2, len(usual)), indent=2)
    for cells, more in rows:
        told = [pair for pair in zip(rare, more, strict=True) if _plain(pair[1]) != "0"]
        if not narrow:
            told = list(zip(usual[1:], cells[1:], strict=True)) + told
        if told:
            said = ", ".join(f"{' '.join(title.split())} {_plain(cell)}" for title, cell in told)
            page.paragraph(f"{_plain(cells[0])}: {said}", indent=2)


def _plain(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _alarm(number: int, style: str, say: Messages) -> Cell:
    return (say.number(number), style) if number else "0"


def _questions(page: Page, report: RunReport, say: Messages) -> None:
    for algorithm, questions in questions_by_algorithm(report.questions).items():
        sets = list(dict.fromkeys(name for answers in questions.values() for name in answers))
        standard = PARAMETER_SETS[sets[0]].standard
        page.heading(say("Questions about {algorithm}", algorithm=algorithm), standard)
        rows: list[list[Cell]] = []
        for answers in questions.values():
            first = next(iter(answers.values()))
            clause = first.clause.removeprefix(f"{standard} ")
            rows.append([say.known(first.text), (clause, "dim"), *(_answer(answers.get(name), say) for name in sets)])
        head = ["", say("clause"), *(short_name(name) for name in sets)]
        page.table(head, rows, numbers=range(2, len(head)), wrap=(0, 1), indent=2)
        if names := failed_beside(report, algorithm):
            page.paragraph(say(BESIDE, names=", ".join(names)))


def _answer(row: Answered | None, say: Messages) -> Cell:
    word, style = _ANSWER[row.answer] if row else ("-", "dim")
    return say(word), style


def _findings(page: Page, report: RunReport, say: Messages) -> None:
    groups = findings_by_severity(report)
    if not groups:
        return
    advisory = sum(group[0][0].severity == "advisory" for group in groups)
    note = f", {say.counted(advisory, 'advisory miss', 'advisory misses')}" if advisory else ""
    failed = say.counted(len(groups) - advisory, "failed check")
    page.heading(say("Findings"), f"{failed}{note}, {say('the gravest first')}")
    for number, group in enumerate(groups, 1):
        if number > 1:
            page.gap()
        _finding(page, number, group, say)


def _finding(page: Page, number: int, group: list[tuple[Result, Finding]], say: Messages) -> None:
    first, explained = group[0]
    sets = short_names([result.parameter_set for result, _ in group])
    mark = say("advisory, no failure") if first.severity == "advisory" else say(first.severity)
    page.line(f"{number:>3}  ", (mark, SEVERITY_STYLE[first.severity]), "  ", (first.check, "bold"), f"  {sets}")
    page.paragraph((first.clause, "dim"), f"  {sentence(say.known(explained.effect))}", indent=5)
    for result, found in group:
        page.labelled(result.parameter_set, say.known(found.summary), at=13, indent=5)
    witness = explained.witness
    if witness.case:
        page.labelled(say("witness"), witness.case, at=13, indent=5)
        said = [witness.fault and f"{say('fault')}: {witness.fault}", say.known(witness.why)]
        for text in dict.fromkeys(filter(None, said)):
            page.labelled("", sentence(text), at=13, indent=5)
        if witness.values:
            rows = [((name, "dim"), value or say("(empty)")) for name, value in witness.values.items()]
            page.table(["", ""], rows, wrap=(1,), indent=7)
    page.line((say("replay"), "dim"), indent=5)
    for _, found in group:
        page.line(found.reproduce, indent=7)


def _execution_times(page: Page, report: RunReport, say: Messages) -> None:
    if not report.timing:
        return
    page.heading(say("Execution times"), say("second minus first class in ns"))
    rows = [
        (row.check, row.parameter_set, row.design, say.number(row.figures.pairs), f"{row.figures.median_ns:+d}",
         f"{row.figures.low_ns:+d} … {row.figures.high_ns:+d}",
         say("none") if row.figures.planted_ns is None else say.number(row.figures.planted_ns))
        for row in report.timing
    ]  # fmt: skip
    head = ["", "", say("design"), say("pairs"), say("median"), say("95 % bounds"), say("planted")]
    page.table(head, rows, numbers=(3, 4, 5, 6), wrap=(0,), indent=2)


def _errors(page: Page, report: RunReport, say: Messages) -> None:
    broken = [result for result in report.results if result.outcome == "error"]
    if not broken:
        return
    page.heading(say("Our own errors"), say("these say nothing about the implementation"))
    page.table(
        ["", "", ""], [[r.check, r.parameter_set, sentence(say.known(r.why))] for r in broken], wrap=(2,), indent=2
    )


def not_asked(page: Page, gaps: Sequence[NotTested], heading: str, note: str, say: Messages = ENGLISH) -> None:
    """Add what is not asked and why, by reason."""
    page.heading(heading, note)
    if not gaps:
        page.paragraph(say("Nothing: every check of these parameter sets was asked."), indent=2)
    for reason, rows in gaps_by_reason(gaps).items():
        gap_lines(page, reason, say(REASONS[reason]), rows, say)


def asked_in_part(page: Page, gaps: Sequence[tuple[str, str, str]], say: Messages = ENGLISH) -> None:
    """Add which checks are not asked with all their cases, given as (check, parameter set, why)."""
    if gaps:
        meaning = say("some published cases of these checks were left out")
        gap_lines(page, say("asked in part"), meaning, gaps, say)


def limits(page: Page, limitations: Sequence[str], say: Messages = ENGLISH) -> None:
    """Add what cannot be concluded, whatever the decision."""
    page.heading(say("Limits"), say("whatever the decision"))
    for limitation in limitations:
        page.paragraph(say.known(limitation), indent=2)


def _controls(page: Page, report: RunReport, say: Messages) -> None:
    wrong = [row for row in report.controls if row.expected != row.seen]
    right = len(report.controls) - len(wrong)
    controls = say.counted(len(report.controls), "control")
    page.heading(say("Controls"), say("{right} of {controls} judged rightly", right=right, controls=controls))
    if not report.controls:
        page.paragraph((say("None ran, so nothing shows that the checks can fail."), "yellow"), indent=2)
    elif not wrong:
        mutants = sum(row.expected == "fail" for row in report.controls)
        text = "Reference runs that must pass: {sound}. Planted faults that must be found: {planted}."
        page.paragraph(say(text, sound=right - mutants, planted=mutants), indent=2)
    rows = [(row.control, row.check, say(f"must {row.expected}"), (say(f"seen to {row.seen}"), "red")) for row in wrong]
    if rows:
        page.table(["", "", "", ""], rows, wrap=(0, 1), indent=2)


def _closing(page: Page, report: RunReport, say: Messages) -> None:
    page.heading(say("Record"))
    page.line((f"{say('seed'):<7}", "dim"), report.seed, indent=2)
    page.line((f"{say('facts'):<7}", "dim"), report.facts_digest, indent=2)
    page.line((f"{say('bundle'):<7}", "dim"), report.bundle or say("not kept"), indent=2)
    page.line((f"{say('tool'):<7}", "dim"), report.tool, indent=2)
    commands = next_commands(report)
    if commands:
        page.heading(say("Next"))
    for purpose, command in commands:
        page.line((f"{say(purpose):<21}", "dim"), command, indent=2)
