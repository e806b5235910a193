"""Evidence: one result for each step, counts that add up, a digest over the facts and nothing else."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pqvalidate.documents import canonical
from pqvalidate.evidence import CaseRecord, Evidence, Outcome, StepResult, check_evidence, facts_digest, summarise
from tests.unit.evidence_factory import make_evidence


def cases(*outcomes: Outcome) -> list[CaseRecord]:
    return [CaseRecord(step=0, case=f"c/{n}", outcome=seen, why=f"it is {seen}") for n, seen in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("planned", "seen", "stopped", "outcome", "reason"),
    [
        (2, ("pass", "pass"), "", "pass", None),
        (2, ("pass", "fail"), "", "fail", None),
        (2, ("error", "fail"), "", "fail", None),
        (2, ("pass", "error"), "", "error", None),
        (2, ("pass",), "", "error", None),
        (2, (), "", "error", None),
        (0, (), "", "error", None),
        (2, ("pass",), "stopped", "not-applicable", "not-at-this-depth"),
        (2, (), "stopped", "not-applicable", "not-at-this-depth"),
        (2, ("error",), "stopped", "not-applicable", "not-at-this-depth"),
        (3, ("pass", "fail"), "stopped", "fail", None),
    ],
)
def test_a_step_ends_in_one_result_and_silence_is_no_pass(
    planned: int, seen: tuple[Outcome, ...], stopped: str, outcome: Outcome, reason: str | None
) -> None:
    result = summarise(0, planned, cases(*seen), not_run_because=stopped)
    assert (result.outcome, result.reason) == (outcome, reason)
    assert result.passed + result.failed + result.errors + result.not_run == planned
    if outcome not in {"pass", "fail"}:
        assert result.why


def test_faults_are_counted_beside_the_outcomes() -> None:
    broken = CaseRecord(step=0, case="c/9", outcome="fail", fault="crash")
    result = summarise(0, 3, [*cases("pass", "fail"), broken])
    assert (result.failed, result.faults) == (2, 1)


@given(order=st.permutations(range(6)))
def test_the_digest_of_the_cases_does_not_depend_on_their_order(order: list[int]) -> None:
    rows = cases("pass", "fail", "pass", "error", "pass", "fail")
    shuffled = summarise(0, 6, [rows[number] for number in order])
    assert shuffled.cases_digest == summarise(0, 6, rows).cases_digest


def test_the_digest_of_the_cases_depends_on_each_outcome_and_name() -> None:
    rows = cases("pass", "pass", "fail")
    digest = summarise(0, 3, rows).cases_digest
    swapped = [replace(rows[0], outcome="fail"), rows[1], replace(rows[2], outcome="pass")]
    renamed = [replace(rows[0], case="c/x"), *rows[1:]]
    assert len({digest, summarise(0, 3, swapped).cases_digest, summarise(0, 3, renamed).cases_digest}) == 3


def test_the_facts_digest_is_that_of_the_rfc_8785_bytes() -> None:
    facts = make_evidence().facts
    assert facts_digest(facts) == "sha256:" + hashlib.sha256(canonical(facts)).hexdigest()


def test_circumstances_are_outside_the_facts_digest() -> None:
    evidence = make_evidence()
    elsewhere = replace(evidence.circumstances, platform="another", duration_ns=1, worker_restarts=7)
    assert check_evidence(replace(evidence, circumstances=elsewhere)) is None


def test_evidence_of_the_runner_is_consistent() -> None:
    assert check_evidence(make_evidence()) is None


def changed(**fields: object) -> Evidence:
    """Return evidence whose first result was changed and whose digest is right again."""
    evidence = make_evidence()
    results = (replace(evidence.facts.results[0], **fields), *evidence.facts.results[1:])
    facts = replace(evidence.facts, results=results)
    return replace(evidence, facts=facts, facts_digest=facts_digest(facts))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"passed": 3}, "counts 3 of 2 cases"),
        ({"passed": 3, "failed": -1}, "counts 2 of 2 cases"),
        ({"passed": 1, "not_run": 1}, "passed without all its cases"),
        ({"outcome": "fail"}, "failed without a failed case"),
        ({"outcome": "error", "passed": 1, "failed": 1}, "has failed cases but did not fail"),
        ({"outcome": "not-applicable"}, "is not applicable without a reason"),
        ({"step": 1}, "do not match"),
    ],
)
def test_a_contradiction_is_found_and_named(fields: dict[str, object], said: str) -> None:
    problem = check_evidence(changed(**fields))
    assert problem is not None
    assert said in problem


def test_a_step_that_was_not_to_be_asked_cannot_have_an_outcome() -> None:
    evidence = make_evidence()
    results = list(evidence.facts.results)
    results[1] = StepResult(step=1, outcome="error", why="x")
    facts = replace(evidence.facts, results=tuple(results))
    problem = check_evidence(replace(evidence, facts=facts, facts_digest=facts_digest(facts)))
    assert problem is not None
    assert "has a reason for not being asked" in problem


def test_records_refuse_unknown_fields_and_cannot_be_changed() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"step":0,"case":"a","outcome":"pass","extra":1}', type=CaseRecord)
    with pytest.raises(AttributeError):
        cases("pass")[0].outcome = "fail"  # type: ignore[misc]


def test_no_record_of_evidence_has_a_floating_point_number() -> None:
    def kinds(node: object) -> set[type]:
        if isinstance(node, dict):
            return set().union(*map(kinds, node.values())) if node else set()
        if isinstance(node, list | tuple):
            return set().union(*map(kinds, node)) if node else set()
        return {type(node)}

    assert float not in kinds(msgspec.to_builtins(make_evidence()))
