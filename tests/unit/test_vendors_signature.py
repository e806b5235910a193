"""Every signature scheme of every built-in implementation: what it offers, and that all of them agree."""

from __future__ import annotations

import functools
import hashlib
import inspect
import tomllib
import warnings
from importlib import import_module
from itertools import product
from typing import Any

import pytest

from pqvalidate import vendors
from pqvalidate.adapters.interface import SIGNATURE_OPERATIONS
from pqvalidate.algorithms import ML_DSA, PARAMETER_SETS, PREHASH_OID_BYTE

OFFERED = {
    ("openssl", "ML-DSA"): "keygen keygen_from_seed sign_from_seed sign_mu_from_seed verify verify_mu",
    ("pycryptodome", "ML-DSA"): " ".join(SIGNATURE_OPERATIONS),
    ("pqcrypto", "ML-DSA"): "keygen sign sign_prehash verify verify_prehash",
    ("dilithium-py", "ML-DSA"): "keygen keygen_from_seed sign sign_deterministic sign_with_rnd sign_mu sign_prehash "
    "sign_internal verify verify_prehash verify_internal",
    ("dilithium-py", "Dilithium"): "keygen keygen_from_seed sign sign_deterministic verify",
    ("liboqs", "ML-DSA"): "keygen keygen_from_seed sign sign_deterministic sign_with_rnd verify",
}
LACKING = {
    ("openssl", "ML-DSA"): {"sign_mu_from_seed.rnd"},
    ("pqcrypto", "ML-DSA"): {"sign_prehash.rnd"},
    ("dilithium-py", "Dilithium"): {"sign.context", "sign_deterministic.context", "verify.context"},
}
SEED, RND = bytes(range(32)), bytes(range(50, 82))
MESSAGE, CONTEXT = b"a message", b"a context"


def claims(name: str) -> dict[str, Any]:
    table = tomllib.loads(vendors.manifest_path(name).read_text(encoding="utf-8"))
    return {"target": table["attach"]["target"], "sets": table["claims"]["conformance"]}


HERE = [name for name in vendors.BUILT_IN if vendors.availability(name)[0]]
SIGNATURES = [(name, p) for name in HERE for p in claims(name)["sets"] if PARAMETER_SETS[p].kind == "signature"]
FINAL = [(name, p) for name, p in SIGNATURES if p in ML_DSA]
CHECKED = [(name, p) for name, p in FINAL if name != "liboqs"]  # liboqs-python pads short keys with zeros
ROUND_3 = [(name, p) for name, p in SIGNATURES if p not in ML_DSA]


@functools.cache
def load(name: str, parameter_set: str) -> Any:
    with warnings.catch_warnings():  # liboqs-python warns where the C library has another version
        warnings.simplefilter("ignore")
        module, _, function = claims(name)["target"].partition(":")
        return getattr(import_module(module), function)(parameter_set)


def offering(operation: str, parameter_set: str) -> list[Any]:
    found = [load(name, p) for name, p in SIGNATURES if p == parameter_set]
    return [scheme for scheme in found if hasattr(scheme, operation)]


def sign(scheme: Any, key: bytes, *inputs: bytes) -> bytes:
    """Sign with a key in the form in which this implementation's own keygen gives it."""
    signature: bytes = getattr(scheme, "sign" if hasattr(scheme, "sign") else "sign_from_seed")(key, *inputs)
    return signature


@pytest.mark.parametrize(("name", "parameter_set"), SIGNATURES)
def test_an_adapter_offers_what_its_library_offers(name: str, parameter_set: str) -> None:
    scheme, family = load(name, parameter_set), PARAMETER_SETS[parameter_set].algorithm
    expected = set(OFFERED[name, family].split())
    optional = {"sign_mu", "verify_mu"} if name == "liboqs" else set()  # depends on the build of the C library
    offered = {operation for operation in SIGNATURE_OPERATIONS if hasattr(scheme, operation)}
    assert expected <= offered <= expected | optional
    lacking = {
        f"{operation}.{option}"
        for operation in offered
        for option in SIGNATURE_OPERATIONS[operation].optional
        if option not in inspect.signature(getattr(scheme, operation)).parameters
    }
    assert lacking == LACKING.get((name, family), set())


@pytest.mark.parametrize(("name", "parameter_set"), SIGNATURES)
def test_a_signature_verifies_for_its_message_and_key_only(name: str, parameter_set: str) -> None:
    scheme, row = load(name, parameter_set), PARAMETER_SETS[parameter_set]
    pk, sk = scheme.keygen()
    signature = sign(scheme, sk, MESSAGE)
    assert (len(pk), len(signature)) == (row.public_key, row.output)
    assert len(sk) == (row.private_key if hasattr(scheme, "sign") else row.seed)
    assert scheme.verify(pk, MESSAGE, signature) is True
    assert scheme.verify(pk, MESSAGE + b"!", signature) is False
    assert scheme.verify(pk, MESSAGE, bytes([signature[0] ^ 1]) + signature[1:]) is False
    assert scheme.verify(scheme.keygen()[0], MESSAGE, signature) is False


