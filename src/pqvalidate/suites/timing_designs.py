"""How execution times are compared: two classes of inputs, in pairs, in looks, beside a null stream and planted delays.

The designs say what the classes are; the calls are timed inside the worker. Everything here is the same for
decapsulation and for encapsulation.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pqvalidate.adapters.interface import Call, Ok, Reply
from pqvalidate.evidence import Depth
from pqvalidate.suites import Asking, Asks, CaseResult, Compute, Script
from pqvalidate.suites.timing_statistics import TESTS, Looked, look
from pqvalidate.suites.timing_summary import Planted, figures

LOOKS: dict[Depth, tuple[int, ...]] = {"quick": (), "standard": (2048, 8192), "full": (2048, 8192, 32768)}
"""After so many pairs the figures are looked at; the first look that finds a difference ends the measurement."""
_MOST_LOOKS = 3
DESIGNS = ("fixed-random", "valid-flipped", "m00-mff")
"""Of decapsulation. A design whose name begins with ``fixed`` compares one input with many."""
ENCAPSULATION_DESIGNS = ("fixed-random", "m00-mff")
ERROR_RATE = 1e-5
THRESHOLD = ERROR_RATE / (_MOST_LOOKS * (len(DESIGNS) + len(ENCAPSULATION_DESIGNS)) * len(TESTS))
"""A p-value must be below this, twice, with two keys: the rate of 1e-5 is shared by looks, designs and tests."""
PLANTED = (8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
"""Turns of an empty loop that the control adds to one class; some ten nanoseconds each."""
_CHUNK, _WARM = 256, 16


class TimingError(Exception):
    """A measurement shows nothing either way; the claim stays open."""


@dataclass(frozen=True, slots=True)
class Design:
    """A case: two classes of inputs, told apart by what must not show."""

    id: str
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class Bench:
    """What is called with one key, and its inputs, from which the pairs of a stream are drawn.

    Attributes:
        operation: of the common interface, with its inputs ``common`` and the one that ``varies``.
        pool: inputs of one kind, with nothing special about them.
        halves: inputs that belong to messages of zeros and of ones, but for a few bits.

    """

    parameter_set: str
    operation: str
    common: Mapping[str, bytes]
    varies: str
    pool: Sequence[bytes]
    halves: tuple[Sequence[bytes], Sequence[bytes]]
    drawn: random.Random
    first: list[int] = field(default_factory=list)
    second: list[int] = field(default_factory=list)

    def afresh(self) -> Bench:
        """Return the same key and inputs for a stream of their own."""
        return Bench(self.parameter_set, self.operation, self.common, self.varies, self.pool, self.halves, self.drawn)

    def pair(self, design: str) -> tuple[bytes, bytes]:
        """Return an input of the first class and one of the second; any other name than a design's is the null."""
        one, other = self.drawn.choice(self.pool), self.drawn.choice(self.pool)
        if design == "fixed-random":
            return self.pool[0], other
        if design == "m00-mff":
            return self.drawn.choice(self.halves[0]), self.drawn.choice(self.halves[1])
        return (one, self._flipped(one)) if design == "valid-flipped" else (one, other)

    def differences(self) -> list[float]:
        """Return by how many nanoseconds the call of the second class took longer, pair by pair."""
        return [float(b - a) for a, b in zip(self.first, self.second, strict=True)]

    def _flipped(self, c: bytes) -> bytes:
        place = self.drawn.randrange(len(c) - 1)
        changed = bytearray(c)
        changed[place + (place >= len(c) // 2)] ^= 1 << self.drawn.randrange(8)
        return bytes(changed)


MakeBench = Callable[[Design, Asking, int], Asks[Bench]]
"""From a design, what is asked, and a number to a bench; another number gives another key."""


def statistical(case: Design, asking: Asking, make: MakeBench, what: str) -> Script:
    """Compare the two classes of a design; ``what`` names the operation in words.

    A difference counts if it is seen again with a fresh key. A stream without a difference must show none, and one with
    a planted difference must show it; else the outcome is an error of ours.
    """
    bench = yield from make(case, asking, 0)
    found = yield from until_seen(case.id, bench, LOOKS[asking.depth])
    few = LOOKS[asking.depth][0]
    if found.smallest < THRESHOLD:
        fresh = yield from make(case, asking, 1)
        # A busy moment can hide a difference at the first look, so the fresh key gets the looks that are left, too.
        again = yield from until_seen(case.id, fresh, [n for n in LOOKS[asking.depth] if n >= found.pairs])
        if again.smallest < THRESHOLD and (case.id.startswith("fixed") or again.median * found.median >= 0):
            planted = yield from _smallest_planted(bench, few)
            return CaseResult(
                outcome="fail",
                why=f"{what} time differs between the classes {case.id}: {found.text()}; with a fresh key"
                f" {again.text()}",
                data={"seen": found.text(), "again": again.text(),
                      "figures": figures(bench.operation, bench.first, bench.second, found, planted)},
            )  # fmt: skip
        raise TimingError(f"a difference was seen once and not with a fresh key: {found.text()}; {again.text()}")
    null = yield from until_seen("null", bench.afresh(), (few,))
    if null.smallest < THRESHOLD:
        raise TimingError(f"the null stream, of one class only, shows a difference: {null.text()}")
    planted = yield from _smallest_planted(bench, few)
    if planted is None:
        raise TimingError("no planted difference was noticed, however large: this machine is too noisy for the method")
    return CaseResult(
        outcome="pass",
        why=f"no leak detected: {found.text()}; null stream: {null.text()}; smallest planted difference noticed:"
        f" {planted.seen.text()}",
        data={"figures": figures(bench.operation, bench.first, bench.second, found, planted)},
    )


def until_seen(design: str, bench: Bench, looks: Sequence[int], planted: int = 0) -> Asks[Looked]:
    """Measure pairs up to each look in turn; return the first look that finds a difference, or the last."""
    found = None
    for pairs in looks:
        while len(bench.first) < pairs:
            yield from _measure(design, bench, min(_CHUNK, pairs - len(bench.first)), planted)
        found = look(bench.differences())
        if found.smallest < THRESHOLD:
            break
    assert found is not None  # noqa: S101  (callers look at least once)
    return found


def _measure(design: str, bench: Bench, pairs: int, planted: int) -> Asks[None]:
    """Measure some pairs in one message, each pair in random order, after a few calls that nobody looks at."""
    values, turns, swapped = [bench.pool[-1]] * _WARM, [0] * _WARM, []
    for _ in range(pairs):
        one, other = bench.pair(design)
        swapped.append(bench.drawn.random() < 0.5)
        values += [other, one] if swapped[-1] else [one, other]
        turns += [planted, 0] if swapped[-1] else [0, planted]
    inputs = {
        "name": bench.operation, "common": bench.common, "field": bench.varies, "values": values,
        "planted": turns if planted else [],
    }  # fmt: skip
    (reply,) = yield [Call(operation="measure", parameter_set=bench.parameter_set, inputs=inputs)]
    times = answered(reply, "ns")[_WARM:]
    for turned, one_took, other_took in zip(swapped, times[::2], times[1::2], strict=True):
        bench.first.append(other_took if turned else one_took)
        bench.second.append(one_took if turned else other_took)


def _smallest_planted(bench: Bench, pairs: int) -> Asks[Planted | None]:
    """Return what the smallest planted difference looked like that was noticed, or None."""
    for turns in PLANTED:
        seen = yield from until_seen("null", bench.afresh(), (pairs,), turns)
        if seen.smallest < THRESHOLD and seen.median > 0:
            return Planted(turns, seen)
    return None


def answered(reply: Reply, name: str) -> list[int]:
    """Return the figures in a reply.

    Raises:
        TimingError: there are none, so nothing is known about execution times.

    """
    if isinstance(reply, Ok):
        found: list[int] = reply.values[name]
        return found
    raise TimingError(f"it could not be measured: {getattr(reply, 'why', '')}")


def messages(read: Callable[[int], bytes], count: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Return 32-byte messages: so many drawn ones, ones of zeros but for two bits at most, ones of ones but for one.

    The byte in the middle of each is odd: the bridge to C libraries chooses odd or even addresses by it, which must not
    coincide with a class.
    """

    def odd(message: bytes) -> bytes:
        return message[:16] + bytes([message[16] | 1]) + message[17:]

    bits = [1 << n for n in range(256) if n != 8 * 16]
    full = (1 << 256) - 1
    return (
        [odd(read(32)) for _ in range(count)],
        [odd(bit.to_bytes(32, "little")) for bit in bits],
        [odd((full ^ bit).to_bytes(32, "little")) for bit in bits],
    )


def computed(wanted: Sequence[Compute]) -> Asks[Sequence[tuple[bytes, bytes]]]:
    """Return what the oracle computes, for a coroutine that wants pairs of byte strings."""
    made: Sequence[tuple[bytes, bytes]] = yield wanted
    return made
