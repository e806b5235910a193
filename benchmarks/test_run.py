"""What the harness costs: known-answer cases through the whole pipeline against a bare loop of the same calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.vectors_run import bare_loop

from pqvalidate.adapters.attach import attach, table_for
from pqvalidate.adapters.interface import Call
from pqvalidate.planner import Planned, Selection, Task, make_plan
from pqvalidate.runner import run
from pqvalidate.suites import Asking, all_checks
from pqvalidate.vendors import pycryptodome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from pqvalidate.adapters.attach import Implementation
    from pqvalidate.adapters.interface import Value

SEED = "00" * 16
KNOWN_ANSWERS = tuple(
    check.name for check in all_checks() if check.suite == "known-answer" and "accumulated" not in check.name
)


def planned(iut: Implementation, only: tuple[str, ...] = KNOWN_ANSWERS) -> Planned:
    """Return the plan of all published ACVP, Wycheproof and CCTV cases."""
    return make_plan(iut.subject, Selection(seed=SEED, only=only))


def first_call(task: Task, case: object) -> Call:
    """Return the one call that a known-answer case makes."""
    (call,) = next(task.check.script(case, task.asking))
    assert isinstance(call, Call)
    return call


@pytest.fixture(scope="module")
def iut() -> Iterator[Implementation]:
    """Attach pycryptodome once."""
    with attach("pycryptodome") as implementation:
        yield implementation


def bare_calls(plan: Planned) -> list[tuple[str, str, list[Value]]]:
    """Return parameter set, operation and arguments of every call of the plan."""
    found = []
    for task in plan.tasks:
        for case in task.cases:
            call = first_call(task, case)
            operation = table_for(call.parameter_set)[call.operation]
            inputs = dict(call.inputs)
            for name in operation.optional:
                inputs.setdefault(name, b"" if name == "context" else bytes(32))
            found.append((call.parameter_set, call.operation, [inputs[name] for name in operation.inputs]))
    return found


def test_known_answers_cost_little_beside_the_calls_themselves(
    benchmark: BenchmarkFixture, iut: Implementation
) -> None:
    plan = planned(iut)
    calls = bare_calls(plan)
    bare_loop(calls[:200], pycryptodome)
    bare = bare_loop(calls, pycryptodome)
    evidence, failures = benchmark(run, iut, plan, iut.subject, None)
    assert benchmark.stats is not None
    assert not [case for case in failures if case.outcome != "pass"]
    assert evidence.status == "complete"
    benchmark.extra_info |= {
        "cases": len(calls), "bare loop s": round(bare, 3), "ratio": round(benchmark.stats.stats.median / bare, 3),
    }  # fmt: skip


def test_planning(benchmark: BenchmarkFixture, iut: Implementation) -> None:
    plan = benchmark(planned, iut)
    assert plan.tasks


def test_making_the_cases_of_one_parameter_set(benchmark: BenchmarkFixture, iut: Implementation) -> None:
    asking = Asking(
        parameter_set="ML-KEM-768", depth="standard", seed=bytes(16), operations=iut.operations["ML-KEM-768"]
    )
    checks = [check for check in all_checks() if check.name in KNOWN_ANSWERS and check.algorithm == "ML-KEM"]
    counted = benchmark(lambda: sum(len(check.cases(asking)) for check in checks))
    assert counted > 2_000