@pytest.mark.parametrize(("name", "parameter_set"), FINAL)
def test_a_signature_verifies_for_its_context_only(name: str, parameter_set: str) -> None:
    scheme = load(name, parameter_set)
    pk, sk = scheme.keygen()
    signature = sign(scheme, sk, MESSAGE, CONTEXT)
    assert scheme.verify(pk, MESSAGE, signature, CONTEXT) is True
    assert scheme.verify(pk, MESSAGE, signature, CONTEXT + b"!") is False
    assert scheme.verify(pk, MESSAGE, signature) is False


@pytest.mark.parametrize(("name", "parameter_set"), FINAL)
def test_ordinary_signing_is_hedged(name: str, parameter_set: str) -> None:
    scheme = load(name, parameter_set)
    _, sk = scheme.keygen()
    assert sign(scheme, sk, MESSAGE) != sign(scheme, sk, MESSAGE)


@pytest.mark.parametrize("parameter_set", sorted({p for _, p in SIGNATURES}))
def test_all_implementations_make_the_same_keys_from_a_seed(parameter_set: str) -> None:
    row = PARAMETER_SETS[parameter_set]
    pairs = [scheme.keygen_from_seed(SEED) for scheme in offering("keygen_from_seed", parameter_set)]
    assert len({pk for pk, _ in pairs}) == 1
    assert len({sk for _, sk in pairs if len(sk) == row.private_key}) == 1
    assert {sk for _, sk in pairs if len(sk) != row.private_key} <= {SEED}


@pytest.mark.parametrize("parameter_set", ML_DSA)
def test_every_implementation_verifies_what_every_other_one_signed(parameter_set: str) -> None:
    pk, sk = load("pycryptodome", parameter_set).keygen_from_seed(SEED)
    for operation, key in (("sign", sk), ("sign_from_seed", SEED)):
        for signing, context in product(offering(operation, parameter_set), (b"", bytes(253))):
            signature = getattr(signing, operation)(key, MESSAGE, context)
            for verifying in offering("verify", parameter_set):
                assert verifying.verify(pk, MESSAGE, signature, context), (signing, verifying, context)


def both_forms(operation: str, parameter_set: str) -> list[tuple[Any, bytes]]:
    """Return the signing function in all forms that the implementations offer, each with the key that it takes."""
    _, sk = load("pycryptodome", parameter_set).keygen_from_seed(SEED)
    expanded = [(getattr(scheme, operation), sk) for scheme in offering(operation, parameter_set)]
    seeds = [(getattr(s, f"{operation}_from_seed"), SEED) for s in offering(f"{operation}_from_seed", parameter_set)]
    return expanded + seeds


@pytest.mark.parametrize("parameter_set", ML_DSA)
def test_all_implementations_sign_alike_with_the_same_randomness(parameter_set: str) -> None:
    deterministic = [
        function(key, MESSAGE, CONTEXT) for function, key in both_forms("sign_deterministic", parameter_set)
    ]
    zero = [function(key, MESSAGE, bytes(32), CONTEXT) for function, key in both_forms("sign_with_rnd", parameter_set)]
    chosen = [function(key, MESSAGE, RND, CONTEXT) for function, key in both_forms("sign_with_rnd", parameter_set)]
    assert len(set(deterministic)) == 1
    assert set(zero) == set(deterministic)
    assert len(set(chosen)) == 1
    assert set(chosen) != set(zero)


def representative(pk: bytes, m_prime: bytes) -> bytes:
    """Return mu, FIPS 204 algorithm 7 line 6."""
    return hashlib.shake_256(hashlib.shake_256(pk).digest(64) + m_prime).digest(64)


