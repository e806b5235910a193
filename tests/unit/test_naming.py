"""Version naming: wrong versions are called by their names, sound implementations pass, and nothing is guessed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

import pqvalidate
from pqvalidate import vectors
from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS, Call, Fault, Ok, Reply
from pqvalidate.algorithms import PARAMETER_SETS, PREHASH_OID_BYTE
from pqvalidate.controls import InProcess
from pqvalidate.evidence import CaseRecord
from pqvalidate.mutants import PLANTED, Mutant, OracleKem, OracleSignature
from pqvalidate.mutants_audit import PLANTED as AUDITED
from pqvalidate.oracle import mlkem, versions
from pqvalidate.planner import Task
from pqvalidate.scheduler import Asked, window
from pqvalidate.suites import Asking
from pqvalidate.suites.naming import CHECKS

KEMS = ("ML-KEM-512", "ML-KEM-768", "ML-KEM-1024")
SIGNATURES = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
OLD = {"ML-KEM": "Kyber", "ML-DSA-44": "Dilithium2", "ML-DSA-65": "Dilithium3", "ML-DSA-87": "Dilithium5"}
INTERNAL = versions.AS_INTERNAL
HASHES = frozenset(f"hash:{name}" for name in PREHASH_OID_BYTE)
PLANTS = {mutant.what: mutant for mutant in (*AUDITED, *PLANTED)}


def everything(name: str) -> frozenset[str]:
    table = KEM_OPERATIONS if PARAMETER_SETS[name].kind == "kem" else SIGNATURE_OPERATIONS
    return frozenset(table) | {f"{op}.{option}" for op, shape in table.items() for option in shape.optional} | HASHES


def named(asked: Asked, name: str, operations: frozenset[str], seed: bytes = b"naming") -> dict[str, CaseRecord]:
    """Return the record of each case of the check for ``name``."""
    (check,) = (check for check in CHECKS if check.algorithm == PARAMETER_SETS[name].algorithm)
    asking = Asking(parameter_set=name, depth="quick", seed=seed, operations=operations)
    cases: Sequence[object] = check.cases(asking)
    return {r.case: r for r in window(asked, Task(index=0, check=check, asking=asking, cases=cases), cases, 3)}


def named_mutant(mutant: Mutant, name: str, *without: str) -> dict[str, CaseRecord]:
    return named(InProcess(mutant.make, name), name, everything(name) - set(without))


@pytest.mark.parametrize("name", list(PARAMETER_SETS))
def test_our_computation_of_each_version_is_the_claimed_version(name: str) -> None:
    kind = OracleKem if PARAMETER_SETS[name].kind == "kem" else OracleSignature
    records = named(InProcess(kind, name), name, everything(name))
    assert {case: record.outcome for case, record in records.items()} == dict.fromkeys(records, "pass")
    assert len(records) == (4 if name.startswith("ML-DSA") else 1)


@pytest.mark.parametrize(
    ("what", "name", "case", "version"),
    [
        ("Kyber round 3 under the name of ML-KEM", "ML-KEM-512", "whole", "Kyber round 3"),
        ("Kyber round 3 under the name of ML-KEM", "ML-KEM-1024", "whole", "Kyber round 3"),
        ("ML-KEM under the name of Kyber", "Kyber-768", "whole", "ML-KEM (FIPS 203)"),
        ("the ML-KEM draft under the name of the standard", "ML-KEM-768", "whole",
         "the ML-KEM draft of 2023 (FIPS 203 ipd)"),
        ("key generation of the draft, without the byte k in G(d‖k)", "ML-KEM-512", "whole",
         "the ML-KEM draft of 2023 (FIPS 203 ipd)"),
        ("the ML-KEM draft with the indices of A as printed", "ML-KEM-768", "whole",
         "the ML-KEM draft of 2023 (FIPS 203 ipd) with the indices of A as printed"),
        ("Kyber round 3 with secrets cut to 16 or 24 bytes", "ML-KEM-768", "whole",
         "Kyber round 3 with the secret cut to 24 bytes (as BouncyCastle 1.72)"),
        ("H is SHA-256", "ML-KEM-768", "whole", "ML-KEM with SHA-256 as H, as in Kyber-90s"),
        ("the internal interface offered as the external one", "ML-DSA-44", "ordinary", INTERNAL),
        ("the internal interface offered as the external one", "ML-DSA-65", "ordinary", INTERNAL),
        ("the external interface offered as the internal one", "ML-DSA-44", "internal",
         "the external interface of ML-DSA offered as the internal one"),
        ("mu is taken as an ordinary message", "ML-DSA-44", "external-mu",
         "ML-DSA that takes mu as an ordinary message"),
        ("Dilithium round 3.1 under the name of ML-DSA", "ML-DSA-44", "ordinary", "Dilithium round 3.1"),
        ("Dilithium round 3.1 under the name of ML-DSA", "ML-DSA-65", "ordinary", "Dilithium round 3.1"),
        ("ML-DSA under the name of Dilithium", "Dilithium2", "ordinary", "ML-DSA (FIPS 204)"),
        ("ML-DSA under the name of Dilithium", "Dilithium3", "ordinary", "ML-DSA (FIPS 204)"),
        ("the ML-DSA draft under the name of the standard", "ML-DSA-65", "ordinary",
         "the ML-DSA draft of 2023 (FIPS 204 ipd)"),
        ("the context is ignored", "ML-DSA-44", "ordinary", "ML-DSA that ignores the context"),
        ("the pre-hash is missing: HashML-DSA signs the message as pure ML-DSA", "ML-DSA-44", "pre-hash",
         "pure ML-DSA of the message: the pre-hash is missing"),
        ("HashML-DSA signs the message itself where its digest belongs", "ML-DSA-44", "pre-hash",
         "HashML-DSA that signs the message itself where its digest belongs"),
        ("HashML-DSA with the domain byte of pure ML-DSA", "ML-DSA-44", "pre-hash",
         "HashML-DSA with the domain byte of pure ML-DSA"),
    ],
)  # fmt: skip
def test_a_wrong_version_is_called_by_its_name(what: str, name: str, case: str, version: str) -> None:
    record = named_mutant(PLANTS[what], name)[case]
    assert record.outcome == "fail"
    assert record.why.startswith(f"answers as {version}, not as ")


def test_a_version_is_named_by_the_few_operations_that_are_offered() -> None:
    kyber = InProcess(PLANTS["Kyber round 3 under the name of ML-KEM"].make, "ML-KEM-768")
    for operation in ("encapsulate", "encapsulate_derand", "decapsulate"):
        (record,) = named(kyber, "ML-KEM-768", frozenset({operation})).values()
        assert record.why.startswith("answers as Kyber round 3, not as ML-KEM (FIPS 203)"), operation
    internal = InProcess(PLANTS["the internal interface offered as the external one"].make, "ML-DSA-44")
    for operation in ("sign", "verify"):
        why = named(internal, "ML-DSA-44", frozenset({operation}))["ordinary"].why
        # Without keys from a seed the draft signs and verifies just so; both are said.
        assert why.startswith("answers as the ML-DSA draft of 2023 (FIPS 204 ipd) or"), operation
        assert INTERNAL in why, operation


def test_what_cannot_be_told_apart_without_a_seed_is_said_in_the_plan() -> None:
    draft = InProcess(PLANTS["the ML-KEM draft under the name of the standard"].make, "ML-KEM-768")
    operations = frozenset({"keygen", "encapsulate", "decapsulate"})
    (record,) = named(draft, "ML-KEM-768", operations).values()
    assert record.outcome == "pass"
    (check,) = (check for check in CHECKS if check.name == "ml-kem/version")
    asking = Asking(parameter_set="ML-KEM-768", depth="quick", seed=b"", operations=operations)
    assert "the draft of 2023" in check.gaps(asking)


class AlwaysRejects(OracleKem):
    """Takes the path of implicit rejection every time."""

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        return hashlib.shake_256(dk[-32:] + c).digest(32)


class Random(OracleKem):
    """Returns secrets that are nobody's."""

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        return hashlib.sha256(dk + c).digest()


