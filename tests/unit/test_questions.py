"""Questions: each clause has checks that exist, and an option that is not offered raises no question."""

from __future__ import annotations

import pytest

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.questions import QUESTIONS, questions_for
from pqvalidate.suites import all_checks


def test_every_algorithm_has_questions() -> None:
    assert set(QUESTIONS) == {row.algorithm for row in PARAMETER_SETS.values()}


@pytest.mark.parametrize("algorithm", QUESTIONS)
def test_every_question_names_checks_that_exist_and_belong_to_the_algorithm(algorithm: str) -> None:
    known = {check.name for check in all_checks() if check.algorithm == algorithm}
    for row in QUESTIONS[algorithm]:
        assert row.checks, row.id
        assert set(row.checks) <= known, row.id
        assert row.text.endswith("?")
        assert row.clause


@pytest.mark.parametrize("algorithm", QUESTIONS)
def test_the_name_of_a_question_means_one_question(algorithm: str) -> None:
    names = [row.id for row in QUESTIONS[algorithm]]
    assert len(names) == len(set(names))


def test_every_operation_that_raises_a_question_exists() -> None:
    from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS

    for rows in QUESTIONS.values():
        for row in rows:
            assert set(row.asked_if) <= {*KEM_OPERATIONS, *SIGNATURE_OPERATIONS}


@pytest.mark.parametrize(
    ("name", "operation", "question"),
    [
        ("ML-KEM-768", "decapsulate", "decapsulation-key-check"),
        ("ML-DSA-65", "verify_prehash", "pre-hash"),
        ("ML-DSA-65", "sign_mu", "external-mu"),
        ("ML-DSA-65", "verify", "context"),
    ],
)
def test_an_option_of_the_standard_raises_its_question_only_where_it_is_offered(
    name: str, operation: str, question: str
) -> None:
    assert question in {row.id for row in questions_for(name, frozenset({operation}))}
    assert question not in {row.id for row in questions_for(name, frozenset())}


def test_the_core_of_each_standard_is_always_asked() -> None:
    kem = {row.id for row in questions_for("ML-KEM-768", frozenset())}
    assert {"key-generation", "encapsulation", "decapsulation", "implicit-rejection"} <= kem
    signature = {row.id for row in questions_for("ML-DSA-65", frozenset())}
    assert {"key-generation", "signing", "verification"} <= signature
