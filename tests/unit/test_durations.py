"""The expected duration of a run: every check has recorded costs, and the parts add up as they should."""

from __future__ import annotations

from pqvalidate.adapters.attach import attach
from pqvalidate.durations import costs, estimate, kind_of, speeds_of
from pqvalidate.planner import Selection, make_plan
from pqvalidate.report.plan_text import duration
from pqvalidate.suites import all_checks, checks_on_claim


def test_every_check_has_recorded_costs_and_no_other() -> None:
    there = {check.name for check in (*all_checks(), *checks_on_claim()) if not check.name.endswith("/accumulated")}
    assert set(costs()) == there


def test_speeds_are_those_of_the_operations_offered() -> None:
    with attach("pycryptodome") as iut:
        speeds = speeds_of(iut, "ML-KEM-512")
        assert set(speeds) == {op for op in iut.operations["ML-KEM-512"] if kind_of(op) in KINDS and "." not in op}
    assert all(0 < seconds < 5 for seconds in speeds.values())


KINDS = {"keygen", "encapsulate", "decapsulate", "check"}


def test_more_is_expected_to_take_longer() -> None:
    with attach("pycryptodome") as iut:
        expected = [
            estimate(make_plan(iut.subject, Selection(depth=depth, seed="00", parameter_sets=("ML-KEM-512",))), iut)
            for depth in ("quick", "standard", "full")
        ]
    assert expected[0] < expected[1] < expected[2] / 10


def test_durations_are_said_in_the_usual_unit() -> None:
    assert [duration(n) for n in (1, 59, 119, 120, 3600, 7300)] == [
        "1 second", "59 seconds", "119 seconds", "2 minutes", "60 minutes", "2 hours",
    ]  # fmt: skip
