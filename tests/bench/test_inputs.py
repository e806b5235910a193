"""Inputs of a benchmark: right, the same each time, and with a fixed number of signing attempts."""

from __future__ import annotations

import typing

import pytest

from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply
from pqvalidate.algorithms import PARAMETER_SETS, lengths
from pqvalidate.bench import flags, formats
from pqvalidate.bench.inputs import COUNT, inputs_for
from pqvalidate.bench.operations import OPERATIONS, Form, all_operations, call_of, choose, problem, sizes
from pqvalidate.manifest import SpeedOf
from pqvalidate.oracle import mldsa, mlkem


@pytest.mark.parametrize("name", PARAMETER_SETS)
def test_inputs_are_the_same_each_time_and_have_the_lengths_of_the_standard(name: str) -> None:
    inputs = inputs_for(name)
    assert inputs == inputs_for(name)
    assert len(inputs.values) == COUNT
    known = lengths(name)
    for values in inputs.values:
        assert {field: len(values[field]) for field in values if field in known} == {
            field: known[field] for field in values if field in known
        }  # fmt: skip


@pytest.mark.parametrize("name", [name for name, row in PARAMETER_SETS.items() if row.kind == "kem"])
def test_the_shared_secrets_are_those_that_the_ciphertexts_hold(name: str) -> None:
    values = inputs_for(name).values
    assert mlkem.decapsulate(name, [v["dk"] for v in values], [v["c"] for v in values]) == [v["k"] for v in values]


@pytest.mark.parametrize(("name", "expected"), {"ML-DSA-44": 4.25, "ML-DSA-65": 5.1, "ML-DSA-87": 3.85}.items())
def test_every_message_takes_the_number_of_attempts_that_the_standard_expects(name: str, expected: float) -> None:
    inputs = inputs_for(name)
    assert inputs.attempts == round(expected)  # FIPS 204 table 1
    rules = mldsa.rules_for(name)
    for values in inputs.values:
        mu = rules.message_digest(values["sk"][64:128], rules.message_prime(values["message"], b""))
        (signed,) = mldsa.sign_mu_with_history(name, [values["sk"]], [mu], [values["rnd"]])
        assert len(signed.thrown_away) + 1 == inputs.attempts
        assert signed.signature == values["signature"] == mldsa.sign(name, [values["sk"]], [values["message"]])[0]


def test_a_manifest_may_claim_the_speed_of_everything_that_is_timed_and_of_nothing_else() -> None:
    claimable = typing.get_args(typing.get_type_hints(SpeedOf)["operation"])
    assert set(claimable) == set(all_operations())


def test_the_flags_name_the_formats_that_there_are() -> None:
    assert tuple(formats.FORMATS) == flags.FORMATS


DECAPSULATE = OPERATIONS["kem"]["decapsulate"]


def chosen(offered: dict[str, list[str]]) -> dict[str, str]:
    return {name: form.call for name, form in choose(DECAPSULATE, offered).items()}


def test_all_are_asked_in_a_form_that_they_share() -> None:
    assert chosen({"a": ["decapsulate", "decapsulate_from_seed"], "b": ["decapsulate_from_seed"]}) == {
        "a": "decapsulate_from_seed", "b": "decapsulate_from_seed",
    }  # fmt: skip
    assert chosen({"a": ["decapsulate", "decapsulate_from_seed"], "b": ["decapsulate"]}) == {
        "a": "decapsulate", "b": "decapsulate",
    }  # fmt: skip


def test_where_they_share_none_each_is_asked_in_its_own_and_who_has_none_is_left_out() -> None:
    assert chosen({"a": ["decapsulate"], "b": ["decapsulate_from_seed"], "c": ["keygen"]}) == {
        "a": "decapsulate", "b": "decapsulate_from_seed",
    }  # fmt: skip
    assert chosen({}) == {}
    both = ["decapsulate", "decapsulate_from_seed"]
    assert chosen({"a": ["decapsulate_from_seed"], "b": both, "c": ["decapsulate"]}) == {
        "a": "decapsulate_from_seed", "b": "decapsulate_from_seed", "c": "decapsulate",
    }  # fmt: skip


def test_a_loaded_key_goes_by_its_handle() -> None:
    form = Form(call="decapsulate", inputs=("c",), key="loaded", loader="load_decapsulation_key")
    assert call_of(form, "ML-KEM-768", {"c": b"c"}, 7) == Call(
        operation="decapsulate", parameter_set="ML-KEM-768", inputs={"handle": 7, "c": b"c"}
    )


def test_an_answer_that_is_wrong_is_not_worth_timing() -> None:
    name = "ML-KEM-512"
    values = inputs_for(name).values[0]
    assert problem("decapsulate", name, values, Ok({"k": values["k"]})) == ""
    assert problem("encapsulate", name, values, Ok({"k": values["k"], "c": values["c"]})) == ""
    for reply in (Ok({"k": bytes(32)}), Rejected("no"), Fault("crash", "gone")):
        assert problem("decapsulate", name, values, reply) != ""
    assert "wrong answer" in problem("encapsulate", name, values, Ok({"k": bytes(32), "c": values["c"]}))
    assert "5 bytes as c" in problem("encapsulate", name, values, Ok({"k": bytes(32), "c": bytes(5)}))


def test_a_signature_that_is_wrong_is_not_worth_timing() -> None:
    name = "ML-DSA-44"
    one, other = inputs_for(name).values[:2]
    for operation in ("sign", "sign_deterministic"):
        assert problem(operation, name, one, Ok({"signature": one["signature"]})) == ""
        assert "wrong answer" in problem(operation, name, one, Ok({"signature": other["signature"]}))
    assert problem("verify", name, one, Ok({"valid": True})) == ""
    assert "wrong answer" in problem("verify", name, one, Ok({"valid": False}))


def test_the_bytes_that_travel_are_counted_as_they_came() -> None:
    replies: list[Reply] = [
        Ok({"ek": bytes(5), "dk": bytes(7)}),
        Rejected("no"),
        Ok({"k": bytes(32), "c": bytes(9)}),
        Ok({"valid": True}),
    ]
    assert sizes(replies) == {"ek": 5, "dk": 7, "k": 32, "c": 9}
