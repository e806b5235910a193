"""One public key and ciphertext with several secret halves of the decapsulation key: what may differ is secret alone.

A decapsulation key of ML-KEM is dk_pke (384k bytes), ek, H(ek) and z (32 bytes), FIPS 203 algorithm 16; secret are the
first and the last. Another dk_pke, well formed, decrypts the same ciphertext to another message, and leads to implicit
rejection: branches on the message, on the comparison or on its result go another way, and nothing public has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pqvalidate.adapters.interface import Call, Ok
from pqvalidate.algorithms import lengths
from pqvalidate.evidence import Severity
from pqvalidate.oracle import mlkem
from pqvalidate.suites import Asking, Asks, Check, Compute, Script
from pqvalidate.suites.tape import Tape

_Z = 32
_OUTSIDE_DK_PKE = 96
"""H(ek), z, and rho at the end of ek."""


class TracingError(Exception):
    """A method shows nothing either way; the claim stays open."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys that share all that is public, a ciphertext that is valid for the first, and the same with a bit flipped."""

    seed: bytes
    dks: tuple[bytes, ...]
    c: bytes
    flipped: bytes


@dataclass(frozen=True, slots=True)
class Watched:
    """A case: one operation that is watched."""

    id: str
    flags: tuple[str, ...] = ()


def places(parameter_set: str) -> tuple[tuple[int, int], ...]:
    """Return (offset, bytes) of dk_pke and of z in a decapsulation key."""
    size = lengths(parameter_set)["dk"]
    return (0, (size - _OUTSIDE_DK_PKE) // 2), (size - _Z, _Z)


def secrets(asking: Asking, what: str, others: int) -> Asks[Secrets]:
    """Return a key with its ciphertexts, and so many keys that differ from it in dk_pke and z."""
    name, tape = asking.parameter_set, Tape(asking, f"timing/{what}", 0)
    seeds = [tape.read(64) for _ in range(others + 1)]
    pairs = yield [Compute(mlkem.keygen, name, (seed,)) for seed in seeds]
    ek, dk = pairs[0]
    ((_, c),) = yield [Compute(mlkem.encapsulate, name, (ek, tape.read(32)))]
    changed = bytearray(c)
    changed[tape.below(len(c) // 2)] ^= 1 << tape.below(8)
    return Secrets(seeds[0], tuple(_mixed(name, dk, other) for _, other in pairs), c, bytes(changed))


def _mixed(name: str, dk: bytes, other: bytes) -> bytes:
    made = bytearray(dk)
    for offset, size in places(name):
        made[offset : offset + size] = other[offset : offset + size]
    return bytes(made)


def differing_addresses(asking: Asking, keys: Secrets) -> Asks[tuple[str, int]]:
    """Trace one ciphertext with each key; return where traces part, or nothing, and the accesses of a call.

    Raises:
        TracingError: nothing could be traced, or the traced function does not do its work.

    """
    calls = [{"dk": dk, "c": keys.c} for dk in keys.dks]
    inputs = {"op": "decapsulate", "calls": calls}
    (reply,) = yield [Call(operation="trace", parameter_set=asking.parameter_set, inputs=inputs)]
    if not isinstance(reply, Ok):
        raise TracingError(f"addresses could not be traced: {getattr(reply, 'why', '')}")
    outputs = reply.values["outputs"]
    if len(set(outputs)) < len(outputs) or not all(outputs):
        raise TracingError("keys with different secrets led to the same shared secret, so no secret was used")
    return reply.values["differs"], reply.values["accesses"]


def watched_case(asking: Asking) -> Sequence[Watched]:
    """Return the one case, which costs half a minute; none at depth quick."""
    return [Watched("decapsulation")] if asking.depth != "quick" else []


def timing_check(
    name: str, script: Callable[[Watched, Asking], Script], needs: tuple[frozenset[str], ...], tools: tuple[str, ...],
    detects: str, cases: Callable[[Asking], Sequence[Watched]], severity: Severity = "high",
) -> Check:  # fmt: skip
    """Return a check on the claim that decapsulation time does not depend on secrets."""
    return Check(
        name=name, suite="timing", algorithm="ML-KEM",
        clause="FIPS 203 §3.3 (no statement on timing; the vendor's own claim)",
        explain=(script.__doc__ or "").strip(), needs=needs, cases=cases, script=script, severity=severity,
        effect="Whoever can measure how long decapsulation takes may learn the decapsulation key or shared secrets.",
        bears_on="timing", tools=tools, detects=lambda _cases: detects,
    )  # fmt: skip
