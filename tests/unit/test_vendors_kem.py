"""Every KEM of every built-in implementation: what it offers, and that all of them agree byte for byte."""

from __future__ import annotations

import functools
import hashlib
import tomllib
import warnings
from importlib import import_module
from itertools import product
from typing import Any

import pytest

from pqvalidate import vendors
from pqvalidate.adapters.interface import KEM_OPERATIONS
from pqvalidate.algorithms import PARAMETER_SETS

OFFERED = {
    ("openssl", "ML-KEM"): "keygen keygen_from_seed encapsulate decapsulate_from_seed check_encapsulation_key "
    "load_decapsulation_key_from_seed load_encapsulation_key",
    ("pycryptodome", "ML-KEM"): " ".join(KEM_OPERATIONS),
    ("pqcrypto", "ML-KEM"): "keygen encapsulate decapsulate",
    ("kyber-py", "ML-KEM"): "keygen keygen_from_seed encapsulate encapsulate_derand decapsulate",
    ("kyber-py", "Kyber"): "keygen keygen_from_seed encapsulate encapsulate_derand decapsulate",
    ("mlkem", "ML-KEM"): "keygen encapsulate decapsulate check_encapsulation_key check_decapsulation_key "
    "load_decapsulation_key load_encapsulation_key",
    ("ml-kem-rs", "ML-KEM"): "keygen encapsulate decapsulate_from_seed",
    ("liboqs", "ML-KEM"): "keygen keygen_from_seed encapsulate encapsulate_derand decapsulate load_decapsulation_key",
    ("liboqs", "Kyber"): "keygen keygen_from_seed encapsulate encapsulate_derand decapsulate load_decapsulation_key",
}
SEED, M = bytes(range(64)), bytes(range(100, 132))


def claims(name: str) -> dict[str, Any]:
    table = tomllib.loads(vendors.manifest_path(name).read_text(encoding="utf-8"))
    return {"target": table["attach"]["target"], "sets": table["claims"]["conformance"]}


HERE = [name for name in vendors.BUILT_IN if vendors.availability(name)[0]]
KEMS = [(name, p) for name in HERE for p in claims(name)["sets"] if PARAMETER_SETS[p].kind == "kem"]
# liboqs-python pads short inputs with zeros, and round 3 of Kyber asks for no check of a key's content.
CHECKED = [(name, p) for name, p in KEMS if name != "liboqs"]
FINAL = [(name, p) for name, p in CHECKED if p.startswith("ML-KEM")]
SETS = sorted({p for _, p in KEMS})


@functools.cache
def load(name: str, parameter_set: str) -> Any:
    with warnings.catch_warnings():  # liboqs-python warns where the C library has another version
        warnings.simplefilter("ignore")
        module, _, function = claims(name)["target"].partition(":")
        return getattr(import_module(module), function)(parameter_set)


def offering(operation: str, parameter_set: str) -> list[Any]:
    found = [load(name, p) for name, p in KEMS if p == parameter_set]
    return [kem for kem in found if hasattr(kem, operation)]


def expanded_keys(parameter_set: str) -> tuple[bytes, bytes]:
    """Return the key pair of ``SEED`` with the expanded decapsulation key."""
    ek, dk = load("kyber-py", parameter_set).keygen_from_seed(SEED)
    return ek, dk


def decapsulate(kem: Any, dk: bytes, c: bytes) -> bytes:
    """Decapsulate with a key in the form in which this implementation's own keygen gives it."""
    shared_secret: bytes = getattr(kem, "decapsulate" if hasattr(kem, "decapsulate") else "decapsulate_from_seed")(
        dk, c
    )
    return shared_secret


def test_every_implementation_of_the_vendors_extra_is_installed_for_these_tests() -> None:
    assert set(vendors.BUILT_IN) - set(HERE) <= {"liboqs"}


@pytest.mark.parametrize(("name", "parameter_set"), KEMS)
def test_an_adapter_offers_what_its_library_offers(name: str, parameter_set: str) -> None:
    kem = load(name, parameter_set)
    expected = OFFERED[name, PARAMETER_SETS[parameter_set].algorithm].split()
    assert [operation for operation in KEM_OPERATIONS if hasattr(kem, operation)] == [
        operation for operation in KEM_OPERATIONS if operation in expected
    ]


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("unknown", ["ML-KEM-256", "SLH-DSA-SHA2-128s", ""])
def test_an_unknown_parameter_set_is_refused(name: str, unknown: str) -> None:
    with pytest.raises(ValueError, match="does not offer"):
        load(name, unknown)


