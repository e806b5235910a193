"""The controls of a run: the reference passes, mutants fail, and a control that is judged wrongly is seen as such."""

from __future__ import annotations

import pytest

from pqvalidate import controls
from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, table_for
from pqvalidate.controls import MUTANTS, InProcess, first_not_passed, reference, run_controls
from pqvalidate.evidence import Subject
from pqvalidate.mutants import OracleKem, OracleSignature, fit, kem_with
from pqvalidate.planner import Planned, Selection, Task, make_plan

NAME = "ML-KEM-512"
NO_COMPARISON = MUTANTS["no re-encryption check"]


def plan(*only: str, sets: tuple[str, ...] = (NAME,), case: str = "") -> Planned:
    subject = Subject(
        vendor="Example BV", name="X", version="1", form="software-library", adapter="none", artefacts=(), claims=sets,
        caller_checks=(), operations={name: tuple(table_for(name)) for name in sets}, configuration={}, notes=(),
    )  # fmt: skip
    return make_plan(subject, Selection(depth="quick", seed="00", only=only, case=case))


def task(check: str) -> Task:
    return next(task for task in plan(check).tasks if task.check.name == check)


class Odd(OracleKem):
    """Refuses, breaks and answers, depending on the input."""

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        if not c:
            raise ValueError("empty")
        raise RuntimeError(f"{len(dk)} and {len(c)} bytes")


def call(operation: str, **inputs: bytes) -> Call:
    return Call(operation=operation, parameter_set=NAME, inputs=inputs)


def test_a_control_answers_refuses_and_breaks_like_an_attached_implementation() -> None:
    seed, empty, one_byte = bytes(64), {"dk": b"", "c": b""}, {"dk": b"", "c": b"1"}
    calls = [call("keygen_from_seed", seed=seed), call("decapsulate", **empty), call("decapsulate", **one_byte)]
    made, refused, broken = InProcess(Odd, NAME).ask(calls)
    assert isinstance(made, Ok)
    assert made.values["ek"] == OracleKem(NAME).keygen_from_seed(bytes(64))[0]
    assert isinstance(refused, Rejected)
    assert refused.why == "empty"
    assert isinstance(broken, Fault)
    assert broken.kind == "exception"


@pytest.mark.parametrize(("name", "kind"), [("Kyber-512", OracleKem), ("Dilithium2", OracleSignature)])
def test_the_reference_is_our_computation_of_the_standard(name: str, kind: type[object]) -> None:
    assert type(reference(name)) is kind


def test_each_check_of_the_plan_has_a_reference_that_passes_and_a_mutant_that_fails() -> None:
    planned = plan("ml-kem/kat-keygen", "ml-kem/implicit-rejection")
    assert [(c.check, c.expected, c.seen) for c in run_controls(planned)] == [
        ("ml-kem/kat-keygen", "pass", "pass"),
        ("ml-kem/kat-keygen", "fail", "fail"),
        ("ml-kem/implicit-rejection", "pass", "pass"),
        ("ml-kem/implicit-rejection", "fail", "fail"),
    ]


def test_a_check_that_is_planned_for_two_parameter_sets_has_its_controls_once() -> None:
    found = run_controls(plan("ml-kem/kat-keygen", sets=("ML-KEM-512", "ML-KEM-768")))
    assert [control.check for control in found] == ["ml-kem/kat-keygen"] * 2


def test_a_mutant_that_a_check_does_not_notice_is_seen_to_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(controls.KILLED_BY, "ml-kem/kat-keygen", (NO_COMPARISON.what,))
    _, mutant = run_controls(plan("ml-kem/kat-keygen"))
    assert (mutant.control, mutant.expected, mutant.seen) == ("mutant: no re-encryption check", "fail", "pass")


def test_a_reference_that_is_wrong_is_seen_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "reference", kem_with(seed_domain=lambda _k: b""))
    wrong, _ = run_controls(plan("ml-kem/kat-keygen"))
    assert (wrong.expected, wrong.seen) == ("pass", "fail")


def test_the_search_for_a_failure_ends_at_the_first() -> None:
    found = first_not_passed(InProcess(NO_COMPARISON.make, NAME), task("ml-kem/implicit-rejection"))
    assert found is not None
    assert (found.outcome, found.why) == ("fail", "k differs from the expected value")


def test_cases_beyond_the_samples_are_not_asked() -> None:
    assert first_not_passed(InProcess(NO_COMPARISON.make, NAME), task("ml-kem/implicit-rejection"), ()) is None


def test_nothing_is_found_in_the_reference() -> None:
    assert first_not_passed(InProcess(reference, NAME), task("ml-kem/implicit-rejection")) is None


@pytest.mark.parametrize(("value", "fitted"), [(b"", b"\0\0"), (b"1", b"1\0"), (b"12", b"12"), (b"123", b"12")])
def test_a_lenient_mutant_cuts_and_pads(value: bytes, fitted: bytes) -> None:
    assert fit(value, 2) == fitted


def test_the_reference_refuses_a_private_key_whose_secret_is_out_of_range() -> None:
    signer = OracleSignature("ML-DSA-44")
    _, sk = signer.keygen_from_seed(bytes(32))
    damaged = sk[:128] + b"\xff" + sk[129:]  # s1 begins behind rho, K and tr; 7 encodes eta - 7 = -5
    with pytest.raises(ValueError, match="beyond 2"):
        signer.sign(damaged, b"message")
    assert MUTANTS["a private key with s1 or s2 out of range is used"].make("ML-DSA-44").name == "ML-DSA-44"


def test_the_randomness_of_the_oracle_can_be_given() -> None:
    kem = OracleKem(NAME)
    kem.source = bytes
    ek, _ = kem.keygen()
    assert ek == kem.keygen_from_seed(bytes(64))[0]
    assert kem.encapsulate(ek) == kem.encapsulate_derand(ek, bytes(32))


@pytest.mark.parametrize(
    ("check", "case"),
    [
        ("ml-kem/rejection-regions", "last-32-bytes"), ("ml-kem/lengths-ek", "empty"),
        ("ml-kem/decrypt-sweep", "edges/0"),
        ("ml-dsa/z-bound", "z-over/0/0/+130994"), ("ml-dsa/hint-encoding", "bad-hints/order/first/0"),
    ],
)  # fmt: skip
def test_a_replay_of_one_case_keeps_its_controls(check: str, case: str) -> None:
    name = "ML-KEM-768" if check.startswith("ml-kem") else "ML-DSA-44"
    planned = plan(check, sets=(name,), case=case)
    assert [len(task.cases) for task in planned.tasks] == [1]
    assert {(row.expected, row.seen) for row in run_controls(planned)} == {("pass", "pass"), ("fail", "fail")}


def test_a_replay_whose_check_cannot_fail_at_all_loses_its_control(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(controls.KILLED_BY, "ml-kem/lengths-ek", ("Kyber round 3 under the name of ML-KEM",))
    _, mutant = run_controls(plan("ml-kem/lengths-ek", case="empty"))
    assert (mutant.expected, mutant.seen) == ("fail", "pass")
