"""Three runs to print, with invented names and figures: one conforms, one does not, one was interrupted."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.evidence import (
    Artefact,
    CaseRecord,
    Circumstances,
    Control,
    Evidence,
    Facts,
    Plan,
    Question,
    Reason,
    Severity,
    Step,
    StepResult,
    Subject,
    VectorSource,
    facts_digest,
    summarise,
)  # fmt: skip
from pqvalidate.report.model import RunReport, build_report
from pqvalidate.verdict import judge

SEED = hashlib.sha256(b"seed of the golden reports").hexdigest()
ACVP_KEM, ACVP_SIGN = "acvp/ML-KEM-encapDecap-FIPS203", "acvp/ML-DSA-sigGen-FIPS204"
ACVP_VERIFY = "acvp/ML-DSA-sigVer-FIPS204"
EFFECTS = {
    "ml-dsa/kat-verify-prehash": "Signatures made with HashML-DSA elsewhere are not accepted, so the product "
    "does not interoperate with products that follow the standard.",
    "ml-dsa/kat-verify": "The implementation disagrees with the standard on which signatures are valid.",
    "ml-kem/ciphertext-length": "A ciphertext of a wrong length ends the process: whoever can send one can stop it.",
}


@dataclass(frozen=True)
class Row:
    """One check of a sample: severity, clause, and per parameter set the cases planned, or why it was not asked."""

    check: str
    severity: Severity
    clause: str
    cases: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, tuple[Reason, str]] = field(default_factory=dict)
    failed: tuple[CaseRecord, ...] = ()
    broken: str = ""
    partly: str = ""


def octets(label: str, length: int) -> str:
    """Return ``length`` bytes in hex that depend on the label only."""
    return hashlib.shake_128(label.encode()).hexdigest(length)


def failure(parameter_set: str, case: str, **more: object) -> CaseRecord:
    """Return a failed case; its step number is set when the evidence is made. ``sets`` says whose case it is."""
    flags, data = more.get("flags", ()), more.get("data", {})
    assert isinstance(flags, tuple)
    assert isinstance(data, dict)
    return CaseRecord(
        step=0, case=case, outcome="fail", fault=str(more.get("fault", "")), why=str(more.get("why", "")), flags=flags,
        data={"set": parameter_set, **data},
    )  # fmt: skip


def evidence(
    subject: Subject, rows: Iterable[Row], *, controls: tuple[Control, ...], interrupted: bool = False
) -> tuple[Evidence, list[CaseRecord]]:
    """Return the evidence of a run over these rows, and its failed cases."""
    steps: list[Step] = []
    results: list[StepResult] = []
    failed: list[CaseRecord] = []
    for row in rows:
        for name in [*row.cases, *row.missing]:
            number, planned = len(steps), row.cases.get(name, 0)
            reason, why = row.missing.get(name, (None, ""))
            suite = "known-answer" if "kat-" in row.check else "differential" if "oracle" in row.check else "validation"
            steps.append(
                Step(
                    check=row.check,
                    suite=suite,
                    parameter_set=name,
                    clause=row.clause,
                    revision=1,
                    severity=row.severity,
                    bears_on="conformance",
                    cases=planned,
                    reason=reason,
                    why=why or row.partly,
                    effect=EFFECTS.get(row.check, ""),
                )
            )
            if reason:
                results.append(StepResult(step=number, outcome="not-applicable", reason=reason, why=why))
                continue
            mine = [replace(case, step=number) for case in row.failed if case.data["set"] == name]
            mine = [replace(case, data={k: v for k, v in case.data.items() if k != "set"}) for case in mine]
            failed += mine
            done = [CaseRecord(step=number, case=str(n), outcome="pass") for n in range(planned - len(mine))]
            if row.broken:
                done = done[1:] and [*done[1:], CaseRecord(step=number, case="last", outcome="error", why=row.broken)]
            results.append(summarise(number, planned, [*mine, *done]))
    plan = Plan(
        depth="standard", seed=SEED, parameter_sets=subject.claims, steps=tuple(steps),
        questions=tuple(question for name in subject.claims for question in questions(name, subject.operations[name])),
        vectors=(VectorSource(set=ACVP_KEM, revision="v1.1.0.43", parameter_set="ML-KEM-768", sha256=octets("v", 32)),),
    )  # fmt: skip
    facts = Facts(tool="pqvalidate 0.1.0", subject=subject, plan=plan, results=tuple(results), controls=controls)
    circumstances = Circumstances(
        platform="Linux x86_64", python="3.11.7", started="2026-11-23T09:00:00Z", finished="2026-11-23T09:00:41Z",
        duration_ns=41_300_000_000, worker_restarts=1 if interrupted else 0, sandbox=("rlimits", "process-group"),
        command=("run", subject.name, "--depth", "standard"),
    )  # fmt: skip
    made = Evidence(schema="pqvalidate/evidence/1", status="interrupted" if interrupted else "complete",
                    facts_digest=facts_digest(facts), facts=facts, circumstances=circumstances)  # fmt: skip
    return made, failed


# Of our own here, so that the golden files change only when a report does.
_ASKED = (
    ("ML-KEM", "key-generation", "§7.1", "Are key pairs generated as the standard says?", ("kat-keygen",)),
    ("ML-KEM", "encapsulation", "§7.2", "Are secrets and ciphertexts the right ones?",
     ("kat-encapsulate", "encapsulate-oracle")),
    ("ML-KEM", "implicit-rejection", "§6.3, algorithm 18",
     "Does a modified ciphertext give exactly the secret J(z‖c), and no error?", ("implicit-rejection-seed",)),
    ("ML-KEM", "input-lengths", "§7.2, §7.3", "Are inputs of the wrong length refused?", ("ciphertext-length",)),
    ("ML-DSA", "signing", "§5.2", "Are signatures the right ones?", ("sign-oracle",)),
    ("ML-DSA", "verification", "§5.3", "Are good signatures accepted and bad ones refused?", ("kat-verify",)),
    ("ML-DSA", "pre-hash", "§5.4", "Does HashML-DSA sign the hash, with its own domain?", ("kat-verify-prehash",)),
)  # fmt: skip


def questions(parameter_set: str, operations: tuple[str, ...]) -> list[Question]:
    """Return the questions about one parameter set; the one about pre-hashing arises where that is offered."""
    return [
        Question(
            id=name, parameter_set=parameter_set, clause=f"{PARAMETER_SETS[parameter_set].standard} {clause}",
            text=text, checks=tuple(f"{algorithm.lower()}/{check}" for check in checks),
        )
        for algorithm, name, clause, text, checks in _ASKED
        if parameter_set.startswith(algorithm) and (name != "pre-hash" or "verify_prehash" in operations)
    ]  # fmt: skip


def subject(name: str, version: str, operations: Mapping[str, tuple[str, ...]], notes: tuple[str, ...] = ()) -> Subject:
    """Return an implementation under test that claims every set of ``operations``."""
    files = Artefact(path=f"{name}-{version}/", kind="tree", sha256=octets(f"{name} 256", 32),
                     sha512=octets(f"{name} 512", 64), bytes=2_113_408)  # fmt: skip
    return Subject(
        vendor="Example BV", name=name, version=version, form="software-library", adapter="python", artefacts=(files,),
        claims=tuple(operations), caller_checks=(), operations=dict(operations), configuration={}, notes=notes,
    )  # fmt: skip


CONTROLS = (
    Control(control="reference", check="ml-kem/kat-decapsulate", expected="pass", seen="pass"),
    Control(control="reference", check="ml-dsa/kat-verify", expected="pass", seen="pass"),
    Control(control="no-implicit-rejection", check="ml-kem/implicit-rejection", expected="fail", seen="fail"),
    Control(control="hint-order-unchecked", check="ml-dsa/kat-verify", expected="fail", seen="fail"),
)


def _missing(sets: Iterable[str], operation: str) -> dict[str, tuple[Reason, str]]:
    return dict.fromkeys(sets, ("operation-missing", f"the implementation does not offer {operation}"))


_KEMS, _SIGNATURES = ("ML-KEM-768", "ML-KEM-1024"), ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
_KEM_ROWS = (
    Row("ml-kem/kat-keygen", "critical", "FIPS 203 §7.1", dict.fromkeys(_KEMS, 103)),
    Row("ml-kem/kat-encapsulate", "critical", "FIPS 203 §7.2", missing=_missing(_KEMS, "encapsulate_derand")),
    Row("ml-kem/encapsulate-oracle", "critical", "FIPS 203 §7.2", dict.fromkeys(_KEMS, 64)),
    Row("ml-kem/kat-decapsulate-seed", "critical", "FIPS 203 §7.3", dict.fromkeys(_KEMS, 210)),
    Row("ml-kem/implicit-rejection-seed", "critical", "FIPS 203 §6.3", dict.fromkeys(_KEMS, 96)),
    Row("ml-kem/ek-modulus", "high", "FIPS 203 §7.2", dict.fromkeys(_KEMS, 1_024)),
    Row("ml-kem/ciphertext-length", "medium", "FIPS 203 §7.3", dict.fromkeys(_KEMS, 12)),
    Row("ml-kem/dk-hash", "medium", "FIPS 203 §7.3", missing=_missing(_KEMS, "decapsulate")),
)
_SIGNATURE_ROWS = (
    Row("ml-dsa/kat-keygen", "critical", "FIPS 204 §5.1", dict.fromkeys(_SIGNATURES, 75)),
    Row("ml-dsa/sign-oracle", "critical", "FIPS 204 §5.2", dict.fromkeys(_SIGNATURES, 64)),
    Row("ml-dsa/sign-context", "high", "FIPS 204 §5.2", dict.fromkeys(_SIGNATURES, 16)),
)
_VERIFY = Row("ml-dsa/kat-verify", "critical", "FIPS 204 §5.3", dict.fromkeys(_SIGNATURES, 180))
_PREHASH = Row("ml-dsa/kat-verify-prehash", "high", "FIPS 204 §5.4", missing=_missing(_SIGNATURES, "verify_prehash"))
_KEM_OPERATIONS = ("keygen", "keygen_from_seed", "encapsulate", "decapsulate_from_seed")
_SIGNATURE_OPERATIONS = ("keygen", "keygen_from_seed", "sign", "verify")


@dataclass(frozen=True)
class Sample:
    """A run: its evidence and failed cases, where its bundle is, and what the user typed."""

    evidence: Evidence
    failed: list[CaseRecord]
    bundle: str
    argument: str

    def report(self) -> RunReport:
        """Return the report of the run."""
        return build_report(
            self.evidence,
            judge(self.evidence),
            self.failed,
            bundle=self.bundle,
            iut_argument=self.argument,
        )


def conforming() -> Sample:
    """Return a run that confirms every claim, with its gaps."""
    operations = {**dict.fromkeys(_KEMS, _KEM_OPERATIONS), **dict.fromkeys(_SIGNATURES, _SIGNATURE_OPERATIONS)}
    made, failed = evidence(
        subject("x-crypto", "3.2.1", operations), [*_KEM_ROWS, *_SIGNATURE_ROWS, _VERIFY, _PREHASH], controls=CONTROLS
    )
    return Sample(made, failed, "pqvalidate-runs/x-crypto-9c1f", "x-crypto")


def refuted() -> Sample:
    """Return a run with wrong pre-hash signatures, a wrong context limit, a crash, and an advisory miss."""
    prehash = [
        failure(name, f"{ACVP_VERIFY}/{group}/{number}", flags=("valid signature",), why="refused what is valid",
                data={"input.pk": octets(name, 64), "input.message": octets(f"{number}", 40 + number),
                      "input.hash": "SHA2-256", "input.signature": octets(f"s{number}", 2420)})
        for group, name in enumerate(_SIGNATURES, 2) for number in (31, 32, 33, 40)
    ]  # fmt: skip
    context = failure("ML-DSA-87", f"{ACVP_VERIFY}/9/67", flags=("valid signature", "long-context"),
                      why="refused what is valid",
                      data={"input.message": octets("m", 32), "input.context": octets("c", 255)})  # fmt: skip
    crash = failure("ML-KEM-768", "length/ciphertext/0", fault="crash",
                    why="did not refuse cleanly: signal 11 (SIGSEGV)",
                    data={"input.dk": octets("dk", 64), "input.c": ""})  # fmt: skip
    advisory = failure("ML-KEM-768", "embedded-ek/3", why="accepted; the standard leaves the point open")
    rows = [
        *_KEM_ROWS[:-2],
        Row("ml-kem/ciphertext-length", "medium", "FIPS 203 §7.3", {"ML-KEM-768": 12}, failed=(crash,)),
        Row("ml-kem/dk-embedded-ek", "advisory", "FIPS 203 §7.3", {"ML-KEM-768": 8}, failed=(advisory,)),
        *_SIGNATURE_ROWS,
        Row(_VERIFY.check, "critical", _VERIFY.clause, _VERIFY.cases, failed=(context,)),
        Row(
            _PREHASH.check,
            "high",
            _PREHASH.clause,
            dict.fromkeys(_SIGNATURES, 45),
            failed=tuple(prehash),
            partly="3 published cases cannot be asked: no SHA3-224",
        ),
    ]
    operations = {
        "ML-KEM-768": _KEM_OPERATIONS,
        **dict.fromkeys(_SIGNATURES, (*_SIGNATURE_OPERATIONS, "verify_prehash")),
    }
    kept = [_only(row, set(operations)) for row in rows]
    notes = ("uses the private function X._encaps of y-crypto 1.0.0",)
    made, failed = evidence(subject("y-crypto", "1.0.0", operations, notes), kept, controls=CONTROLS)
    return Sample(made, failed, "pqvalidate-runs/y crypto", "./vendor y.toml")


def _only(row: Row, sets: set[str]) -> Row:
    cases = {name: count for name, count in row.cases.items() if name in sets}
    missing = {name: why for name, why in row.missing.items() if name in sets}
    return dataclasses.replace(row, cases=cases, missing=missing)


def interrupted() -> Sample:
    """Return a run that Ctrl-C ended, with an error of ours and a control that was misjudged."""
    cut: dict[str, tuple[Reason, str]] = {"ML-KEM-768": ("not-at-this-depth", "interrupted before it was reached")}
    rows = [
        Row("ml-kem/kat-keygen", "critical", "FIPS 203 §7.1", {"ML-KEM-768": 103}),
        Row("ml-kem/encapsulate-oracle", "critical", "FIPS 203 §7.2", {"ML-KEM-768": 64},
            broken="the oracle ran out of memory"),
        Row("ml-kem/kat-decapsulate-seed", "critical", "FIPS 203 §7.3", missing=cut),
        Row("ml-kem/implicit-rejection-seed", "critical", "FIPS 203 §6.3", missing=cut),
        Row("ml-kem/ek-modulus", "high", "FIPS 203 §7.2",
            missing={"ML-KEM-768": ("excluded", "the module logs every refusal")}),
    ]  # fmt: skip
    wrong = Control(control="no-implicit-rejection", check="ml-kem/implicit-rejection", expected="fail", seen="pass")
    made, failed = evidence(
        subject("z-crypto", "0.9", {"ML-KEM-768": _KEM_OPERATIONS}), rows, interrupted=True,
        controls=(*CONTROLS[:2], wrong),
    )  # fmt: skip
    return Sample(made, failed, "pqvalidate-runs/z-crypto-9c1f", "z-crypto")


SAMPLES = {"conforms": conforming, "does-not-conform": refuted, "undecided": interrupted}