@pytest.mark.parametrize("name", HERE)
def test_an_adapter_knows_the_version_that_runs(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        version = import_module(claims(name)["target"].partition(":")[0]).version()
    assert vendors.availability(name)[1].partition(",")[0] in version
    assert ("OpenSSL 4" in version or "OpenSSL 3" in version) == (name == "openssl")


@pytest.mark.parametrize(("name", "parameter_set"), KEMS)
def test_what_was_encapsulated_is_decapsulated_with_the_lengths_of_the_standard(name: str, parameter_set: str) -> None:
    kem, row = load(name, parameter_set), PARAMETER_SETS[parameter_set]
    ek, dk = kem.keygen()
    shared_secret, c = kem.encapsulate(ek)
    assert (len(ek), len(c), len(shared_secret)) == (row.public_key, row.output, 32)
    assert len(dk) == (row.private_key if hasattr(kem, "decapsulate") else row.seed)
    assert decapsulate(kem, dk, c) == shared_secret
    assert kem.encapsulate(ek) != (shared_secret, c)


@pytest.mark.parametrize(("name", "parameter_set"), KEMS)
def test_a_changed_ciphertext_gives_another_secret_and_the_same_one_each_time(name: str, parameter_set: str) -> None:
    kem = load(name, parameter_set)
    ek, dk = kem.keygen()
    shared_secret, c = kem.encapsulate(ek)
    changed = bytes([c[0] ^ 1]) + c[1:]
    implicit = decapsulate(kem, dk, changed)
    assert len(implicit) == 32
    assert implicit != shared_secret
    assert decapsulate(kem, dk, changed) == implicit


@pytest.mark.parametrize("parameter_set", SETS)
def test_all_implementations_make_the_same_keys_from_a_seed(parameter_set: str) -> None:
    row, kems = PARAMETER_SETS[parameter_set], offering("keygen_from_seed", parameter_set)
    assert kems
    pairs = [kem.keygen_from_seed(SEED) for kem in kems]
    assert len({ek for ek, _ in pairs}) == 1
    assert len({dk for _, dk in pairs if len(dk) == row.private_key}) == 1
    assert {dk for _, dk in pairs if len(dk) != row.private_key} <= {SEED}


@pytest.mark.parametrize("parameter_set", SETS)
def test_all_implementations_encapsulate_alike_with_the_same_randomness(parameter_set: str) -> None:
    kems = offering("encapsulate_derand", parameter_set)
    ek, dk = expanded_keys(parameter_set)
    results = {kem.encapsulate_derand(ek, M) for kem in kems}
    assert len(results) == 1
    shared_secret, c = results.pop()
    assert {kem.decapsulate(dk, c) for kem in offering("decapsulate", parameter_set)} == {shared_secret}


@pytest.mark.parametrize("parameter_set", SETS)
def test_every_implementation_opens_what_every_other_one_sealed(parameter_set: str) -> None:
    ek, dk = expanded_keys(parameter_set)
    key = {"decapsulate": dk, "decapsulate_from_seed": SEED}
    for sealing, (operation, private) in product(offering("encapsulate", parameter_set), key.items()):
        shared_secret, c = sealing.encapsulate(ek)
        changed = c[:-1] + bytes([c[-1] ^ 0x80])
        opened = {getattr(kem, operation)(private, c) for kem in offering(operation, parameter_set)}
        rejected = {getattr(kem, operation)(private, changed) for kem in offering(operation, parameter_set)}
        assert opened <= {shared_secret}
        assert len(rejected) <= 1
        assert shared_secret not in rejected


@pytest.mark.parametrize(("name", "parameter_set"), KEMS)
def test_a_loaded_key_gives_what_the_bytes_give(name: str, parameter_set: str) -> None:
    kem = load(name, parameter_set)
    ek, dk = expanded_keys(parameter_set)
    sealed = kem.load_encapsulation_key(ek).encapsulate() if hasattr(kem, "load_encapsulation_key") else None
    shared_secret, c = sealed or kem.encapsulate(ek)
    assert offering("decapsulate", parameter_set)[0].decapsulate(dk, c) == shared_secret
    for operation, private in (("load_decapsulation_key", dk), ("load_decapsulation_key_from_seed", SEED)):
        if hasattr(kem, operation):
            loaded = getattr(kem, operation)(private)
            assert loaded.decapsulate(c) == shared_secret
            assert loaded.decapsulate(bytes(len(c))) != shared_secret


WRONG_LENGTHS = {"one byte less": -1, "one byte more": 1, "nothing": None}


def of_wrong_length(value: bytes, how: str) -> bytes:
    change = WRONG_LENGTHS[how]
    if change is None:
        return b""
    return value[:change] if change < 0 else value + b"\0"


def refuses(kem: Any, operation: str, *inputs: bytes) -> None:
    if hasattr(kem, operation):
        with pytest.raises(ValueError, match=r"."):
            getattr(kem, operation)(*inputs)


@pytest.mark.parametrize("how", WRONG_LENGTHS)
@pytest.mark.parametrize(("name", "parameter_set"), CHECKED)
def test_inputs_of_a_wrong_length_are_refused(name: str, parameter_set: str, how: str) -> None:
    kem = load(name, parameter_set)
    ek, dk = kem.keygen()
    _, c = kem.encapsulate(ek)
    own = "decapsulate" if hasattr(kem, "decapsulate") else "decapsulate_from_seed"
    refuses(kem, "encapsulate", of_wrong_length(ek, how))
    refuses(kem, "encapsulate_derand", of_wrong_length(ek, how), M)
    refuses(kem, "encapsulate_derand", ek, of_wrong_length(M, how))
    refuses(kem, "keygen_from_seed", of_wrong_length(SEED, how))
    refuses(kem, "decapsulate_from_seed", of_wrong_length(SEED, how), c)
    refuses(kem, own, of_wrong_length(dk, how), c)
    refuses(kem, own, dk, of_wrong_length(c, how))
    refuses(kem, "load_encapsulation_key", of_wrong_length(ek, how))
    refuses(kem, "load_decapsulation_key", of_wrong_length(dk, how))
    refuses(kem, "load_decapsulation_key_from_seed", of_wrong_length(SEED, how))


def beyond_modulus(ek: bytes) -> bytes:
    """Return the key with 0xFFF as its first coefficient (FIPS 203 section 7.2 allows 0 to 3328)."""
    return b"\xff" + bytes([ek[1] | 0x0F]) + ek[2:]


def with_wrong_hash(dk: bytes) -> bytes:
    """Return the key with one bit of H(ek) changed (FIPS 203 section 7.3)."""
    return dk[:-64] + bytes([dk[-64] ^ 1]) + dk[-63:]


@pytest.mark.parametrize(("name", "parameter_set"), FINAL)
def test_keys_that_fail_the_checks_of_fips_203_are_refused(name: str, parameter_set: str) -> None:
    kem = load(name, parameter_set)
    ek, dk = kem.keygen()
    _, c = kem.encapsulate(ek)
    refuses(kem, "encapsulate", beyond_modulus(ek))
    refuses(kem, "encapsulate_derand", beyond_modulus(ek), M)
    refuses(kem, "load_encapsulation_key", beyond_modulus(ek))
    refuses(kem, "decapsulate", with_wrong_hash(dk), c)
    refuses(kem, "load_decapsulation_key", with_wrong_hash(dk))


@pytest.mark.parametrize(("name", "parameter_set"), FINAL)
def test_the_key_checks_tell_good_keys_from_bad_ones(name: str, parameter_set: str) -> None:
    kem = load(name, parameter_set)
    ek, dk = expanded_keys(parameter_set)
    if hasattr(kem, "check_encapsulation_key"):
        keys = [ek, beyond_modulus(ek), ek[:-1], ek + b"\0", bytes(0)]
        assert [kem.check_encapsulation_key(key) for key in keys] == [True, False, False, False, False]
    if hasattr(kem, "check_decapsulation_key"):
        keys = [dk, with_wrong_hash(dk), dk[:-1], dk + b"\0", bytes(0)]
        assert [kem.check_decapsulation_key(key) for key in keys] == [True, False, False, False, False]


def sha256(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


@pytest.mark.parametrize("name", [name for name, p in KEMS if p == "Kyber-768"])
def test_kyber_is_round_3_of_the_submission(name: str) -> None:
    # First entry of the round 3 known-answer file PQCkemKAT_2400.rsp; m is hashed by the algorithm itself.
    kem = load(name, "Kyber-768")
    d, z = (
        "7c9935a0b07694aa0c6d10e4db6b1add2fd81a25ccb148032dcd739936737f2d",
        ("8626ed79d451140800e03b59b956f8210e556067407d13dc90fa9e8b872bfb8f"),
    )
    m = bytes.fromhex("147c03f7a5bebba406c8fae1874d7f13c80efe79a3a9a874cc09fe76f6997615")
    ek, dk = kem.keygen_from_seed(bytes.fromhex(d + z))
    shared_secret, c = kem.encapsulate_derand(ek, m)
    assert sha256(ek) == "de5713a43cd0a032f5bd42f9c88a9e77651ab2dfcc39c15bfb311828f59c7011"
    assert sha256(dk) == "db9d8342dc72a6102c90d111dc34c210524f6cb73eee989848e38711f8a04031"
    assert sha256(c) == "ded7f7c48b92fc887f6a378e44b21cecdf909a606ef140c13e8716803edb5a6d"
    assert shared_secret.hex() == "914cb67fe5c38e73bf74181c0ac50428dedf7750a98058f7d536708774535b29"
    assert kem.decapsulate(dk, c) == shared_secret
