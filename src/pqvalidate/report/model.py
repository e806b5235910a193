"""The run report: evidence and verdict in the shape that ``--format json`` promises and every other format prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from pqvalidate.certificate import wording
from pqvalidate.documents import Record
from pqvalidate.evidence import (
    CaseRecord,
    Circumstances,
    Control,
    Depth,
    Evidence,
    Facts,
    Outcome,
    Question,
    Reason,
    Severity,
    Step,
    StepResult,
    Subject,
)  # fmt: skip
from pqvalidate.report.findings import Finding, finding
from pqvalidate.report.messages import ENGLISH, Messages
from pqvalidate.report.timings import Timing, compared
from pqvalidate.report.words import REASONS, SEVERITIES, algorithm_of, shell_line
from pqvalidate.verdict import ClaimVerdict, Decision, Verdict

SCHEMA: Final = "pqvalidate/run-report/1"
Answer: TypeAlias = Literal["yes", "no", "open"]
CoverageVerdict: TypeAlias = Literal["confirmed", "refuted", "inconclusive", "not-claimed"]
_CLAIM, _TIMING = "conformance ", "timing "


class ReportedArtefact(Record):
    """One tested file or tree by its SHA-256 digest in hex; ``bytes`` is its length."""

    path: str
    sha256: str
    kind: Literal["file", "tree"]
    bytes: int


class Product(Record):
    """The implementation under test as reports name it."""

    vendor: str
    name: str
    version: str
    artefacts: tuple[ReportedArtefact, ...]
    form: str
    adapter: str
    notes: tuple[str, ...]


class Counts(Record):
    """How many checks were planned, and how each of them ended; ``pass`` to ``not_applicable`` add up to planned."""

    planned: int
    passed: int = msgspec.field(name="pass")
    fail: int
    error: int
    not_applicable: int


class CaseCounts(Record):
    """How many cases a check planned, and how they ended; ``faults`` of them broke the implementation."""

    planned: int
    passed: int
    failed: int
    faults: int
    errors: int
    not_run: int


class Result(Record):
    """One planned check of one parameter set: how it ended, or why it was not asked."""

    check: str
    suite: str
    parameter_set: str
    clause: str
    severity: Severity
    outcome: Outcome
    reason: Reason | None
    why: str
    cases: CaseCounts
    finding: Finding | None


class Answered(Record):
    """One question of a claim: ``yes`` (a check passed and none failed), ``no`` or ``open``; by which checks."""

    id: str
    parameter_set: str
    clause: str
    text: str
    answer: Answer
    by: tuple[str, ...]


class Coverage(Record):
    """What one parameter set was asked, with every denominator."""

    parameter_set: str
    verdict: CoverageVerdict
    questions: int
    questions_answered: int
    questions_failed: int
    checks: int
    checks_passed: int
    checks_failed: int
    checks_advisory: int
    checks_error: int
    checks_not_asked: int
    cases: CaseCounts


class NotTested(Record):
    """One check that was not asked of one parameter set, and why."""

    check: str
    parameter_set: str
    clause: str
    reason: Reason
    why: str


class RunReport(Record, omit_defaults=True):
    """The whole report of one run (docs/reference/report); a list of facts, and the decision under one policy."""

    schema: Literal["pqvalidate/run-report/1"]
    iut: Product
    policy: str
    decision: Decision
    why: str
    status: Literal["complete", "interrupted"]
    depth: Depth
    seed: str
    facts_digest: str
    bundle: str | None
    counts: Counts
    results: tuple[Result, ...]
    claims: tuple[ClaimVerdict, ...]
    controls: tuple[Control, ...]
    coverage: tuple[Coverage, ...]
    questions: tuple[Answered, ...]
    not_tested: tuple[NotTested, ...]
    limitations: tuple[str, ...]
    tool: str
    iut_argument: str
    circumstances: Circumstances
    timing: tuple[Timing, ...] = ()


def build_report(
    evidence: Evidence,
    verdict: Verdict,
    cases: Iterable[CaseRecord],
    *,
    bundle: str | None,
    iut_argument: str,
) -> RunReport:
    """Return the report of a run.

    Args:
        evidence: what was planned, run and seen.
        verdict: what was decided about it.
        cases: the cases of the bundle; those that failed or hold figures are looked at, so it is enough to pass them.
        bundle: where the bundle is, or None where it was not kept.
        iut_argument: the implementation as the user named it, for the replay commands.

    """
    facts, cases = evidence.facts, list(cases)
    failed: dict[int, list[CaseRecord]] = {}
    for case in cases:
        if case.outcome == "fail":
            failed.setdefault(case.step, []).append(case)
    steps = list(zip(facts.plan.steps, facts.results, strict=True))
    plan = facts.plan
    found = [
        finding(step, result, failed.get(result.step, ()), iut=iut_argument, seed=plan.seed, depth=plan.depth,
                command=evidence.circumstances.command)
        for step, result in steps
    ]  # fmt: skip
    results = tuple(_result(step, result, why) for (step, result), why in zip(steps, found, strict=True))
    questions = tuple(_answered(question, results) for question in facts.plan.questions)
    return RunReport(
        schema=SCHEMA, iut=product(facts.subject), policy=verdict.policy, decision=verdict.decision, why=verdict.why,
        status=evidence.status, depth=facts.plan.depth, seed=facts.plan.seed, facts_digest=evidence.facts_digest,
        bundle=_encodable(bundle), counts=_counts(results), results=results, claims=verdict.claims,
        controls=facts.controls, coverage=_coverages(facts, verdict, results, questions), questions=questions,
        not_tested=tuple(_not_tested(result, result.reason) for result in results if result.reason),
        limitations=_limitations(results, verdict.claims), tool=facts.tool, iut_argument=_encodable(iut_argument) or "",
        circumstances=evidence.circumstances, timing=compared(facts, cases),
    )  # fmt: skip


def product(subject: Subject) -> Product:
    """Return the implementation under test as reports name it."""
    return Product(
        vendor=subject.vendor, name=subject.name, version=subject.version, form=subject.form, adapter=subject.adapter,
        notes=subject.notes,
        artefacts=tuple(
            ReportedArtefact(path=row.path, sha256=row.sha256, kind=row.kind, bytes=row.bytes)
            for row in subject.artefacts
        ),
    )  # fmt: skip


def _encodable(text: str | None) -> str | None:
    """Write out what UTF-8 cannot hold: a path from the command line may carry undecodable bytes as surrogates."""
    return text if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _result(step: Step, result: StepResult, found: Finding | None) -> Result:
    return Result(
        check=step.check, suite=step.suite, parameter_set=step.parameter_set, clause=step.clause,
        severity=step.severity, outcome=result.outcome, reason=result.reason or step.reason,
        why=result.why or step.why, finding=found,
        cases=CaseCounts(planned=step.cases, passed=result.passed, failed=result.failed, faults=result.faults,
                         errors=result.errors, not_run=result.not_run),
    )  # fmt: skip


def _counts(results: Sequence[Result]) -> Counts:
    ended = [result.outcome for result in results]
    return Counts(
        planned=len(ended), passed=ended.count("pass"), fail=ended.count("fail"), error=ended.count("error"),
        not_applicable=ended.count("not-applicable"),
    )  # fmt: skip


def _answered(question: Question, results: Iterable[Result]) -> Answered:
    mine = [r for r in results if r.parameter_set == question.parameter_set and r.check in question.checks]
    passed = [r.check for r in mine if r.outcome == "pass"]
    failed = [r.check for r in mine if counts_as_failure(r)]
    answer: Answer = "no" if failed else "yes" if passed else "open"
    return Answered(
        id=question.id, parameter_set=question.parameter_set, clause=question.clause, text=question.text,
        answer=answer, by=tuple(failed or passed),
    )  # fmt: skip


def _limitations(results: Iterable[Result], claims: Iterable[ClaimVerdict]) -> tuple[str, ...]:
    """Say what a certificate of this run would say, too: what no check sees, and what limits every result."""
    timed = any(result.suite == "timing" and result.outcome in {"pass", "fail"} for result in results)
    unseen = [what for what, _ in (*(() if timed else (wording.TIMING_GAP,)), *wording.GAPS)]
    said = (wording.on_timing(row.claim, row.verdict, row.why) for row in claims if row.claim.startswith(_TIMING))
    return (*wording.LIMITATIONS, *said, f"Not tested: {'; '.join(unseen)}.")


def counts_as_failure(result: Result) -> bool:
    """Tell whether a check failed; an advisory miss is no failure, because the standard leaves the point open."""
    return result.outcome == "fail" and result.severity != "advisory"


def _not_tested(result: Result, reason: Reason) -> NotTested:
    return NotTested(
        check=result.check, parameter_set=result.parameter_set, clause=result.clause, reason=reason, why=result.why
    )


def _coverages(
    facts: Facts, verdict: Verdict, results: Sequence[Result], questions: Sequence[Answered]
) -> tuple[Coverage, ...]:
    verdicts = {row.claim.removeprefix(_CLAIM): row.verdict for row in verdict.claims if row.claim.startswith(_CLAIM)}
    names = dict.fromkeys([*facts.plan.parameter_sets, *verdicts, *(result.parameter_set for result in results)])
    return tuple(
        _coverage(
            name, verdicts.get(name, "not-claimed"),
            [r for r in results if r.parameter_set == name], [q for q in questions if q.parameter_set == name],
        )
        for name in names
    )  # fmt: skip


def _coverage(
    name: str, verdict: CoverageVerdict, results: Sequence[Result], questions: Sequence[Answered]
) -> Coverage:
    ended, answers = [result.outcome for result in results], [question.answer for question in questions]
    failed, missed = sum(map(counts_as_failure, results)), ended.count("fail")
    return Coverage(
        parameter_set=name, verdict=verdict, questions=len(answers), questions_answered=answers.count("yes"),
        questions_failed=answers.count("no"), checks=len(results), checks_passed=ended.count("pass"),
        checks_failed=failed, checks_advisory=missed - failed, checks_error=ended.count("error"),
        checks_not_asked=ended.count("not-applicable"),
        cases=CaseCounts(
            planned=sum(r.cases.planned for r in results), passed=sum(r.cases.passed for r in results),
            failed=sum(r.cases.failed for r in results), faults=sum(r.cases.faults for r in results),
            errors=sum(r.cases.errors for r in results), not_run=sum(r.cases.not_run for r in results),
        ),
    )  # fmt: skip


def counts_line(report: RunReport, say: Messages = ENGLISH) -> str:
    """Return how the planned checks ended, e.g. ``31 checks: 24 passed, 0 failed, 7 not asked``."""
    counts, advisory = report.counts, sum(row.checks_advisory for row in report.coverage)
    parts = [
        say("{number} passed", number=say.number(counts.passed)),
        say("{number} failed", number=say.number(counts.fail - advisory)),
    ]
    parts += [say.counted(advisory, "advisory miss", "advisory misses")] if advisory else []
    parts += [say.counted(counts.error, "error of ours", "errors of ours")] if counts.error else []
    parts.append(say("{number} not asked", number=say.number(counts.not_applicable)))
    return f"{say.counted(counts.planned, 'check')}: {', '.join(parts)}"


def findings_by_severity(report: RunReport) -> list[list[tuple[Result, Finding]]]:
    """Return the findings, those of one check together, the gravest check first."""
    groups: dict[str, list[tuple[Result, Finding]]] = {}
    for result in report.results:
        if result.finding:
            groups.setdefault(result.check, []).append((result, result.finding))
    return sorted(groups.values(), key=lambda group: min(SEVERITIES.index(result.severity) for result, _ in group))


def gaps_by_reason(gaps: Sequence[NotTested]) -> dict[Reason, list[tuple[str, str, str]]]:
    """Return (check, parameter set, why) of what was not asked per reason, in the order of ``words.REASONS``."""
    found = {
        reason: [(gap.check, gap.parameter_set, gap.why) for gap in gaps if gap.reason == reason] for reason in REASONS
    }
    return {reason: rows for reason, rows in found.items() if rows}


def partly_asked(report: RunReport) -> list[Result]:
    """Return the checks that were asked, but not with all their cases; each has its reason in ``why``."""
    return [result for result in report.results if result.outcome in {"pass", "fail"} and result.why]


def questions_by_algorithm(questions: Iterable[Answered]) -> dict[str, dict[str, dict[str, Answered]]]:
    """Return per algorithm and question id the answers of its parameter sets."""
    found: dict[str, dict[str, dict[str, Answered]]] = {}
    for row in questions:
        found.setdefault(algorithm_of(row.parameter_set), {}).setdefault(row.id, {})[row.parameter_set] = row
    return found


def next_commands(report: RunReport) -> list[tuple[str, str]]:
    """Return (what for, command line) of what a reader is likely to do next."""
    commands = []
    if report.status == "interrupted" and report.bundle:
        commands.append(("go on with this run", _resume(report, report.bundle)))
    findings = findings_by_severity(report)
    if findings:
        commands.append(("what a check asks", shell_line(["pqvalidate", "explain", findings[0][0][0].check])))
    if report.status == "complete" and report.bundle:
        words = ["pqvalidate", "certify", report.bundle, "--key", "KEYFILE", "--out", "certificate.json"]
        commands.append(("sign these facts", shell_line(words)))
    imported = report.circumstances.command[:2] == ("acvp", "import")
    if report.decision == "undecided" and report.status == "complete" and not imported:
        commands.append(("what can be asked", shell_line(["pqvalidate", "plan", report.iut_argument])))
    return commands


def _resume(report: RunReport, bundle: str) -> str:
    given = report.circumstances.command
    words = list(given) if given[:1] == ("run",) else ["run", report.iut_argument]
    for flag, value in (("--seed", report.seed), ("--out", bundle), ("--resume", "")):
        if not any(word == flag or word.startswith(f"{flag}=") for word in words):
            words += [flag, value] if value else [flag]
    return shell_line(["pqvalidate", *words])


BESIDE = "Failed beside these questions: {names}. A yes says what the checks of that question saw, and no more."


def failed_beside(report: RunReport, algorithm: str) -> list[str]:
    """Return the failed checks of an algorithm that answer none of its questions; each yes is to be read with them."""
    answering = {(row.parameter_set, name) for row in report.questions for name in row.by}
    return list(dict.fromkeys(
        result.check for result in report.results
        if result.outcome == "fail" and result.severity != "advisory"
        and algorithm_of(result.parameter_set) == algorithm
        and (result.parameter_set, result.check) not in answering
    ))  # fmt: skip
