"""How many instances per second the oracle works out, in batches of 256 and one at a time.

The figure of each benchmark is the time for ``batch`` instances; ``extra_info`` holds the aim in instances per second.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pqvalidate.algorithms import ML_DSA, ML_KEM, parameter_set
from pqvalidate.oracle import mldsa, mlkem

BATCH = 256
AIMS = {
    ("ML-KEM-768", "encapsulate"): 1500,
    ("ML-KEM-768", "decapsulate"): 1500,
    ("ML-DSA-65", "verify"): 500,
    ("ML-DSA-65", "sign"): 100,
}
OPERATIONS = [
    *((name, operation) for name in ML_KEM for operation in ("keygen", "encapsulate", "decapsulate")),
    *((name, operation) for name in ML_DSA for operation in ("keygen", "sign", "verify")),
]


def call(name: str, operation: str, count: int) -> Callable[[], object]:
    """Return the operation on ``count`` instances with a key of its own each."""
    seeds = [i.to_bytes(parameter_set(name).seed, "big") for i in range(count)]
    ms = [i.to_bytes(32, "big") for i in range(count)]
    if name in ML_KEM:
        pairs = mlkem.keygen(name, seeds)
        eks, dks = [ek for ek, _ in pairs], [dk for _, dk in pairs]
        cs = [c for _, c in mlkem.encapsulate(name, eks, ms)]
        return {
            "keygen": lambda: mlkem.keygen(name, seeds),
            "encapsulate": lambda: mlkem.encapsulate(name, eks, ms),
            "decapsulate": lambda: mlkem.decapsulate(name, dks, cs),
        }[operation]
    pairs = mldsa.keygen(name, seeds)
    pks, sks = [pk for pk, _ in pairs], [sk for _, sk in pairs]
    signatures = mldsa.sign(name, sks, ms)
    return {
        "keygen": lambda: mldsa.keygen(name, seeds),
        "sign": lambda: mldsa.sign(name, sks, ms),
        "verify": lambda: mldsa.verify(name, pks, ms, signatures),
    }[operation]


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
@pytest.mark.parametrize("count", [1, BATCH])
def test_oracle(benchmark: BenchmarkFixture, name: str, operation: str, count: int) -> None:
    work = call(name, operation, count)
    benchmark.extra_info["batch"] = count
    aim = AIMS.get((name, operation), 0) if count == BATCH else 0
    benchmark.extra_info["aim_per_second"] = aim
    benchmark(work)
    if benchmark.stats is not None and aim:  # None where benchmarks are switched off and run once as tests
        assert count / benchmark.stats.stats.min >= aim
