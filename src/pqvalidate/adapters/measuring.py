"""Timing calls inside the worker, one after the other, so that neither isolation nor messages blur a figure.

Every input is copied afresh right before its call: all of them are then equally warm in the caches and lie in the same
memory as far as the allocator allows, whichever class they belong to. Nothing of ours looks at their bytes while the
clock runs: even taking one byte of an input, as a number, costs a hundred nanoseconds more where it differs from the
byte before.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Prepare: TypeAlias = Callable[[bytes], tuple[Callable[..., object], Sequence[Any]]]
"""From one value to the function to be timed and its arguments."""


def timed(prepare: Prepare, values: Sequence[bytes], planted: Sequence[int]) -> list[int]:
    """Make one call per value and return the nanoseconds of each.

    Args:
        prepare: makes ready what is to be called; a refusal or error that the call raises ends the measurement.
        values: in the order in which they are to be measured.
        planted: so many turns of an empty loop are added to each call; a difference of known size, as a control.

    """
    clock = time.perf_counter_ns
    times: list[int] = []
    was_on = gc.isenabled()
    gc.disable()
    try:
        for value, turns in zip(values, planted or [0] * len(values), strict=True):
            function, arguments = prepare(value)
            loop = range(turns)
            before = clock()
            function(*arguments)
            for _ in loop:
                pass
            times.append(clock() - before)
    finally:
        if was_on:
            gc.enable()
    return times


def preparing(method: Callable[..., object], names: Sequence[str], common: Mapping[str, Any], field: str) -> Prepare:
    """Return what makes a call of ``method`` ready: one that knows how itself, or a plain one with a fresh copy."""
    own: Callable[[Mapping[str, Any], str], Prepare] | None = getattr(method, "preparing", None)
    if own is not None:
        return own(common, field)

    def prepare(value: bytes) -> tuple[Callable[..., object], Sequence[Any]]:
        inputs = {**common, field: bytes(bytearray(value))}
        return method, [inputs[name] for name in names]

    return prepare
