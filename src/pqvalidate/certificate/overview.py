"""One page about a verified certificate, as structured content for every output format."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from pqvalidate.certificate.predicate import (
    Algorithm,
    CheckResult,
    Claim,
    ControlResult,
    ExternalCertificate,
    NotTested,
    Statement,
    SubjectFile,
)
from pqvalidate.certificate.verification import RULES, ArtefactMatch, Decision, RuleOutcome, Signer, Verified
from pqvalidate.documents import Record


class SetResult(Record):
    """What was seen for one parameter set: checks by outcome, cases with their denominator, questions answered.

    ``advisory`` counts misses where the standard leaves the point open; they are no failures, and not in ``failed``.
    """

    parameter_set: str
    standard: str
    claimed: bool
    passed: int
    failed: int
    inconclusive: int
    not_run: int
    cases_run: int
    cases_planned: int
    answered: int
    questions: int
    open_questions: tuple[str, ...]
    advisory: int = 0


class Contents(Record):
    """What a certificate says; only ever filled from bytes whose signatures are good.

    ``supersedes`` is there only if the certificate takes the place of another.
    """

    id: str
    status_uri: str | None
    vendor: str
    product: str
    version: str
    form: str
    interface: str
    conditions_of_use: tuple[str, ...]
    subjects: tuple[SubjectFile, ...]
    validator: str
    validator_role: str
    vendor_relation: str
    issued_at: str
    not_before: str
    not_after: str
    outcome: str
    results: tuple[SetResult, ...]
    failed_checks: tuple[CheckResult, ...]
    controls: tuple[ControlResult, ...]
    controls_as_expected: int
    not_tested: tuple[NotTested, ...]
    limitations: tuple[str, ...]
    platform: str
    sandbox: tuple[str, ...]
    tool: str
    depth: str
    seed: str
    facts_digest: str
    disclaimer_en: str
    disclaimer_nl: str
    claims: tuple[Claim, ...] = ()
    external_certificates: tuple[ExternalCertificate, ...] = ()
    supersedes: str | UnsetType = UNSET


class Page(Record):
    """The result of verification, and the contents of the certificate if its signatures are good."""

    decision: Decision
    reasons: tuple[str, ...]
    rules: tuple[RuleOutcome, ...]
    rule_texts: dict[str, str]
    as_of: str
    body_sha256: str
    signers: tuple[Signer, ...]
    artefacts: tuple[ArtefactMatch, ...]
    contents: Contents | None


def summary(verified: Verified) -> Page:
    """Return the one page that a reader of a certificate needs, as a record (``documents.to_json`` prints it)."""
    return Page(
        decision=verified.decision,
        reasons=verified.reasons,
        rules=verified.rules,
        rule_texts=RULES,
        as_of=verified.as_of,
        body_sha256=verified.body_sha256,
        signers=verified.signers,
        artefacts=verified.artefacts,
        contents=_contents(verified.statement) if verified.statement else None,
    )


def _contents(statement: Statement) -> Contents:
    body = statement.predicate
    product, results, scope = body.product, body.results, body.scope
    return Contents(
        id=body.certificate.id,
        status_uri=body.certificate.status_uri,
        vendor=product.vendor,
        product=product.name,
        version=product.version,
        form=product.form,
        interface=product.interface,
        conditions_of_use=product.conditions_of_use,
        subjects=statement.subject,
        validator=body.validator.name,
        validator_role=body.validator.role,
        vendor_relation=body.validator.independence.vendor_relation,
        issued_at=body.validity.issued_at,
        not_before=body.validity.not_before,
        not_after=body.validity.not_after,
        outcome=results.outcome,
        results=tuple(set_result(statement, row) for row in scope.algorithms),
        failed_checks=tuple(
            sorted(
                (check for check in results.checks if check.outcome == "fail"),
                key=lambda check: check.severity == "advisory",
            )
        ),
        controls=results.controls,
        controls_as_expected=sum(control.expected == control.seen for control in results.controls),
        not_tested=scope.not_tested,
        limitations=scope.limitations,
        platform=body.environment.platform,
        sandbox=body.environment.sandbox,
        tool=body.method.tool,
        depth=body.method.depth,
        seed=body.method.seed,
        facts_digest=f"sha256:{results.deterministic_digest.sha256}",
        disclaimer_en=body.disclaimer.en,
        disclaimer_nl=body.disclaimer.nl,
        # Claims of conformance and timing (with a slash) stand with the results.
        claims=tuple(claim for claim in body.claims if "/" not in claim.id),
        external_certificates=body.external_certificates,
        supersedes=UNSET if body.certificate.supersedes is None else body.certificate.supersedes,
    )


def set_result(statement: Statement, algorithm: Algorithm) -> SetResult:
    """Return what a certificate says of one of its parameter sets."""
    results = statement.predicate.results
    checks = [check for check in results.checks if check.parameter_set == algorithm.name]
    outcomes = [check.outcome for check in checks]
    advisory = sum(check.outcome == "fail" and check.severity == "advisory" for check in checks)
    answers = [answer for answer in results.questions if answer.parameter_set == algorithm.name]
    return SetResult(
        parameter_set=algorithm.name,
        standard=algorithm.standard,
        claimed=algorithm.claimed,
        passed=outcomes.count("pass"),
        failed=outcomes.count("fail") - advisory,
        inconclusive=outcomes.count("inconclusive"),
        not_run=outcomes.count("not-run"),
        cases_run=sum(check.passed + check.failed for check in checks),
        cases_planned=sum(check.planned for check in checks),
        answered=sum(answer.outcome == "answered" for answer in answers),
        questions=len(answers),
        open_questions=tuple(answer.question for answer in answers if answer.outcome == "unanswered"),
        advisory=advisory,
    )
