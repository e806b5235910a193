"""Instructions of each operation: the same on an idle and on a busy machine, so a build may fail by one per cent."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pqvalidate.adapters.attach import Implementation
from pqvalidate.adapters.instructions import MarkedSession, valgrind
from pqvalidate.adapters.interface import Ok, Rejected, Reply
from pqvalidate.bench.inputs import Inputs
from pqvalidate.bench.intervals import PPM, Interval, student
from pqvalidate.bench.operations import HEDGED, Form, call_of, loading
from pqvalidate.bench.records import Change, Count, CountRatio, Gap
from pqvalidate.bench.timing import Where
from pqvalidate.errors import AttachError

_ROUNDS = 5
"""Calls on each input, of which the first warms up and is not counted."""

_FEWEST = 3
_SLOW_SECONDS = 3.0
"""Where a call takes longer under valgrind, two on each input have to do."""

NO_VALGRIND = "tool-missing: valgrind is not installed; install it to count instructions"
_OUTSIDE = "instructions are counted in our own worker only, and this is a program of its own"
_LUCK = "instructions of hedged signing are a matter of luck; sign_deterministic is counted where it is offered"


@dataclass(slots=True)
class Counted:
    """What was counted, and what was not."""

    counts: list[Count] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


class _NotCounted(Exception):  # noqa: N818  (it tells what happened to a figure)
    """There is no count; the text says why."""


def count_all(
    iuts: Mapping[str, Implementation], name: str, chosen: Mapping[str, Mapping[str, Form]], inputs: Inputs,
    where: Mapping[str, Where], tell: Callable[[str], None],
) -> Counted:  # fmt: skip
    """Count the instructions of operations of a parameter set.

    Args:
        iuts: implementations by label.
        name: the parameter set.
        chosen: by operation, the form for each implementation that has it.
        inputs: the same for all, and the same as for timing.
        where: by label, where its calls are made; only those inside our worker are counted.
        tell: is told what is being counted.

    """
    found = Counted()
    for label, iut in iuts.items():
        forms = {operation: by_label[label] for operation, by_label in chosen.items() if label in by_label}
        if HEDGED in forms:
            del forms[HEDGED]
            found.gaps.append(_gap(HEDGED, name, label, _LUCK))
        why = NO_VALGRIND if not valgrind() else _OUTSIDE if where[label] != "inside" else ""
        if why:
            found.gaps += [_gap(operation, name, label, why) for operation in forms]
        else:
            _count_one(iut, label, name, forms, inputs, found, tell)
    return found


def _gap(operation: str, name: str, label: str, why: str) -> Gap:
    return Gap(operation=operation, parameter_set=name, label=label, why=why)


def _count_one(
    iut: Implementation, label: str, name: str, forms: Mapping[str, Form], inputs: Inputs, found: Counted,
    tell: Callable[[str], None],
) -> None:  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="pqvalidate-counts-") as folder:
        try:
            with MarkedSession(iut.session.target, iut.session.limits, Path(folder)) as session:
                for operation, form in forms.items():
                    tell(f"{name} {operation}, instructions of {label}")
                    attempts = inputs.attempts if operation == "sign_deterministic" else 0
                    try:
                        counts = _counts(session, name, form, inputs)
                    except _NotCounted as lost:
                        found.gaps.append(_gap(operation, name, label, str(lost)))
                    else:
                        found.counts.append(_count(operation, name, label, form, counts, attempts))
        except AttachError as error:
            found.gaps += [_gap(op, name, label, f"instructions: under valgrind, {error}") for op in forms]


def _counts(session: MarkedSession, name: str, form: Form, inputs: Inputs) -> list[list[int]]:
    """Return for each input the instructions of several calls on it, without the first."""
    counts: list[list[int]] = []
    rounds = _ROUNDS
    for values in inputs.values:
        handle = None
        if form.loader:
            (reply,) = session.ask([loading(form, name, values)])
            handle = _ok(reply)["handle"]
        call = call_of(form, name, values, handle)
        if not counts:  # caches are filled and modules loaded, and what a call costs shows
            began = time.monotonic()
            _ok(session.count(call, 1))
            rounds = _ROUNDS if time.monotonic() - began < _SLOW_SECONDS else _FEWEST
        seen = _ok(session.count(call, rounds))["counts"]
        counts.append(seen[1:])
    return counts


def _ok(reply: Reply) -> Mapping[str, Any]:
    if isinstance(reply, Ok):
        return reply.values
    said = f"refused: {reply.why}" if isinstance(reply, Rejected) else f"broke: {reply}"
    raise _NotCounted(f"while its instructions were counted, it {said}")


def _count(operation: str, name: str, label: str, form: Form, counts: Sequence[Sequence[int]], attempts: int) -> Count:
    """Return the mean of the counts with its 95 % interval, which has no width where calls on one input count alike.

    Inputs are the same in every run, so that they may differ as much as they like.
    """
    seen = np.array(counts, dtype=np.float64)
    mean = float(seen.mean())
    inputs, rounds = seen.shape
    spread = float(seen.var(axis=1, ddof=1).mean() / seen.size) ** 0.5
    half = student(inputs * (rounds - 1)) * spread
    low, high = max(1, round(mean - half)), round(mean + half)
    return Count(
        operation=operation, parameter_set=name, label=label, call=form.call, key=form.key, attempts=attempts,
        calls=seen.size, instructions=max(1, round(mean)), low=low, high=max(1, high),
    )  # fmt: skip


def interval(count: Count) -> Interval:
    """Return the instructions of an operation as an interval."""
    return Interval(estimate=count.instructions, low=count.low, high=count.high, noisy=False)


def _ppm(of: Interval) -> tuple[int, int, int]:
    low, middle, high = (max(1, round(value * PPM)) for value in (of.low, of.estimate, of.high))
    return low, middle, high


def count_ratios(counts: Sequence[Count], pairs: Sequence[tuple[str, str]]) -> list[CountRatio]:
    """Return the instructions of each over those of its reference."""
    known = {(count.operation, count.parameter_set, count.label): count for count in counts}
    found = []
    for mine in counts:
        for label, reference in pairs:
            theirs = known.get((mine.operation, mine.parameter_set, reference))
            if label == mine.label and theirs:
                low, middle, high = _ppm(interval(mine).over(interval(theirs)))
                found.append(CountRatio(
                    operation=mine.operation, parameter_set=mine.parameter_set, label=label, reference=reference,
                    same_form=mine.key == theirs.key, ratio_ppm=middle, low_ppm=low, high_ppm=high,
                ))  # fmt: skip
    return found


def count_changes(now: Sequence[Count], before: Sequence[Count]) -> list[Change]:
    """Return how far counts differ from saved ones of the same calls, made under the same circumstances."""
    saved = {(count.operation, count.parameter_set, count.label): count for count in before}
    changes = []
    for count in now:
        earlier = saved.get((count.operation, count.parameter_set, count.label))
        if earlier and (earlier.call, earlier.key) == (count.call, count.key):
            low, middle, high = _ppm(interval(count).over(interval(earlier)))
            changes.append(Change(
                operation=count.operation, parameter_set=count.parameter_set, label=count.label, of="instructions",
                change_ppm=middle, low_ppm=low, high_ppm=high,
            ))  # fmt: skip
    return changes
