"""From evidence to the statement that is signed: a pure translation, without a clock and without a decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from pqvalidate.algorithms import parameter_set
from pqvalidate.certificate import wording
from pqvalidate.certificate.consistency import MOST_DAYS, overall
from pqvalidate.certificate.predicate import (
    PREDICATE_TYPE,
    SCHEMA_VERSION,
    STATEMENT_TYPE,
    Algorithm,
    Annotations,
    Answer,
    CertificateId,
    CheckResult,
    Claim,
    ControlResult,
    Digest,
    Digests,
    Environment,
    ExternalCertificate,
    Material,
    Method,
    NotTested,
    Outcome,
    Predicate,
    Product,
    Results,
    Scope,
    Setting,
    Statement,
    SubjectFile,
    Summary,
    Validator,
    Validity,
    VectorFile,
    format_time,
    parse_time,
    plain_tree,
)
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Evidence, Facts, Question, Step, StepResult, was_cut_off
from pqvalidate.verdict import timing_claims

_OUTCOMES: dict[str, Outcome] = {"pass": "pass", "fail": "fail", "error": "inconclusive", "not-applicable": "not-run"}
# Timing and performance differ from run to run; everything else repeats from the seed.
_MEASURED = {"timing", "performance"}


def build_statement(
    evidence: Evidence,
    validator: Validator,
    *,
    issued_at: str,
    valid_days: int,
    cert_id: str,
    materials: Sequence[Material] = (),
    claims: Sequence[Claim] = (),
    external_certificates: Sequence[ExternalCertificate] = (),
    supersedes: str | None = None,
) -> dict[str, Any]:
    """Return the in-toto statement about the tested files, as a JSON value whose RFC 8785 bytes are to be signed.

    The same evidence, validator, time, validity and identifier give the same bytes. A failed or unfinished validation
    is stated like any other, with its outcome. Fields: see ``predicate``.

    Args:
        evidence: what was planned, run and seen; taken to be consistent (see ``bundle.read_evidence``).
        validator: who signs.
        issued_at: UTC to the second, e.g. ``2026-11-23T09:00:00Z``.
        valid_days: days from ``issued_at`` for which the certificate may be relied on, 1 to 1826.
        cert_id: identifier of the certificate.
        materials: files of the evidence, by digest.
        claims: claims of the registry with their statuses, beside those of conformance and timing.
        external_certificates: certificates of other schemes, as somebody looked them up.
        supersedes: identifier of an earlier certificate of this product whose place this one takes.

    Raises:
        UsageError: the days are out of range, a time is none, or a parameter set is unknown to this version.

    """
    if not 1 <= valid_days <= MOST_DAYS:
        raise UsageError(f"a certificate is valid for 1 to {MOST_DAYS} days, not {valid_days}")
    facts = evidence.facts
    predicate = Predicate(
        schema_version=SCHEMA_VERSION,
        certificate=CertificateId(
            id=cert_id,
            kind="validation",
            supersedes=supersedes,
            status_uri=None,
            assurance_statement="test-evidence-only",
        ),
        validity=_validity(issued_at, valid_days),
        validator=validator,
        product=_product(facts),
        environment=_environment(evidence),
        method=_method(evidence),
        scope=_scope(facts),
        results=results_of(evidence),
        claims=(
            *(
                Claim(id=f"{kind}/{name}", status="declared", by=facts.subject.vendor)
                for kind, names in (("conformance", facts.subject.claims), ("timing", facts.subject.timing))
                for name in names
            ),
            *claims,
        ),
        materials=tuple(materials),
        disclaimer=wording.DISCLAIMER,
        external_certificates=tuple(external_certificates),
    )
    statement = Statement(
        type=STATEMENT_TYPE, subject=_subjects(facts), predicate_type=PREDICATE_TYPE, predicate=predicate
    )
    tree: dict[str, Any] = plain_tree(msgspec.to_builtins(statement))
    return tree


def _validity(issued_at: str, valid_days: int) -> Validity:
    try:
        start = parse_time(issued_at)
        end = start + timedelta(days=valid_days)
    except (ValueError, OverflowError):
        raise UsageError(f"{issued_at!r} is no time of issue such as 2026-11-23T09:00:00Z") from None
    return Validity(
        issued_at=issued_at, not_before=issued_at, not_after=format_time(end), revalidate_on=wording.REVALIDATE_ON
    )


def _subjects(facts: Facts) -> tuple[SubjectFile, ...]:
    return tuple(
        SubjectFile(
            name=artefact.path,
            digest=Digests(sha256=artefact.sha256, sha512=artefact.sha512),
            annotations=Annotations(digest_of=artefact.kind, bytes=artefact.bytes, binding="observed"),
        )
        for artefact in facts.subject.artefacts
    )


def _product(facts: Facts) -> Product:
    subject = facts.subject
    return Product(
        vendor=subject.vendor,
        name=subject.name,
        version=subject.version,
        form=subject.form,
        interface=subject.adapter,
        configuration=tuple(Setting(name=name, value=value) for name, value in sorted(subject.configuration.items())),
        conditions_of_use=tuple(wording.CALLER_CHECKS.get(name, name) for name in subject.caller_checks),
    )


def _environment(evidence: Evidence) -> Environment:
    where = evidence.circumstances
    return Environment(
        platform=where.platform,
        python=where.python,
        sandbox=where.sandbox,
        started=_utc_second(where.started, "circumstances.started"),
        finished=_utc_second(where.finished, "circumstances.finished"),
        worker_restarts=where.worker_restarts,
    )


def _utc_second(text: str, place: str) -> str:
    try:
        return format_time(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise UsageError(f"{place} is {text!r}, which is no time with a zone") from None


def _method(evidence: Evidence) -> Method:
    facts = evidence.facts
    return Method(
        tool=facts.tool,
        adapter=facts.subject.adapter,
        depth=facts.plan.depth,
        seed=facts.plan.seed,
        vectors=tuple(
            VectorFile(
                name=row.set, revision=row.revision, parameter_set=row.parameter_set, digest=Digest(sha256=row.sha256)
            )
            for row in facts.plan.vectors
        ),
        # Folders can carry the name of a person; a certificate names none.
        command=tuple(
            word.replace("\\", "/").rstrip("/").rpartition("/")[2] for word in evidence.circumstances.command
        ),
    )


def _scope(facts: Facts) -> Scope:
    claimed = facts.subject.claims
    names = [*facts.plan.parameter_sets, *(name for name in claimed if name not in facts.plan.parameter_sets)]
    return Scope(
        algorithms=tuple(_algorithm(facts, name) for name in names),
        not_tested=(*_not_tested(facts, names), *_gaps(facts)),
        limitations=(
            *wording.LIMITATIONS,
            *(wording.on_timing(row.claim, row.verdict, row.why) for row in timing_claims(facts)),
            *(f"Note on the adapter: {note}" for note in facts.subject.notes),
        ),
    )


def _algorithm(facts: Facts, name: str) -> Algorithm:
    row = parameter_set(name)
    return Algorithm(
        name=name,
        standard=row.standard,
        version=row.version,
        oid=row.oid,
        operations=tuple(facts.subject.operations.get(name, ())),
        claimed=name in facts.subject.claims,
    )


def _not_tested(facts: Facts, names: Iterable[str]) -> Iterable[NotTested]:
    for step, result in zip(facts.plan.steps, facts.results, strict=True):
        if result.outcome == "error":
            yield _unasked(step, "error", result.why)
        elif result.outcome == "not-applicable":
            yield _unasked(step, result.reason or step.reason or "error", result.why or step.why)
        elif result.not_run:
            why = result.why or f"{result.not_run} of {step.cases} cases were not run"
            yield _unasked(step, result.reason or "not-at-this-depth", why)
        # A step that was asked can say which further cases this implementation cannot be asked.
        if step.why and not step.reason:
            yield _unasked(step, "operation-missing", step.why)
    planned = {step.parameter_set for step in facts.plan.steps}
    for name in names:
        if name not in planned:
            yield NotTested(
                what=f"{name}: all of it", parameter_set=name, check="", reason="not-at-this-depth",
                why="it was left out of this run",
            )  # fmt: skip


def _unasked(step: Step, reason: Any, why: str) -> NotTested:  # noqa: ANN401  (one of two literal types)
    what = f"{step.parameter_set}: {step.check} ({step.clause})"
    return NotTested(what=what, parameter_set=step.parameter_set, check=step.check, reason=reason, why=why)


def _gaps(facts: Facts) -> Iterable[NotTested]:
    ran = {s.suite for s, r in zip(facts.plan.steps, facts.results, strict=True) if r.outcome in {"pass", "fail"}}
    for what, why in (*(() if "timing" in ran else (wording.TIMING_GAP,)), *wording.GAPS):
        yield NotTested(what=what, parameter_set="", check="", reason="outside-the-method", why=why)


def results_of(evidence: Evidence) -> Results:
    """Return the results as a certificate states them: checks, questions, controls, and the outcome that follows."""
    facts = evidence.facts
    pairs = list(zip(facts.plan.steps, facts.results, strict=True))
    checks = tuple(_check(step, result) for step, result in pairs)
    outcomes = [check.outcome for check in checks]
    questions = tuple(_answer(question, checks) for question in facts.plan.questions)
    controls = tuple(
        ControlResult(control=row.control, check=row.check, expected=row.expected, seen=row.seen)
        for row in facts.controls
    )
    return Results(
        outcome=overall(checks, questions, controls, facts.subject.claims),
        summary=Summary(
            passed=outcomes.count("pass"),
            fail=outcomes.count("fail"),
            inconclusive=outcomes.count("inconclusive"),
            not_run=outcomes.count("not-run"),
        ),
        deterministic_digest=Digest(sha256=evidence.facts_digest.removeprefix("sha256:")),
        checks=checks,
        questions=questions,
        controls=controls,
    )


def _check(step: Step, result: StepResult) -> CheckResult:
    unasked = result.not_run if result.outcome == "pass" else 0
    return CheckResult(
        id=f"{step.parameter_set}/{step.check}",
        parameter_set=step.parameter_set,
        check=step.check,
        suite=step.suite,
        clause=step.clause,
        revision=step.revision,
        severity=step.severity,
        determinism="measured" if step.suite in _MEASURED else "seeded",
        # A pass covers the cases that could be asked; scope.notTested tells how many could not.
        planned=step.cases - unasked,
        passed=result.passed,
        failed=result.failed,
        errors=result.errors,
        faults=result.faults,
        not_run=result.not_run - unasked,
        outcome="inconclusive" if was_cut_off(result) else _OUTCOMES[result.outcome],
        cases_digest=Digest(sha256=result.cases_digest) if result.cases_digest else None,
    )


def _answer(question: Question, checks: Sequence[CheckResult]) -> Answer:
    """Answered when at least one check ran and none failed; an advisory check never fails a question."""
    own = [c for c in checks if c.parameter_set == question.parameter_set and c.check in question.checks]
    failed = [c.check for c in own if c.outcome == "fail" and c.severity != "advisory"]
    passed = [c.check for c in own if c.outcome == "pass"]
    return Answer(
        parameter_set=question.parameter_set,
        question=question.id,
        clause=question.clause,
        outcome="failed" if failed else "answered" if passed else "unanswered",
        checks=tuple(failed or passed),
    )
