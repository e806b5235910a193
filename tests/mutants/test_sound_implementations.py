"""Real implementations: sound ones are accused of nothing, faulty ones by exactly the cases that show the fault."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

import pqvalidate as pqv
from pqvalidate.algorithms import ML_DSA, ML_KEM
from pqvalidate.evidence import CaseRecord, Depth, Evidence, Plan
from pqvalidate.planner import Selection, make_plan
from pqvalidate.runner import run
from pqvalidate.suites import all_checks
from pqvalidate.verdict import Verdict, judge
from tests.mutants.matrix import FIRST_ROUND

SEED = "5eed"
NATIVE = ("openssl", "pycryptodome", "mlkem", "ml-kem-rs")
# dilithium-py takes minutes for the other sets, and shows nothing else there.
IN_PYTHON = {"kyber-py": (), "dilithium-py": ("ML-DSA-44", "Dilithium2")}
PUBLISHED = tuple(check.name for check in all_checks() if check.suite in FIRST_ROUND)
# The valid cases of each set's pre-hash group, and a context of 255 bytes, which ACVP has for ML-DSA-87 only.
REFUSED_BY_PQCRYPTO = {
    "ML-DSA-44": {f"acvp/ML-DSA-sigVer-FIPS204/2/{number}" for number in (21, 25, 27)},
    "ML-DSA-65": {f"acvp/ML-DSA-sigVer-FIPS204/4/{number}" for number in (46, 52, 54)},
    "ML-DSA-87": {f"acvp/ML-DSA-sigVer-FIPS204/6/{number}" for number in (80, 85, 89)}
    | {"acvp/ML-DSA-sigVer-FIPS204/5/67"},
}


class Outcome(NamedTuple):
    """What a whole run gave."""

    plan: Plan
    evidence: Evidence
    failures: list[CaseRecord]
    verdict: Verdict

    def accusations(self, parameter_set: str = "") -> set[tuple[str, str]]:
        """Return (check, case) of every failed case that is not advisory."""
        steps = self.plan.steps
        return {
            (steps[f.step].check, f.case)
            for f in self.failures
            if steps[f.step].severity != "advisory" and steps[f.step].parameter_set.startswith(parameter_set)
        }

    def verdicts(self) -> dict[str, str]:
        """Return the verdict on every examined claim."""
        examined = {f"conformance {name}" for name in self.plan.parameter_sets}
        return {c.claim.partition(" ")[2]: c.verdict for c in self.verdict.claims if c.claim in examined}


def outcome_of(
    name: str | Path, depth: Depth, parameter_sets: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> Outcome:
    with pqv.attach(name) as iut:
        chosen = Selection(depth=depth, seed=SEED, parameter_sets=parameter_sets, only=only)
        planned = make_plan(iut.subject, chosen)
        evidence, failures = run(iut, planned, iut.subject, None)
    return Outcome(planned.plan, evidence, failures, judge(evidence))


def accused_of_nothing(found: Outcome) -> None:
    facts = found.evidence.facts
    assert found.accusations() == set()
    assert [control for control in facts.controls if control.expected != control.seen] == []
    assert [result.why for result in facts.results if result.outcome == "error"] == []
    assert set(found.verdicts().values()) == {"confirmed"}


@pytest.mark.parametrize("name", NATIVE)
def test_a_sound_native_implementation_is_accused_of_nothing_by_all_published_cases(name: str) -> None:
    accused_of_nothing(outcome_of(name, "standard", only=PUBLISHED))


@pytest.mark.parametrize("name", NATIVE)
def test_a_sound_native_implementation_is_accused_of_nothing_by_any_check(name: str) -> None:
    accused_of_nothing(outcome_of(name, "quick"))


@pytest.mark.parametrize(("name", "sets"), IN_PYTHON.items(), ids=list(IN_PYTHON))
def test_a_sound_implementation_in_python_is_accused_of_nothing(name: str, sets: tuple[str, ...]) -> None:
    accused_of_nothing(outcome_of(name, "quick", sets))


@pytest.fixture(scope="module")
def pqcrypto() -> Outcome:
    return outcome_of("pqcrypto", "standard", only=PUBLISHED)


def test_pqcrypto_is_refuted_for_its_signatures_alone(pqcrypto: Outcome) -> None:
    assert pqcrypto.verdicts() == dict.fromkeys(ML_KEM, "confirmed") | dict.fromkeys(ML_DSA, "refuted")
    assert pqcrypto.verdict.decision == "does-not-conform"


@pytest.mark.parametrize("name", ML_DSA)
def test_pqcrypto_is_refuted_by_exactly_the_published_cases_that_it_refuses(pqcrypto: Outcome, name: str) -> None:
    assert {case for _, case in pqcrypto.accusations(name) if case.startswith("acvp/")} == REFUSED_BY_PQCRYPTO[name]


@pytest.mark.parametrize("name", ML_DSA)
def test_pqcrypto_is_refuted_by_contexts_of_254_and_255_bytes(pqcrypto: Outcome, name: str) -> None:
    signed = {case for check, case in pqcrypto.accusations(name) if check == "ml-dsa/sign-context"}
    assert signed == {"context/254", "context/255"}


MANIFEST = """
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "Early Bird"
version = "1.0"
[attach]
kind = "python"
target = "early_bird:implementation"
path = ["."]
[claims]
conformance = ["ML-KEM-768"]
"""
ADAPTER = """
from pqvalidate.vendors.kyber_py import implementation as kyber_py

def implementation(name):
    return kyber_py(name.replace("ML-KEM", "Kyber"))
"""


def test_kyber_under_the_name_of_ml_kem_is_refuted(tmp_path: Path) -> None:
    (tmp_path / "early_bird.py").write_text(ADAPTER, encoding="utf-8")
    (tmp_path / "early-bird.toml").write_text(MANIFEST, encoding="utf-8")
    found = outcome_of(tmp_path / "early-bird.toml", "quick")
    assert found.verdicts() == {"ML-KEM-768": "refuted"}
    assert {check for check, _ in found.accusations()} >= {"ml-kem/kat-keygen", "ml-kem/kat-decapsulate"}
