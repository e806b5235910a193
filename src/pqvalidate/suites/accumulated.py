"""Accumulated known answers: thousands of published cases in one digest; rare carries and loops show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pqvalidate import vectors
from pqvalidate.adapters.interface import Call, Ok
from pqvalidate.algorithms import parameter_set
from pqvalidate.suites import Asking, CaseResult, Check, Script
from pqvalidate.suites.expectations import PASS, expect_acceptance, failed


@dataclass(frozen=True, slots=True)
class _Accumulated:
    """Many cases in one: a digest over ``count`` iterations from a fixed stream."""

    id: str
    count: int
    digest: bytes
    flags: tuple[str, ...] = ()


def _accumulated_cases(counts: dict[str, int]) -> Callable[[Asking], Sequence[_Accumulated]]:
    def cases(asking: Asking) -> Sequence[_Accumulated]:
        most = counts[asking.depth]
        known = vectors.accumulated(asking.parameter_set)
        return [_Accumulated(f"cctv/accumulated/{n}", n, d) for n, d in sorted(known.items()) if n <= most]

    return cases


def _accumulated_kem(case: _Accumulated, asking: Asking) -> Script:
    """C2SP CCTV: keys, ciphertexts and secrets of many seeds, and of as many random ciphertexts, in one digest."""
    name, row = asking.parameter_set, parameter_set(asking.parameter_set)
    stream, total = _Stream(), hashlib.shake_128()
    for _ in range(case.count):
        seed, m, bad = stream.read(64), stream.read(32), stream.read(row.output)
        (key,) = yield [Call(operation="keygen_from_seed", parameter_set=name, inputs={"seed": seed})]
        if not isinstance(key, Ok):
            return expect_acceptance(key, {"seed": seed})
        ek, dk = key.values["ek"], key.values["dk"]
        replies = yield [
            Call(operation="encapsulate_derand", parameter_set=name, inputs={"ek": ek, "m": m}),
            Call(operation="decapsulate", parameter_set=name, inputs={"dk": dk, "c": bad}),
        ]
        for reply in replies:
            if not isinstance(reply, Ok):
                return expect_acceptance(reply, {"seed": seed, "m": m, "c": bad})
        made, rejected = (reply.values for reply in replies if isinstance(reply, Ok))
        for value in (ek, dk, made["c"], made["k"], rejected["k"]):
            total.update(value if isinstance(value, bytes) else b"")
    return _same_digest(total.digest(32), case)


def _accumulated_dsa(case: _Accumulated, asking: Asking) -> Script:
    """C2SP CCTV: public keys and deterministic signatures of the empty message for many seeds in one digest."""
    name, stream, total = asking.parameter_set, _Stream(), hashlib.shake_128()
    for _ in range(case.count):
        seed = stream.read(32)
        (key,) = yield [Call(operation="keygen_from_seed", parameter_set=name, inputs={"seed": seed})]
        if not isinstance(key, Ok):
            return expect_acceptance(key, {"seed": seed})
        inputs = {"sk": key.values["sk"], "message": b""}
        (made,) = yield [Call(operation="sign_deterministic", parameter_set=name, inputs=inputs)]
        if not isinstance(made, Ok):
            return expect_acceptance(made, inputs)
        for value in (key.values["pk"], made.values["signature"]):
            total.update(value if isinstance(value, bytes) else b"")
    return _same_digest(total.digest(32), case)


class _Stream:
    """SHAKE128 of the empty string as an endless stream; hashlib squeezes from the start, so it is taken in chunks."""

    def __init__(self) -> None:
        self._length, self._at, self._bytes = 1 << 16, 0, b""

    def read(self, count: int) -> bytes:
        while self._at + count > len(self._bytes):
            self._bytes = hashlib.shake_128().digest(self._length)
            self._length *= 2
        self._at += count
        return self._bytes[self._at - count : self._at]


def _same_digest(seen: bytes, case: _Accumulated) -> CaseResult:
    if seen == case.digest:
        return PASS
    return failed("the digest over all iterations differs", {"iterations": str(case.count)},
                  {"digest": seen, "expected": case.digest})  # fmt: skip


_NO_INTEROP = "The two sides do not arrive at the same secret, or the secret is not the standard's."
_WRONG_SIG = "Signatures are refused elsewhere, or can betray the private key."

CHECKS: tuple[Check, ...] = (
    Check(name="ml-kem/accumulated", suite="known-answer", algorithm="ML-KEM", clause="FIPS 203 §6",
          explain="Ten thousand keys, ciphertexts, secrets and rejections must match one published digest.",
          effect=_NO_INTEROP, needs=(frozenset({"keygen_from_seed", "encapsulate_derand", "decapsulate"}),),
          cases=_accumulated_cases({"quick": 0, "standard": 0, "full": 10_000}), script=_accumulated_kem),
    Check(name="ml-dsa/accumulated", suite="known-answer", algorithm="ML-DSA", clause="FIPS 204 §6",
          explain="Keys and signatures of many seeds must match one published digest; rare paths show.",
          effect=_WRONG_SIG, needs=(frozenset({"keygen_from_seed", "sign_deterministic"}),),
          cases=_accumulated_cases({"quick": 0, "standard": 100, "full": 10_000}), script=_accumulated_dsa),
)  # fmt: skip
