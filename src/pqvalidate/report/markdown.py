"""The run report as Markdown: for a merge request, an issue or a wiki, in the order of the text report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.report.findings import Finding
from pqvalidate.report.gaps import grouped, missing
from pqvalidate.report.identity import titled
from pqvalidate.report.model import (
    BESIDE,
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
from pqvalidate.report.words import REASONS, counted, duration, printable, sentence, short_names

# CommonMark 0.31 section 2.4: punctuation that may begin markup inside a line; the pipe ends a table cell.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
_ANSWERS = {"yes": "yes", "no": "**NO**", "open": "open"}


def render(report: RunReport) -> str:
    """Return the report as Markdown (CommonMark with tables)."""
    sections = (_opening, _coverage, _questions, _findings, _errors, _not_asked, _controls, _record)
    parts = [part for section in sections for part in section(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Return text of others so that Markdown shows it and does not obey it."""
    return _MARKUP.sub(r"\\\1", printable(text))


def _code(text: str) -> str:
    """Return a code span; a longer fence where the text itself holds backticks (CommonMark section 6.1)."""
    shown = printable(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    blank = " " if shown[:1] == "`" or shown[-1:] == "`" else ""
    return f"{fence}{blank}{shown}{blank}{fence}"


def _block(lines: Sequence[str]) -> str:
    shown = [printable(line) for line in lines]
    fence = "`" * max(3, *(len(run) + 1 for line in shown for run in ["", *re.findall("`+", line)]))
    return "\n".join([f"{fence}console", *shown, fence])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """Return a table of finished cells; the last ``numbers`` columns are set right."""
    rule = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    return "\n".join(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in row)} |" for row in (head, rule, *rows))


def _opening(report: RunReport) -> list[str]:
    product, where = report.iut, report.circumstances
    name = escaped(titled(product.name, product.version))
    ran_on = escaped(f"Python {where.python}, {where.platform}")
    lines = [
        f"- Product: {name}, {escaped(product.vendor)} ({product.form}, adapter {escaped(product.adapter)})",
        *(f"- {row.kind.capitalize()}: {_code(row.path)}, {row.bytes:,} bytes, sha256 {_code(row.sha256)}"
          for row in product.artefacts),
        *(f"- Note: {escaped(sentence(note))}" for note in product.notes),
        f"- Run: {report.depth} depth, {duration(where.duration_ns)}, {ran_on}",
        f"- Sandbox: {escaped(', '.join(where.sandbox) or 'none')}",
    ]  # fmt: skip
    cut = "The run was interrupted: what it had not reached is listed as not asked."
    decision = f"**{report.decision}** under policy {_code(report.policy)}. {escaped(sentence(report.why))}"
    return [f"# {name}: {report.decision}", decision, cut if report.status == "interrupted" else "", "\n".join(lines)]


def _coverage(report: RunReport) -> list[str]:
    head = ["parameter set", "verdict", "questions answered", "checks passed", "failed", "advisory misses",
            "errors of ours", "not asked", "cases passed", "faults"]  # fmt: skip
    rows = [
        [row.parameter_set, row.verdict, f"{row.questions_answered}/{row.questions}",
         f"{row.checks_passed}/{row.checks}", str(row.checks_failed), str(row.checks_advisory),
         str(row.checks_error), str(row.checks_not_asked),
         f"{row.cases.passed:,}/{row.cases.planned:,}", str(row.cases.faults)]
        for row in report.coverage
    ]  # fmt: skip
    return ["## Coverage", f"{counts_line(report)}.", _table(head, rows, numbers=8)]


def _questions(report: RunReport) -> list[str]:
    parts = []
    for algorithm, questions in questions_by_algorithm(report.questions).items():
        sets = list(dict.fromkeys(name for answers in questions.values() for name in answers))
        rows = []
        for answers in questions.values():
            first = next(iter(answers.values()))
            cells = [_ANSWERS[answers[name].answer] if name in answers else "-" for name in sets]
            rows.append([escaped(first.text), first.clause, *cells])
        parts += [f"## Questions about {algorithm}", _table([PARAMETER_SETS[sets[0]].standard, "clause", *sets], rows)]
        if names := failed_beside(report, algorithm):
            parts.append(escaped(BESIDE.format(names=", ".join(names))))
    return parts


def _findings(report: RunReport) -> list[str]:
    parts: list[str] = []
    for group in findings_by_severity(report):
        parts += _finding(group)
    return ["## Findings", *parts] if parts else []


def _finding(group: list[tuple[Result, Finding]]) -> list[str]:
    first, explained = group[0]
    mark = "advisory, no failure" if first.severity == "advisory" else first.severity
    witness = explained.witness
    lines = [f"- {result.parameter_set}: {escaped(found.summary)}" for result, found in group]
    if witness.case:
        fault = f"fault: {witness.fault}; " if witness.fault else ""
        lines.append(f"- Witness {_code(witness.case)}: {escaped(fault + witness.why)}")
        lines += [
            f"  - {escaped(name)}: {_code(value) if value else '(empty)'}" for name, value in witness.values.items()
        ]
    return [
        f"### {mark}: {_code(first.check)}, {short_names([result.parameter_set for result, _ in group])}",
        f"{escaped(first.clause)}. {escaped(sentence(explained.effect))}",
        "\n".join(lines),
        _block([found.reproduce for _, found in group]),
    ]


def _errors(report: RunReport) -> list[str]:
    rows = [[_code(r.check), r.parameter_set, escaped(r.why)] for r in report.results if r.outcome == "error"]
    if not rows:
        return []
    return [
        "## Errors of ours",
        "They say nothing about the implementation.",
        _table(["check", "parameter set", "what"], rows),
    ]


def _not_asked(report: RunReport) -> list[str]:
    rows = [
        [reason, _code(check), short_names(sets), escaped(missing(why))]
        for reason, gaps in gaps_by_reason(report.not_tested).items()
        for check, sets, why in grouped(gaps)
    ]
    partly = [(row.check, row.parameter_set, row.why) for row in partly_asked(report)]
    rows += [["asked in part", _code(check), short_names(sets), escaped(why)] for check, sets, why in grouped(partly)]
    reasons = dict.fromkeys(gap.reason for gap in report.not_tested)
    legend = "\n".join(f"- {reason}: {REASONS[reason]}" for reason in reasons)
    table = _table(["reason", "check", "parameter sets", "why"], rows) if rows else ""
    note = f"{counted(report.counts.not_applicable, 'check')}; nothing is concluded about them."
    limits = "\n".join(f"- {escaped(text)}" for text in report.limitations)
    return ["## Not asked", note, table, legend, "## Limits", limits]


def _controls(report: RunReport) -> list[str]:
    wrong = [row for row in report.controls if row.expected != row.seen]
    right = f"{len(report.controls) - len(wrong)} of {counted(len(report.controls), 'control')} judged rightly."
    rows = [[_code(row.control), _code(row.check), row.expected, f"**{row.seen}**"] for row in wrong]
    return ["## Controls", right, _table(["control", "check", "expected", "seen"], rows) if rows else ""]


def _record(report: RunReport) -> list[str]:
    lines = [
        f"- Seed: {_code(report.seed)}",
        f"- Facts: {_code(report.facts_digest)}",
        f"- Bundle: {_code(report.bundle) if report.bundle else 'not kept'}",
        f"- Tool: {_code(report.tool)}",
    ]
    commands = [f"{command}  # {purpose}" for purpose, command in next_commands(report)]
    return ["## Record", "\n".join(lines), *(["## Next", _block(commands)] if commands else [])]
