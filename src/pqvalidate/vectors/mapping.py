"""From a published test to questions of the common interface: one function per form of vector set.

Every test of every set gives at least one case; a test that bears on several operations gives one for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from pqvalidate.algorithms import PREHASH_OID_BYTE
from pqvalidate.vectors.packed import Case, Group, PackedFile, Test

Question: TypeAlias = tuple[str, dict[str, bytes | str], dict[str, bytes] | bool]
Mapper: TypeAlias = Callable[[Group, Test], Iterator[Question]]

_ZERO_RND = bytes(32)  # FIPS 204 section 3.4: the deterministic variant is the hedged one with rnd all zero


def slug(text: str) -> str:
    """Return text as one word: ``modified signature - z`` becomes ``modified-signature-z``."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def make_cases(form: str, document: PackedFile, group: Group, test: Test) -> list[Case]:
    """Return the cases of one test.

    Raises:
        KeyError: the test lacks a value that its form needs.
        ValueError: a value is of no use, e.g. an unknown hash function.

    """
    flags = test.flags or ((slug(test.note),) if form.startswith("acvp-") and test.note else ())
    return [
        Case(
            id=f"{document.set}/{group.id}/{test.id}", parameter_set=document.parameter_set, operation=operation,
            inputs=inputs, expect=expect, flags=flags, note=test.note,
        )
        for operation, inputs, expect in MAPPERS[form](group, test)
    ]  # fmt: skip


def _take(values: Mapping[str, bytes], *names: str) -> dict[str, bytes | str]:
    return {name: values[name] for name in names}


def _outputs(values: Mapping[str, bytes], *names: str) -> dict[str, bytes]:
    """Return the named outputs, each exact or as its digest, whichever the file holds."""
    return {key: values[key] for key in (n if n in values else f"{n}_sha256" for n in names)}


def _passed(test: Test) -> bool:
    if test.passed is None:
        raise ValueError("no verdict")
    return test.passed


def _hash(test: Test) -> str:
    if test.hash not in PREHASH_OID_BYTE:
        raise ValueError(f"unknown hash function {test.hash!r}")
    return test.hash


def _acvp_kem_keygen(_group: Group, test: Test) -> Iterator[Question]:
    yield "keygen_from_seed", _take(test.values, "seed"), _outputs(test.values, "ek", "dk")


def _acvp_kem(group: Group, test: Test) -> Iterator[Question]:
    values, function = test.values, group.attributes["function"]
    if function == "encapsulation":
        yield "encapsulate_derand", _take(values, "ek", "m"), _outputs(values, "k", "c")
    elif function == "decapsulation":
        # tr1 publishes the seed and the expanded form of each key: whatever an implementation takes is asked.
        for key, operation in (("dk", "decapsulate"), ("seed", "decapsulate_from_seed")):
            if key in values:
                yield operation, _take(values, key, "c"), _outputs(values, "k")
        if "dk" not in values and "seed" not in values:
            raise ValueError("no decapsulation key")
    elif function == "encapsulationKeyCheck":
        yield "check_encapsulation_key", _take(values, "ek"), _passed(test)
    elif function == "decapsulationKeyCheck":
        yield "check_decapsulation_key", _take(values, "dk"), _passed(test)
    else:
        raise ValueError(f"unknown function {function!r}")


def _acvp_dsa_keygen(_group: Group, test: Test) -> Iterator[Question]:
    yield "keygen_from_seed", _take(test.values, "seed"), _outputs(test.values, "pk", "sk")


def _key(values: Mapping[str, bytes]) -> tuple[str, str]:
    """Return the name of the signing key and the suffix of the operations that take it."""
    return ("seed", "_from_seed") if "seed" in values else ("sk", "")


def _acvp_siggen(group: Group, test: Test) -> Iterator[Question]:
    kind, values = group.attributes, test.values
    key, suffix = _key(values)
    expect = _outputs(values, "signature")
    rnd: dict[str, bytes | str] = {"rnd": values.get("rnd", _ZERO_RND)}
    if kind["signatureInterface"] == "internal":
        if kind["externalMu"] == "True":
            yield f"sign_mu{suffix}", _take(values, key, "mu") | rnd, expect
        else:  # the message of the internal interface is M' as it stands, FIPS 204 algorithm 7
            yield f"sign_internal{suffix}", _take(values, key) | {"m_prime": values["message"]} | rnd, expect
    elif kind["preHash"] == "preHash":
        inputs = _take(values, key, "message", "context") | {"hash": _hash(test)} | rnd
        yield f"sign_prehash{suffix}", inputs, expect
    elif "rnd" in values:
        yield f"sign_with_rnd{suffix}", _take(values, key, "message", "rnd", "context"), expect
    else:
        yield f"sign_deterministic{suffix}", _take(values, key, "message", "context"), expect


def _acvp_sigver(group: Group, test: Test) -> Iterator[Question]:
    kind, values = group.attributes, test.values
    if kind["signatureInterface"] == "internal":
        if kind["externalMu"] == "True":
            yield "verify_mu", _take(values, "pk", "mu", "signature"), _passed(test)
        else:
            inputs = _take(values, "pk", "signature") | {"m_prime": values["message"]}
            yield "verify_internal", inputs, _passed(test)
    elif kind["preHash"] == "preHash":
        inputs = _take(values, "pk", "message", "signature", "context") | {"hash": _hash(test)}
        yield "verify_prehash", inputs, _passed(test)
    else:
        yield "verify", _take(values, "pk", "message", "signature", "context"), _passed(test)


