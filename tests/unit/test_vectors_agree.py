"""Independent implementations give the answers that the packed vectors expect: a sample of every operation."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa
from dilithium_py.dilithium import Dilithium2, Dilithium3, Dilithium5
from dilithium_py.ml_dsa import ML_DSA_44, ML_DSA_65, ML_DSA_87
from kyber_py.kyber import Kyber512, Kyber768, Kyber1024
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024

from pqvalidate import vectors
from pqvalidate.algorithms import PARAMETER_SETS, PREHASH_OID_BYTE
from pqvalidate.vectors import Case

Answer = dict[str, bytes] | bool

REFERENCES: dict[str, Any] = {
    "ML-KEM-512": ML_KEM_512, "ML-KEM-768": ML_KEM_768, "ML-KEM-1024": ML_KEM_1024,
    "ML-DSA-44": ML_DSA_44, "ML-DSA-65": ML_DSA_65, "ML-DSA-87": ML_DSA_87,
    "Kyber-512": Kyber512, "Kyber-768": Kyber768, "Kyber-1024": Kyber1024,
    "Dilithium2": Dilithium2, "Dilithium3": Dilithium3, "Dilithium5": Dilithium5,
}  # fmt: skip
PUBLIC_KEYS: dict[str, Any] = {
    "ML-DSA-44": mldsa.MLDSA44PublicKey, "ML-DSA-65": mldsa.MLDSA65PublicKey, "ML-DSA-87": mldsa.MLDSA87PublicKey,
}  # fmt: skip


def drawing(reference: Any, *draws: bytes) -> Any:
    """Return a pre-standard implementation that draws the given bytes instead of random ones."""
    ready, queue = copy.copy(reference), iter(draws)

    def draw(length: int) -> bytes:
        value = next(queue)
        assert len(value) == length
        return value

    ready.random_bytes = draw
    return ready


def length(name: str, value: bytes, size: int) -> None:
    if len(value) != size:
        raise ValueError(f"{name} has {len(value)} bytes instead of {size}")


def prehash(message: bytes, hash_name: str) -> bytes:
    """Return OID and digest, FIPS 204 section 5.4.1."""
    name = {"SHAKE-128": "shake_128", "SHAKE-256": "shake_256"}.get(hash_name)
    if name:
        digest = hashlib.new(name, message).digest({"shake_128": 32, "shake_256": 64}[name])  # type: ignore[call-arg]
    else:
        plain = hash_name.replace("SHA2-", "SHA").replace("SHA3-", "sha3_").replace("/", "_").lower()
        digest = hashlib.new(plain, message).digest()
    return bytes.fromhex("06096086480165030402") + bytes([PREHASH_OID_BYTE[hash_name]]) + digest


def m_prime(i: dict[str, Any]) -> bytes:
    """Return M' of FIPS 204 algorithms 2 and 4."""
    context = i.get("context", b"")
    if len(context) > 255:
        raise ValueError("context too long")
    body = prehash(i["message"], i["hash"]) if "hash" in i else i["message"]
    return bytes([1 if "hash" in i else 0, len(context)]) + bytes(context) + bytes(body)


def kem(case: Case) -> Answer:
    reference, i = REFERENCES[case.parameter_set], dict[str, Any](case.inputs)
    row = PARAMETER_SETS[case.parameter_set]
    kyber = row.algorithm == "Kyber"
    if "seed" in i:
        length("seed", i["seed"], row.seed)
        d, z = i["seed"][:32], i["seed"][32:]
        ek, i["dk"] = drawing(reference, d, z).keygen() if kyber else reference._keygen_internal(d, z)
        if case.operation == "keygen_from_seed":
            return {"ek": ek, "dk": i["dk"]}
    match case.operation:
        case "decapsulate" | "decapsulate_from_seed":
            return {"k": reference.decaps(i["dk"], i["c"])}
        case "encapsulate_derand" if kyber:
            k, c = drawing(reference, i["m"]).encaps(i["ek"])
        case "encapsulate_derand":
            length("ek", i["ek"], row.public_key)
            k, c = reference._encaps_internal(i["ek"], i["m"])
        case "encapsulate" | "check_encapsulation_key":
            reference.encaps(i["ek"])
            return True
        case _:
            assert case.operation == "check_decapsulation_key"
            reference.decaps(i["dk"], bytes(row.output))
            return True
    return {"k": k, "c": c}


def verify_mu(parameter_set: str, i: dict[str, Any]) -> bool:
    """Verify with ``cryptography``: dilithium-py does not offer external mu here."""
    try:
        PUBLIC_KEYS[parameter_set].from_public_bytes(i["pk"]).verify_mu(i["signature"], i["mu"])
    except InvalidSignature:
        return False
    return True