@pytest.mark.parametrize("kind", [AlwaysRejects, Random])
def test_what_answers_as_no_version_is_given_no_name(kind: type[OracleKem]) -> None:
    (record,) = named(InProcess(kind, "ML-KEM-768"), "ML-KEM-768", everything("ML-KEM-768")).values()
    assert record.outcome == "fail"
    assert "decapsulate, decapsulate_from_seed as no known version" in record.why
    (record,) = named(InProcess(kind, "ML-KEM-768"), "ML-KEM-768", frozenset({"decapsulate"})).values()
    assert record.why.startswith("answers as no known version")


def test_a_verifier_that_accepts_everything_is_given_no_name() -> None:
    record = named_mutant(PLANTS["verification accepts everything"], "ML-DSA-44")["ordinary"]
    assert "verify as no known version" in record.why


def test_a_refusal_of_what_is_right_is_no_pass_and_no_name() -> None:
    class Refuses(OracleKem):
        def decapsulate(self, dk: bytes, c: bytes) -> bytes:
            raise ValueError(f"not today ({len(dk)} and {len(c)} bytes)")

    (record,) = named(InProcess(Refuses, "ML-KEM-768"), "ML-KEM-768", everything("ML-KEM-768")).values()
    assert record.outcome == "fail"
    assert "refused (not today" in record.why
    assert "answers as Kyber" not in record.why


