"""Memory that an operation takes: pages that its process did not hold before the first call, and after many more.

Linux tells of each process how many pages of its own it has in memory. A freshly started worker loads the
implementation, and the key where a loaded one is used; then it makes one call, and then many. The C library is told
to give nothing back, so that the pages which a call took and freed are still there to be counted. What fits into pages
that the process had used before is not seen: an answer of zero means *no more than what was there*.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pqvalidate.adapters.attach import Implementation
from pqvalidate.adapters.interface import Call, Ok, Rejected, Reply
from pqvalidate.adapters.session import Session, wire
from pqvalidate.bench.inputs import Inputs
from pqvalidate.bench.operations import Form, call_of, loading
from pqvalidate.bench.records import Gap, Memory
from pqvalidate.bench.timing import Where
from pqvalidate.errors import AttachError

MORE_CALLS = 100
"""Calls after the first: what the process holds then, and did not after one call, is kept by each call."""

_SLOW_NS = 50_000_000
_FEW_CALLS = 10
_KEEP = {"MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TOP_PAD_": "0"}
"""glibc then returns no page; 32 MiB is the largest threshold for blocks of their own that it takes."""

_ANONYMOUS = re.compile(r"^Anonymous:\s+(\d+) kB", re.MULTILINE)
_NOT_LINUX = "memory is measured on Linux only, by /proc/PID/smaps_rollup"
_OUTSIDE = "memory is measured in our own worker only, and this is a program of its own"


@dataclass(slots=True)
class Measured:
    """What was measured, and what was not."""

    memory: list[Memory] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


class _Lost(Exception):  # noqa: N818  (it tells what happened to a figure)
    """There is no figure; the text says why."""


def memory_of_all(
    iuts: Mapping[str, Implementation], name: str, chosen: Mapping[str, Mapping[str, Form]], inputs: Inputs,
    where: Mapping[str, Where], tell: Callable[[str], None],
) -> Measured:  # fmt: skip
    """Measure the memory of operations of a parameter set; arguments as for ``counts.count_all``."""
    found = Measured()
    for label, iut in iuts.items():
        for operation, forms in chosen.items():
            if label not in forms:
                continue
            tell(f"{name} {operation}, memory of {label}")
            try:
                found.memory.append(_memory(iut, where[label], name, operation, forms[label], inputs, label))
            except (_Lost, AttachError) as error:
                found.gaps.append(Gap(operation=operation, parameter_set=name, label=label, why=str(error)))
    return found


def _memory(
    iut: Implementation, where: Where, name: str, operation: str, form: Form, inputs: Inputs, label: str
) -> Memory:  # fmt: skip
    if where != "inside":
        raise _Lost(_OUTSIDE)
    usual = iut.session
    target = replace(usual.target, batches=False, environment={**usual.target.environment, **_KEEP})
    values = inputs.values[0]
    with Session(target, usual.limits) as session:
        handle = None
        if form.loader:
            (reply,) = session.ask([loading(form, name, values)])
            handle = _ok(reply)["handle"]
        call = call_of(form, name, values, handle)
        # A request for no call at all: the worker's own way there and back is then in memory.
        session.request({"op": "measure", "call": wire(call), "rounds": 0})
        at_first = held(session.child_pid)
        (took,) = _times(session, call, 1)
        after_one = held(session.child_pid)
        more = MORE_CALLS if took < _SLOW_NS else _FEW_CALLS
        _times(session, call, more)
        after_many = held(session.child_pid)
    return Memory(
        operation=operation, parameter_set=name, label=label, process_kib=at_first,
        first_kib=max(0, after_one - at_first), later_kib=max(0, after_many - after_one), calls=more,
    )  # fmt: skip


def _times(session: Session, call: Call, rounds: int) -> list[int]:
    times = _ok(session.request({"op": "measure", "call": wire(call), "rounds": rounds}))["ns"]
    return list(times)


def _ok(reply: Reply) -> Mapping[str, Any]:
    if isinstance(reply, Ok):
        return reply.values
    said = f"refused: {reply.why}" if isinstance(reply, Rejected) else f"broke: {reply}"
    raise _Lost(f"while its memory was measured, it {said}")


def held(pid: int) -> int:
    """Return the memory of its own that a process holds, KiB, counted page by page by the kernel.

    ``VmHWM`` and ``ru_maxrss`` would give the highest value directly, but the kernel keeps them by counters that may
    be off by 256 KiB a thread, more than most operations take.
    """
    try:
        found = _ANONYMOUS.search(Path(f"/proc/{pid}/smaps_rollup").read_text("ascii"))
    except OSError as error:
        raise _Lost(f"{_NOT_LINUX} ({error.strerror})") from None
    if not found:
        raise _Lost(_NOT_LINUX)
    return int(found[1])
