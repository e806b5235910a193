"""Programs that take one question as arguments: how they are asked, and how their output and end are read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pqvalidate.adapters.argv import prehash
from pqvalidate.adapters.interface import Fault, Ok, Rejected, Unasked, Value
from pqvalidate.algorithms import PREHASH_OID_BYTE
from pqvalidate.errors import AttachError
from tests.bridges.conftest import Attach
from tests.bridges.test_modulewrapper import DSA, EVERY_KEM, KEM, SEED, ask, outputs

PROGRAM = "argv_program.py"


def test_a_kem_makes_a_round_trip(attached: Attach) -> None:
    with attached("argv", "mlkem-native", PROGRAM, "{level}", "none") as iut:
        assert iut.operations[KEM] == EVERY_KEM | {"decapsulate_from_seed"}
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        made = outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)))
        assert outputs(ask(iut, "decapsulate", dk=keys["dk"], c=made["c"])) == {"k": made["k"]}
        assert outputs(ask(iut, "decapsulate_from_seed", seed=SEED, c=made["c"])) == {"k": made["k"]}
        assert ask(iut, "check_encapsulation_key", ek=keys["ek"]) == Ok({"valid": True})
        assert ask(iut, "check_decapsulation_key", dk=keys["dk"][:-40] + bytes(40)) == Ok({"valid": False})
        refused = ask(iut, "decapsulate", dk=keys["dk"], c=made["c"][:-1])
        assert isinstance(refused, Rejected)
        assert refused.why.startswith("the program exited with status 1: ")


def test_signatures_of_every_interface_verify_by_it(attached: Attach) -> None:
    with attached("argv", "mlkem-native", PROGRAM, "{level}", "none", sets=(DSA,)) as iut:
        keys = outputs(ask(iut, "keygen_from_seed", DSA, seed=SEED[:32]))
        asked_for: list[tuple[str, dict[str, Value], str]] = [
            ("_with_rnd", {"message": b"text", "rnd": SEED[:32]}, ""),
            ("_with_rnd", {"message": b"text", "rnd": SEED[:32], "context": b"context"}, ""),
            ("_deterministic", {"message": b"text", "context": b"context"}, ""),
            ("_internal", {"m_prime": b"\0\0text", "rnd": SEED[:32]}, "_internal"),
            ("_prehash", {"message": b"text", "hash": "SHA2-512", "context": b"c", "rnd": SEED[:32]}, "_prehash"),
            ("_prehash", {"message": b"text", "hash": "SHA2-512"}, "_prehash"),
            ("_prehash", {"message": b"text", "hash": "SHAKE-256", "context": b"c"}, "_prehash"),
            ("_prehash", {"message": b"text", "hash": "SHAKE-256", "rnd": SEED[:32]}, "_prehash"),
        ]
        for suffix, inputs, verification in asked_for:
            signature = outputs(ask(iut, f"sign{suffix}", DSA, sk=keys["sk"], **inputs))["signature"]
            inputs.pop("rnd", None)
            asked: dict[str, Value] = {"pk": keys["pk"], "signature": signature, **inputs}
            assert ask(iut, f"verify{verification}", DSA, **asked) == Ok({"valid": True})
            bad: dict[str, Value] = {**asked, "signature": signature[:-1] + bytes([signature[-1] ^ 1])}
            assert ask(iut, f"verify{verification}", DSA, **bad) == Ok({"valid": False})
        assert "verify_mu" not in iut.operations[DSA]  # this program answers it with its usage, so it is dropped


def test_only_what_the_program_lists_is_offered(attached: Attach) -> None:
    with attached("argv", "mlkem-native", PROGRAM, "{level}", "no-encaps") as iut:
        assert iut.operations[KEM] == EVERY_KEM - {"encapsulate_derand", "check_encapsulation_key"} | {
            "decapsulate_from_seed"
        }


def test_an_older_program_without_a_list_is_asked_what_it_knows(attached: Attach) -> None:
    with attached("argv", "mlkem-native", PROGRAM, "{level}", "old", sets=(KEM, DSA)) as iut:
        assert iut.operations[KEM] == EVERY_KEM
        assert not {"sign_prehash", "verify_prehash"} & iut.operations[DSA]
        assert {"sign_with_rnd", "sign_internal", "verify"} <= iut.operations[DSA]


def test_a_hash_that_the_program_does_not_know_is_not_asked(attached: Attach) -> None:
    with attached("argv", "mlkem-native", PROGRAM, "{level}", "few-hashes", sets=(DSA,)) as iut:
        keys = outputs(ask(iut, "keygen_from_seed", DSA, seed=SEED[:32]))
        inputs: dict[str, Value] = {"sk": keys["sk"], "message": b"text"}
        signature = outputs(ask(iut, "sign_prehash", DSA, **inputs, hash="SHA2-512"))["signature"]
        assert isinstance(ask(iut, "sign_prehash", DSA, **inputs, hash="SHA3-512"), Unasked)
        verification: dict[str, Value] = {"pk": keys["pk"], "message": b"text", "signature": signature}
        assert isinstance(ask(iut, "verify_prehash", DSA, **verification, hash="SHA3-512"), Unasked)
        assert ask(iut, "verify_prehash", DSA, **verification, hash="SHA2-512") == Ok({"valid": True})


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("signal", "the program was killed by SIGABRT"),
        ("silent", "the program printed no k, and exited with status 0"),
        ("blank", "the program gave a k that is not hexadecimal"),
        ("twice", "the program printed k twice"),
    ],
)
def test_a_program_that_breaks_is_blamed(attached: Attach, fault: str, said: str) -> None:
    with attached("argv", "mlkem-native", PROGRAM, "{level}", fault) as iut:
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        made = outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)))
        broken = ask(iut, "decapsulate", dk=keys["dk"], c=made["c"])
        assert isinstance(broken, Fault)
        assert said in broken.why


def test_a_log_on_the_output_is_no_fault_and_a_third_answer_is(attached: Attach) -> None:
    with attached("argv", "mlkem-native", PROGRAM, "{level}", "log") as iut:
        keys = outputs(ask(iut, "keygen_from_seed", seed=SEED))
        made = outputs(ask(iut, "encapsulate_derand", ek=keys["ek"], m=bytes(32)))
        assert outputs(ask(iut, "decapsulate", dk=keys["dk"], c=made["c"])) == {"k": made["k"]}
    with attached("argv", "mlkem-native", PROGRAM, "{level}", "two") as iut:
        third = ask(iut, "check_encapsulation_key", ek=keys["ek"])
        assert isinstance(third, Fault)
        assert "testPassed='2'" in third.why


def test_messages_that_do_not_fit_are_not_asked(attached: Attach) -> None:
    with attached("argv", "mlkem-native", PROGRAM, "{level}", "none", sets=(DSA,)) as iut:
        keys = outputs(ask(iut, "keygen_from_seed", DSA, seed=SEED[:32]))
        for length, why in ((8193, "at most 8192 bytes of message"), (70_000, "the operating system takes no")):
            reply = ask(iut, "sign_deterministic", DSA, sk=keys["sk"], message=bytes(length))
            assert isinstance(reply, Unasked)
            assert why in reply.why
        assert isinstance(ask(iut, "sign_mu", DSA, sk=keys["sk"], mu=bytes(63), rnd=bytes(32)), Unasked)
        long_context = ask(iut, "sign_deterministic", DSA, sk=keys["sk"], message=b"", context=bytes(256))
        assert isinstance(long_context, Rejected)


def test_one_program_for_several_parameter_sets_is_a_mistake_of_the_manifest(attached: Attach) -> None:
    with (
        pytest.raises(AttachError, match="a program serves one parameter set"),
        attached("argv", "mlkem-native", PROGRAM, "768", "none", sets=(KEM, "ML-KEM-512")),
    ):
        pass


def test_a_program_that_is_not_there_cannot_be_attached(attached: Attach, tmp_path: Path) -> None:
    with attached("argv", "mlkem-native", PROGRAM, "768", "none"):
        path = tmp_path / "vendor.toml"
    text = path.read_text(encoding="utf-8")
    line = next(row for row in text.splitlines() if row.startswith("command"))
    path.write_text(text.replace(line, 'command = ["/nonexistent/acvp_mlkem768"]'), encoding="utf-8")
    from pqvalidate.adapters.attach import attach

    with pytest.raises(AttachError, match="cannot be started"):
        attach(path)


def test_the_hash_of_a_message_is_that_of_each_function_that_fips_204_allows() -> None:
    text = b"message"
    for name in PREHASH_OID_BYTE:
        digest = prehash(name, text)
        if name.startswith("SHAKE"):
            assert len(digest) == {"SHAKE-128": 32, "SHAKE-256": 64}[name]
        else:
            assert len(digest) * 8 == int(name.rpartition("/" if "/" in name else "-")[2])
    assert prehash("SHA2-512", text) == hashlib.sha512(text).digest()
    assert prehash("SHA3-256", text) == hashlib.sha3_256(text).digest()
    assert prehash("SHA2-512/256", text) != hashlib.sha512(text).digest()[:32]
