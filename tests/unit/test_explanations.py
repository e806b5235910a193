"""Explanations: every name that a report uses has one, in plain words with its clause."""

from __future__ import annotations

from typing import get_args

import pytest

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.claims.registry import REGISTRY
from pqvalidate.errors import UsageError
from pqvalidate.evidence import Reason
from pqvalidate.explanations import REASONS, explanation, names
from pqvalidate.policy.book import BUILT_IN, load_profile
from pqvalidate.suites import all_checks, checks_on_claim

CHECKS = {check.name: check for check in (*all_checks(), *checks_on_claim())}


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_explained_with_clause_effect_needs_and_what_proves_it(name: str) -> None:
    text, check = explanation(name), CHECKS[name]
    for part in (check.clause, check.effect, check.severity, check.explain, "proven by planted faults: "):
        assert part in text
    assert check.explain.endswith(".")


def test_every_reason_is_explained() -> None:
    assert set(REASONS) == set(get_args(Reason))
    assert "--resume" in explanation("not-at-this-depth")


def test_a_parameter_set_is_explained_with_its_standard_and_lengths() -> None:
    row = PARAMETER_SETS["ML-KEM-768"]
    text = explanation("ML-KEM-768")
    for part in (row.standard, str(row.oid), str(row.public_key), str(row.output)):
        assert part in text


def test_all_names_are_listed_and_each_can_be_explained() -> None:
    listed = [line.strip() for line in names().splitlines() if line.startswith("  ")]
    rules = {rule.id for name in BUILT_IN for _, rule in load_profile(name).rules}
    assert set(listed) == {*CHECKS, *REASONS, *PARAMETER_SETS, *BUILT_IN, *rules, *REGISTRY}
    assert all(explanation(name).startswith(name) for name in listed)


def test_an_unknown_name_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"nearest: ml-kem/ek-modulus"):
        explanation("ml-kem/ek-modulos")