@pytest.mark.parametrize("parameter_set", ML_DSA)
def test_the_internal_and_external_mu_interfaces_are_those_of_fips_204(parameter_set: str) -> None:
    pk, sk = load("pycryptodome", parameter_set).keygen_from_seed(SEED)
    m_prime = b"\0" + bytes([len(CONTEXT)]) + CONTEXT + MESSAGE  # FIPS 204 algorithm 2 line 10
    mu = representative(pk, m_prime)
    expected = load("dilithium-py", parameter_set).sign_with_rnd(sk, MESSAGE, RND, CONTEXT)
    internal = {function(key, m_prime, RND) for function, key in both_forms("sign_internal", parameter_set)}
    with_rnd = [pair for pair in both_forms("sign_mu", parameter_set) if "rnd" in inspect.signature(pair[0]).parameters]
    assert internal == {expected}
    assert {function(key, mu, RND) for function, key in with_rnd} == {expected}
    for function, key in both_forms("sign_mu", parameter_set):
        signature = function(key, mu)
        assert signature != expected
        for scheme in offering("verify_mu", parameter_set):
            assert scheme.verify_mu(pk, mu, signature) is True
            assert scheme.verify_mu(pk, bytes(64), signature) is False
    for scheme in offering("verify_internal", parameter_set):
        assert scheme.verify_internal(pk, m_prime, expected) is True
        assert scheme.verify_internal(pk, m_prime + b"!", expected) is False


def hashed(hash_name: str, message: bytes) -> bytes:
    if hash_name.startswith("SHAKE"):
        length = 32 if hash_name == "SHAKE-128" else 64  # FIPS 204 section 5.4.1: 256 and 512 bits
        return hashlib.new(hash_name.lower().replace("-", "_"), message).digest(length)  # type: ignore[call-arg]
    name = hash_name.lower().removeprefix("sha2-").replace("-", "_").replace("/", "_")
    return hashlib.new(name if name.startswith("sha3") else f"sha{name}", message).digest()


@pytest.mark.parametrize("hash_name", PREHASH_OID_BYTE)
@pytest.mark.parametrize("name", ["pycryptodome", "dilithium-py"])
def test_pre_hash_signatures_cover_the_digest_as_fips_204_says(name: str, hash_name: str) -> None:
    scheme, reference = load(name, "ML-DSA-44"), load("pycryptodome", "ML-DSA-44")
    pk, sk = reference.keygen_from_seed(SEED)
    if hash_name not in scheme.hash_names:
        with pytest.raises(ValueError, match=f"no hash function {hash_name}"):
            scheme.sign_prehash(sk, MESSAGE, hash_name)
        return
    oid = bytes.fromhex("06096086480165030402") + bytes([PREHASH_OID_BYTE[hash_name]])
    m_prime = b"\1" + bytes([len(CONTEXT)]) + CONTEXT + oid + hashed(hash_name, MESSAGE)  # algorithm 4 line 23
    signature = scheme.sign_prehash(sk, MESSAGE, hash_name, CONTEXT, RND)
    assert signature == reference.sign_internal(sk, m_prime, RND)
    assert scheme.verify_prehash(pk, MESSAGE, signature, hash_name, CONTEXT) is True
    assert scheme.verify_prehash(pk, MESSAGE, signature, hash_name) is False
    assert scheme.sign_prehash(sk, MESSAGE, hash_name, CONTEXT) != signature, "without rnd it is hedged"


def test_pycryptodome_signs_pre_hashed_with_the_seed_too() -> None:
    scheme = load("pycryptodome", "ML-DSA-44")
    _, sk = scheme.keygen_from_seed(SEED)
    from_seed = scheme.sign_prehash_from_seed(SEED, MESSAGE, "SHA2-512", CONTEXT, RND)
    assert from_seed == scheme.sign_prehash(sk, MESSAGE, "SHA2-512", CONTEXT, RND)


@pytest.mark.parametrize("parameter_set", ML_DSA)
def test_pqcrypto_is_asked_for_pre_hash_as_its_documentation_shows(parameter_set: str) -> None:
    scheme = load("pqcrypto", parameter_set)
    assert set(scheme.hash_names) == set(PREHASH_OID_BYTE)
    pk, sk = scheme.keygen()
    signature = scheme.sign_prehash(sk, MESSAGE, "SHA2-256", CONTEXT)
    assert scheme.verify_prehash(pk, MESSAGE, signature, "SHA2-256", CONTEXT) is True
    assert scheme.verify_prehash(pk, MESSAGE, signature, "SHA2-512", CONTEXT) is False
    assert scheme.verify(pk, MESSAGE, signature, CONTEXT) is False
    with pytest.raises(ValueError, match="no hash function MD5"):
        scheme.sign_prehash(sk, MESSAGE, "MD5")


WRONG_LENGTHS = {"one byte less": -1, "one byte more": 1, "nothing": None}


def of_wrong_length(value: bytes, how: str) -> bytes:
    change = WRONG_LENGTHS[how]
    if change is None:
        return b""
    return value[:change] if change < 0 else value + b"\0"


def refuses(scheme: Any, operation: str, *inputs: Any) -> None:
    if hasattr(scheme, operation):
        with pytest.raises(ValueError, match=r"."):
            getattr(scheme, operation)(*inputs)


