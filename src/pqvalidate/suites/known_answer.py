"""Known answers: every published case, mapped to the operations of the common interface and compared to the byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from pqvalidate import vectors
from pqvalidate.adapters.interface import Call, Value
from pqvalidate.algorithms import parameter_set
from pqvalidate.evidence import Severity
from pqvalidate.suites import Asking, Check, Script
from pqvalidate.suites.expectations import (
    expect_acceptance,
    expect_answer,
    expect_refusal,
    expect_values,
)  # fmt: skip
from pqvalidate.vectors import Case

Pick = Callable[[Case], bool]
_QUICK_PER_KIND = 2
_QUICK_MOST = 40
_MODIFIED = {"modified-ciphertext", "Strcmp", "strcmp", "MalleableCiphertext"}


def belonging(check: Check, cases: Sequence[Case]) -> list[Case]:
    """Return those of other cases, e.g. of an ACVP prompt, that a check of this module would ask as they stand."""
    select = check.cases
    if not isinstance(select, _Select) or select.ask:
        return []
    return [case for case in cases if case.operation in select.operations and select.pick(case)]


def _script(case: Case, asking: Asking) -> Script:
    """Make the one call of a published case and compare."""
    inputs = _given(case.inputs)
    (reply,) = yield [Call(operation=case.operation, parameter_set=asking.parameter_set, inputs=inputs)]
    if isinstance(case.expect, Mapping):
        return expect_values(reply, inputs, case.expect)
    if case.operation.startswith(("verify", "check_")):
        return expect_answer(reply, inputs, case.expect)
    return expect_acceptance(reply, inputs) if case.expect else expect_refusal(reply, inputs)


def _given(inputs: Mapping[str, Value]) -> dict[str, Value]:
    """Leave out an empty context, so that an implementation without that parameter can be asked all the same."""
    return {name: value for name, value in inputs.items() if name != "context" or value}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Select:
    """Chooses a check's cases: by the operation that vectors name, by a predicate, asked of ``ask`` (first offered)."""

    operations: tuple[str, ...]
    pick: Pick
    ask: tuple[str, ...] = ()
    extra: str = ""

    def __call__(self, asking: Asking) -> Sequence[Case]:
        found = [case for case in self._all(asking) if _offers_hash(case, asking)]
        if self.ask:
            offered = set(asking.operations)
            found = list(_asked_of(found, next(op for op in self.ask if _needs(op, self.extra) <= offered)))
        uses = Counter(case.id for case in found)
        chosen = _few(found) if asking.depth == "quick" else found
        return [_with_operation(case) if uses[case.id] > 1 else case for case in chosen]

    def gaps(self, asking: Asking) -> str:
        """Say which pre-hash functions the implementation lacks, and how many published cases therefore go unasked."""
        lost = [case for case in self._all(asking) if not _offers_hash(case, asking)]
        names = sorted({str(case.inputs["hash"]) for case in lost})
        return f"{len(lost)} published cases cannot be asked: no {', '.join(names)}" if lost else ""

    def _all(self, asking: Asking) -> list[Case]:
        return [case for case in vectors.load(asking.parameter_set, operations=self.operations) if self.pick(case)]


def _offers_hash(case: Case, asking: Asking) -> bool:
    return "hash" not in case.inputs or f"hash:{case.inputs['hash']!s}" in asking.operations


def _asked_of(cases: Sequence[Case], operation: str) -> Iterator[Case]:
    """Ask the same thing of another operation: a refusal is a refusal, whichever of them is offered."""
    fill: dict[str, tuple[str, ...]] = {
        "encapsulate": ("ek",), "encapsulate_derand": ("ek", "m"), "decapsulate": ("dk", "c"),
        "sign": ("sk", "message", "context"), "sign_deterministic": ("sk", "message", "context"),
        "sign_from_seed": ("seed", "message", "context"),
        "sign_deterministic_from_seed": ("seed", "message", "context"),
    }  # fmt: skip
    seen: set[tuple[Value, ...]] = set()
    names: set[str] = set()
    for case in cases:
        size = parameter_set(case.parameter_set).output
        spare: dict[str, Value] = {"m": bytes(32), "c": bytes(size), "context": b""}
        inputs = {name: case.inputs.get(name, spare.get(name, b"")) for name in fill[operation]}
        if tuple(inputs.values()) not in seen and case.id not in names:
            seen.add(tuple(inputs.values()))
            names.add(case.id)
            expect = case.expect if isinstance(case.expect, bool) else True
            yield msgspec.structs.replace(case, operation=operation, inputs=inputs, expect=expect)


