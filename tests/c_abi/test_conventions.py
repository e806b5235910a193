"""How C libraries differ: lengths, return values, argument order, detached and attached signatures, versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Unasked
from pqvalidate.errors import AttachError, InputError
from tests.c_abi.libraries import (
    CT,
    DK,
    EK,
    TOY,
    ask_one,
    ciphertexts,
    compiled,
    decapsulation,
    manifest,
    needs_gcc,
    secret,
    toy,
)  # fmt: skip

pytestmark = needs_gcc
SET = "ML-DSA-65"
NATIVE = f'family = "mldsa-native"\n[symbols.sets.{SET}]\nprefix = "toy_"\n'
SIZED = """
family = "none"
{length_type}
[symbols.sets.ML-KEM-768]
level = "768"
[symbols.functions.decapsulate]
symbol = "sized_dec"
arguments = ["{{level}}", "k!", "k_length", "c", "c_length", "dk", "dk_length"]
"""


def test_only_operations_whose_symbol_exists_are_offered(tmp_path: Path) -> None:
    with toy(tmp_path) as iut:
        offered = {op for op in iut.operations["ML-KEM-768"] if op.isidentifier()}
    assert offered == {
        "keygen", "keygen_from_seed", "encapsulate", "encapsulate_derand", "decapsulate", "check_encapsulation_key",
    }  # fmt: skip


def test_a_check_answers_and_never_refuses(tmp_path: Path) -> None:
    with toy(tmp_path) as iut:
        assert ask_one(iut, "check_encapsulation_key", ek=EK) == Ok({"valid": True})
        assert ask_one(iut, "check_encapsulation_key", ek=b"\xff" * 1184) == Ok({"valid": False})


@pytest.mark.parametrize("length", ["size_t", "unsigned long long"])
def test_lengths_are_passed_and_then_wrong_ones_are_refused_by_the_library(tmp_path: Path, length: str) -> None:
    symbols = SIZED.format(length_type=f'length_type = "{length}"')
    with toy(tmp_path, f"-DLENGTH={length}", symbols=symbols) as iut:
        assert not [entry for entry in iut.operations["ML-KEM-768"] if entry.startswith("fixed:")]
        assert ask_one(iut, "decapsulate", dk=DK, c=bytes(CT)) == Ok({"k": DK[:32]})
        assert isinstance(ask_one(iut, "decapsulate", dk=DK, c=bytes(CT - 1)), Rejected)
        assert isinstance(ask_one(iut, "decapsulate", dk=DK + b"\0", c=bytes(CT)), Rejected)
        mixed = [*ciphertexts(40), b"", *ciphertexts(40)]
        replies = iut.ask([decapsulation(c) for c in mixed])
    assert isinstance(replies[40], Rejected)
    assert [r.values["k"] for r in replies if isinstance(r, Ok)] == [secret(c) for c in mixed if c]


def test_a_length_that_c_cannot_express_is_no_question(tmp_path: Path) -> None:
    with toy(tmp_path) as iut:
        assert {"fixed:decapsulate.c", "fixed:decapsulate.dk"} <= iut.operations["ML-KEM-768"]
        reply = ask_one(iut, "decapsulate", dk=DK, c=bytes(CT - 1))
    assert isinstance(reply, Unasked)
    assert reply.why == "toy_dec cannot be told a wrong length of c"


def test_a_detached_signature_with_context(tmp_path: Path) -> None:
    compiled(tmp_path, "signature.c")
    with attach(manifest(tmp_path, NATIVE, sets=f'"{SET}"')) as iut:
        signer = iut.signature(SET)
        pk, sk = signer.keygen()
        for message in (b"", b"m", bytes(5000), bytes(70_000)):
            signature = signer.sign(sk, message, b"ctx")
            assert len(signature) == 3309
            assert signer.verify(pk, message, signature, b"ctx")
            assert not signer.verify(pk, message, signature, b"cty")
            assert not signer.verify(pk, message, signature[:-1], b"ctx")
        with pytest.raises(Rejected, match="toy_signature returned -1"):
            signer.sign(sk, b"m", bytes(256))
        assert not signer.verify(pk, b"m", bytes(3309), bytes(256))


def test_a_message_and_its_signature_in_one(tmp_path: Path) -> None:
    compiled(tmp_path, "signature.c", "-DLENGTH=unsigned long long")
    with attach(manifest(tmp_path, 'family = "nist"', sets=f'"{SET}"')) as iut:
        assert not {"sign.context", "verify.context"} & iut.operations[SET]
        signer = iut.signature(SET)
        pk, sk = signer.keygen()
        signature = signer.sign(sk, b"message")
        assert len(signature) == 3309
        assert signer.verify(pk, b"message", signature)
        assert not signer.verify(pk, b"Message", signature)
        assert not signer.verify(pk, b"message", b"")


@pytest.mark.parametrize("lies", [False, True])
def test_a_returned_length_is_the_length_of_the_output(tmp_path: Path, *, lies: bool) -> None:
    compiled(tmp_path, "signature.c", *(["-DLIE"] if lies else []))
    symbols = (
        'family = "none"\n[symbols.functions.sign]\nsymbol = "long_signature"\nreturns = "length"\n'
        'arguments = ["signature!", "message", "message_length"]\n'
    )
    with pytest.raises(InputError, match="'sk', an input of sign, is not passed"):
        attach(manifest(tmp_path, symbols, sets=f'"{SET}"'))
    symbols = symbols.replace('"message_length"]', '"message_length", "sk"]')
    with attach(manifest(tmp_path, symbols, sets=f'"{SET}"')) as iut:
        reply = ask_one(iut, "sign", SET, sk=bytes(4032), message=b"m")
    if lies:
        assert isinstance(reply, Fault)
        assert "says that signature has 3310 bytes, in room for 3309" in reply.why
    else:
        assert isinstance(reply, Ok)


def test_a_void_function_can_refuse_nothing_and_is_not_asked_to(tmp_path: Path) -> None:
    symbols = SIZED.format(length_type="") + 'returns = "none"\n'
    with toy(tmp_path, symbols=symbols) as iut:
        assert {"fixed:decapsulate.c", "fixed:decapsulate.dk"} <= iut.operations["ML-KEM-768"]
        assert ask_one(iut, "decapsulate", dk=DK, c=bytes(CT)) == Ok({"k": DK[:32]})
        reply = ask_one(iut, "decapsulate", dk=DK, c=bytes(CT + 1))
    assert isinstance(reply, Unasked)
    assert reply.why == "sized_dec cannot be told a wrong length of c"


def test_the_library_says_its_version(tmp_path: Path) -> None:
    compiled(tmp_path, "kem.c")
    path = manifest(tmp_path, TOY.replace("[symbols.sets", 'version = "the_version"\n[symbols.sets', 1))
    path.write_text(path.read_text("utf-8").replace('version = "1"\n', ""), encoding="utf-8")
    with attach(path) as iut:
        assert iut.subject.version == "1.2.3"
        assert [artefact.path for artefact in iut.subject.artefacts] == ["libtoy.so"]


def test_what_is_no_library_is_said(tmp_path: Path) -> None:
    path = manifest(tmp_path, TOY)
    with pytest.raises(InputError, match="there is no file"):
        attach(path)
    (tmp_path / "libtoy.so").write_bytes(b"no library")
    with pytest.raises(AttachError, match=r"libtoy\.so"):
        attach(path)
    (tmp_path / "libtoy.so").write_bytes(b"\0asm\1\0\0\0")
    with pytest.raises(AttachError, match="is WebAssembly"):
        attach(manifest(tmp_path, "", kind="liboqs"))


def test_a_library_without_any_of_the_functions_says_which_were_looked_for(tmp_path: Path) -> None:
    with toy(tmp_path, symbols='family = "pqclean"') as iut:
        assert not iut.operations["ML-KEM-768"]
        assert any("PQCLEAN_MLKEM768_CLEAN_crypto_kem_dec" in note for note in iut.subject.notes)


@pytest.mark.parametrize("way", ["threads", "fork", "kept", "bytearray", "memoryview"])
def test_calls_together_do_not_share_buffers(tmp_path: Path, way: str) -> None:
    cs = ciphertexts(24)
    with toy(tmp_path) as iut:
        calls = [decapsulation(c) for c in cs]
        _, reply = iut.ask([
            Call(operation="restart", parameter_set="ML-KEM-768", inputs={"forks": True}),
            Call(operation="together", parameter_set="ML-KEM-768", inputs={"how": way, "calls": calls}),
        ])  # fmt: skip
    assert isinstance(reply, Ok)
    copies = reply.values["replies"] if way == "fork" else [reply.values["replies"]]
    assert copies == [[Ok({"k": secret(c)}) for c in cs]] * len(copies)
