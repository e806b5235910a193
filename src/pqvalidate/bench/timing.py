"""Timing implementations beside each other: blocks of calls in turn, in several generations of fresh processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from pqvalidate.adapters.interface import Call, Ok, Rejected, Reply
from pqvalidate.bench.inputs import Inputs
from pqvalidate.bench.intervals import GENERATIONS, Floats
from pqvalidate.bench.operations import HEDGED, Form, call_of, loading, problem

MOST_GENERATIONS = 3 * GENERATIONS
"""A noisy operation is timed for up to three times as long, until its intervals are short enough."""

_LONGEST = 6
"""The parts beyond the least number of generations end when so many times the wanted seconds have passed."""

BLOCK_NS = 10_000_000
"""Length of a block: long enough to warm up in, short enough that the machine is the same for its neighbours."""

_MOST_ROUNDS = 2000
_MOST_ROUNDS_A_GENERATION = 200
_LEAST_ROUNDS_A_GENERATION = 3
_PATIENCE = 4
_WAITING = 1.25
"""Where even the undisturbed calls take so much longer than the processor works, something else does the work."""

_BELIEVED = 0.25
"""In its best block, a program's own clock must have seen so much of the time that passes outside."""

Clock: TypeAlias = Literal["processor", "wall"]
Where: TypeAlias = Literal["inside", "program", "outside"]
"""Where a time was taken: in our worker, by a vendor's program itself, or with the way there and back included."""


class Timed(Protocol):
    """Whatever can be asked and timed: an attached implementation."""

    @property
    def measures(self) -> bool:
        """Whether calls can be timed where they are made."""

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make calls in order; one reply each."""

    def measure(self, call: Call, rounds: int, *, cpu: bool = False) -> Reply:
        """Make one call so often and return what each took."""


class Lost(Exception):  # noqa: N818  (it tells what happened to a figure)
    """An implementation could not be timed; the text says why."""


@dataclass(slots=True, kw_only=True)
class Timing:
    """What was seen of one implementation and one operation.

    Attributes:
        form: how it was asked.
        generations: per generation an array (rounds, 2, 2): typical wall and processor time in ns of both blocks.
        calls: wall and processor time of every call, ns.
        replies: the answers to the first calls.
        why: why there is no figure, or the empty string.
        where: where the times were taken.

    """

    form: Form
    generations: list[list[list[tuple[float, float]]]] = field(default_factory=list)
    calls: list[tuple[Floats, Floats]] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    why: str = ""
    where: Where = "inside"

    def clock(self) -> Clock:
        """Return which clock tells the truth: the processor's, unless the work is done elsewhere."""
        if self.where != "inside" or not self.calls:
            return "wall"
        wall, busy = (np.concatenate(column) for column in zip(*self.calls, strict=True))
        if not busy.all():
            return "wall"
        return "processor" if np.percentile(wall / busy, 10) <= _WAITING else "wall"

    def blocks(self, clock: Clock) -> list[Floats]:
        """Return per generation an array (rounds, 2) of typical times in ns by one clock."""
        column = 1 if clock == "processor" else 0
        return [np.array(rounds)[:, :, column] for rounds in self.generations]

    def times(self, clock: Clock) -> Floats:
        """Return the time of every call in ns by one clock."""
        return np.concatenate([pair[1 if clock == "processor" else 0] for pair in self.calls])


