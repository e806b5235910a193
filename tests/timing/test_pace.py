"""What hangs amid many timed calls is given up in good time; what is merely slow is neither cut off nor accused."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import pqvalidate as pqv
from pqvalidate.adapters.interface import Call, Fault, Ok, Reply
from pqvalidate.adapters.pace import Pace
from pqvalidate.suites.timing_designs import LOOKS, Bench, TimingError, until_seen

NAME = "ML-KEM-768"
MANIFEST = """
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "Waiting"
version = "1"
[attach]
kind = "python"
target = "waiting:implementation"
[claims]
conformance = ["ML-KEM-768"]
[limits]
call_seconds = {limit}
"""
VENDOR = """
import time

class Kem:
    calls = 0
    def keygen(self): return b"ek", b"dk"
    def decapsulate(self, dk, c):
        Kem.calls += 1
        time.sleep({sleep})
        return b"k"

def implementation(name): return Kem()
"""


def vendor(folder: Path, sleep: str, limit: int) -> Path:
    (folder / "waiting.py").write_text(VENDOR.format(sleep=sleep), encoding="utf-8")
    path = folder / "waiting.toml"
    path.write_text(MANIFEST.format(limit=limit), encoding="utf-8")
    return path


def measure(count: int) -> Call:
    values = [bytes([n % 256]) for n in range(count)]
    inputs = {"name": "decapsulate", "common": {"dk": b""}, "field": "c", "values": values, "planted": []}
    return Call(operation="measure", parameter_set=NAME, inputs=inputs)


def asked(manifest: Path, calls: Sequence[Call]) -> list[Reply]:
    with pqv.attach(manifest) as iut:
        return iut.ask(calls)


def test_a_hang_amid_many_calls_costs_no_more_than_the_limit_of_a_call_and_some_seconds(tmp_path: Path) -> None:
    began = time.monotonic()
    (reply,) = asked(vendor(tmp_path, "1000 if Kem.calls == 30 else 0", 1), [measure(100)])
    assert isinstance(reply, Fault)
    assert reply.kind == "timeout"
    assert time.monotonic() - began < 50  # a hundred times the limit of a call was the bound before


def test_a_slow_one_is_waited_for_beyond_the_limit_of_one_call(tmp_path: Path) -> None:
    (reply,) = asked(vendor(tmp_path, "0.2", 1), [measure(10)])
    assert isinstance(reply, Ok), reply
    assert len(reply.values["ns"]) == 10


def test_one_call_beyond_its_own_limit_is_a_timeout(tmp_path: Path) -> None:
    (reply,) = asked(vendor(tmp_path, "1000", 1), [measure(528)])
    assert isinstance(reply, Fault)
    assert reply.why == "no reply within 1 s"


def test_who_is_given_up_is_not_accused(tmp_path: Path) -> None:
    inputs = [b"a", b"b"]
    bench = Bench(NAME, "decapsulate", {"dk": b""}, "c", inputs, (inputs, inputs), random.Random(5))
    running = until_seen("null", bench, LOOKS["standard"])
    replies = asked(vendor(tmp_path, "1000 if Kem.calls > 20 else 0", 1), next(running))  # type: ignore[arg-type]
    with pytest.raises(TimingError, match="it could not be measured: no reply within"):  # an error of ours, no failure
        running.send(replies)


@pytest.mark.parametrize(
    ("seen", "allowed"),
    [
        ([], 528 * 20),
        ([0.0002], 20 + 7),  # 528 x 12 ms
        ([1.0, 0.1], 20 + 5286),  # the slowest counts
        ([30.0], 20 + 528 * 20),
    ],
)
def test_what_was_seen_bounds_what_all_may_take(seen: Sequence[float], allowed: int) -> None:
    pace, call = Pace(), measure(528)
    for seconds in seen:
        pace.note(measure(1), [round(seconds * 1e9)])
    assert pace.knows(call) == bool(seen)
    assert pace.seconds(call, 20) == allowed
