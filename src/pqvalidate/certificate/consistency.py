"""What must hold inside a statement, whoever signed it: counts add up, gaps are listed, the outcome follows.

A validator's signature says who speaks, not that the parts agree. Each rule here is one sentence in ``problems``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from pqvalidate.certificate import wording
from pqvalidate.certificate.predicate import (
    Answer,
    CheckResult,
    ControlResult,
    Results,
    Statement,
    Validity,
    parse_time,
    plain,
    texts,
)

_ESCAPED = re.compile(r"\\[bfnrtu]")
"""What JSON writes for control characters."""

# Commission Implementing Regulation (EU) 2024/482 (EUCC), article 12: at most five years.
MOST_DAYS = 5 * 365 + 1


def overall(
    checks: Sequence[CheckResult],
    questions: Sequence[Answer],
    controls: Sequence[ControlResult],
    claimed: Sequence[str],
) -> Literal["pass", "fail", "inconclusive"]:
    """Return the one word for all results: the worst of them, and ``inconclusive`` where something stayed open.

    Open are: a control that was misjudged or none at all, an error of ours, an unanswered question, a claimed
    parameter set about which nothing was asked. Advisory checks do not count.
    """
    if any(control.expected != control.seen for control in controls):
        return "inconclusive"
    if any(check.outcome == "fail" and check.severity != "advisory" for check in checks):
        return "fail"
    asked = {question.parameter_set for question in questions}
    broken = any(check.outcome == "inconclusive" for check in checks)
    unanswered = any(question.outcome != "answered" for question in questions)
    if not controls or not claimed or broken or unanswered or not asked.issuperset(claimed):
        return "inconclusive"
    return "pass"


def problems(statement: Statement) -> list[str]:
    """Return what contradicts itself or is missing in a statement, as sentences without a full stop; empty if sound."""
    rules: tuple[Callable[[Statement], Iterable[str]], ...] = (
        _subjects, _scope, _checks, _answers, _results, _claims, _externals, _period, _texts,
    )  # fmt: skip
    return [problem for rule in rules for problem in rule(statement)]


def _subjects(statement: Statement) -> Iterator[str]:
    names = [subject.name for subject in statement.subject]
    if not names:
        yield "subject: no artefact is named"
    if len(set(names)) != len(names):
        yield "subject: an artefact is named twice"


def _scope(statement: Statement) -> Iterator[str]:
    scope = statement.predicate.scope
    if not scope.not_tested:
        yield "scope.notTested is empty, and nothing is ever tested completely"
    if not scope.limitations:
        yield "scope.limitations is empty"
    names = [algorithm.name for algorithm in scope.algorithms]
    if not names or len(set(names)) != len(names):
        yield "scope.algorithms names nothing, or something twice"
    listed = {(row.parameter_set, row.check) for row in scope.not_tested}
    for check in statement.predicate.results.checks:
        if check.parameter_set not in names:
            yield f"results.checks: {check.id} is outside scope.algorithms"
        unfinished = check.outcome in {"not-run", "inconclusive"} or check.not_run
        if unfinished and (check.parameter_set, check.check) not in listed:
            yield f"scope.notTested does not list {check.id}"


def _checks(statement: Statement) -> Iterator[str]:
    checks = statement.predicate.results.checks
    if len({check.id for check in checks}) != len(checks):
        yield "results.checks: a check of a parameter set occurs twice"
    for check in checks:
        if check.id != f"{check.parameter_set}/{check.check}":
            yield f"results.checks: the id {check.id} does not name its parameter set and check"
        if check.passed + check.failed + check.errors + check.not_run != check.planned:
            yield f"results.checks: the cases of {check.id} do not add up to {check.planned}"
        if check.outcome == "pass" and (not check.planned or check.passed != check.planned):
            yield f"results.checks: {check.id} passed without all its cases"
        if (check.outcome == "fail") != bool(check.failed):
            yield f"results.checks: {check.id} has {check.failed} failed cases and the outcome {check.outcome}"


def _answers(statement: Statement) -> Iterator[str]:
    results = statement.predicate.results
    outcomes = {(check.parameter_set, check.check): check.outcome for check in results.checks}
    wanted = {"answered": {"pass"}, "failed": {"fail"}, "unanswered": set()}
    for answer in results.questions:
        seen = {outcomes.get((answer.parameter_set, name), "not-run") for name in answer.checks}
        if seen != wanted[answer.outcome]:
            yield f"results.questions: {answer.parameter_set} {answer.question} is {answer.outcome} without such checks"


def _results(statement: Statement) -> Iterator[str]:
    results = statement.predicate.results
    if not results.checks:
        yield "results.checks is empty"
    if _recount(results) != results.summary:
        yield "results.summary does not count results.checks"
    claimed = [algorithm.name for algorithm in statement.predicate.scope.algorithms if algorithm.claimed]
    follows = overall(results.checks, results.questions, results.controls, claimed)
    if results.outcome != follows:
        yield f"results.outcome is {results.outcome}, and {follows} follows from the results"


def _claims(statement: Statement) -> Iterator[str]:
    names = Counter(claim.id for claim in statement.predicate.claims)
    for claim in statement.predicate.claims:
        if names[claim.id] > 1:
            yield f"claims: {claim.id} is stated twice"
        if claim.status == "not-provided" and (claim.value is not None or claim.evidence):
            yield f"claims: {claim.id} is not provided, and has a value or evidence"
        if (claim.status == "validated") != (claim.check == "shown") or (claim.status == "validated") != bool(
            claim.method
        ):
            yield f"claims: {claim.id} is {claim.status}, and its check and method do not go with that"
        if claim.check == "contradicted" and claim.status != "declared":
            yield f"claims: {claim.id} is {claim.status}, and its check contradicts it"
        if claim.status == "evidenced" and not claim.evidence:
            yield f"claims: {claim.id} is evidenced without evidence"
        yield from _days(f"claims: {claim.id}", claim.as_of, claim.expires)
        if claim.as_of is not None and claim.as_of > statement.predicate.validity.issued_at[: len(claim.as_of)]:
            yield f"claims: {claim.id} is dated after the certificate"


def _externals(statement: Statement) -> Iterator[str]:
    files = {subject.digest.sha256 for subject in statement.subject}
    for row in statement.predicate.external_certificates:
        place = f"externalCertificates: {row.scheme} {row.id}"
        if (row.binding == "same-digest") != (row.artefact_sha256 is not None):
            yield f"{place} does not say by which digest it is bound"
        elif row.artefact_sha256 is not None and row.artefact_sha256 not in files:
            yield f"{place} is bound to a file that was not tested"
        yield from _days(place, row.checked_at, row.expires)
        if row.checked_at > statement.predicate.validity.issued_at[: len(row.checked_at)]:
            yield f"{place} was looked up after the certificate was issued"


def _days(place: str, *days: str | None) -> Iterator[str]:
    for day in days:
        try:
            if day is not None:
                date.fromisoformat(day)
        except ValueError:
            yield f"{place}: {day} is no day"


def _recount(results: Results) -> msgspec.Struct:
    counts = Counter(check.outcome for check in results.checks)
    return type(results.summary)(
        passed=counts["pass"], fail=counts["fail"], inconclusive=counts["inconclusive"], not_run=counts["not-run"]
    )


def _period(statement: Statement) -> Iterator[str]:
    validity, environment = statement.predicate.validity, statement.predicate.environment
    for text in (
        validity.issued_at,
        validity.not_before,
        validity.not_after,
        environment.started,
        environment.finished,
    ):
        try:
            parse_time(text)
        except ValueError:
            yield f"{text} is no time"
            return
    yield from _order(validity)
    if environment.started > environment.finished or environment.finished > validity.issued_at:
        yield "environment: the run does not end between its start and the issue of the certificate"


def _order(validity: Validity) -> Iterator[str]:
    start, end = parse_time(validity.not_before), parse_time(validity.not_after)
    if not validity.issued_at <= validity.not_before < validity.not_after:
        yield "validity: issuedAt, notBefore and notAfter are out of order"
    elif end - start > timedelta(days=MOST_DAYS):
        yield f"validity is longer than {MOST_DAYS} days"


def _texts(statement: Statement) -> Iterator[str]:
    if statement.predicate.disclaimer != wording.DISCLAIMER:
        yield "disclaimer is not the text of schema version 1.0"
    whole = msgspec.json.encode(statement).decode()
    if plain(whole) == whole and not _ESCAPED.search(whole):  # then every part of it is plain, too
        return
    for text in texts(msgspec.to_builtins(statement)):
        if plain(text) != text:
            yield f"{text[:40]!r} is not in Unicode normal form C or holds characters that cannot be seen"
            return
