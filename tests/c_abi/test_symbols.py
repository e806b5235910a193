"""The manifest's [symbols]: presets, what they come to, and errors that name the place and the nearest known word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pqvalidate.adapters.c_abi_plan import bridge_symbols
from pqvalidate.errors import InputError
from pqvalidate.manifest import read_manifest
from pqvalidate.symbols import FAMILIES, Symbols
from tests.c_abi.libraries import manifest


def spelled_out(path: Path) -> dict[str, Any]:
    read = read_manifest(path)
    return bridge_symbols(read.symbols, "c-abi", read.claims.conformance, path)


ALL = ("ML-KEM-512", "ML-DSA-65", "Kyber-1024", "Dilithium3")


def named(family: str, parameter_set: str, operation: str) -> list[str]:
    kind = "liboqs" if family == "liboqs" else "c-abi"
    found = bridge_symbols(Symbols(family=family), kind, [parameter_set], Path("x.toml"))
    return [row["symbol"] for row in found["functions"][parameter_set].get(operation, ())]


@pytest.mark.parametrize(
    ("family", "parameter_set", "operation", "first"),
    [
        ("nist", "ML-KEM-768", "decapsulate", "crypto_kem_dec"),
        ("nist", "ML-DSA-65", "sign", "crypto_sign_signature_ctx"),
        ("pqclean", "ML-KEM-768", "encapsulate", "PQCLEAN_MLKEM768_CLEAN_crypto_kem_enc"),
        ("pqclean", "Dilithium3", "verify", "PQCLEAN_DILITHIUM3_CLEAN_crypto_sign_verify"),
        ("mlkem-native", "ML-KEM-512", "check_decapsulation_key", "PQCP_MLKEM_NATIVE_MLKEM512_check_sk"),
        ("mldsa-native", "ML-DSA-44", "sign_internal", "PQCP_MLDSA_NATIVE_MLDSA44_signature_internal"),
        ("liboqs", "ML-KEM-768", "keygen_from_seed", "OQS_KEM_ml_kem_768_keypair_derand"),
        ("liboqs", "Kyber-512", "encapsulate", "OQS_KEM_kyber_512_encaps"),
        ("liboqs", "ML-DSA-87", "sign", "OQS_SIG_ml_dsa_87_sign_with_ctx_str"),
        ("liboqs", "Dilithium2", "sign", "OQS_SIG_dilithium_2_sign"),
        ("crypto-condor", "ML-KEM-768", "decapsulate", "CC_MLKEM_768_decaps"),
        ("crypto-condor", "ML-DSA-65", "verify", "CC_MLDSA_65_verify"),
    ],
)
def test_families_spell_their_symbols(family: str, parameter_set: str, operation: str, first: str) -> None:
    assert named(family, parameter_set, operation)[0] == first


def test_every_function_of_every_family_fits_its_operation() -> None:
    for family in FAMILIES:
        kind = "liboqs" if family == "liboqs" else "c-abi"
        found = bridge_symbols(Symbols(family=family), kind, ALL, Path("x.toml"))
        assert set(found["functions"]) == set(ALL)
        assert any(found["functions"].values()) == (family != "none")


def test_a_stub_that_always_fails_is_not_asked() -> None:
    assert named("liboqs", "Kyber-768", "keygen_from_seed") == []
    assert named("mlkem-native", "Kyber-768", "keygen_from_seed") != []


def test_what_the_manifest_says_counts_more_than_the_family(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        'family = "pqclean"\n[symbols.sets.ML-KEM-768]\nprefix = "x_"\nword = "7"\n'
        '[symbols.functions.decapsulate]\nsymbol = "{prefix}open"\narguments = ["{word}", "dk", "c", "k!"]\n',
    )
    found = spelled_out(path)
    functions = found["functions"]["ML-KEM-768"]
    assert functions["decapsulate"] == [
        {"symbol": "x_open", "arguments": ["7", "dk", "c", "k!"], "returns": "zero", "hashes": []}
    ]
    assert functions["encapsulate"][0]["symbol"] == "x_crypto_kem_enc"


FUNCTION = '[symbols.functions.decapsulate]\nsymbol = "f"\narguments = [{}]\n'


@pytest.mark.parametrize(
    ("symbols", "place", "problem"),
    [
        ('family = "pqlean"', "symbols.family", "(nearest: pqclean)"),
        ('length_type = "int"', "symbols.length_type", "int"),
        ('randomness = "randombytes"', "symbols.randomness", "names no function"),
        ('version = "a b"', "symbols.version", "is no C name"),
        ('familly = "nist"', "symbols", "familly"),
        ('[symbols.sets.ML-KEM-767]\nprefix = "x"', "symbols.sets.ML-KEM-767", "nearest: ML-KEM-76"),
        ('[symbols.functions.decapsulat]\nsymbol = "f"\narguments = []', "decapsulat", "(nearest: decapsulate)"),
        ('[symbols.functions.decapsulate]\nsymbol = "f()"\narguments = []', "decapsulate.symbol", "is no C name"),
        (FUNCTION.format('"k!", "c", "d k"'), "arguments[2]", "is no argument"),
        (FUNCTION.format('"k!", "c", "dkk"'), "arguments", "'dkk' is no input of decapsulate (nearest: dk)"),
        (FUNCTION.format('"k!", "c"'), "arguments", "'dk', an input of decapsulate, is not passed"),
        (FUNCTION.format('"c", "dk"'), "arguments", "there is no room for 'k', an output of decapsulate: write k!"),
        (FUNCTION.format('"c!", "k!", "c", "dk"'), "arguments", "'c' is no output of decapsulate"),
        (FUNCTION.format('"k!", "c", "dk", "ek_length"'), "arguments", "ek_length is the length of nothing"),
        (FUNCTION.format('"{level}", "k!", "c", "dk"'), "decapsulate", "the word {level} is not known"),
        ('[symbols.functions.decapsulate]\nsymbol = "f"\narguments = []\nreturns = "two"', "returns", "two"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_place(tmp_path: Path, symbols: str, place: str, problem: str) -> None:
    path = manifest(tmp_path, symbols)
    with pytest.raises(InputError) as caught:
        spelled_out(path)
    assert place in str(caught.value)
    assert problem in str(caught.value)


def test_other_kinds_have_no_symbols(tmp_path: Path) -> None:
    path = manifest(tmp_path, 'family = "nist"', kind="liboqs")
    with pytest.raises(InputError, match="for kind liboqs"):
        read_manifest(path)
    text = path.read_text("utf-8").replace('kind = "liboqs"\nlibrary = "libtoy.so"', 'kind = "python"\ntarget = "a:b"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="has no meaning for kind python"):
        read_manifest(path)
