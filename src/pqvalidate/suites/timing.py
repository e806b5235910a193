"""Timing checks: does the execution time of decapsulation depend on secrets? Asked only where the vendor claims not.

They report what a method found at a stated number of calls, and how large a planted difference the same run noticed.
No number of calls shows that there is no dependence. Figures differ from run to run; outcomes of a sound
implementation do not, but for one run in a hundred thousand.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from pqvalidate.adapters.interface import Call, Ok
from pqvalidate.algorithms import lengths
from pqvalidate.evidence import Severity
from pqvalidate.oracle import mlkem
from pqvalidate.suites import Asking, Asks, CaseResult, Check, Compute, Script
from pqvalidate.suites.tape import Tape
from pqvalidate.suites.timing_designs import (
    DESIGNS,
    LOOKS,
    Bench,
    Design,
    TimingError,
    answered,
    computed,
    messages,
    statistical,
)

_POOL = 512
PER_CLASS = 20
_FEWEST_PER_CLASS = 3
_UNCOUNTED = 2
_CLASSES = 2
"""Of the counted calls: valid ciphertexts, and flipped ones."""


def _designs(asking: Asking) -> Sequence[Design]:
    return [Design(name) for name in DESIGNS] if LOOKS[asking.depth] else []


def _statistical(case: Design, asking: Asking) -> Script:
    """Decapsulation must not take longer for one class of ciphertexts than for another; pairs, in random order.

    Fixed-random compares one ciphertext with many, each of another message; valid-flipped compares ciphertexts with
    the same ones after one bit was flipped, which must be rejected without a trace; m00-mff compares ciphertexts of
    messages of zeros with those of ones, but for a few bits. A difference counts if it is seen again with a fresh key.
    A stream without a difference must show none, and one with a planted difference must show it; else the outcome is an
    error of ours. Where only decapsulation from the seed is offered, its time holds that of making the key.
    """
    return statistical(case, asking, _bench, "decapsulation")


def _bench(case: Design, asking: Asking, number: int) -> Asks[Bench]:
    """Return a key and valid ciphertexts.

    All ciphertexts agree in the lowest bit of the byte in their middle: the bridge to C libraries chooses odd or even
    addresses by it, which must not coincide with a class.
    """
    name, tape = asking.parameter_set, Tape(asking, f"timing/{case.id}", number)
    seed = tape.read(64)
    ((ek, dk),) = yield from computed([Compute(mlkem.keygen, name, (seed,))])
    kinds = messages(tape.read, _POOL)
    made = yield from computed([Compute(mlkem.encapsulate, name, (ek, m)) for kind in kinds for m in kind])
    middle, ciphertexts = lengths(name)["c"] // 2, iter(made)
    pool, zeros, ones = (
        [c for c in [next(ciphertexts)[1] for _ in kind] if c[middle] & 1] for kind in kinds
    )  # fmt: skip
    expanded = "decapsulate" in asking.operations
    return Bench(
        name, "decapsulate" if expanded else "decapsulate_from_seed", {"dk": dk} if expanded else {"seed": seed}, "c",
        pool, (zeros, ones), random.Random(tape.read(32)),  # noqa: S311  (an order, and no secret)
    )  # fmt: skip


def _one_run(asking: Asking) -> Sequence[Design]:
    return [Design(f"calls/{_CLASSES}x{PER_CLASS}")] if asking.depth != "quick" else []


def _count_calls(asking: Asking, per_class: int) -> Asks[list[Call]]:
    """Return calls in threes: a valid ciphertext, the same flipped, and one that stays the same throughout.

    The first of them only make the library load what it needs.
    """
    bench = yield from _bench(Design("valid-flipped"), asking, 2)
    pairs = [bench.pair("valid-flipped") for _ in range(_UNCOUNTED + per_class)]
    return [
        Call(operation=bench.operation, parameter_set=asking.parameter_set, inputs={**bench.common, "c": c})
        for valid, flipped in pairs
        for c in (valid, flipped, bench.pool[0])
    ]


def _instructions(_case: Design, asking: Asking) -> Script:
    """Decapsulations with one key must all execute the same number of instructions, for good and for bad ciphertexts.

    The matrix follows from the public part of the key, so sound code has nothing to do more or less often. A branch on
    a secret shows here, however short; an access to memory at a secret place, or a division, does not. Where equal
    calls differ, because of an allocator, only the instructions outside the C library count.
    """
    calls = yield from _count_calls(asking, PER_CLASS)
    (reply,) = yield [Call(operation="count", parameter_set=asking.parameter_set, inputs={"calls": calls})]
    for which, where in (("counts", ""), ("own", " outside the C library, whose share differs between equal calls")):
        counts = answered(reply, which)[3 * _UNCOUNTED :]
        valid, flipped, equal = (sorted(set(counts[n::3])) for n in range(3))
        if not min(valid[0], flipped[0]):
            raise TimingError("valgrind counted no instruction in the function")
        if len(equal) == 1:
            return _judged(valid, flipped, where)
    raise TimingError("equal calls execute different numbers of instructions, so the counts tell nothing")


def _judged(valid: list[int], flipped: list[int], where: str) -> CaseResult:
    calls, different = _CLASSES * PER_CLASS, {*valid, *flipped}
    if len(different) == 1:
        return CaseResult(
            outcome="pass", why=f"no leak detected: {valid[0]} instructions in each of {calls} calls{where}"
        )
    return CaseResult(
        outcome="fail",
        why=f"{len(different)} different numbers of instructions in {calls} calls with one key{where}: valid"
        f" ciphertexts {valid[0]} to {valid[-1]}, flipped ones {flipped[0]} to {flipped[-1]}",
        data={"valid": " ".join(map(str, valid)), "flipped": " ".join(map(str, flipped))},
    )


def _divisions(_case: Design, asking: Asking) -> Script:
    """Decapsulation should execute no division instruction: on many processors its duration depends on the operands.

    A division of public values, such as a length, does no harm; so each one found is for a person to look at, and the
    claim stays open until then.
    """
    calls = yield from _count_calls(asking, _FEWEST_PER_CLASS)
    (reply,) = yield [Call(operation="count", parameter_set=asking.parameter_set, inputs={"calls": calls})]
    answered(reply, "counts")
    assert isinstance(reply, Ok)  # noqa: S101  (else there are no counts)
    sites: list[str] = reply.values["divisions"]
    if not sites:
        return CaseResult(outcome="pass", why="no division instruction of the library was executed")
    return CaseResult(
        outcome="fail", why=f"{len(sites)} division instructions were executed: {', '.join(sites[:8])}",
        data={"sites": "\n".join(sites)},
    )  # fmt: skip


def _detects(cases: int) -> str:
    return f"at most {LOOKS['standard'][-1]} pairs (full: {LOOKS['full'][-1]}) in each of {cases} designs"


_EFFECT = "Whoever can measure how long decapsulation takes may learn the decapsulation key or shared secrets."
_CLAUSE = "FIPS 203 §3.3 (no statement on timing; the vendor's own claim)"


def _check(
    name: str, script: Callable[[Design, Asking], Script], cases: Callable[[Asking], Sequence[Design]], way: str,
    severity: Severity = "high", tools: tuple[str, ...] = (), detects: Callable[[int], str] = lambda _cases: "",
) -> Check:  # fmt: skip
    return Check(
        name=name, suite="timing", algorithm="ML-KEM", clause=_CLAUSE, explain=(script.__doc__ or "").strip(),
        effect=_EFFECT, needs=tuple(frozenset({name, way}) for name in ("decapsulate", "decapsulate_from_seed")),
        cases=cases, script=script, severity=severity, bears_on="timing", tools=tools, detects=detects,
    )  # fmt: skip


_TOOLS = ("valgrind", "objdump")
CHECKS: tuple[Check, ...] = (
    _check("ml-kem/timing-statistics", _statistical, _designs, "env:measure", detects=_detects),
    _check("ml-kem/timing-instructions", _instructions, _one_run, "env:count", tools=_TOOLS,
           detects=lambda _cases: f"{PER_CLASS} calls in each of {_CLASSES} classes"),
    _check("ml-kem/timing-divisions", _divisions, _one_run, "env:count", "advisory", _TOOLS),
)  # fmt: skip
