"""The memory that makes the matrix quick gives what the oracle gives, and nothing of a mutant that differs."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from pqvalidate.oracle import kem_steps, mldsa, mlkem
from tests.mutants.remembering import STEPS, remembering

MESSAGES = {"message_prime", "prehash_message_prime", "message_digest"}
SEEDS = [bytes(64), bytes(range(64))]


@pytest.mark.parametrize(("module", "rules"), [("mlkem", kem_steps.FINAL), ("mldsa", mldsa.DEFAULT)])
def test_every_step_is_one_that_a_remembered_function_depends_on(module: str, rules: object) -> None:
    named = {step for place, steps in STEPS.items() if place.startswith(module) for step in steps.split()}
    steps = {field.name for field in fields(rules)}  # type: ignore[arg-type]  # both are dataclasses
    assert named == steps - MESSAGES


def test_a_remembered_result_is_that_of_the_oracle_and_is_computed_once() -> None:
    asked: list[object] = []

    def keygen(name: str, seeds: list[bytes], **named: object) -> list[tuple[bytes, bytes]]:
        asked.append(named)
        return mlkem.keygen(name, seeds)

    remembered = remembering(keygen, STEPS["mlkem.keygen"].split(), mlkem.rules_for)
    for seed in SEEDS * 2:
        assert remembered("ML-KEM-512", [seed]) == mlkem.keygen("ML-KEM-512", [seed])
    assert len(asked) == len(SEEDS)


def test_a_mutant_is_asked_itself_where_its_fault_matters_and_only_there() -> None:
    keygen = remembering(mlkem.keygen, STEPS["mlkem.keygen"].split(), mlkem.rules_for)
    draft = replace(kem_steps.FINAL, seed_domain=lambda _k: b"")
    lenient = replace(kem_steps.FINAL, ek_modulus_bound=4096)
    right = keygen("ML-KEM-512", SEEDS[:1])
    assert keygen("ML-KEM-512", SEEDS[:1], rules=draft) != right
    assert keygen("ML-KEM-512", SEEDS[:1], rules=lenient)[0] is right[0]


def test_a_refusal_is_raised_each_time() -> None:
    keygen = remembering(mlkem.keygen, STEPS["mlkem.keygen"].split(), mlkem.rules_for)
    for _ in range(2):
        with pytest.raises(ValueError, match="seed of 0 bytes"):
            keygen("ML-KEM-512", [b""])
