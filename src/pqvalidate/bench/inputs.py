"""Inputs of a benchmark: the same for every implementation, and for every run, so that results can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pqvalidate.algorithms import parameter_set
from pqvalidate.oracle import mldsa, mlkem

COUNT = 4
"""Inputs per parameter set; a block of calls uses one of them, and every implementation meets the same ones."""

_SEED = b"pqvalidate bench inputs, revision 1"
_DRAWN = 48
_EXPECTED_ATTEMPTS = {
    "ML-DSA-44": 4, "ML-DSA-65": 5, "ML-DSA-87": 4, "Dilithium2": 4, "Dilithium3": 5, "Dilithium5": 4,
}  # fmt: skip
"""FIPS 204 table 1, repetitions: 4.25, 5.1 and 3.85, to the nearest whole number; the same for Dilithium 3.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Values by their names in the common interface, some of them outputs; and how many attempts signing takes."""

    values: tuple[Mapping[str, Any], ...]
    attempts: int = 0


def inputs_for(name: str) -> Inputs:
    """Return the inputs for a parameter set, computed by the oracle.

    Messages are 32 bytes. Each needs the same number of attempts when it is signed deterministically with the key, the
    expected number to the nearest whole one: signing times then differ by the implementation and not by luck.

    Raises:
        UsageError: no such parameter set.

    """
    return _kem(name) if parameter_set(name).kind == "kem" else _signature(name)


def _drawn(name: str, what: str, length: int) -> bytes:
    return hashlib.shake_256(b"|".join((_SEED, name.encode(), what.encode()))).digest(length)


def _kem(name: str) -> Inputs:
    seeds = [_drawn(name, f"seed {n}", parameter_set(name).seed) for n in range(COUNT)]
    ms = [_drawn(name, f"m {n}", 32) for n in range(COUNT)]
    pairs = mlkem.keygen(name, seeds)
    made = mlkem.encapsulate(name, [ek for ek, _ in pairs], ms)
    return Inputs(values=tuple(
        {"seed": seed, "ek": ek, "dk": dk, "m": m, "k": k, "c": c}
        for seed, (ek, dk), m, (k, c) in zip(seeds, pairs, ms, made, strict=True)
    ))  # fmt: skip


def _signature(name: str) -> Inputs:
    rules = mldsa.rules_for(name)
    wanted, tr = _EXPECTED_ATTEMPTS[name], rules.parameters[name].tr
    seed = _drawn(name, "seed", parameter_set(name).seed)
    ((pk, sk),) = mldsa.keygen(name, [seed])
    found: list[Mapping[str, Any]] = []
    drawn = 0
    while len(found) < COUNT:
        messages = [_drawn(name, f"message {n}", 32) for n in range(drawn, drawn + _DRAWN)]
        drawn += _DRAWN
        mus = [rules.message_digest(sk[64 : 64 + tr], rules.message_prime(message, b"")) for message in messages]
        signed = mldsa.sign_mu_with_history(name, [sk] * _DRAWN, mus, [bytes(32)] * _DRAWN)
        found += [
            {"seed": seed, "pk": pk, "sk": sk, "message": message, "rnd": bytes(32), "signature": one.signature}
            for message, one in zip(messages, signed, strict=True)
            if len(one.thrown_away) + 1 == wanted
        ]  # fmt: skip
    return Inputs(values=tuple(found[:COUNT]), attempts=wanted)