@pytest.mark.parametrize("how", WRONG_LENGTHS)
@pytest.mark.parametrize(("name", "parameter_set"), CHECKED)
def test_keys_and_mu_of_a_wrong_length_are_refused(name: str, parameter_set: str, how: str) -> None:
    scheme = load(name, parameter_set)
    pk, sk = scheme.keygen()
    signature, short_sk, short_pk = sign(scheme, sk, MESSAGE), of_wrong_length(sk, how), of_wrong_length(pk, how)
    for suffix, key in (("", short_sk), ("_from_seed", of_wrong_length(SEED, how))):
        refuses(scheme, f"sign{suffix}", key, MESSAGE)
        refuses(scheme, f"sign_deterministic{suffix}", key, MESSAGE)
        refuses(scheme, f"sign_with_rnd{suffix}", key, MESSAGE, RND)
        refuses(scheme, f"sign_mu{suffix}", key, bytes(64))
        refuses(scheme, f"sign_prehash{suffix}", key, MESSAGE, "SHA2-512")
        refuses(scheme, f"sign_internal{suffix}", key, MESSAGE, RND)
    refuses(scheme, "keygen_from_seed", of_wrong_length(SEED, how))
    refuses(scheme, "sign_with_rnd", sk, MESSAGE, of_wrong_length(RND, how))
    refuses(scheme, "sign_mu", sk, of_wrong_length(bytes(64), how))
    refuses(scheme, "sign_mu_from_seed", SEED, of_wrong_length(bytes(64), how))
    refuses(scheme, "verify_mu", pk, of_wrong_length(bytes(64), how), signature)
    for operation, extra in (
        ("verify", ()),
        ("verify_mu", ()),
        ("verify_internal", ()),
        ("verify_prehash", ("SHA2-512",)),
    ):
        message = bytes(64) if operation == "verify_mu" else MESSAGE
        refuses(scheme, operation, short_pk, message, signature, *extra)


@pytest.mark.parametrize("how", WRONG_LENGTHS)
@pytest.mark.parametrize(("name", "parameter_set"), FINAL)
def test_a_signature_of_a_wrong_length_is_never_accepted(name: str, parameter_set: str, how: str) -> None:
    scheme = load(name, parameter_set)
    pk, sk = scheme.keygen()
    signature = of_wrong_length(sign(scheme, sk, MESSAGE), how)
    try:
        accepted = scheme.verify(pk, MESSAGE, signature)
    except ValueError:
        accepted = False  # a refusal is as good an answer as False
    assert accepted is False


@pytest.mark.parametrize(("name", "parameter_set"), FINAL)
def test_a_context_of_256_bytes_is_refused_for_signing(name: str, parameter_set: str) -> None:
    scheme = load(name, parameter_set)
    _, sk = scheme.keygen()
    with pytest.raises(ValueError, match=r"."):
        sign(scheme, sk, MESSAGE, bytes(256))


@pytest.mark.parametrize("how", WRONG_LENGTHS)
@pytest.mark.parametrize(("name", "parameter_set"), ROUND_3)
def test_round_3_refuses_private_keys_and_seeds_of_a_wrong_length(name: str, parameter_set: str, how: str) -> None:
    scheme = load(name, parameter_set)
    _, sk = scheme.keygen()
    refuses(scheme, "sign", of_wrong_length(sk, how), MESSAGE)
    refuses(scheme, "sign_deterministic", of_wrong_length(sk, how), MESSAGE)
    refuses(scheme, "keygen_from_seed", of_wrong_length(SEED, how))


def test_dilithium_is_round_3_1_of_the_submission() -> None:
    # First entry of the known-answer file PQCsignKAT_Dilithium2.rsp, made by version 3.1 of the reference code.
    scheme = load("dilithium-py", "Dilithium2")
    xi = bytes.fromhex("7c9935a0b07694aa0c6d10e4db6b1add2fd81a25ccb148032dcd739936737f2d")
    message = bytes.fromhex("d81c4d8d734fcbfbeade3d3f8a039faa2a2c9957e835ad55b22e75bf57bb556ac8")
    pk, sk = scheme.keygen_from_seed(xi)
    signature = scheme.sign_deterministic(sk, message)
    digests = [hashlib.sha256(value).hexdigest() for value in (pk, sk, signature)]
    assert digests == [
        "51572ff5bf7e9883f65d7222ad98f7cd746209a528fbd04dda21340dc0572ff5",
        "647123db48d73634975f1c3b3d14d2e0cfb9d47da3cf9e2bc9ba5394d80974bd",
        "0051e98bce390ea7ef2a31a05ab82aad450527b9251509e69a304087e3e7ad6f",
    ]
    assert scheme.verify(pk, message, signature) is True
