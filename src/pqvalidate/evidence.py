"""Evidence: the immutable record of what was planned, run and seen, and the bundle that holds it on disk."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from pqvalidate.documents import Record, canonical

SCHEMA: Final = "pqvalidate/evidence/1"
STOPPED: Final = "stopped by "
"""How it begins why steps were not run that a flag of the operator cut off."""
Outcome: TypeAlias = Literal["pass", "fail", "error", "not-applicable"]
Reason: TypeAlias = Literal[
    "not-claimed", "operation-missing", "interface-has-no-length", "tool-missing", "not-at-this-depth", "excluded"
]  # fmt: skip
Severity: TypeAlias = Literal["critical", "high", "medium", "low", "advisory"]
Depth: TypeAlias = Literal["quick", "standard", "full"]


class Artefact(Record):
    """One tested file, or one tree of files (see ``digests.tree_digests``), by digest; ``bytes`` is its length."""

    path: str
    kind: Literal["file", "tree"]
    sha256: str
    sha512: str
    bytes: int


class Subject(Record, omit_defaults=True):
    """The implementation under test: who made it, which files, what it offers, what the vendor claims.

    ``timing`` names the parameter sets whose execution time is claimed not to depend on secrets; most claim none.
    """

    vendor: str
    name: str
    version: str
    form: str
    adapter: str
    artefacts: tuple[Artefact, ...]
    claims: tuple[str, ...]
    caller_checks: tuple[str, ...]
    operations: dict[str, tuple[str, ...]]
    configuration: dict[str, str]
    notes: tuple[str, ...]
    timing: tuple[str, ...] = ()


class Question(Record):
    """One clause that a parameter set must meet, and the checks that can answer it, strongest first."""

    id: str
    parameter_set: str
    clause: str
    text: str
    checks: tuple[str, ...]


class Step(Record):
    """One planned check of one parameter set: how many cases, or the reason why it cannot be asked.

    Without a reason, a non-empty ``why`` says which further cases this implementation cannot be asked. ``effect`` says
    in one sentence what a failure means, so that a bundle explains itself to those who judge it later.
    """

    check: str
    suite: str
    parameter_set: str
    clause: str
    revision: int
    severity: Severity
    bears_on: str
    cases: int
    reason: Reason | None = None
    why: str = ""
    effect: str = ""
    detects: str = ""


class VectorSource(Record):
    """A packed vector file that the plan draws on, by digest."""

    set: str
    revision: str
    parameter_set: str
    sha256: str


class Plan(Record):
    """Everything that could bear on the claims, asked or not, fixed before the first call."""

    depth: Depth
    seed: str
    parameter_sets: tuple[str, ...]
    questions: tuple[Question, ...]
    steps: tuple[Step, ...]
    vectors: tuple[VectorSource, ...]


class CaseRecord(Record):
    """What one case showed. ``data`` holds inputs, expected and observed values in hex, for failures only.

    A comparison of execution times also keeps its ``figures``, as JSON, when it passes.
    """

    step: int
    case: str
    outcome: Outcome
    fault: str = ""
    why: str = ""
    flags: tuple[str, ...] = ()
    data: dict[str, str] = {}


class StepResult(Record):
    """What one step showed; ``cases_digest`` covers the outcome of every case of it.

    The digest is SHA-256 over a line ``name TAB outcome`` for each case, sorted; that of a campaign of more than one
    shard is defined in ``shards``.
    """

    step: int
    outcome: Outcome
    passed: int = 0
    failed: int = 0
    errors: int = 0
    faults: int = 0
    not_run: int = 0
    reason: Reason | None = None
    why: str = ""
    cases_digest: str = ""


class Control(Record):
    """An implementation of known behaviour that ran beside the real one, and whether it was judged rightly."""

    control: str
    check: str
    expected: Literal["pass", "fail"]
    seen: Literal["pass", "fail"]


class Facts(Record):
    """The part that two laboratories can compare: same implementation, same seed, same facts."""

    tool: str
    subject: Subject
    plan: Plan
    results: tuple[StepResult, ...]
    controls: tuple[Control, ...]


class Circumstances(Record):
    """Where and when it ran; never part of ``facts_digest``. Times in UTC, durations in nanoseconds."""

    platform: str
    python: str
    started: str
    finished: str
    duration_ns: int
    worker_restarts: int
    sandbox: tuple[str, ...]
    command: tuple[str, ...]


class Evidence(Record):
    """A whole bundle in memory, without the single cases."""

    schema: Literal["pqvalidate/evidence/1"]
    status: Literal["complete", "interrupted"]
    facts_digest: str
    facts: Facts
    circumstances: Circumstances


def facts_digest(facts: Facts) -> str:
    """Return ``sha256:`` and the hex digest of the RFC 8785 bytes of the facts."""
    return "sha256:" + hashlib.sha256(canonical(facts)).hexdigest()


def summarise(step: int, planned: int, cases: Sequence[CaseRecord], *, not_run_because: str = "") -> StepResult:
    """Return the one result of a step from its cases.

    A step that lacks cases is an error, unless ``not_run_because`` says what stopped it: then a failed case still
    fails it, and without one it is ``not-applicable`` (not-at-this-depth), never passed. A case that the way of
    attaching cannot carry counts as not run: its step passes if all others do, with ``operation-missing`` and the
    number of such cases beside it, and is ``not-applicable`` where there are no others.
    """
    counts = Counter(case.outcome for case in cases)
    tally = Tally(
        passed=counts["pass"], failed=counts["fail"], errors=counts["error"], unasked=counts["not-applicable"],
        faults=sum(bool(case.fault) for case in cases), cases_digest=_cases_digest(cases),
        first_error=next((case.why for case in cases if case.outcome == "error"), ""),
        first_unasked=next((case.why for case in cases if case.outcome == "not-applicable"), ""),
    )  # fmt: skip
    return settle(step, planned, tally, not_run_because=not_run_because)


class Tally(Record):
    """The cases of a step, counted: by outcome, with the first reason of an error and of a case not asked."""

    passed: int
    failed: int
    errors: int
    unasked: int
    faults: int
    cases_digest: str
    first_error: str = ""
    first_unasked: str = ""

    @property
    def recorded(self) -> int:
        """How many cases have a record."""
        return self.passed + self.failed + self.errors + self.unasked


def was_cut_off(result: StepResult) -> bool:
    """Return whether cases that were planned for this depth have not been asked, so that the step shows nothing."""
    return result.reason == "not-at-this-depth" and result.not_run > 0


def was_stopped(results: Iterable[StepResult]) -> bool:
    """Return whether a flag of the operator ended a run before everything was asked, so that it can go on."""
    return any(result.not_run and result.why.startswith(STOPPED) for result in results)


def settle(step: int, planned: int, tally: Tally, *, not_run_because: str = "") -> StepResult:
    """Return the one result of a step from its counted cases, by the rules of ``summarise``."""
    unasked, recorded = tally.unasked, tally.recorded
    not_run = planned - recorded + unasked
    gap = f"{unasked} of {planned} cases show nothing: {tally.first_unasked}"
    why = not_run_because or (gap if unasked else "")
    outcome: Outcome = "error"
    reason: Reason | None = None
    if tally.failed:
        outcome = "fail"
    elif recorded < planned and not_run_because:
        outcome, reason = "not-applicable", "not-at-this-depth"
    elif tally.errors:
        why = tally.first_error
    elif unasked and recorded == planned:
        outcome, reason = "pass" if tally.passed else "not-applicable", "operation-missing"
    elif not_run or not tally.passed:
        why = f"{recorded} of {planned} cases have a record"
    else:
        outcome = "pass"
    return StepResult(
        step=step, outcome=outcome, passed=tally.passed, failed=tally.failed, errors=tally.errors, not_run=not_run,
        reason=reason, why=why, faults=tally.faults, cases_digest=tally.cases_digest,
    )  # fmt: skip


def _cases_digest(cases: Iterable[CaseRecord]) -> str:
    lines = sorted(f"{case.case}\t{case.outcome}\n" for case in cases)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check_evidence(evidence: Evidence) -> str | None:
    """Return what is inconsistent in a bundle's records, or None: digest, one result per step, counts, empty passes."""
    facts = evidence.facts
    if facts_digest(facts) != evidence.facts_digest:
        return "facts_digest does not match the facts"
    if [result.step for result in facts.results] != list(range(len(facts.plan.steps))):
        return f"{len(facts.plan.steps)} steps are planned and {len(facts.results)} results do not match them in order"
    for step, result in zip(facts.plan.steps, facts.results, strict=True):
        problem = _problem(step, result)
        if problem:
            return f"step {result.step} ({step.check}, {step.parameter_set}) {problem}"
    return None


def _passed_in_full(step: Step, result: StepResult) -> bool:
    """Return whether every case passed that could be asked, and whether the result owns up to those that could not."""
    owned_up = result.reason == "operation-missing" and result.why
    return result.passed > 0 and result.passed + (result.not_run if owned_up else 0) == step.cases


def _problem(step: Step, result: StepResult) -> str:
    counts = (result.passed, result.failed, result.errors, result.not_run)
    wrong = {
        f"counts {sum(counts)} of {step.cases} cases": min(counts) < 0 or sum(counts) != step.cases,
        "passed without all its cases": result.outcome == "pass" and not _passed_in_full(step, result),
        "failed without a failed case": result.outcome == "fail" and not result.failed,
        "has failed cases but did not fail": result.failed > 0 and result.outcome != "fail",
        "is not applicable without a reason": result.outcome == "not-applicable" and result.reason is None,
        "has a reason for not being asked, and was": step.reason is not None and result.outcome != "not-applicable",
    }
    return next((problem for problem, is_so in wrong.items() if is_so), "")
