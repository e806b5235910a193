"""Timing checks of encapsulation: with one public key, does its execution time depend on the message m, a secret?

They need an implementation that takes m (``encapsulate_derand``); where m is drawn inside, nobody knows the classes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from pqvalidate.adapters.interface import Call
from pqvalidate.oracle import mlkem
from pqvalidate.suites import Asking, Asks, CaseResult, Check, Compute, Script
from pqvalidate.suites.tape import Tape
from pqvalidate.suites.timing_designs import (
    ENCAPSULATION_DESIGNS,
    LOOKS,
    Bench,
    Design,
    TimingError,
    answered,
    computed,
    messages,
    statistical,
)

_OPERATION = "encapsulate_derand"
_POOL = 512
PER_CLASS = 20
_CLASSES = 2
_UNCOUNTED = 2


def _designs(asking: Asking) -> Sequence[Design]:
    return [Design(name) for name in ENCAPSULATION_DESIGNS] if LOOKS[asking.depth] else []


def _one_run(asking: Asking) -> Sequence[Design]:
    return [Design(f"calls/{_CLASSES}x{PER_CLASS}")] if asking.depth != "quick" else []


def _bench(case: Design, asking: Asking, number: int) -> Asks[Bench]:
    """Return an encapsulation key, and messages."""
    name, tape = asking.parameter_set, Tape(asking, f"timing-encapsulation/{case.id}", number)
    ((ek, _),) = yield from computed([Compute(mlkem.keygen, name, (tape.read(64),))])
    pool, zeros, ones = messages(tape.read, _POOL)
    drawn = random.Random(tape.read(32))  # noqa: S311  (an order, and no secret)
    return Bench(name, _OPERATION, {"ek": ek}, "m", pool, (zeros, ones), drawn)


def _statistical(case: Design, asking: Asking) -> Script:
    """Encapsulation to one public key must not take longer for one class of messages than for another.

    Fixed-random compares one message with many; m00-mff compares messages of zeros with those of ones, but for a few
    bits. A difference counts if it is seen again with a fresh key. A stream without a difference must show none, and
    one with a planted difference must show it; else the outcome is an error of ours.
    """
    return statistical(case, asking, _bench, "encapsulation")


def _instructions(_case: Design, asking: Asking) -> Script:
    """Encapsulations to one public key must all execute the same number of instructions, whatever the message.

    The matrix follows from the key, so sound code has nothing to do more or less often. Where equal calls differ,
    because of an allocator, only the instructions outside the C library count.
    """
    bench = yield from _bench(Design("m00-mff"), asking, 2)
    drawn = [bench.pair("m00-mff") for _ in range((_UNCOUNTED + PER_CLASS + 1) // 2)]
    special = [m for pair in drawn for m in pair]
    calls = [
        Call(operation=_OPERATION, parameter_set=asking.parameter_set, inputs={**bench.common, "m": m})
        for number in range(_UNCOUNTED + PER_CLASS)
        for m in (bench.pool[number + 1], special[number], bench.pool[0])
    ]
    (reply,) = yield [Call(operation="count", parameter_set=asking.parameter_set, inputs={"calls": calls})]
    for which, where in (("counts", ""), ("own", " outside the C library, whose share differs between equal calls")):
        counts = answered(reply, which)[3 * _UNCOUNTED :]
        random_ones, special_ones, equal = (sorted(set(counts[n::3])) for n in range(3))
        if not min(random_ones[0], special_ones[0]):
            raise TimingError("valgrind counted no instruction in the function")
        if len(equal) == 1:
            return _judged(random_ones, special_ones, where)
    raise TimingError("equal calls execute different numbers of instructions, so the counts tell nothing")


def _judged(drawn: list[int], special: list[int], where: str) -> CaseResult:
    calls, different = _CLASSES * PER_CLASS, {*drawn, *special}
    if len(different) == 1:
        return CaseResult(
            outcome="pass", why=f"no leak detected: {drawn[0]} instructions in each of {calls} calls{where}"
        )
    return CaseResult(
        outcome="fail",
        why=f"{len(different)} different numbers of instructions in {calls} calls with one key{where}: drawn messages"
        f" {drawn[0]} to {drawn[-1]}, messages of zeros or ones {special[0]} to {special[-1]}",
        data={"drawn": " ".join(map(str, drawn)), "special": " ".join(map(str, special))},
    )


def _detects(cases: int) -> str:
    return f"at most {LOOKS['standard'][-1]} pairs (full: {LOOKS['full'][-1]}) in each of {cases} designs"


_EFFECT = "Whoever can measure how long encapsulation takes may learn the message, and with it the shared secret."
_CLAUSE = "FIPS 203 §3.3 (no statement on timing; the vendor's own claim)"
CHECKS: tuple[Check, ...] = (
    Check(
        name="ml-kem/timing-encapsulation", suite="timing", algorithm="ML-KEM", clause=_CLAUSE,
        explain=(_statistical.__doc__ or "").strip(), effect=_EFFECT,
        needs=(frozenset({_OPERATION, "env:measure"}),), cases=_designs, script=_statistical, bears_on="timing",
        detects=_detects,
    ),
    Check(
        name="ml-kem/timing-encapsulation-instructions", suite="timing", algorithm="ML-KEM", clause=_CLAUSE,
        explain=(_instructions.__doc__ or "").strip(), effect=_EFFECT,
        needs=(frozenset({_OPERATION, "env:count"}),), cases=_one_run, script=_instructions, bears_on="timing",
        tools=("valgrind", "objdump"), detects=lambda _cases: f"{PER_CLASS} calls in each of {_CLASSES} classes",
    ),
)  # fmt: skip
