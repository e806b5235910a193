"""Judging: silence never passes, a failure is never outvoted, and whoever cannot prove himself decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pqvalidate.errors import UsageError
from pqvalidate.evidence import Evidence, Facts, Outcome, Plan, Reason, Severity, StepResult, facts_digest
from pqvalidate.verdict import EXIT_CODES, POLICIES, judge
from tests.unit.evidence_factory import GOOD_CONTROLS, QUESTIONS, STEPS, make_evidence, step, subject

ASKED = [row.check for row in STEPS if row.reason is None]


def with_facts(evidence: Evidence, facts: Facts) -> Evidence:
    """Return evidence with other facts and their right digest, as somebody who writes bundles by hand would."""
    return replace(evidence, facts=facts, facts_digest=facts_digest(facts))


def with_result(evidence: Evidence, number: int, result: StepResult) -> Evidence:
    results = list(evidence.facts.results)
    results[number] = result
    return with_facts(evidence, replace(evidence.facts, results=tuple(results)))


def test_every_question_answered_and_nothing_failed_conforms() -> None:
    verdict = judge(make_evidence())
    assert verdict.decision == "conforms"
    assert [(claim.claim, claim.verdict) for claim in verdict.claims] == [("conformance ML-KEM-768", "confirmed")]
    assert "all 3 questions" in verdict.claims[0].why


@pytest.mark.parametrize("check", ASKED)
def test_a_failed_check_refutes_the_claim_and_is_named(check: str) -> None:
    verdict = judge(make_evidence(outcomes={check: "fail"}))
    assert verdict.decision == "does-not-conform"
    assert verdict.claims[0].verdict == "refuted"
    assert check in verdict.claims[0].why


def test_a_failed_check_refutes_even_where_another_check_answers_the_same_question() -> None:
    steps = (*STEPS, step("ml-kem/keygen-consistent"))
    questions = (replace(QUESTIONS[0], checks=("ml-kem/kat-keygen", "ml-kem/keygen-consistent")), *QUESTIONS[1:])
    evidence = make_evidence(steps=steps, questions=questions, outcomes={"ml-kem/keygen-consistent": "fail"})
    assert judge(evidence).decision == "does-not-conform"


def test_a_failed_check_refutes_even_where_no_question_names_it() -> None:
    evidence = make_evidence(steps=(*STEPS, step("ml-kem/seed-length")), outcomes={"ml-kem/seed-length": "fail"})
    assert judge(evidence).decision == "does-not-conform"


def test_what_was_planned_and_cut_off_leaves_the_claim_open_though_every_question_has_an_answer() -> None:
    steps = (*STEPS, step("ml-kem/campaign"))
    whole = make_evidence(steps=steps)
    assert judge(whole).decision == "conforms"
    number = len(steps) - 1
    cut = replace(
        whole.facts.results[number], outcome="not-applicable", reason="not-at-this-depth", why="stopped by --max-time",
        passed=0, not_run=steps[number].cases,
    )  # fmt: skip
    verdict = judge(with_result(whole, number, cut))
    assert verdict.decision == "undecided"
    assert verdict.claims[0].why == "planned and not finished: ml-kem/campaign"


def test_an_advisory_miss_refutes_nothing() -> None:
    steps = (*STEPS, step("ml-kem/dk-hash", severity="advisory"))
    assert judge(make_evidence(steps=steps, outcomes={"ml-kem/dk-hash": "fail"})).decision == "conforms"


def test_an_advisory_miss_answers_nothing_either() -> None:
    steps = tuple(replace(row, severity="advisory") if row.check == "ml-kem/kat-keygen" else row for row in STEPS)
    verdict = judge(make_evidence(steps=steps, outcomes={"ml-kem/kat-keygen": "fail"}))
    assert verdict.decision == "undecided"
    assert "key-generation" in verdict.claims[0].why


@pytest.mark.parametrize("severity", ["critical", "high", "medium", "low"])
def test_every_other_severity_refutes(severity: Severity) -> None:
    steps = (*STEPS, step("ml-kem/dk-hash", severity=severity))
    assert judge(make_evidence(steps=steps, outcomes={"ml-kem/dk-hash": "fail"})).decision == "does-not-conform"


@pytest.mark.parametrize(
    "reason", ["not-claimed", "operation-missing", "tool-missing", "not-at-this-depth", "excluded"]
)
def test_a_question_whose_checks_were_not_asked_stays_open_whatever_the_reason(reason: Reason) -> None:
    steps = tuple(
        step(row.check, reason=reason, why="so it is") if row.check == "ml-kem/implicit-rejection" else row
        for row in STEPS
    )
    verdict = judge(make_evidence(steps=steps))
    assert verdict.decision == "undecided"
    assert verdict.claims[0].verdict == "inconclusive"
    assert "implicit-rejection" in verdict.claims[0].why


def test_an_error_of_ours_decides_nothing() -> None:
    verdict = judge(make_evidence(outcomes={"ml-kem/kat-keygen": "error"}))
    assert (verdict.decision, verdict.claims[0].verdict) == ("undecided", "inconclusive")
    assert "our own error in ml-kem/kat-keygen" in verdict.claims[0].why


def test_a_claim_about_which_nothing_was_asked_is_inconclusive() -> None:
    verdict = judge(make_evidence(tested=subject(claims=("ML-KEM-768", "ML-DSA-65"))))
    assert verdict.decision == "undecided"
    assert [claim.verdict for claim in verdict.claims] == ["confirmed", "inconclusive"]


def test_no_claim_at_all_is_undecided() -> None:
    assert judge(make_evidence(tested=subject(claims=()))).decision == "undecided"


def test_no_question_at_all_is_undecided() -> None:
    assert judge(make_evidence(questions=())).decision == "undecided"


def test_without_controls_nothing_is_confirmed() -> None:
    verdict = judge(make_evidence(controls=()))
    assert verdict.decision == "undecided"
    assert "no controls" in verdict.why


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("outcomes", [{}, {"ml-kem/kat-keygen": "fail"}])
def test_a_misjudged_control_makes_everything_undecided(which: int, outcomes: Mapping[str, Outcome]) -> None:
    controls = list(GOOD_CONTROLS)
    controls[which] = replace(controls[which], seen="fail" if controls[which].expected == "pass" else "pass")
    verdict = judge(make_evidence(controls=controls, outcomes=outcomes))
    assert verdict.decision == "undecided"
    assert controls[which].control in verdict.why


def test_an_empty_pass_is_a_contradiction() -> None:
    steps = (step("ml-kem/kat-keygen", cases=0), *STEPS[1:])
    evidence = with_result(make_evidence(steps=steps), 0, StepResult(step=0, outcome="pass"))
    assert judge(evidence).decision == "undecided"
    assert "passed without all its cases" in judge(evidence).why


def test_a_step_without_cases_is_an_error_and_no_pass() -> None:
    evidence = make_evidence(steps=(step("ml-kem/kat-keygen", cases=0), *STEPS[1:]))
    assert evidence.facts.results[0].outcome == "error"
    assert judge(evidence).decision == "undecided"


def test_a_missing_record_is_a_contradiction() -> None:
    evidence = make_evidence()
    shorter = with_facts(evidence, replace(evidence.facts, results=evidence.facts.results[:-1]))
    assert judge(shorter).decision == "undecided"
    assert "4 steps are planned and 3 results" in judge(shorter).why


def test_a_digest_that_does_not_match_is_a_contradiction() -> None:
    assert judge(replace(make_evidence(), facts_digest="sha256:" + "00" * 32)).decision == "undecided"


def test_an_unknown_policy_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="as-claimed"):
        judge(make_evidence(), "strictest")


def test_every_decision_has_its_exit_code() -> None:
    assert EXIT_CODES == {"conforms": 0, "does-not-conform": 1, "undecided": 3}
    assert POLICIES == ("as-claimed",)


OUTCOMES = st.fixed_dictionaries(
    {check: st.sampled_from(["pass", "fail", "error"]) for check in ASKED}
)  # fmt: skip


@given(outcomes=OUTCOMES)
def test_conforms_is_said_only_where_every_check_passed(outcomes: dict[str, Outcome]) -> None:
    decision = judge(make_evidence(outcomes=outcomes)).decision
    assert (decision == "conforms") == (set(outcomes.values()) == {"pass"})
    assert (decision == "does-not-conform") == ("fail" in outcomes.values())


@given(
    failed=st.sampled_from(ASKED), other=OUTCOMES,
    number=st.integers(0, len(STEPS) - 1), outcome=st.sampled_from(["pass", "fail", "error", "not-applicable"]),
    counts=st.tuples(*[st.integers(-1, 3)] * 4), reason=st.sampled_from([None, "excluded", "operation-missing"]),
)  # fmt: skip
def test_no_change_to_the_other_records_turns_a_refuted_claim_into_one_that_conforms(
    failed: str, other: dict[str, Outcome], number: int, outcome: Outcome, counts: tuple[int, int, int, int],
    reason: Reason | None,
) -> None:  # fmt: skip
    evidence = make_evidence(outcomes={**other, failed: "fail"})
    if STEPS[number].check != failed:
        passed, wrong, errors, not_run = counts
        changed = StepResult(
            step=number, outcome=outcome, passed=passed, failed=wrong, errors=errors, not_run=not_run, reason=reason
        )
        evidence = with_result(evidence, number, changed)
    assert judge(evidence).decision != "conforms"


@given(data=st.data())
def test_planning_less_never_makes_a_claim_conform(data: st.DataObject) -> None:
    """Leaving questions' checks out of the plan opens the question; it never answers it."""
    evidence = make_evidence()
    kept = data.draw(st.sets(st.sampled_from(range(len(STEPS))), max_size=len(STEPS) - 1))
    steps = tuple(row for number, row in enumerate(STEPS) if number in kept)
    plan: Plan = replace(evidence.facts.plan, steps=steps)
    results = tuple(
        replace(evidence.facts.results[old], step=new) for new, old in enumerate(sorted(kept))
    )  # fmt: skip
    less = with_facts(evidence, replace(evidence.facts, plan=plan, results=results))
    everything = {row.check for row in steps} >= set(ASKED)
    assert (judge(less).decision == "conforms") == everything
