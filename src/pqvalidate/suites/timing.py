"""Timing checks: does the execution time of decapsulation depend on secrets? Asked only where the vendor claims not.

They report what a method found at a stated number of calls, and how large a planted difference the same run noticed.
No number of calls shows that there is no dependence. Figures differ from run to run; outcomes of a sound
implementation do not, but for one run in a hundred thousand.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pqvalidate.adapters.interface import Call, Ok, Reply
from pqvalidate.algorithms import lengths
from pqvalidate.evidence import Depth, Severity
from pqvalidate.oracle import mlkem
from pqvalidate.suites import Asking, Asks, CaseResult, Check, Compute, Script
from pqvalidate.suites.tape import Tape
from pqvalidate.suites.timing_statistics import TESTS, Looked, look

LOOKS: dict[Depth, tuple[int, ...]] = {"quick": (), "standard": (2048, 8192), "full": (2048, 8192, 32768)}
"""After so many pairs the figures are looked at; the first look that finds a difference ends the measurement."""
_MOST_LOOKS = 3
DESIGNS = ("fixed-random", "valid-flipped")
ERROR_RATE = 1e-5
THRESHOLD = ERROR_RATE / (_MOST_LOOKS * len(DESIGNS) * len(TESTS))
"""A p-value must be below this, twice, with two keys: the rate of 1e-5 is shared by looks, designs and tests."""
PLANTED = (8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
"""Turns of an empty loop that the control adds to one class; some ten nanoseconds each."""
_CHUNK, _WARM = 256, 16
_POOL = 512
PER_CLASS = 20
_FEWEST_PER_CLASS = 3
_UNCOUNTED = 2


class TimingError(Exception):
    """A measurement shows nothing either way; the claim stays open."""


@dataclass(frozen=True, slots=True)
class Design:
    """A case: two classes of ciphertexts, told apart by what must not show."""

    id: str
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class _Bench:
    """One key with its ciphertexts, from which the pairs of a stream are drawn."""

    parameter_set: str
    dk: bytes
    pool: Sequence[bytes]
    drawn: random.Random
    differences: list[float] = field(default_factory=list)

    def pair(self, design: str) -> tuple[bytes, bytes]:
        """Return a ciphertext of the first class and one of the second."""
        one, other = self.drawn.choice(self.pool), self.drawn.choice(self.pool)
        if design == "fixed-random":
            return self.pool[0], other
        return (one, self._flipped(one)) if design == "valid-flipped" else (one, other)

    def _flipped(self, c: bytes) -> bytes:
        place = self.drawn.randrange(len(c) - 1)
        changed = bytearray(c)
        changed[place + (place >= len(c) // 2)] ^= 1 << self.drawn.randrange(8)
        return bytes(changed)


def _designs(asking: Asking) -> Sequence[Design]:
    return [Design(name) for name in DESIGNS] if LOOKS[asking.depth] else []


def _statistical(case: Design, asking: Asking) -> Script:
    """Decapsulation must not take longer for one class of ciphertexts than for another; pairs, in random order.

    Fixed-random compares one ciphertext with many, each of another message; valid-flipped compares ciphertexts with
    the same ones after one bit was flipped, which must be rejected without a trace. A difference counts if it is seen
    again with a fresh key. A stream without a difference must show none, and one with a planted difference must show
    it; else the outcome is an error of ours.
    """
    bench = yield from _bench(case, asking, 0)
    found = yield from _until_seen(case.id, bench, LOOKS[asking.depth])
    if found.smallest < THRESHOLD:
        fresh = yield from _bench(case, asking, 1)
        again = yield from _until_seen(case.id, fresh, (found.pairs,))
        if again.smallest < THRESHOLD and (case.id == "fixed-random" or again.median * found.median >= 0):
            return CaseResult(
                outcome="fail",
                why=f"decapsulation time differs between the classes {case.id}: {found.text()}; with a fresh key"
                f" {again.text()}",
                data={"seen": found.text(), "again": again.text()},
            )
        raise TimingError(f"a difference was seen once and not with a fresh key: {found.text()}; {again.text()}")
    null = yield from _until_seen("null", _afresh(bench), (LOOKS[asking.depth][0],))
    if null.smallest < THRESHOLD:
        raise TimingError(f"the null stream, of one class only, shows a difference: {null.text()}")
    smallest = yield from _smallest_planted(bench, LOOKS[asking.depth][0])
    return CaseResult(
        outcome="pass",
        why=f"no leak detected: {found.text()}; null stream: {null.text()}; smallest planted difference noticed:"
        f" {smallest.text()}",
    )


def _afresh(bench: _Bench) -> _Bench:
    """Return the same key and ciphertexts for a stream of their own."""
    return _Bench(bench.parameter_set, bench.dk, bench.pool, bench.drawn)


def _bench(case: Design, asking: Asking, number: int) -> Asks[_Bench]:
    """Return a key and valid ciphertexts.

    All ciphertexts agree in the lowest bit of the byte in their middle: the bridge to C libraries chooses odd or even
    addresses by it, which must not coincide with a class.
    """
    name, tape = asking.parameter_set, Tape(asking, f"timing/{case.id}", number)
    ((ek, dk),) = yield [Compute(mlkem.keygen, name, (tape.read(64),))]
    made = yield [Compute(mlkem.encapsulate, name, (ek, tape.read(32))) for _ in range(_POOL)]
    middle = lengths(name)["c"] // 2
    pool = [c for _, c in made if c[middle] & 1]
    return _Bench(name, dk, pool, random.Random(tape.read(32)))  # noqa: S311  (an order, and no secret)


def _until_seen(design: str, bench: _Bench, looks: Sequence[int], planted: int = 0) -> Asks[Looked]:
    """Measure pairs up to each look in turn; return the first look that finds a difference, or the last."""
    found = None
    for pairs in looks:
        while len(bench.differences) < pairs:
            yield from _measure(design, bench, min(_CHUNK, pairs - len(bench.differences)), planted)
        found = look(bench.differences)
        if found.smallest < THRESHOLD:
            break
    assert found is not None  # noqa: S101  (callers look at least once)
    return found


def _measure(design: str, bench: _Bench, pairs: int, planted: int) -> Asks[None]:
    """Measure some pairs in one message, each pair in random order, after a few calls that nobody looks at."""
    values, turns, swapped = [bench.pool[-1]] * _WARM, [0] * _WARM, []
    for _ in range(pairs):
        one, other = bench.pair(design)
        swapped.append(bench.drawn.random() < 0.5)
        values += [other, one] if swapped[-1] else [one, other]
        turns += [planted, 0] if swapped[-1] else [0, planted]
    inputs = {
        "name": "decapsulate", "common": {"dk": bench.dk}, "field": "c", "values": values,
        "planted": turns if planted else [],
    }  # fmt: skip
    (reply,) = yield [Call(operation="measure", parameter_set=bench.parameter_set, inputs=inputs)]
    times = _answered(reply, "ns")[_WARM:]
    bench.differences += [
        float(first - second if turned else second - first)
        for turned, first, second in zip(swapped, times[::2], times[1::2], strict=True)
    ]


def _smallest_planted(bench: _Bench, pairs: int) -> Asks[Looked]:
    """Return what the smallest planted difference looked like that was noticed."""
    for turns in PLANTED:
        seen = yield from _until_seen("null", _afresh(bench), (pairs,), turns)
        if seen.smallest < THRESHOLD and seen.median > 0:
            return seen
    raise TimingError("no planted difference was noticed, however large: this machine is too noisy for the method")


def _answered(reply: Reply, name: str) -> list[int]:
    """Return the figures in a reply.

    Raises:
        TimingError: there are none, so nothing is known about execution times.

    """
    if isinstance(reply, Ok):
        found: list[int] = reply.values[name]
        return found
    raise TimingError(f"it could not be measured: {getattr(reply, 'why', '')}")


def _one_run(asking: Asking) -> Sequence[Design]:
    return [Design(f"calls/{len(DESIGNS)}x{PER_CLASS}")] if asking.depth != "quick" else []


def _count_calls(asking: Asking, per_class: int) -> Asks[list[Call]]:
    """Return calls in threes: a valid ciphertext, the same flipped, and one that stays the same throughout.

    The first of them only make the library load what it needs.
    """
    bench = yield from _bench(Design("valid-flipped"), asking, 2)
    pairs = [bench.pair("valid-flipped") for _ in range(_UNCOUNTED + per_class)]
    return [
        Call(operation="decapsulate", parameter_set=asking.parameter_set, inputs={"dk": bench.dk, "c": c})
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
        counts = _answered(reply, which)[3 * _UNCOUNTED :]
        valid, flipped, equal = (sorted(set(counts[n::3])) for n in range(3))
        if not min(valid[0], flipped[0]):
            raise TimingError("valgrind counted no instruction in the function")
        if len(equal) == 1:
            return _judged(valid, flipped, where)
    raise TimingError("equal calls execute different numbers of instructions, so the counts tell nothing")


def _judged(valid: list[int], flipped: list[int], where: str) -> CaseResult:
    calls, different = len(DESIGNS) * PER_CLASS, {*valid, *flipped}
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
    _answered(reply, "counts")
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
        effect=_EFFECT, needs=(frozenset({"decapsulate", way}),), cases=cases, script=script, severity=severity,
        bears_on="timing", tools=tools, detects=detects,
    )  # fmt: skip


_TOOLS = ("valgrind", "objdump")
CHECKS: tuple[Check, ...] = (
    _check("ml-kem/timing-statistics", _statistical, _designs, "env:measure", detects=_detects),
    _check("ml-kem/timing-instructions", _instructions, _one_run, "env:count", tools=_TOOLS,
           detects=lambda _cases: f"{PER_CLASS} calls in each of {len(DESIGNS)} classes"),
    _check("ml-kem/timing-divisions", _divisions, _one_run, "env:count", "advisory", _TOOLS),
)  # fmt: skip