def signature(case: Case) -> Answer:
    reference, i = REFERENCES[case.parameter_set], dict[str, Any](case.inputs)
    row = PARAMETER_SETS[case.parameter_set]
    dilithium = row.algorithm == "Dilithium"
    if "seed" in i:
        length("seed", i["seed"], row.seed)
        pk, i["sk"] = drawing(reference, i["seed"]).keygen() if dilithium else reference._keygen_internal(i["seed"])
        if case.operation == "keygen_from_seed":
            return {"pk": pk, "sk": i["sk"]}
    if case.operation == "verify_mu":
        return verify_mu(case.parameter_set, i)
    if dilithium and case.operation != "verify":
        return {"signature": reference.sign(i["sk"], i["message"])}
    if dilithium:
        return bool(reference.verify(i["pk"], i["message"], i["signature"]))
    message = i["mu"] if "mu" in i else i["m_prime"] if "m_prime" in i else m_prime(i)
    if case.operation.startswith("verify"):
        return bool(reference._verify_internal(i["pk"], message, i["signature"]))
    return {"signature": reference._sign_internal(i["sk"], message, i.get("rnd", bytes(32)), "mu" in i)}


def agrees(case: Case) -> bool:
    """Return whether the reference gives what the case expects."""
    try:
        answer = (kem if PARAMETER_SETS[case.parameter_set].kind == "kem" else signature)(case)
    except ValueError:
        return case.expect is False
    if isinstance(case.expect, bool) or isinstance(answer, bool):
        return case.expect is bool(answer)
    digests = {f"{name}_sha256": hashlib.sha256(value).digest() for name, value in answer.items()}
    return case.expect.items() <= (answer | digests).items()


def sample(parameter_set: str) -> Iterator[Case]:
    """Yield the first case of each operation, kind of set and kind of expectation."""
    seen = set()
    for case in vectors.load(parameter_set):
        family = case.id.split("/", 1)[0], case.operation, case.expect if isinstance(case.expect, bool) else "exact"
        if family not in seen:
            seen.add(family)
            yield case


@pytest.mark.parametrize("parameter_set", PARAMETER_SETS)
def test_a_sample_of_every_operation_agrees_with_an_independent_implementation(parameter_set: str) -> None:
    cases = list(sample(parameter_set))
    assert len(cases) >= 4
    assert [(case.id, case.operation) for case in cases if not agrees(case)] == []


@pytest.mark.parametrize("hash_name", PREHASH_OID_BYTE)
def test_every_prehash_of_fips_204_has_a_case_that_agrees(hash_name: str) -> None:
    cases = vectors.load("ML-DSA-44", operations={"sign_prehash"})
    assert agrees(next(case for case in cases if case.inputs["hash"] == hash_name))


def broken(case: Case) -> Case:
    """Return the case with another expectation."""
    if isinstance(case.expect, bool):
        return Case(**{**{f: getattr(case, f) for f in case.__struct_fields__}, "expect": not case.expect})
    name, value = next(iter(case.expect.items()))
    wrong = {**case.expect, name: bytes([value[0] ^ 1]) + value[1:]}
    return Case(**{**{f: getattr(case, f) for f in case.__struct_fields__}, "expect": wrong})


@pytest.mark.parametrize("parameter_set", ["ML-KEM-512", "ML-DSA-44"])
def test_the_comparison_notices_a_wrong_expectation(parameter_set: str) -> None:
    assert [case.id for case in sample(parameter_set) if agrees(broken(case))] == []


@pytest.mark.parametrize("parameter_set", ["ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"])
def test_the_final_and_round_3_fingerprints_of_a_kem_are_what_the_references_give(parameter_set: str) -> None:
    for row in vectors.fingerprints(parameter_set):
        if row.count or row.version == "ml-kem-ipd":
            continue
        name = parameter_set.replace("ML-KEM", "Kyber") if row.version == "kyber-r3" else parameter_set
        seed: dict[str, bytes | str] = {"seed": row.inputs["seed"]}
        keys = kem(Case(id="", parameter_set=name, operation="keygen_from_seed", inputs=seed, expect=True))
        assert isinstance(keys, dict)
        inputs: dict[str, bytes | str] = {"ek": keys["ek"], "m": row.inputs["m"]}
        result = kem(Case(id="", parameter_set=name, operation="encapsulate_derand", inputs=inputs, expect=True))
        assert isinstance(result, dict)
        given = {f"{n}_sha256": hashlib.sha256(v).digest() for n, v in {**keys, **result}.items()} | {"k": result["k"]}
        assert row.expect.items() <= given.items()


@pytest.mark.parametrize("parameter_set", ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_the_final_and_round_3_1_fingerprints_of_a_signature_are_what_the_references_give(parameter_set: str) -> None:
    forerunner = {"ML-DSA-44": "Dilithium2", "ML-DSA-65": "Dilithium3", "ML-DSA-87": "Dilithium5"}
    for row in vectors.fingerprints(parameter_set):
        if row.count or row.version == "ml-dsa-ipd-era":
            continue
        name = forerunner[parameter_set] if row.version == "dilithium-r3.1" else parameter_set
        inputs: dict[str, bytes | str] = dict(row.inputs)
        given: dict[str, bytes] = {}
        for operation in ("keygen_from_seed", "sign_with_rnd_from_seed"):
            answer = signature(Case(id="", parameter_set=name, operation=operation, inputs=inputs, expect=True))
            assert isinstance(answer, dict)
            given |= {f"{n}_sha256": hashlib.sha256(v).digest() for n, v in answer.items()}
        assert row.expect.items() <= given.items()
