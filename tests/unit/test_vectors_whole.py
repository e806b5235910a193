"""Every packed case of the final standards gets the expected answer from pycryptodome, which is fast enough for it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from Crypto.Hash import SHAKE128
from Crypto.PublicKey import MLDSA, MLKEM

from pqvalidate import vectors
from pqvalidate.algorithms import ML_DSA, ML_KEM, PARAMETER_SETS
from pqvalidate.vectors import Case
from tests.unit.test_vectors_agree import Answer, m_prime


def kem(case: Case) -> Answer:
    i, which = dict[str, Any](case.inputs), MLKEM.ParamSet[case.parameter_set.replace("-", "_")]
    key = MLKEM.construct(param_set=which, seed=i.get("seed"), expanded_dk=i.get("dk"), ek=i.get("ek"))
    match case.operation:
        case "keygen_from_seed":
            return {"ek": key.ek, "dk": key.expanded_dk}
        case "encapsulate_derand":
            k, c = key._encaps(i["m"])
            return {"k": k, "c": c}
        case "encapsulate":
            key._encaps()
            return True
        case "decapsulate" | "decapsulate_from_seed":
            return {"k": key._decaps(i["c"])}
        case _:
            assert case.operation.startswith("check_")
            return True


def signature(case: Case) -> Answer:
    i, which = dict[str, Any](case.inputs), MLDSA.ParamSet[case.parameter_set.replace("-", "_")]
    key = MLDSA.construct(param_set=which, seed=i.get("seed"), sk=i.get("sk"), pk=i.get("pk"))
    if case.operation == "keygen_from_seed":
        return {"pk": key.pk, "sk": key.sk}
    message = i["mu"] if "mu" in i else i["m_prime"] if "m_prime" in i else m_prime(i)
    if case.operation.startswith("verify"):
        return key._verify(message, i["signature"], external_mu="mu" in i)
    return {"signature": key._sign(message, i.get("rnd", bytes(32)), external_mu="mu" in i)}


def disagreement(case: Case) -> str | None:
    """Say how pycryptodome's answer differs from the expected one, or return None."""
    try:
        answer = (kem if case.parameter_set in ML_KEM else signature)(case)
    except ValueError as exc:
        return None if case.expect is False else f"refused: {exc}"
    if isinstance(case.expect, bool) or isinstance(answer, bool):
        return None if case.expect is answer else f"{case.expect} expected"
    digests = {f"{name}_sha256": hashlib.sha256(value).digest() for name, value in answer.items()}
    return None if case.expect.items() <= (answer | digests).items() else "other output"


@pytest.mark.parametrize("parameter_set", [*ML_KEM, *ML_DSA])
def test_every_case_gets_the_expected_answer(parameter_set: str) -> None:
    cases = vectors.load(parameter_set)
    found = {(case.id, case.operation): why for case in cases if (why := disagreement(case)) is not None}
    assert found == {}


def kem_digest(name: str, iterations: int) -> bytes:
    """Return the accumulated digest of CCTV: see ``pqvalidate.vectors.accumulated``."""
    which, c_bytes = MLKEM.ParamSet[name.replace("-", "_")], PARAMETER_SETS[name].output
    source, total = SHAKE128.new(), SHAKE128.new()
    for _ in range(iterations):
        key, m, random_c = MLKEM.construct(param_set=which, seed=source.read(64)), source.read(32), source.read(c_bytes)
        k, c = key._encaps(m)
        total.update(key.ek + key.expanded_dk + c + k + key._decaps(random_c))
    return bytes(total.read(32))


def signature_digest(name: str, iterations: int) -> bytes:
    which, source, total = MLDSA.ParamSet[name.replace("-", "_")], SHAKE128.new(), SHAKE128.new()
    for _ in range(iterations):
        key = MLDSA.construct(param_set=which, seed=source.read(32))
        total.update(key.pk + key._sign(b"", bytes(32), prefix=bytes(2)))
    return bytes(total.read(32))


@pytest.mark.parametrize("parameter_set", ML_KEM)
def test_the_accumulated_digest_of_10_000_iterations_is_that_of_final_ml_kem(parameter_set: str) -> None:
    assert vectors.accumulated(parameter_set)[10_000] == kem_digest(parameter_set, 10_000)


@pytest.mark.parametrize("parameter_set", ML_DSA)
def test_the_accumulated_digest_of_100_iterations_is_that_of_final_ml_dsa(parameter_set: str) -> None:
    assert vectors.accumulated(parameter_set)[100] == signature_digest(parameter_set, 100)