def _wycheproof_kem(_group: Group, test: Test) -> Iterator[Question]:
    values = test.values
    exact = _outputs(values, "k") if _passed(test) else False
    yield "decapsulate_from_seed", _take(values, "seed", "c"), exact
    # ek is published wherever the seed has the right length, also where the ciphertext has not.
    known = "ek" in values or "ek_sha256" in values
    yield "keygen_from_seed", _take(values, "seed"), _outputs(values, "ek") if known else False


def _wycheproof_encaps(_group: Group, test: Test) -> Iterator[Question]:
    values, valid = test.values, _passed(test)
    yield "encapsulate_derand", _take(values, "ek", "m"), _outputs(values, "k", "c") if valid else False
    # Most libraries draw m themselves: they can still be asked whether they take the key.
    yield "encapsulate", _take(values, "ek"), valid
    yield "check_encapsulation_key", _take(values, "ek"), valid


def _wycheproof_keygen(_group: Group, test: Test) -> Iterator[Question]:
    yield "keygen_from_seed", _take(test.values, "seed"), _outputs(test.values, "ek", "dk") if _passed(test) else False


def _wycheproof_decaps(_group: Group, test: Test) -> Iterator[Question]:
    values, valid = test.values, _passed(test)
    yield "decapsulate", _take(values, "dk", "c"), _outputs(values, "k") if valid else False
    if "IncorrectCiphertextLength" not in test.flags:  # there the key is sound
        yield "check_decapsulation_key", _take(values, "dk"), valid


def _wycheproof_verify(group: Group, test: Test) -> Iterator[Question]:
    values = {"context": b""} | group.shared | test.values
    yield "verify", _take(values, "pk", "message", "signature", "context"), _passed(test)


def _wycheproof_sign(group: Group, test: Test) -> Iterator[Question]:
    values = {"context": b""} | group.shared | test.values
    key, suffix = _key(values)
    expect = _outputs(values, "signature") if _passed(test) else False
    if test is group.tests[0] and key == "seed":  # the group states the public key of its seed, or none if malformed
        yield "keygen_from_seed", _take(values, "seed"), _outputs(values, "pk") if "pk" in values else False
    if "message" not in values:  # flag Internal: only mu is known
        yield f"sign_mu{suffix}", _take(values, key, "mu") | {"rnd": values.get("rnd", _ZERO_RND)}, expect
    elif "rnd" in values:
        yield f"sign_with_rnd{suffix}", _take(values, key, "message", "rnd", "context"), expect
    else:
        yield f"sign_deterministic{suffix}", _take(values, key, "message", "context"), expect
        if expect is False:  # a library that signs only with its own randomness must refuse as well
            yield f"sign{suffix}", _take(values, key, "message", "context"), False


def _modulus(_group: Group, test: Test) -> Iterator[Question]:
    for operation in ("encapsulate", "check_encapsulation_key"):
        yield operation, _take(test.values, "ek"), _passed(test)


def _known_kem(_group: Group, test: Test) -> Iterator[Question]:
    values = test.values
    if "seed" in values:
        yield "keygen_from_seed", _take(values, "seed"), _outputs(values, "ek", "dk")
        yield "decapsulate_from_seed", _take(values, "seed", "c"), _outputs(values, "k")
    if "m" in values:
        yield "encapsulate_derand", _take(values, "ek", "m"), _outputs(values, "k", "c")
    yield "decapsulate", _take(values, "dk", "c"), _outputs(values, "k")


def _known_signature(_group: Group, test: Test) -> Iterator[Question]:
    values = test.values
    if "seed" in values:
        yield "keygen_from_seed", _take(values, "seed"), _outputs(values, "pk", "sk")
        for key, suffix in (("sk", ""), ("seed", "_from_seed")):
            yield f"sign_deterministic{suffix}", _take(values, key, "message"), _outputs(values, "signature")
    yield "verify", _take(values, "pk", "message", "signature"), test.passed is not False


MAPPERS: dict[str, Mapper] = {
    "acvp-ml-kem-keygen": _acvp_kem_keygen,
    "acvp-ml-kem-encap-decap": _acvp_kem,
    "acvp-ml-dsa-keygen": _acvp_dsa_keygen,
    "acvp-ml-dsa-siggen": _acvp_siggen,
    "acvp-ml-dsa-sigver": _acvp_sigver,
    "wycheproof-mlkem-test": _wycheproof_kem,
    "wycheproof-mlkem-encaps-test": _wycheproof_encaps,
    "wycheproof-mlkem-keygen-seed-test": _wycheproof_keygen,
    "wycheproof-mlkem-semi-expanded-decaps-test": _wycheproof_decaps,
    "wycheproof-mldsa-verify-test": _wycheproof_verify,
    "wycheproof-mldsa-sign-seed-test": _wycheproof_sign,
    "wycheproof-mldsa-sign-noseed-test": _wycheproof_sign,
    "modulus": _modulus,
    "known-kem": _known_kem,
    "known-signature": _known_signature,
}
"""Forms of vector sets, as named in the manifest, and how their tests are mapped."""
