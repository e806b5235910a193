"""Rules on tests state nothing as shown that was not asked: of each pattern a check has run, or none can be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from pqvalidate.evidence import Outcome, Step
from pqvalidate.policy.book import read_profile
from pqvalidate.policy.dossier import from_evidence
from pqvalidate.policy.engine import Question, RuleResult, evaluate
from pqvalidate.policy.svr import properties
from tests.policy.shelf import TODAY, bundle, judged, rule, signed_by_a
from tests.policy.test_profiles import COMMON, HEAD, written
from tests.unit.evidence_factory import make_evidence, step, subject

HASH, LENGTH = "ml-kem/dk-hash", "ml-kem/dk-length"


def passed(name: str, parameter_set: str = "ML-KEM-768") -> Step:
    return step(name, parameter_set=parameter_set)


def missing(name: str, parameter_set: str = "ML-KEM-768") -> Step:
    return step(name, parameter_set=parameter_set, reason="operation-missing", why="decapsulate is not offered")


def excluded(name: str) -> Step:
    return step(name, reason="excluded", why="not today")


def late(name: str) -> Step:
    return step(name, reason="not-at-this-depth", why="only at depth full")


@pytest.mark.parametrize("name", ["openssl", "ml-kem-rs"])
def test_of_keys_that_are_seeds_no_damage_is_stated(name: str) -> None:
    for dossier in (bundle(name), signed_by_a("lab", name)):
        verdict = judged(dossier, "pqc-behaviour")
        row = rule(verdict, "nist.203.dk")
        assert (row.outcome, verdict.decision) == ("not-applicable", "conforms")
        assert row.why.en.startswith("no operation of ML-KEM-")
        assert "PQVALIDATE_RULE_MET_nist.203.dk" not in properties(verdict)
        assert "PQVALIDATE_RULE_MET_nist.203.lengths" in properties(verdict)


def test_of_keys_in_their_long_form_damage_is_stated() -> None:
    verdict = judged(bundle("mlkem"), "pqc-behaviour")
    assert "PQVALIDATE_RULE_MET_nist.203.dk" in properties(verdict)


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ((passed(HASH), passed(LENGTH)), "pass"),
        ((passed(HASH), missing(LENGTH)), "pass"),
        ((missing(HASH), missing(LENGTH)), "not-applicable"),
        ((excluded(HASH), missing(LENGTH)), "insufficient-evidence"),
        ((excluded(HASH), passed(LENGTH)), "insufficient-evidence"),
        ((late(HASH), passed(LENGTH)), "insufficient-evidence"),
        ((), "insufficient-evidence"),
    ],
)
def test_each_damage_that_can_be_asked_must_have_been_asked(steps: tuple[Step, ...], outcome: str) -> None:
    dossier = from_evidence(make_evidence(steps=(passed("ml-kem/kat-keygen"), *steps), questions=()))
    assert rule(judged(dossier, "pqc-behaviour"), "nist.203.dk").outcome == outcome


def test_the_sets_that_nothing_can_be_asked_of_are_named() -> None:
    small = "ML-KEM-512"
    tested = subject(claims=(small, "ML-KEM-768"), operations=dict.fromkeys((small, "ML-KEM-768"), ("keygen",)))
    steps = (passed(HASH), missing(HASH, small))
    row = rule(
        judged(from_evidence(make_evidence(steps=steps, questions=(), tested=tested)), "pqc-behaviour"), "nist.203.dk"
    )
    assert (row.outcome, row.why.en.endswith("; nothing of ML-KEM-512 can be asked")) == ("pass", True)


def own_rule(
    folder: Path, steps: tuple[Step, ...], more: str, outcomes: dict[str, Outcome] | None = None
) -> RuleResult:
    text = f'{HEAD}[[rules]]\nid = "x.tests"\ntype = "checks"\nalgorithm = "ML-KEM"\n{more}{COMMON}'
    dossier = from_evidence(make_evidence(steps=steps, questions=(), outcomes=outcomes))
    return rule(evaluate(read_profile(written(folder, text)), dossier, Question(as_of=TODAY)), "x.tests")


BOTH = 'checks = ["ml-kem/dk-h*", "ml-kem/dk-l*"]\n'


@pytest.mark.parametrize(
    ("steps", "more", "outcome"),
    [
        ((passed(HASH), passed(LENGTH)), "", "pass"),
        ((passed(HASH), missing(LENGTH)), "", "insufficient-evidence"),
        ((passed(HASH),), "", "insufficient-evidence"),
        ((missing(HASH), missing(LENGTH)), "", "insufficient-evidence"),
        ((passed(HASH), missing(LENGTH)), "every = true\n", "pass"),
        ((passed(HASH),), "every = true\n", "insufficient-evidence"),
        ((passed(HASH), passed(LENGTH)), "every = true\nmin_executed = 5\n", "insufficient-evidence"),
    ],
)
def test_of_each_pattern_one_check_must_have_passed(
    tmp_path: Path, steps: tuple[Step, ...], more: str, outcome: str
) -> None:
    row = own_rule(tmp_path, steps, BOTH + more)
    assert row.outcome == outcome
    over = any(one.reason for one in steps) and outcome == "pass"
    assert ("no operation takes: ml-kem/dk-l*" in row.why.en) == over


def test_an_advisory_check_that_failed_shows_nothing(tmp_path: Path) -> None:
    steps = (passed(HASH), step(LENGTH, severity="advisory"))
    assert own_rule(tmp_path, steps, BOTH).outcome == "pass"
    assert own_rule(tmp_path, steps, BOTH, {LENGTH: "fail"}).outcome == "insufficient-evidence"
    assert own_rule(tmp_path, steps, BOTH, {HASH: "fail"}).outcome == "fail"
