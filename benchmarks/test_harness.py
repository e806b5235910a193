"""What the harness protocol costs: our processor time per call, and the speed of a campaign against the child alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pqvalidate.adapters.harness import HarnessSession, Program
from pqvalidate.adapters.interface import Call, Ok
from pqvalidate.vendors import pqcrypto

if TYPE_CHECKING:
    from typing import Literal

    from pytest_benchmark.fixture import BenchmarkFixture

CHILD = str(Path(__file__).parent / "harness_child.py")
SOURCE = str(Path(__file__).resolve().parents[1] / "src")
KEM = "ML-KEM-768"
CALLS = 5_000
REPEATS = 5
MOST_PARENT_MICROSECONDS = 5.0
LEAST_FRACTION = 0.5


def session(framing: Literal["jsonl", "binary"], *words: str) -> HarnessSession:
    command = (sys.executable, CHILD, framing, *words)
    return HarnessSession(
        Program(target="child", command=command, framing=framing, sets=(KEM,), environment={"PYTHONPATH": SOURCE})
    )


def inputs() -> tuple[bytes, bytes]:
    kem = pqcrypto.implementation(KEM)
    ek, dk = kem.keygen()  # type: ignore[attr-defined]
    return dk, kem.encapsulate(ek)[1]  # type: ignore[attr-defined]


def calls(count: int) -> list[Call]:
    dk, c = inputs()
    return [Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": dk, "c": c}) for _ in range(count)]


def ask(harness: HarnessSession, asked: list[Call]) -> None:
    assert all(isinstance(reply, Ok) for reply in harness.ask(asked))


def test_our_processor_time_for_a_call_in_a_binary_batch(benchmark: BenchmarkFixture) -> None:
    asked = calls(CALLS)
    costs: list[float] = []

    def campaign() -> None:
        before = time.process_time()
        ask(harness, asked)
        costs.append((time.process_time() - before) / CALLS * 1e6)

    with session("binary", "idle", "batch") as harness:
        ask(harness, asked[:10])  # from now on in batches
        benchmark.pedantic(campaign, rounds=REPEATS)  # type: ignore[no-untyped-call]
    benchmark.extra_info["parent us per call"] = round(min(costs), 2)
    assert min(costs) <= MOST_PARENT_MICROSECONDS


def speed_alone(count: int) -> float:
    """Return the calls per second of the child's own loop, in a process of its own."""
    environment = os.environ | {
        "PYTHONPATH": SOURCE, "PQV_ROUNDS": str(count), "PQV_INPUTS": json.dumps([data.hex() for data in inputs()]),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, CHILD, "jsonl", "sound", "alone"], env=environment, capture_output=True, text=True, check=True
    )
    return count / int(done.stdout) * 1e9


@pytest.mark.parametrize(
    ("framing", "words"), [("jsonl", ()), ("jsonl", ("batch",)), ("binary", ()), ("binary", ("batch",))]
)
def test_a_campaign_against_the_speed_of_the_child_alone(
    benchmark: BenchmarkFixture, framing: Literal["jsonl", "binary"], words: tuple[str, ...]
) -> None:
    count = CALLS // 5
    asked = calls(count)
    fractions: list[float] = []

    def campaign() -> None:
        alone = speed_alone(count)
        began = time.perf_counter()
        ask(harness, asked)
        fractions.append(count / (time.perf_counter() - began) / alone)

    with session(framing, "sound", *words) as harness:
        ask(harness, asked[:10])
        benchmark.pedantic(campaign, rounds=REPEATS)  # type: ignore[no-untyped-call]
    benchmark.extra_info["fraction of the child's speed"] = round(sorted(fractions)[len(fractions) // 2], 3)
    assert sorted(fractions)[len(fractions) // 2] >= LEAST_FRACTION
