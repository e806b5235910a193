"""A device behind an air gap: it sees a prompt file, knows nothing of pqvalidate, and writes a response file.

It computes with kyber-py, dilithium-py and, for what the latter lacks, cryptography. ``--fault`` plants one fault.
Usage: device.py PROMPT RESPONSE [--fault NAME] [--shape nist|bare|session]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa
from dilithium_py.ml_dsa import ML_DSA_44, ML_DSA_65, ML_DSA_87
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024

Json = dict[str, Any]
KEMS = {"ML-KEM-512": ML_KEM_512, "ML-KEM-768": ML_KEM_768, "ML-KEM-1024": ML_KEM_1024}
SIGNATURES = {"ML-DSA-44": ML_DSA_44, "ML-DSA-65": ML_DSA_65, "ML-DSA-87": ML_DSA_87}
PUBLIC: dict[str, Any] = {
    "ML-DSA-44": mldsa.MLDSA44PublicKey, "ML-DSA-65": mldsa.MLDSA65PublicKey, "ML-DSA-87": mldsa.MLDSA87PublicKey,
}  # fmt: skip
HASHES = {
    "SHA2-256": ("sha256", 1), "SHA2-384": ("sha384", 2), "SHA2-512": ("sha512", 3), "SHA2-224": ("sha224", 4),
    "SHA2-512/224": ("sha512_224", 5), "SHA2-512/256": ("sha512_256", 6), "SHA3-224": ("sha3_224", 7),
    "SHA3-256": ("sha3_256", 8), "SHA3-384": ("sha3_384", 9), "SHA3-512": ("sha3_512", 10),
    "SHAKE-128": ("shake_128", 11), "SHAKE-256": ("shake_256", 12),
}  # fmt: skip
FAULTS = (
    "none",
    "no-implicit-rejection",
    "no-modulus-check",
    "no-hash-check",
    "accepts-every-signature",
    "forgets-context",
)


def answer(algorithm: str, mode: str, group: Json, test: Json, fault: str) -> Json:
    if algorithm == "ML-KEM":
        kem = KEMS[group["parameterSet"]]
        if mode == "keyGen":
            ek, dk = kem.key_derive(octets(test, "d") + octets(test, "z"))
            return {"ek": ek.hex(), "dk": dk.hex()}
        return {
            "encapsulation": encapsulation, "decapsulation": decapsulation,
            "encapsulationKeyCheck": encapsulation_key_check, "decapsulationKeyCheck": decapsulation_key_check,
        }[group["function"]](kem, test, fault)  # fmt: skip
    scheme = SIGNATURES[group["parameterSet"]]
    if mode == "keyGen":
        pk, sk = scheme.key_derive(octets(test, "seed"))
        return {"pk": pk.hex(), "sk": sk.hex()}
    if mode == "sigGen":
        return {"signature": sign(scheme, group, test, fault).hex().upper()}
    return {"testPassed": verify(scheme, group, test, fault)}


def octets(test: Json, name: str) -> bytes:
    return bytes.fromhex(test[name])


def encapsulation(kem: Any, test: Json, _fault: str) -> Json:
    k, c = kem._encaps_internal(octets(test, "ek"), octets(test, "m"))
    return {"c": c.hex(), "k": k.hex()}


def decapsulation(kem: Any, test: Json, fault: str) -> Json:
    dk = octets(test, "dk") if "dk" in test else kem.key_derive(octets(test, "d") + octets(test, "z"))[1]
    c = octets(test, "c")
    k: bytes = kem.decaps(dk, c)
    rejected = k == hashlib.shake_256(dk[-32:] + c).digest(32)
    return {"k": bytes(32).hex() if rejected and fault == "no-implicit-rejection" else k.hex()}


def encapsulation_key_check(_kem: Any, test: Json, fault: str) -> Json:
    packed = int.from_bytes(octets(test, "ek")[:-32], "little")
    large = False
    while packed:
        large |= packed & 0xFFF >= 3329
        packed >>= 12
    return {"testPassed": not large or fault == "no-modulus-check"}


def decapsulation_key_check(kem: Any, test: Json, fault: str) -> Json:
    dk = octets(test, "dk")
    ek = dk[384 * kem.k : -64]
    return {"testPassed": hashlib.sha3_256(ek).digest() == dk[-64:-32] or fault == "no-hash-check"}


def m_prime(group: Json, test: Json, fault: str) -> bytes:
    message = octets(test, "message")
    if group["signatureInterface"] == "internal":
        return message
    context = b"" if fault == "forgets-context" else octets(test, "context")
    head = bytes([group["preHash"] == "preHash", len(context)]) + context
    if group["preHash"] == "pure":
        return head + message
    name, last = HASHES[test["hashAlg"]]
    digest = hashlib.new(name, message)
    length = {"shake_128": (32,), "shake_256": (64,)}.get(name, ())
    return head + bytes.fromhex("06096086480165030402") + bytes([last]) + digest.digest(*length)


def sign(scheme: Any, group: Json, test: Json, fault: str) -> bytes:
    sk = octets(test, "sk") if "sk" in test else scheme.key_derive(octets(test, "seed"))[1]
    rnd = bytes(32) if group["deterministic"] else octets(test, "rnd")
    external = bool(group.get("externalMu"))
    signed = octets(test, "mu") if external else m_prime(group, test, fault)
    signature: bytes = scheme._sign_internal(sk, signed, rnd, external_mu=external)
    return signature


def verify(scheme: Any, group: Json, test: Json, fault: str) -> bool:
    pk, signature = octets(test, "pk"), octets(test, "signature")
    if group.get("externalMu"):
        try:
            PUBLIC[group["parameterSet"]].from_public_bytes(pk).verify_mu(signature, octets(test, "mu"))
        except InvalidSignature:
            return False
        return True
    if fault == "accepts-every-signature":
        return True
    valid: bool = scheme._verify_internal(pk, m_prime(group, test, fault), signature)
    return valid


def respond(vector_set: Json, fault: str) -> Json:
    head = {name: vector_set[name] for name in ("vsId", "algorithm", "mode", "revision")}
    groups = [
        {
            "tgId": group["tgId"],
            "tests": [
                {"tcId": test["tcId"], **answer(head["algorithm"], head["mode"], group, test, fault)}
                for test in group["tests"]
            ],
        }
        for group in vector_set["testGroups"]
    ]
    return head | {"testGroups": groups}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("prompt", type=Path)
    parser.add_argument("response", type=Path)
    parser.add_argument("--fault", choices=FAULTS, default="none")
    parser.add_argument("--shape", choices=("nist", "bare", "session"), default="nist")
    given = parser.parse_args()
    document = json.loads(given.prompt.read_text())
    rows = document if isinstance(document, list) else [document]
    answers = [respond(row, given.fault) for row in rows if "testGroups" in row]
    if given.shape == "session":  # as acvptool writes it: the header comes back, mode and revision do not
        thin = [{name: row[name] for name in ("vsId", "testGroups", "algorithm")} for row in answers]
        written: Any = [{"url": "/acvp/v1/testSessions/1", "jwt": "none", "vectorSetUrls": []}, *thin]
    else:
        written = answers[0] if given.shape == "bare" else [{"acvVersion": "1.0"}, *answers]
    given.response.write_text(json.dumps(written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
