"""Small, consistent evidence for tests of what judges, signs and reports: no implementation runs here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pqvalidate.bundle import BundleWriter, Opening
from pqvalidate.evidence import (
    Artefact,
    CaseRecord,
    Circumstances,
    Control,
    Evidence,
    Facts,
    Outcome,
    Plan,
    Question,
    Reason,
    Severity,
    Step,
    StepResult,
    Subject,
    VectorSource,
    facts_digest,
    summarise,
)

PRODUCT = b"the bytes of a product\n"
GOOD_CONTROLS = (
    Control(control="reference", check="ml-kem/kat-keygen", expected="pass", seen="pass"),
    Control(control="mutant: no implicit rejection", check="ml-kem/implicit-rejection", expected="fail", seen="fail"),
)


def step(
    check: str,
    *,
    parameter_set: str = "ML-KEM-768",
    suite: str = "known-answer",
    severity: Severity = "high",
    cases: int = 2,
    reason: Reason | None = None,
    why: str = "",
) -> Step:
    """Return one planned check; with a reason it has no cases."""
    return Step(
        check=check, suite=suite, parameter_set=parameter_set, clause="FIPS 203 §7.2", revision=1, severity=severity,
        bears_on="conformance", cases=0 if reason else cases, reason=reason, why=why,
    )  # fmt: skip


def question(name: str, *checks: str, parameter_set: str = "ML-KEM-768") -> Question:
    """Return one question that any of the checks can answer."""
    return Question(
        id=name, parameter_set=parameter_set, clause="FIPS 203 §7.1", text=f"Is {name} right?", checks=checks
    )


STEPS = (
    step("ml-kem/kat-keygen"),
    step("ml-kem/kat-encapsulate", reason="operation-missing", why="encapsulate_derand is not offered"),
    step("ml-kem/encapsulate-oracle", suite="property"),
    step("ml-kem/implicit-rejection", suite="validation", severity="critical"),
)
QUESTIONS = (
    question("key-generation", "ml-kem/kat-keygen"),
    question("encapsulation", "ml-kem/kat-encapsulate", "ml-kem/encapsulate-oracle"),
    question("implicit-rejection", "ml-kem/implicit-rejection"),
)


def subject(**changes: object) -> Subject:
    """Return an implementation under test whose one artefact is ``PRODUCT``."""
    whole = Subject(
        vendor="Example BV", name="X-Crypto", version="1.2.3", form="software-library", adapter="python",
        artefacts=(
            Artefact(
                path="x_crypto.so", kind="file", sha256=hashlib.sha256(PRODUCT).hexdigest(),
                sha512=hashlib.sha512(PRODUCT).hexdigest(), bytes=len(PRODUCT),
            ),
        ),
        claims=("ML-KEM-768",), caller_checks=(), operations={"ML-KEM-768": ("keygen", "encapsulate", "decapsulate")},
        configuration={"build": "release"}, notes=(),
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def cases_of(number: int, planned: Step, outcome: Outcome = "pass") -> list[CaseRecord]:
    """Return the cases of a step: all passed, or the last one with another outcome."""
    names = [f"{planned.check}/{index}" for index in range(planned.cases)]
    outcomes: list[Outcome] = ["pass"] * len(names)
    if outcomes:
        outcomes[-1] = outcome
    return [CaseRecord(step=number, case=name, outcome=seen) for name, seen in zip(names, outcomes, strict=True)]


def make_cases(steps: Sequence[Step] = STEPS, outcomes: Mapping[str, Outcome] | None = None) -> list[CaseRecord]:
    """Return the cases of all steps; ``outcomes`` gives the worst outcome of a check, ``pass`` unless named."""
    wanted = outcomes or {}
    return [case for n, row in enumerate(steps) for case in cases_of(n, row, wanted.get(row.check, "pass"))]


def make_evidence(
    *,
    outcomes: Mapping[str, Outcome] | None = None,
    steps: Sequence[Step] = STEPS,
    questions: Sequence[Question] = QUESTIONS,
    controls: Sequence[Control] = GOOD_CONTROLS,
    tested: Subject | None = None,
    status: str = "complete",
) -> Evidence:
    """Return evidence whose records agree with each other; its cases are ``make_cases(steps, outcomes)``."""
    tested = tested or subject()
    cases = make_cases(steps, outcomes)
    results = tuple(_result(number, row, cases) for number, row in enumerate(steps))
    sets = tuple(dict.fromkeys(row.parameter_set for row in steps))
    source = VectorSource(
        set="acvp/ML-KEM-keyGen-FIPS203", revision="v1.1.0.43", parameter_set="ML-KEM-768", sha256="ab" * 32
    )
    plan = Plan(
        depth="standard", seed="5eed" * 8, parameter_sets=sets, questions=tuple(questions), steps=tuple(steps),
        vectors=(source,),
    )  # fmt: skip
    facts = Facts(tool="pqvalidate 0.1.0", subject=tested, plan=plan, results=results, controls=tuple(controls))
    where = Circumstances(
        platform="Linux-x86_64", python="3.11.7", started="2026-11-23T08:00:00Z", finished="2026-11-23T08:05:00Z",
        duration_ns=300_000_000_000, worker_restarts=0, sandbox=("rlimits",),
        command=("pqvalidate", "run", "/home-of-a-person/x.toml", "--depth", "standard"),
    )  # fmt: skip
    whole = Evidence(
        schema="pqvalidate/evidence/1",
        status="complete",
        facts_digest=facts_digest(facts),
        facts=facts,
        circumstances=where,
    )
    return msgspec.structs.replace(whole, status=status)


def _result(number: int, row: Step, cases: Sequence[CaseRecord]) -> StepResult:
    if row.reason:
        return StepResult(step=number, outcome="not-applicable", reason=row.reason, why=row.why)
    return summarise(number, row.cases, [case for case in cases if case.step == number])


def write_bundle(folder: Path, evidence: Evidence, cases: Sequence[CaseRecord] | None = None) -> Path:
    """Write the evidence and its cases (those of ``make_cases`` unless given) as a bundle and return its folder."""
    facts = evidence.facts
    first = Opening(tool=facts.tool, subject=facts.subject, plan=facts.plan, started=evidence.circumstances.started)
    with BundleWriter(folder, first) as writer:
        for case in make_cases(facts.plan.steps) if cases is None else cases:
            writer.add(case)
        writer.finish(evidence)
    return folder