@dataclass(slots=True, kw_only=True)
class _Runner:
    """One implementation at work on one operation in one generation."""

    iut: Timed
    calls: list[Call]
    rounds: int = 1
    seen: float = 0.0

    def block(self, number: int) -> tuple[Floats, Floats]:
        """Time a block of calls on an input and return wall and processor times in ns; the first calls warm up."""
        warm = max(1, self.rounds // 10)
        before = time.perf_counter_ns()
        wall, busy = self._timed(self.calls[number % len(self.calls)], warm + self.rounds)
        self.seen = max(self.seen, float(wall.sum()) / (time.perf_counter_ns() - before))
        return wall[warm:], busy[warm:]

    def _timed(self, call: Call, rounds: int) -> tuple[Floats, Floats]:
        if not self.iut.measures:
            return self._from_outside(call, rounds)
        reply = self.iut.measure(call, rounds, cpu=True)
        if not isinstance(reply, Ok):
            raise Lost(_said(reply))
        wall = _times(reply.values.get("ns"), rounds)
        return wall, _times(reply.values["cpu_ns"], rounds) if "cpu_ns" in reply.values else np.zeros_like(wall)

    def _from_outside(self, call: Call, rounds: int) -> tuple[Floats, Floats]:
        """Send all calls of a block at once and share the time until the last reply between them."""
        before = time.perf_counter_ns()
        replies = self.iut.ask([call] * rounds, 1)
        each = (time.perf_counter_ns() - before) / rounds
        if bad := next((reply for reply in replies if not isinstance(reply, Ok)), None):
            raise Lost(_said(bad))
        return np.full(rounds, each), np.zeros(rounds)

    def disbelief(self, where: Where) -> str:
        """Return why a program's own clock is not believed, or nothing; a neighbour does not disturb every block."""
        if where != "program" or self.seen >= _BELIEVED:
            return ""
        return f"its own clock is not believed: it shows {self.seen:.1%} at most of the time that passed outside"

    def calibrate(self) -> None:
        """Find out how many calls make a block."""
        wall, _ = self._timed(self.calls[0], 2)
        wall, _ = self._timed(self.calls[0], max(2, min(int(BLOCK_NS / 4 / max(wall.min(), 1)), _MOST_ROUNDS // 4)))
        self.rounds = max(1, min(int(BLOCK_NS / max(float(np.median(wall)), 1)), _MOST_ROUNDS))


def _said(reply: Reply) -> str:
    why = reply.why if isinstance(reply, Rejected) else str(reply)
    return f"while it was timed, it {'refused' if isinstance(reply, Rejected) else 'broke'}: {why}"


def _times(values: Any, rounds: int) -> Floats:  # noqa: ANN401  (what a vendor's program says)
    fits = isinstance(values, list) and len(values) == rounds
    if not fits or not all(type(value) in (int, float) and 0 <= value < 1 << 62 for value in values):
        raise Lost(f"asked to time {rounds} calls, it did not return a list of {rounds} nanoseconds")
    return np.maximum(np.array(values, dtype=np.float64), 1.0)


def time_all(
    iuts: Mapping[str, Timed], parameter_set: str, chosen: Mapping[str, Mapping[str, Form]], inputs: Inputs,
    seconds: float, where: Mapping[str, Where], enough: Callable[[str, Mapping[str, Timing]], bool],
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, Timing]]:  # fmt: skip
    """Time operations of a parameter set.

    Args:
        iuts: implementations by name, in the order in which they take turns.
        parameter_set: of which parameter set.
        chosen: by operation, the form for each implementation that has it.
        inputs: the same for all.
        seconds: time for each operation, shared by its implementations; slow calls take longer.
        where: by implementation, where its times are taken.
        enough: tells of an operation whether what was seen of it is precise enough.
        tell: is told what is being timed.

    Returns:
        By operation and implementation what was seen.

    """
    found = {
        op: {name: Timing(form=form, where=where[name]) for name, form in forms.items()} for op, forms in chosen.items()
    }
    left = list(found)
    end = time.monotonic() + _LONGEST * seconds * len(found)
    for generation in range(MOST_GENERATIONS):
        if generation >= GENERATIONS:
            left = [operation for operation in left if not enough(operation, found[operation])]
        if not left or (generation >= GENERATIONS and time.monotonic() > end):
            break
        for iut in iuts.values():
            iut.ask([Call(operation="restart", parameter_set=parameter_set, inputs={})])
        for operation in left:
            timings = found[operation]
            tell(f"{parameter_set} {operation}, part {generation + 1}")
            runners: dict[str, _Runner] = {}
            for name, timing in timings.items():
                if timing.why:
                    continue
                try:
                    runners[name] = _prepared(
                        iuts[name], operation, parameter_set, timing, inputs, first=not generation
                    )
                except Lost as lost:
                    timing.why = str(lost)
            _generation(runners, timings, seconds / GENERATIONS, mean=operation == HEDGED)
    return found


def _prepared(
    iut: Timed, operation: str, parameter_set: str, timing: Timing, inputs: Inputs, *, first: bool
) -> _Runner:
    calls = []
    for values in inputs.values:
        handle = None
        if timing.form.loader:
            (reply,) = iut.ask([loading(timing.form, parameter_set, values)])
            if not isinstance(reply, Ok):
                raise Lost(_said(reply))
            handle = reply.values["handle"]
        calls.append(call_of(timing.form, parameter_set, values, handle))
    if first:
        for call, values in zip(calls, inputs.values, strict=True):
            (reply,) = iut.ask([call])
            if why := problem(operation, parameter_set, values, reply):
                raise Lost(why)
            timing.replies.append(reply)
    runner = _Runner(iut=iut, calls=calls)
    runner.calibrate()
    return runner


def _generation(
    runners: dict[str, _Runner], timings: Mapping[str, Timing], seconds: float, *, mean: bool
) -> None:  # fmt: skip
    """Time rounds A B C C B A until the time is over; one that cannot go on is left out from there."""
    rounds: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in runners}
    began = time.monotonic()
    number = 0
    middle = np.mean if mean else np.median
    while runners and number < _MOST_ROUNDS_A_GENERATION:
        spent = time.monotonic() - began
        if spent > (seconds if number >= _LEAST_ROUNDS_A_GENERATION else seconds * _PATIENCE) and number >= 1:
            break
        seen: dict[str, list[tuple[float, float]]] = {name: [] for name in runners}
        for name in (*runners, *reversed(runners)):
            if timings[name].why:
                continue
            try:
                wall, busy = runners[name].block(number)
            except Lost as lost:
                timings[name].why = str(lost)
                continue
            timings[name].calls.append((wall, busy))
            seen[name].append((float(middle(wall)), float(middle(busy))))
        for name in list(runners):
            timings[name].why = timings[name].why or runners[name].disbelief(timings[name].where)
            if timings[name].why:
                del runners[name]
            else:
                rounds[name].append(seen[name])
        number += 1
    for name in runners:
        timings[name].generations.append(rounds[name])
