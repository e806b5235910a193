"""What would be asked, what cannot be asked and why: the report of ``pqvalidate plan``, as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.documents import Record, to_json
from pqvalidate.evidence import Depth, Plan, Reason, Severity, Step, Subject
from pqvalidate.report.model import NotTested, Product, product
from pqvalidate.report.terminal import Cell, Page
from pqvalidate.report.text import asked_in_part, not_asked, product_lines
from pqvalidate.report.words import algorithm_of, counted, short_name

SCHEMA: Final = "pqvalidate/plan-report/1"
_LABEL = 10


class PlannedQuestion(Record):
    """One question of a claim; ``asked_by`` names the planned checks that can answer it, strongest first."""

    id: str
    parameter_set: str
    clause: str
    text: str
    asked_by: tuple[str, ...]


class PlannedCheck(Record):
    """One check of one parameter set: how many cases it would ask, or why it cannot be asked."""

    check: str
    suite: str
    parameter_set: str
    clause: str
    severity: Severity
    cases: int
    reason: Reason | None
    why: str
    detects: str = ""


class PlanCoverage(Record):
    """What one parameter set would be asked, with denominators."""

    parameter_set: str
    questions: int
    questions_asked: int
    checks: int
    checks_asked: int
    cases: int


class PlanReport(Record):
    """The whole plan: nothing in it was run. ``seconds`` is the expected duration of the run, None if unknown."""

    schema: Literal["pqvalidate/plan-report/1"]
    iut: Product
    depth: Depth
    seed: str
    coverage: tuple[PlanCoverage, ...]
    questions: tuple[PlannedQuestion, ...]
    checks: tuple[PlannedCheck, ...]
    not_tested: tuple[NotTested, ...]
    seconds: int | None = None


def build_plan_report(plan: Plan, subject: Subject, seconds: float | None = None) -> PlanReport:
    """Return the report of a plan for one implementation."""
    asked = {(step.parameter_set, step.check) for step in plan.steps if step.reason is None}
    questions = tuple(
        PlannedQuestion(
            id=row.id, parameter_set=row.parameter_set, clause=row.clause, text=row.text,
            asked_by=tuple(check for check in row.checks if (row.parameter_set, check) in asked),
        )
        for row in plan.questions
    )  # fmt: skip
    return PlanReport(
        schema=SCHEMA, iut=product(subject), depth=plan.depth, seed=plan.seed, questions=questions,
        seconds=None if seconds is None else math.ceil(seconds),
        coverage=tuple(_coverage(name, plan.steps, questions) for name in plan.parameter_sets),
        checks=tuple(
            PlannedCheck(check=step.check, suite=step.suite, parameter_set=step.parameter_set, clause=step.clause,
                         severity=step.severity, cases=step.cases, reason=step.reason, why=step.why,
                         detects=step.detects)
            for step in plan.steps
        ),
        not_tested=tuple(
            NotTested(check=step.check, parameter_set=step.parameter_set, clause=step.clause, reason=step.reason,
                      why=step.why)
            for step in plan.steps if step.reason
        ),
    )  # fmt: skip


def _coverage(name: str, steps: Iterable[Step], questions: Iterable[PlannedQuestion]) -> PlanCoverage:
    mine = [step for step in steps if step.parameter_set == name]
    raised = [question for question in questions if question.parameter_set == name]
    return PlanCoverage(
        parameter_set=name, questions=len(raised), questions_asked=sum(bool(question.asked_by) for question in raised),
        checks=len(mine), checks_asked=sum(step.reason is None for step in mine),
        cases=sum(step.cases for step in mine),
    )  # fmt: skip


def text(report: PlanReport, *, width: int | None = None, colour: bool | None = None) -> str:
    """Return the plan for people; ``width`` and ``colour`` None follow standard output (see ``terminal.Page``)."""
    page = Page(width=width, colour=colour)
    total = sum(row.cases for row in report.coverage)
    asked = sum(row.checks_asked for row in report.coverage)
    page.line((f"Plan: {counted(asked, 'check')}, {counted(total, 'case')}", "bold"), f"  at depth {report.depth}")
    page.gap()
    product_lines(page, report.iut)
    page.line((f"{'seed':<{_LABEL}}", "dim"), report.seed)
    if report.seconds is not None:
        page.line((f"{'takes':<{_LABEL}}", "dim"), f"about {duration(report.seconds)} on this machine, if it is idle")
    page.heading("Coverage")
    rows = [
        [
            row.parameter_set,
            f"{row.questions_asked}/{row.questions}",
            f"{row.checks_asked}/{row.checks}",
            f"{row.cases:,}",
        ]
        for row in report.coverage
    ]
    page.table(["parameter set", "questions asked", "checks asked", "cases"], rows, numbers=range(1, 4), indent=2)
    _unasked_questions(page, report.questions)
    _checks(page, report.checks)
    _detections(page, report.checks)
    count = f"{counted(len(report.not_tested), 'check')} of {len(report.checks):,}"
    not_asked(page, report.not_tested, "Cannot be asked", count)
    partly = [(row.check, row.parameter_set, row.why) for row in report.checks if row.why and not row.reason]
    asked_in_part(page, partly)
    return str(page)


def _unasked_questions(page: Page, questions: Sequence[PlannedQuestion]) -> None:
    unasked = [row for row in questions if not row.asked_by]
    if unasked:
        page.heading("Questions that would stay open", "each leaves its claim inconclusive")
        page.table(["", "", ""], [[row.parameter_set, row.text, row.clause] for row in unasked], wrap=(1, 2), indent=2)


def _checks(page: Page, checks: Sequence[PlannedCheck]) -> None:
    """Add one table for each algorithm: checks downwards, parameter sets across, numbers of cases inside."""
    for algorithm, rows in _grouped(
        [row for row in checks if not row.reason], lambda row: algorithm_of(row.parameter_set)
    ):
        sets = list(dict.fromkeys(row.parameter_set for row in rows))
        standard = PARAMETER_SETS[sets[0]].standard
        lines: list[list[Cell]] = []
        for check, mine in _grouped(rows, lambda row: row.check):
            cases = {row.parameter_set: f"{row.cases:,}" for row in mine}
            numbers: list[Cell] = [cases.get(name) or ("-", "dim") for name in sets]
            lines.append([check, (mine[0].clause.removeprefix(f"{standard} "), "dim"), mine[0].severity, *numbers])
        page.heading(f"Cases of {algorithm}", standard)
        head = ["check", "clause", "severity", *(short_name(name) for name in sets)]
        page.table(head, lines, numbers=range(3, len(head)), wrap=(1,), indent=2)


def _detections(page: Page, checks: Sequence[PlannedCheck]) -> None:
    able = [[row.check, row.parameter_set, row.detects] for row in checks if row.detects and not row.reason]
    if able:
        page.heading("Rare faults that so many cases show")
        page.table(["", "", ""], able, wrap=(2,), indent=2)


def duration(seconds: int) -> str:
    """Return seconds in the unit that people would use."""
    for size, name in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return counted(round(seconds / size), name)
    return counted(seconds, "second")


def _grouped(rows: Iterable[PlannedCheck], key: Callable[[PlannedCheck], str]) -> list[tuple[str, list[PlannedCheck]]]:
    groups: dict[str, list[PlannedCheck]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.items())


def json(report: PlanReport) -> str:
    """Return the plan as one JSON document, schema pqvalidate/plan-report/1."""
    return to_json(report).decode("utf-8")
