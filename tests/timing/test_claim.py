"""A claim on execution time: asked only where it is made, judged apart, and never worded as a promise."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pqvalidate.documents import canonical
from pqvalidate.errors import InputError
from pqvalidate.evidence import Control, Outcome, Step, Subject
from pqvalidate.explanations import explanation, names
from pqvalidate.manifest import read_manifest
from pqvalidate.mutants_timing import LEAKY, SOUND
from pqvalidate.planner import Planned, Selection, make_plan
from pqvalidate.questions import TIMING, timing_questions
from pqvalidate.suites import all_checks, checks_on_claim
from pqvalidate.verdict import ClaimVerdict, Verdict, judge
from tests.timing.libraries import MANIFEST, NAME, controls_of
from tests.unit.evidence_factory import GOOD_CONTROLS, QUESTIONS, STEPS, make_evidence, subject

STATISTICS, INSTRUCTIONS, DIVISIONS = (f"ml-kem/timing-{way}" for way in ("statistics", "instructions", "divisions"))
WAYS = tuple(f"env:{way}" for way in ("measure", "count", "taint", "trace"))
ENCAPSULATION = "ml-kem/timing-encapsulation"
GOOD = (
    *(Control(control=made.what, check=name, expected="pass", seen="pass") for name, made in SOUND.items()),
    *(Control(control=made.what, check=name, expected="fail", seen="fail") for name, made in LEAKY.items()),
)


def claiming(*operations: str, timing: tuple[str, ...] = (NAME,)) -> Subject:
    return replace(subject(), operations={NAME: operations}, timing=timing)


def plan(tested: Subject, depth: str = "standard", **selection: object) -> Planned:
    return make_plan(tested, Selection(depth=depth, seed="00", **selection))  # type: ignore[arg-type]


def timing_steps(planned: Planned) -> dict[str, Step]:
    return {step.check: step for step in planned.plan.steps if step.suite == "timing"}


def test_nothing_is_planned_where_nothing_is_claimed() -> None:
    made = plan(claiming("decapsulate", "env:measure", timing=()))
    assert timing_steps(made) == {}
    assert TIMING not in {question.id for question in made.plan.questions}


def test_a_check_that_the_operator_names_without_a_claim_is_not_claimed() -> None:
    steps = timing_steps(plan(claiming("decapsulate", timing=()), only=(STATISTICS,)))
    assert {name: step.reason for name, step in steps.items()} == {STATISTICS: "not-claimed"}


def test_depth_quick_never_measures_times() -> None:
    steps = timing_steps(plan(claiming("decapsulate", "encapsulate_derand", *WAYS), "quick"))
    assert {step.reason for step in steps.values()} == {"not-at-this-depth"}
    assert len(steps) == len(checks_on_claim())


def test_a_missing_tool_is_a_reason_and_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    steps = timing_steps(plan(claiming("decapsulate", "encapsulate_derand", *WAYS)))
    assert {name: step.reason for name, step in steps.items()} == {
        name: None if name in {STATISTICS, ENCAPSULATION} else "tool-missing" for name in SOUND
    }  # fmt: skip
    assert steps["ml-kem/timing-taint"].why == "not found here: valgrind, objdump, cc"
    assert steps[INSTRUCTIONS].why == "not found here: valgrind, objdump"


def test_a_subject_without_the_claim_is_recorded_as_before() -> None:
    assert b"timing" not in canonical(subject())
    assert b'"timing":["ML-KEM-768"]' in canonical(claiming())


@pytest.mark.parametrize(
    ("claimed", "problem"),
    [
        ('["ML-KEM-512"]', "not among the sets"),
        (f'["{NAME}", "{NAME}"]', "twice"),
        ('["ML-KEM"]', "not among the sets"),
    ],
)
def test_a_claim_must_be_about_a_claimed_set(tmp_path: Path, claimed: str, problem: str) -> None:
    path = tmp_path / "kem.toml"
    path.write_text(MANIFEST.replace(f'timing = ["{NAME}"]', f"timing = {claimed}"), encoding="utf-8")
    with pytest.raises(InputError, match=problem) as caught:
        read_manifest(path)
    assert "claims.timing" in str(caught.value)


def judged(outcomes: dict[str, Outcome], controls: tuple[Control, ...] = GOOD) -> Verdict:
    """Judge evidence whose conformance is fine, with timing checks that ended in these ways."""
    rows = [check for check in checks_on_claim() if check.name in outcomes]
    steps = tuple(
        Step(
            check=check.name, suite="timing", parameter_set=NAME, clause=check.clause, revision=1,
            severity=check.severity, bears_on="timing", cases=2, detects=check.detects(2),
        )
        for check in rows
    )  # fmt: skip
    evidence = make_evidence(
        outcomes=outcomes, steps=(*STEPS, *steps), questions=(*QUESTIONS, *timing_questions(NAME)),
        controls=(*GOOD_CONTROLS, *controls), tested=replace(subject(), timing=(NAME,)),
    )  # fmt: skip
    return judge(evidence)


def the_claim(verdict: Verdict) -> ClaimVerdict:
    conformance, timing = verdict.claims
    assert (conformance.claim, conformance.verdict) == (f"conformance {NAME}", "confirmed")
    assert timing.claim == f"timing {NAME}"
    return timing


def test_a_confirmed_claim_says_by_what_and_at_how_many_calls_nothing_was_detected() -> None:
    verdict = judged({STATISTICS: "pass", INSTRUCTIONS: "pass", DIVISIONS: "pass"})
    claim = the_claim(verdict)
    assert (claim.verdict, verdict.decision) == ("confirmed", "conforms")
    assert claim.why.startswith("no leak detected by ml-kem/timing-statistics at at most 8192 pairs")
    assert claim.why.endswith("This does not show that there is none")


@pytest.mark.parametrize(
    ("outcomes", "verdict", "decision"),
    [
        ({STATISTICS: "fail", INSTRUCTIONS: "pass"}, "refuted", "does-not-conform"),
        ({STATISTICS: "error", INSTRUCTIONS: "fail"}, "refuted", "does-not-conform"),
        ({STATISTICS: "error", INSTRUCTIONS: "pass"}, "inconclusive", "undecided"),
        ({STATISTICS: "pass", DIVISIONS: "fail"}, "inconclusive", "undecided"),
        ({DIVISIONS: "pass"}, "inconclusive", "undecided"),
        ({}, "inconclusive", "undecided"),
    ],
)
def test_a_claim_is_judged_by_what_was_seen(outcomes: dict[str, Outcome], verdict: str, decision: str) -> None:
    found = judged(outcomes)
    assert (the_claim(found).verdict, found.decision) == (verdict, decision)


@pytest.mark.parametrize("expected", ["pass", "fail"])
def test_a_control_that_fails_or_is_missing_leaves_the_claim_open_and_conformance_as_it_is(expected: str) -> None:
    missing = tuple(control for control in GOOD if control.check != STATISTICS or control.expected != expected)
    wrong = tuple(
        replace(c, seen="fail" if expected == "pass" else "pass")
        if c.check == STATISTICS and c.expected == expected
        else c
        for c in GOOD
    )  # fmt: skip
    for controls in (missing, wrong, ()):
        for found in (judged({STATISTICS: "pass"}, controls), judged({STATISTICS: "fail"}, controls)):
            assert (the_claim(found).verdict, found.decision) == ("inconclusive", "undecided")


def test_every_timing_check_has_a_program_that_it_must_pass_and_one_that_it_must_not() -> None:
    assert set(SOUND) == set(LEAKY) == {check.name for check in checks_on_claim()}


@pytest.mark.needs("cc", "valgrind", "objdump")
def test_the_controls_are_judged_rightly() -> None:
    planned = plan(claiming("decapsulate", "encapsulate_derand", *WAYS), "full", only=tuple(SOUND))
    controls = controls_of(planned)
    assert [control for control in controls if control.seen != control.expected] == []
    assert len(controls) == 2 * len(SOUND)


def test_timing_checks_can_be_explained_and_bear_on_no_conformance() -> None:
    assert not {check.name for check in all_checks()} & set(SOUND)
    for check in checks_on_claim():
        assert check.name in names()
        assert "proven by planted faults: " in explanation(check.name)
        assert "none" not in explanation(check.name).partition("proven by")[2].splitlines()[0]


def test_a_claim_on_the_time_of_signing_stays_open_and_says_why() -> None:
    claimed = replace(subject(), claims=("ML-DSA-65",), timing=("ML-DSA-65",))
    claim = judge(make_evidence(tested=claimed)).claims[-1]
    assert (claim.claim, claim.verdict) == ("timing ML-DSA-65", "inconclusive")
    assert "thrown away" in claim.why