class FirstCallBreaks:
    """Its first call of one operation breaks or gives something else; what it is asked later is answered well."""

    def __init__(self, name: str, operation: str, *, breaks: bool) -> None:
        whole = OracleKem if PARAMETER_SETS[name].kind == "kem" else OracleSignature
        self._sound, self._operation, self._breaks = InProcess(whole, name), operation, breaks

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:  # noqa: ARG002
        return [self._answer(call) for call in calls]

    def _answer(self, call: Call) -> Reply:
        (reply,) = self._sound.ask([call])
        if call.operation != self._operation:
            return reply
        self._operation = ""
        assert isinstance(reply, Ok)
        return Fault("exception", "not yet") if self._breaks else Ok({k: _other(v) for k, v in reply.values.items()})


def _other(value: object) -> object:
    return not value if isinstance(value, bool) else bytes(reversed(cast("bytes", value)))


@pytest.mark.parametrize("breaks", [True, False], ids=["breaks", "differs"])
@pytest.mark.parametrize(
    ("name", "operation"),
    [
        *(("ML-KEM-768", op) for op in ("keygen_from_seed", "encapsulate", "encapsulate_derand", "decapsulate")),
        *(("ML-DSA-44", op) for op in ("keygen_from_seed", "sign", "sign_deterministic", "verify")),
    ],
)
def test_the_first_answer_counts_and_one_that_breaks_gives_no_name(name: str, operation: str, *, breaks: bool) -> None:
    records = named(FirstCallBreaks(name, operation, breaks=breaks), name, everything(name))
    (failed,) = (record for record in records.values() if record.outcome != "pass")
    assert failed.outcome == "fail"
    assert operation in failed.why
    assert not failed.why.startswith("answers as the")


@pytest.mark.parametrize("operation", ["encapsulate", "encapsulate_derand", "decapsulate"])
def test_what_breaks_once_is_not_taken_for_the_draft_under_whose_key_it_answers(operation: str) -> None:
    broken = FirstCallBreaks("ML-KEM-768", operation, breaks=True)
    (record,) = named(broken, "ML-KEM-768", frozenset({operation})).values()
    assert not record.why.startswith("answers as the ML-KEM draft")


@pytest.mark.parametrize("name", KEMS)
def test_the_versions_of_the_kem_give_the_published_answers(name: str) -> None:
    labels = {"ml-kem-final": versions.ML_KEM, "kyber-r3": versions.KYBER,
              "ml-kem-ipd": "the ML-KEM draft of 2023 (FIPS 203 ipd)"}  # fmt: skip
    for row in vectors.fingerprints(name):
        rules = versions.KEM_VERSIONS[labels[row.version]]
        ((ek, dk),) = mlkem.keygen(name, [row.inputs["seed"]], rules=rules)
        ((k, c),) = mlkem.encapsulate(name, [ek], [row.inputs["m"]], rules=rules)
        seen = {"k": k, **{f"{n}_sha256": hashlib.sha256(x).digest() for n, x in (("ek", ek), ("dk", dk), ("c", c))}}
        assert seen == row.expect


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_versions_of_the_signature_algorithm_give_the_published_answers(name: str) -> None:
    labels = {"ml-dsa-final": versions.ML_DSA, "dilithium-r3.1": versions.DILITHIUM,
              "ml-dsa-ipd-era": "the ML-DSA draft of 2023 (FIPS 204 ipd)"}  # fmt: skip
    for row in vectors.fingerprints(name):
        reading = versions.PURE[labels[row.version]]
        pk, sk = reading.keypair(name, row.inputs["seed"])
        signature = reading.sign(name, pk, sk, row.inputs["message"], b"", row.inputs.get("rnd", bytes(32)))
        named_values = (("pk", pk), ("sk", sk), ("signature", signature))
        assert {f"{n}_sha256": hashlib.sha256(x).digest() for n, x in named_values} == row.expect