def _with_operation(case: Case) -> Case:
    """Add the operation to the name of a case that one vector gives for several operations: a name means one case."""
    return msgspec.structs.replace(case, id=f"{case.id}/{case.operation}")


def _few(cases: Sequence[Case]) -> list[Case]:
    """Return the first cases of every group and flag, a fixed small selection for depth quick."""
    taken: Counter[tuple[str, tuple[str, ...], bool]] = Counter()
    chosen: list[Case] = []
    for case in cases:
        kind = (case.id.rpartition("/")[0], case.flags, bool(case.expect))
        taken[kind] += 1
        if taken[kind] <= _QUICK_PER_KIND:
            chosen.append(case)
    step = -(-len(chosen) // _QUICK_MOST) if chosen else 1
    return chosen[::step]


def _values(case: Case) -> bool:
    return isinstance(case.expect, Mapping)


def _modified(case: Case) -> bool:
    return _values(case) and bool(_MODIFIED.intersection(case.flags))


def _plain(case: Case) -> bool:
    return _values(case) and not _modified(case)


def _answers(case: Case) -> bool:
    return isinstance(case.expect, bool)


def _length(name: str) -> Pick:
    """Pick refusals that are due to the length of one input."""

    def pick(case: Case) -> bool:
        row = parameter_set(case.parameter_set)
        right = {"ek": row.public_key, "pk": row.public_key, "dk": row.private_key, "sk": row.private_key,
                 "c": row.output, "seed": row.seed}  # fmt: skip
        return case.expect is False and name in case.inputs and len(case.inputs[name]) != right[name]

    return pick


def _right_length(name: str) -> Pick:
    wrong = _length(name)
    return lambda case: _answers(case) and not wrong(case)


def _with_context(case: Case) -> bool:
    return bool(case.inputs.get("context"))


def _flag(*names: str) -> Pick:
    return lambda case: case.expect is False and bool(set(names).intersection(case.flags))


def _needs(operation: str, extra: str) -> frozenset[str]:
    return frozenset({operation, *extra.replace("*", operation).split()})


def _check(
    name: str, clause: str, operations: str, pick: Pick, explain: str, effect: str, *,
    ask: str = "", extra: str = "", severity: Severity = "high", caller_check: str = "",
) -> Check:  # fmt: skip
    """Return one row: ``operations`` and ``ask`` are names with spaces between, ``extra`` further needs.

    A star in ``extra`` stands for the operation that is asked.
    """
    asked = tuple((ask or operations).split())
    select = _Select(operations=tuple(operations.split()), pick=pick, ask=tuple(ask.split()), extra=extra)
    return Check(
        name=name, suite="known-answer", algorithm=_FAMILY[name.partition("/")[0]], clause=clause, explain=explain,
        effect=effect, needs=tuple(_needs(op, extra) for op in asked), script=_script, severity=severity,
        cases=select, gaps=select.gaps, caller_check=caller_check,
    )  # fmt: skip


_FAMILY = {"ml-kem": "ML-KEM", "ml-dsa": "ML-DSA", "kyber": "Kyber", "dilithium": "Dilithium"}
_WRONG_KEYS = "Keys do not match those of other implementations, and may be weaker than the standard's."
_NO_INTEROP = "The two sides do not arrive at the same secret, or the secret is not the standard's."
_ORACLE = "Answers to modified ciphertexts can betray the decapsulation key to an attacker."
_BAD_INPUT = "Malformed input is processed as if it were good, which can leak keys or confuse the two sides."
_FORGE = "Forged signatures may be accepted, or good ones refused."
_WRONG_SIG = "Signatures are refused elsewhere, or can betray the private key."

_KEM_CHECKS = (
    _check("ml-kem/kat-keygen", "FIPS 203 §6.1, algorithm 16", "keygen_from_seed", _values,
           "Keys made from a published seed must be the published keys.", _WRONG_KEYS),
    _check("ml-kem/kat-encapsulate", "FIPS 203 §6.2, algorithm 17", "encapsulate_derand", _values,
           "Encapsulation with published randomness must give the published secret and ciphertext.", _NO_INTEROP),
    _check("ml-kem/kat-decapsulate", "FIPS 203 §6.3, algorithm 18", "decapsulate", _plain,
           "Decapsulation of a published ciphertext must give the published secret.", _NO_INTEROP),
    _check("ml-kem/kat-decapsulate-seed", "FIPS 203 §6.3, algorithm 18", "decapsulate_from_seed", _plain,
           "The same, with the key given as its seed.", _NO_INTEROP),
    _check("ml-kem/implicit-rejection", "FIPS 203 §6.3, algorithm 18 lines 8-9", "decapsulate", _modified,
           "A modified ciphertext must give exactly J(z‖c) and no error.", _ORACLE, severity="critical"),
    _check("ml-kem/implicit-rejection-seed", "FIPS 203 §6.3, algorithm 18 lines 8-9", "decapsulate_from_seed",
           _modified, "The same, with the key given as its seed.", _ORACLE, severity="critical"),
    _check("ml-kem/ek-modulus", "FIPS 203 §7.2", "encapsulate check_encapsulation_key",
           _right_length("ek"),
           "A key with a coefficient of q or more must be refused; random keys never show it.", _BAD_INPUT,
           ask="encapsulate encapsulate_derand", caller_check="encapsulation-key"),
    _check("ml-kem/ek-check", "FIPS 203 §7.2", "check_encapsulation_key", _answers,
           "The encapsulation key check must tell good keys from bad ones.", _BAD_INPUT),
    _check("ml-kem/dk-hash", "FIPS 203 §7.3", "decapsulate check_decapsulation_key",
           lambda case: _right_length("dk")(case) and not _length("c")(case),
           "A decapsulation key whose hash H(ek) is wrong must be refused.", _BAD_INPUT,
           ask="decapsulate", severity="medium", caller_check="decapsulation-key"),
    _check("ml-kem/dk-check", "FIPS 203 §7.3", "check_decapsulation_key", _answers,
           "The decapsulation key check must tell good keys from bad ones.", _BAD_INPUT, severity="medium"),
    _check("ml-kem/ek-length", "FIPS 203 §7.2", "encapsulate", _length("ek"),
           "An encapsulation key of the wrong length must be refused.", _BAD_INPUT,
           ask="encapsulate encapsulate_derand", caller_check="encapsulation-key"),
    _check("ml-kem/ciphertext-length", "FIPS 203 §7.3", "decapsulate", _length("c"),
           "A ciphertext of the wrong length must be refused.", _BAD_INPUT),
    _check("ml-kem/ciphertext-length-seed", "FIPS 203 §7.3", "decapsulate_from_seed", _length("c"),
           "The same, with the key given as its seed.", _BAD_INPUT),
    _check("ml-kem/dk-length", "FIPS 203 §7.3", "decapsulate", _length("dk"),
           "A decapsulation key of the wrong length must be refused.", _BAD_INPUT),
    _check("ml-kem/seed-length", "FIPS 203 §7.1", "keygen_from_seed decapsulate_from_seed", _length("seed"),
           "A seed of the wrong length must be refused.", _BAD_INPUT, extra="keygen_from_seed decapsulate_from_seed",
           severity="medium"),
)  # fmt: skip


def _sign_rows(suffix: str) -> tuple[Check, ...]:
    """Return the signing checks for expanded keys (no suffix) or seeds."""
    also = " The key is given as its seed." if suffix else ""
    end, op = ("-seed", "_from_seed") if suffix else ("", "")
    key = "seed" if suffix else "sk"
    one_of = f"sign_deterministic{op} sign{op}"

    def row(what: str, clause: str, operation: str, explain: str, extra: str = "") -> Check:
        return _check(
            f"ml-dsa/kat-sign-{what}{end}", clause, operation, _values, explain + also, _WRONG_SIG, extra=extra
        )

    return (
        row("deterministic", "FIPS 204 §5.2, algorithm 2", f"sign_deterministic{op}",
            "Deterministic signatures must be the published ones.", f"sign_deterministic{op}.context"),
        row("rnd", "FIPS 204 §5.2, algorithm 2", f"sign_with_rnd{op}",
            "Signatures with published randomness must be the published ones.", f"sign_with_rnd{op}.context"),
        row("internal", "FIPS 204 §6.2, algorithm 7", f"sign_internal{op}",
            "The internal interface must give the published signatures."),
        row("mu", "FIPS 204 §6.2, algorithm 7 line 6", f"sign_mu{op}",
            "Signatures of a given mu must be the published ones.", f"sign_mu{op}.rnd"),
        row("prehash", "FIPS 204 §5.4.1, algorithm 4", f"sign_prehash{op}",
            "HashML-DSA signatures must be the published ones, for all twelve hash functions.",
            f"sign_prehash{op}.rnd sign_prehash{op}.context"),
        _check(f"ml-dsa/context-length{end}", "FIPS 204 §5.2, algorithm 2 line 1", f"sign_deterministic{op}",
               _flag("InvalidContext"), "A context of more than 255 bytes must be refused." + also, _BAD_INPUT,
               ask=one_of, extra="*.context", severity="medium"),
        _check(f"ml-dsa/{key}-length", "FIPS 204 §7.2", f"sign_deterministic{op}", _length(key),
               "A private key of the wrong length must be refused." + also, _BAD_INPUT, ask=one_of, severity="medium"),
    )  # fmt: skip


_DSA_CHECKS = (
    _check("ml-dsa/kat-keygen", "FIPS 204 §6.1, algorithm 6", "keygen_from_seed", _values,
           "Keys made from a published seed must be the published keys.", _WRONG_KEYS),
    *_sign_rows(""),
    *_sign_rows("seed"),
    _check("ml-dsa/sk-range", "FIPS 204 §7.2, algorithm 25", "sign_deterministic", _flag("InvalidPrivateKey"),
           "A private key with s1 or s2 out of range should be refused; the standard does not demand it.",
           "A damaged private key is used as if it were good.", ask="sign_deterministic sign", severity="advisory"),
    _check("ml-dsa/kat-verify", "FIPS 204 §5.3, algorithm 3", "verify", lambda case: not _with_context(case),
           "Good signatures must be accepted and bad ones refused.", _FORGE, severity="critical"),
    _check("ml-dsa/kat-verify-context", "FIPS 204 §5.3, algorithm 3", "verify", _with_context,
           "The same, for signatures with a context string of any length to 255 bytes.", _FORGE,
           extra="verify.context", severity="critical"),
    _check("ml-dsa/kat-verify-internal", "FIPS 204 §6.3, algorithm 8", "verify_internal", _answers,
           "The same, at the internal interface.", _FORGE, severity="critical"),
    _check("ml-dsa/kat-verify-mu", "FIPS 204 §6.3, algorithm 8 line 7", "verify_mu", _answers,
           "The same, for a given mu.", _FORGE, severity="critical"),
    _check("ml-dsa/kat-verify-prehash", "FIPS 204 §5.4.1, algorithm 5", "verify_prehash", _answers,
           "HashML-DSA must verify signatures of the hash, with its own domain byte and OID.", _FORGE,
           extra="verify_prehash.context", severity="critical"),
)  # fmt: skip

_PRE_STANDARD = (
    _check("kyber/kat-keygen", "Kyber 3.02 algorithm 7", "keygen_from_seed", _values,
           "Keys made from a round 3 seed must be the round 3 keys.", _WRONG_KEYS),
    _check("kyber/kat-encapsulate", "Kyber 3.02 algorithm 8", "encapsulate_derand", _values,
           "Encapsulation with published randomness must give the round 3 values.", _NO_INTEROP),
    _check("kyber/kat-decapsulate", "Kyber 3.02 algorithm 9", "decapsulate", _values,
           "Decapsulation of a round 3 ciphertext must give the published secret.", _NO_INTEROP),
    _check("dilithium/kat-keygen", "Dilithium 3.1 figure 4", "keygen_from_seed", _values,
           "Keys made from a round 3.1 seed must be the round 3.1 keys.", _WRONG_KEYS),
    _check("dilithium/kat-sign", "Dilithium 3.1 figure 4", "sign_deterministic", _values,
           "Deterministic signatures must be the round 3.1 ones.", _WRONG_SIG),
    _check("dilithium/kat-verify", "Dilithium 3.1 figure 4", "verify", _answers,
           "Good round 3.1 signatures must be accepted.", _FORGE, severity="critical"),
)  # fmt: skip


CHECKS: tuple[Check, ...] = (*_KEM_CHECKS, *_DSA_CHECKS, *_PRE_STANDARD)
