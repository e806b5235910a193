"""Warm-up is thrown away, and processes that differ in speed widen the interval instead of being averaged away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from pqvalidate.adapters.interface import Call, Ok, Reply
from pqvalidate.bench.inputs import inputs_for
from pqvalidate.bench.intervals import GENERATIONS, Interval, typical
from pqvalidate.bench.operations import Form
from pqvalidate.bench.timing import Timing, _Runner, time_all

NAME = "ML-KEM-768"
CALL = Call(operation="decapsulate", parameter_set=NAME, inputs={})
FORM = Form(call="decapsulate", inputs=("dk", "c"), key="expanded")
NS = 1_000_000


class Planted:
    """An implementation whose calls take as long as was planted: slow ones first in a block, processes unlike others.

    Attributes:
        slow: so many calls of each block are a hundred times slower.
        speeds: the time of a call in each process, ns; a restart goes on to the next, and after the last to the first.

    """

    measures = True

    def __init__(self, slow: int = 0, speeds: Sequence[int] = (NS,)) -> None:
        self.slow, self.speeds = slow, speeds
        self.process, self.asked = -1, 0
        self._known = {values["c"]: values["k"] for values in inputs_for(NAME).values}

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Answer rightly; a restart starts the next process."""
        del most_losses
        self.process += sum(call.operation == "restart" for call in calls)
        return [Ok({"k": self._known[call.inputs["c"]]} if call.operation == "decapsulate" else {}) for call in calls]

    def measure(self, call: Call, rounds: int, *, cpu: bool = False) -> Reply:
        """Return what was planted."""
        del call
        self.asked = rounds
        each = self.speeds[self.process % len(self.speeds)]
        times = [each * 100] * min(self.slow, rounds) + [each] * (rounds - self.slow)
        return Ok({"ns": times, "cpu_ns": times} if cpu else {"ns": times})


def test_the_first_tenth_of_a_block_warms_up_and_is_not_counted() -> None:
    iut = Planted(slow=10)
    wall, busy = _Runner(iut=iut, calls=[CALL], rounds=100).block(0)
    assert iut.asked == 110
    assert wall.tolist() == busy.tolist() == [NS] * 100


def test_what_is_slow_for_longer_than_the_warm_up_is_counted() -> None:
    wall, _ = _Runner(iut=Planted(slow=12), calls=[CALL], rounds=100).block(0)
    assert wall.tolist() == [NS * 100] * 2 + [NS] * 98


def interval(speeds: Sequence[int]) -> Interval:
    """Time an implementation of these speeds and return its typical time; more parts than the least are not made."""

    def enough(_operation: str, _timings: Mapping[str, Timing]) -> bool:
        return True

    found = time_all(
        {"it": Planted(speeds=speeds)}, NAME, {"decapsulate": {"it": FORM}}, inputs_for(NAME), 0.3, {"it": "inside"},
        enough,
    )["decapsulate"]["it"]  # fmt: skip
    assert found.why == ""
    assert len(found.generations) == GENERATIONS
    return typical(found.blocks(found.clock()))


def test_processes_of_unlike_speed_are_noisy_and_widen_the_interval_over_all_of_them() -> None:
    steady, moody = interval([NS]), interval([NS, NS * 11 // 10, NS * 12 // 10])
    assert (steady.low, steady.high) == pytest.approx((NS, NS))
    assert steady.noisy is False
    assert moody.noisy is True
    assert moody.low < NS * 1.05
    assert moody.high > NS * 1.15


def test_one_process_in_six_that_is_slower_does_not_move_the_estimate() -> None:
    found = interval([NS, NS, NS, NS * 2, NS, NS])
    assert (found.low, found.estimate, found.high) == pytest.approx((NS, NS, NS))