@pytest.mark.parametrize("vendor", ["openssl", "pycryptodome", "mlkem", "ml-kem-rs", "kyber-py"])
def test_sound_implementations_are_what_they_claim(vendor: str) -> None:
    with pqvalidate.attach(vendor) as iut:
        for name in iut.subject.claims:
            records = named(iut, name, frozenset(iut.subject.operations[name]) | HASHES)
            assert [r.why for r in records.values() if r.outcome != "pass"] == [], name


def test_a_slow_sound_implementation_is_what_it_claims() -> None:
    with pqvalidate.attach("dilithium-py") as iut:
        for name in ("ML-DSA-44", "Dilithium2"):
            hashes = {"hash:SHA2-256", "hash:SHA2-512", "hash:SHAKE-128"} if name.startswith("ML") else set()
            records = named(iut, name, frozenset(iut.subject.operations[name]) | hashes)
            assert [r.why for r in records.values() if r.outcome != "pass"] == [], name


def test_the_pre_hash_of_a_published_package_is_named() -> None:
    with pqvalidate.attach("pqcrypto") as iut:
        records = named(iut, "ML-DSA-44", frozenset(iut.subject.operations["ML-DSA-44"]) | HASHES)
    assert {case for case, record in records.items() if record.outcome == "fail"} == {"pre-hash"}
    wanted = "answers as HashML-DSA that signs the message itself where its digest belongs, not as ML-DSA (FIPS 204)"
    assert records["pre-hash"].why.startswith(wanted)


MANIFEST = """
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "mislabelled"
version = "1"
[attach]
kind = "python"
target = "mislabelled:implementation"
path = ["."]
[claims]
conformance = ["{claimed}"]
"""
ADAPTER = """
from pqvalidate.vendors import {module}
def implementation(parameter_set):
    return {module}.implementation("{real}")
"""


@pytest.mark.parametrize(
    ("claimed", "module", "real", "version"),
    [
        ("ML-KEM-768", "kyber_py", "Kyber-768", "Kyber round 3"),
        ("Kyber-512", "kyber_py", "ML-KEM-512", "ML-KEM (FIPS 203)"),
        ("ML-DSA-44", "dilithium_py", "Dilithium2", "Dilithium round 3.1"),
        ("Dilithium3", "pycryptodome", "ML-DSA-65", "ML-DSA (FIPS 204)"),
    ],
)
def test_a_real_library_under_a_wrong_name_is_named(
    tmp_path: Path, claimed: str, module: str, real: str, version: str
) -> None:
    (tmp_path / "mislabelled.toml").write_text(MANIFEST.format(claimed=claimed), encoding="utf-8")
    (tmp_path / "mislabelled.py").write_text(ADAPTER.format(module=module, real=real), encoding="utf-8")
    with pqvalidate.attach(tmp_path / "mislabelled.toml") as iut:
        record = next(iter(named(iut, claimed, frozenset(iut.subject.operations[claimed])).values()))
    assert record.why.startswith(f"answers as {version}, not as ")


def test_another_parameter_set_is_seen_by_its_lengths() -> None:
    class Larger(OracleKem):
        def __init__(self, _name: str) -> None:
            super().__init__("ML-KEM-1024")

    (record,) = named(InProcess(Larger, "ML-KEM-768"), "ML-KEM-768", frozenset({"keygen_from_seed"})).values()
    assert "lengths of ML-KEM-1024 or Kyber-1024" in record.why
