"""How long a run will take: calls per case from a recorded table, times the speed of this implementation and host.

The table (``costs.json``) is made by ``make costs`` with real implementations: for every check the calls that one case
makes, the work of this package for it, and the work of its controls. That work is counted in units of a fixed
computation, so that the table holds on other machines.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, Protocol

from pqvalidate import shards
from pqvalidate.adapters.interface import Call, Ok, Operation, Reply, table_for
from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.documents import Record
from pqvalidate.oracle import mlkem
from pqvalidate.planner import Planned, Task
from pqvalidate.scheduler import Asked

TABLE: Final = "costs.json"
_ROUNDS = 6
_OVERLAP_FROM = 512
"""From so many cases on, this package and the implementation work at the same time (``scheduler``)."""
_HEAVIER = {"ML-KEM-512": 0.7, "ML-KEM-1024": 1.4, "ML-DSA-44": 0.75, "ML-DSA-87": 1.4, "Kyber-512": 0.7,
            "Kyber-1024": 1.4, "Dilithium2": 0.75, "Dilithium5": 1.4}  # fmt: skip
"""Work of this package beside that for the middle parameter set, where the table was recorded."""


_MORE_PAIRS = 2.2
"""Pairs of a comparison of times at depth full beside those at standard, with its null stream and planted delays."""


class Cost(Record):
    """What one case of a check costs.

    Attributes:
        calls: calls per case by operation; ``restart`` counts new processes.
        host: work of this package per case, in units.
        control: work of the check's controls by depth, in units.

    """

    calls: dict[str, float]
    host: float
    control: dict[str, float]


class Measured(Asked, Protocol):
    """An attached implementation, as far as an estimate needs it."""

    @property
    def operations(self) -> Mapping[str, frozenset[str]]:
        """Operations by parameter set."""


@cache
def costs() -> dict[str, Cost]:
    """Return the recorded table, by check."""
    table = json.loads(files("pqvalidate").joinpath(TABLE).read_text(encoding="utf-8"))
    return {name: Cost(**row) for name, row in table.items()}


def unit() -> float:
    """Return the seconds that this machine needs for the fixed computation: 64 key generations of ML-KEM-768."""
    seeds = [bytes([number]) * 64 for number in range(64)]
    times = []
    for _ in range(4):
        before = time.perf_counter()
        mlkem.keygen("ML-KEM-768", seeds)
        times.append(time.perf_counter() - before)
    return min(times)


def estimate(planned: Planned, iut: Measured) -> float:
    """Return the expected duration of a run in seconds, within a factor of two on an idle machine.

    It makes a few calls of every operation that the implementation offers, to learn its speed.
    """
    here, restart = unit(), _start_of(iut, planned.plan.parameter_sets[0])
    speeds = {name: speeds_of(iut, name) for name in planned.plan.parameter_sets}
    total, seen = restart, set[str]()
    for task in planned.tasks:
        cost = costs().get(task.check.name)
        if cost is None:
            continue
        name = task.asking.parameter_set
        theirs = len(task.cases) * _theirs(cost, speeds[name], restart) * _longer(task) + _shards(task) * restart
        ours = len(task.cases) * cost.host * _longer(task) * here * _HEAVIER.get(name, 1.0)
        total += max(theirs, ours) if len(task.cases) >= _OVERLAP_FROM else theirs + ours
        if task.check.name not in seen:
            seen.add(task.check.name)
            depth = "quick" if task.asking.depth == "quick" else "standard"
            total += cost.control.get(depth, 0.0) * here * _HEAVIER.get(name, 1.0)
    return total


def _shards(task: Task) -> int:
    """Return how many shards a task is run in; each begins with a new process of the implementation."""
    planned = len(task.cases)
    return -(-planned // shards.size(planned)) if shards.is_cut(planned) else 0


def _longer(task: Task) -> float:
    """Return how much longer a case takes at this depth than at depth standard: those that compare times look again."""
    return _MORE_PAIRS if task.asking.depth == "full" and "env:measure" in task.check.needs[0] else 1.0


def _start_of(iut: Measured, name: str) -> float:
    """Return the seconds until a new process of the implementation has answered its first call."""
    before = time.perf_counter()
    first = next((op for op in ("keygen", "keygen_from_seed") if op in iut.operations[name]), "")
    inputs = {"seed": bytes(PARAMETER_SETS[name].seed)} if first == "keygen_from_seed" else {}
    iut.ask([Call(operation=op, parameter_set=name, inputs=inputs) for op in ("restart", first) if op])
    return time.perf_counter() - before


def _theirs(cost: Cost, speeds: Mapping[str, float], restart: float) -> float:
    return sum(
        count * (restart if operation == "restart" else _speed(speeds, operation))
        for operation, count in cost.calls.items()
    )


def _speed(speeds: Mapping[str, float], operation: str) -> float:
    """Return the seconds of one call; an operation that is not offered counts like its likes that are."""
    if operation in speeds:
        return speeds[operation]
    alike = [seconds for name, seconds in speeds.items() if kind_of(name) == kind_of(operation)]
    return sum(alike) / len(alike) if alike else 0.0


def kind_of(operation: str) -> str:
    """Return the word before the first underscore, which is what an operation does."""
    return operation.partition("_")[0]


def speeds_of(iut: Measured, name: str) -> dict[str, float]:
    """Return seconds per call of each operation that ``iut`` offers for a parameter set, with honest inputs."""
    row = PARAMETER_SETS[name]
    known: dict[str, Any] = {
        "seed": bytes(range(row.seed)), "m": bytes(32), "rnd": bytes(32), "mu": bytes(64), "message": bytes(64),
        "m_prime": bytes(66), "hash": next((o[5:] for o in iut.operations[name] if o.startswith("hash:")), "SHA2-512"),
    }  # fmt: skip
    found: dict[str, float] = {}
    for operation, inputs in _in_order(iut, name, known):
        call = Call(operation=operation, parameter_set=name, inputs=inputs)
        before = time.perf_counter()
        replies = iut.ask([call] * _ROUNDS)
        found[operation] = (time.perf_counter() - before) / _ROUNDS
        known |= _values(replies)
    return found


def _in_order(iut: Measured, name: str, known: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation once its inputs are known: what one returns is what another needs."""
    table = table_for(name)
    waiting = [op for op in table if op in iut.operations[name] and not op.startswith("load")]
    while ready := [op for op in waiting if _needed(table, op) <= known.keys()]:
        yield ready[0], {field: known[field] for field in _needed(table, ready[0])}
        waiting.remove(ready[0])


def _needed(table: Mapping[str, Operation], operation: str) -> set[str]:
    return set(table[operation].inputs) - set(table[operation].optional)


def _values(replies: Sequence[Reply]) -> dict[str, Any]:
    return dict(replies[-1].values) if replies and isinstance(replies[-1], Ok) else {}
