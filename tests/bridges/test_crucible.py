"""Harnesses for Crucible: JSON lines, keys in the form that the harness keeps them in, messages as the dialect says."""

from __future__ import annotations

import pytest

from pqvalidate.adapters.interface import Fault, Ok, Rejected, Value
from pqvalidate.errors import AttachError
from tests.bridges.conftest import Attach
from tests.bridges.test_modulewrapper import DSA, KEM, SEED, ask, outputs

PROGRAM = "crucible_program.py"


@pytest.mark.parametrize(("mode", "suffix"), [("internal", ""), ("seeds", "_from_seed")])
def test_a_kem_makes_a_round_trip_with_keys_in_the_form_that_the_harness_keeps(
    attached: Attach, mode: str, suffix: str
) -> None:
    with attached("harness", "crucible", PROGRAM, mode) as iut:
        assert iut.operations[KEM] == {
            "keygen_from_seed", "encapsulate_derand", f"decapsulate{suffix}", "env:restart",
        }  # fmt: skip
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        made = outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)))
        key: dict[str, Value] = {"seed": SEED} if suffix else {"dk": keys["dk"]}
        assert outputs(ask(iut, f"decapsulate{suffix}", KEM, **key, c=made["c"])) == {"k": made["k"]}
        refused = ask(iut, f"decapsulate{suffix}", KEM, **key, c=made["c"][:-1])
        assert isinstance(refused, Rejected)
        assert iut.restarts == 0


@pytest.mark.parametrize(
    ("dialect", "mode", "sign", "verify", "message"),
    [
        ("crucible", "internal", "sign_internal", "verify_internal", "m_prime"),
        ("crucible-external", "external", "sign_with_rnd", "verify", "message"),
        ("crucible-external", "seeds", "sign_with_rnd_from_seed", "verify", "message"),
    ],
)
def test_the_dialect_says_which_interface_takes_the_messages(
    attached: Attach, dialect: str, mode: str, sign: str, verify: str, message: str
) -> None:
    with attached("harness", dialect, PROGRAM, mode, sets=(DSA,)) as iut:
        assert iut.operations[DSA] == {"keygen_from_seed", sign, verify, "env:restart"}
        keys = outputs(ask(iut, "keygen_from_seed", DSA, seed=SEED[:32]))
        given: dict[str, Value] = {message: b"\0\0text"}
        key: dict[str, Value] = {"seed": SEED[:32]} if mode == "seeds" else {"sk": keys["sk"]}
        signature = outputs(ask(iut, sign, DSA, **key, **given, rnd=bytes(32)))["signature"]
        assert ask(iut, verify, DSA, pk=keys["pk"], **given, signature=signature) == Ok({"valid": True})
        assert ask(iut, verify, DSA, pk=keys["pk"], **{message: b"text"}, signature=signature) == Ok({"valid": False})


def test_what_the_harness_calls_unsupported_is_not_offered(attached: Attach) -> None:
    with attached("harness", "crucible", PROGRAM, "unsupported") as iut:
        assert iut.operations[KEM] == {"keygen_from_seed", "decapsulate", "env:restart"}


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("log", "a line that is no JSON object: b'decapsulating'"),
        ("list", "a line that is no JSON object"),
        ("deep", "a line that is no JSON object"),
        ("long", "wrote a line of more than"),
        ("empty", "neither outputs, error nor unsupported"),
        ("odd", "a k that is not hexadecimal"),
        ("number", "a reply holds no K"),
        ("other", "a reply holds no K"),
        ("exit", "the program exited with status 1 without an answer"),
    ],
)
def test_a_harness_that_breaks_is_blamed_for_that_call_alone(attached: Attach, mode: str, said: str) -> None:
    with attached("harness", "crucible", PROGRAM, mode) as iut:
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        made = outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)))
        broken = ask(iut, "decapsulate", dk=keys["dk"], c=made["c"])
        assert isinstance(broken, Fault)
        assert broken.kind == "exception"
        assert said in broken.why
        assert outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32))) == made


@pytest.mark.parametrize(("mode", "said"), [("silent", "exited with status 0"), ("chatty", "no JSON object: b'Ready'")])
def test_a_harness_that_does_not_say_what_it_implements_cannot_be_attached(
    attached: Attach, mode: str, said: str
) -> None:
    with pytest.raises(AttachError, match=said), attached("harness", "crucible", PROGRAM, mode):
        pass
