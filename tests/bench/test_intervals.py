"""Intervals: they hold what was planted, drift falls out, and disagreement between generations widens them."""

from __future__ import annotations

import numpy as np
import pytest

from pqvalidate.bench.intervals import Floats as Blocks
from pqvalidate.bench.intervals import Interval, ratio, student, typical

# Two-sided 95 % points of Student's t, from its tables.
TABLE = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 19: 2.093, 60: 2.000}


def generations(
    generator: np.random.Generator, *, centre: float = 1000.0, noise: float = 0.03, between: float = 0.0, count: int = 6
) -> list[Blocks]:
    """Return what a machine with that much noise within and between generations would show."""
    return [
        centre * np.exp(generator.normal(0, between)) * np.exp(generator.normal(0, noise, (12, 2)))
        for _ in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(("degrees", "expected"), TABLE.items())
def test_the_points_of_students_t_are_those_of_the_tables(degrees: int, expected: float) -> None:
    assert student(degrees) == pytest.approx(expected, rel=0.04)


def test_the_interval_of_a_ratio_holds_the_truth_in_nine_of_ten_cases_and_more() -> None:
    for mean in (False, True):
        held = 0
        for seed in range(100):
            generator = np.random.default_rng(seed)
            found = ratio(generations(generator, centre=1050), generations(generator), mean=mean)
            held += found.low <= 1.05 <= found.high
        assert held >= 90


def test_it_holds_the_truth_where_each_process_has_a_speed_of_its_own() -> None:
    held = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        mine, theirs = (generations(generator, noise=0.01, between=0.02) for _ in range(2))
        found = ratio(mine, theirs)
        held += found.low <= 1 <= found.high
    assert held >= 90


def test_one_disturbed_generation_in_six_neither_moves_nor_spoils_the_interval() -> None:
    held, widest = 0, 0.0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        mine, theirs = (generations(generator, noise=0.01, between=0.003) for _ in range(2))
        mine[seed % 6] *= 1.3
        found = ratio(mine, theirs)
        held += found.low <= 1 <= found.high
        widest = max(widest, found.high / found.low)
    assert held >= 90
    assert widest < 1.08


def test_a_drift_that_both_share_falls_out_of_the_ratio() -> None:
    drift = np.linspace(1, 2, 20).reshape(5, 2, 2)  # times of A B B A grow from round to round
    mine, theirs = [drift * 100], [drift * 50]
    found = ratio(mine[0], theirs[0])  # type: ignore[arg-type]
    assert (found.low, found.high) == pytest.approx((2, 2))


def test_one_disturbed_round_in_four_does_not_move_the_ratio() -> None:
    generator = np.random.default_rng(1)
    mine, theirs = generations(generator), generations(generator)
    quiet = ratio(mine, theirs)
    for part in mine:
        part[:2] *= 10
    assert ratio(mine, theirs).estimate == pytest.approx(quiet.estimate, rel=0.02)


def test_generations_that_disagree_widen_the_interval_and_say_so() -> None:
    generator = np.random.default_rng(1)
    mine, theirs = generations(generator, noise=0.005), generations(generator, noise=0.005)
    quiet = ratio(mine, theirs)
    wide = ratio([part * factor for part, factor in zip(mine, (1, 1.2, 1, 0.9, 1.1, 0.95), strict=True)], theirs)
    assert (quiet.noisy, wide.noisy) == (False, True)
    assert wide.high / wide.low > 1.1 > quiet.high / quiet.low


def test_a_typical_time_lies_within_its_interval_in_nanoseconds() -> None:
    found = typical(generations(np.random.default_rng(1)))
    assert found.low < found.estimate < found.high
    assert found.estimate == pytest.approx(1000, rel=0.02)


def test_a_quotient_of_two_intervals_is_wider_than_each_and_an_inverse_turns_it_over() -> None:
    one = Interval(estimate=1.0, low=0.95, high=1.05, noisy=False)
    over = one.over(one)
    assert over.estimate == 1
    assert over.high / over.low > one.high / one.low
    turned = Interval(estimate=2.0, low=1.6, high=2.5, noisy=True).inverse()
    assert (turned.low, turned.estimate, turned.high, turned.noisy) == pytest.approx((0.4, 0.5, 0.625, True))
