"""The statistics bear tails that are a thousand times wider than the difference, and accuse no stream without one."""

from __future__ import annotations

import math
import random

from pqvalidate.suites.timing_designs import DESIGNS, ENCAPSULATION_DESIGNS, ERROR_RATE, LOOKS, THRESHOLD
from pqvalidate.suites.timing_statistics import TESTS, look, sign_test, trimmed_test


def stream(seed: int, count: int, shift: float) -> list[float]:
    """Return differences like measured ones: a narrow middle, and one value in twenty from a very wide tail."""
    drawn = random.Random(seed)
    return [drawn.gauss(shift, 400_000 if drawn.random() < 0.05 else 700) for _ in range(count)]


def test_the_threshold_shares_the_error_rate_among_all_that_is_looked_at() -> None:
    looks = max(len(sizes) for sizes in LOOKS.values())
    designs = len(DESIGNS) + len(ENCAPSULATION_DESIGNS)
    assert math.isclose(THRESHOLD * looks * designs * len(TESTS), ERROR_RATE)


def test_a_difference_of_a_fifth_of_the_spread_is_found_under_heavy_tails() -> None:
    for seed in range(20):
        found = look(stream(seed, 2048, 150))
        assert found.p_values[0] < THRESHOLD or found.p_values[1] < THRESHOLD
        assert found.low < 150 < found.high or abs(found.median - 150) < 100


def test_streams_without_a_difference_are_below_a_level_as_often_as_it_says() -> None:
    looked = [look(stream(seed, 1000, 0)) for seed in range(400)]
    for number in range(len(TESTS)):
        below = sum(found.p_values[number] < 0.05 for found in looked)
        assert 5 <= below <= 40  # expected 20; both bounds lie four standard deviations away
        assert min(found.p_values[number] for found in looked) > THRESHOLD


def test_the_sign_test_leaves_ties_out_and_is_symmetric() -> None:
    assert sign_test([0.0] * 100) == 1.0
    assert sign_test([1.0] * 40 + [-1.0] * 60) == sign_test([-1.0] * 40 + [1.0] * 60 + [0.0] * 500)
    assert sign_test([1.0] * 100) < 1e-20


def test_the_trimmed_test_knows_streams_without_any_spread() -> None:
    assert trimmed_test([0.0] * 50) == 1.0
    assert trimmed_test([3.0] * 50) == 0.0


def test_the_bounds_hold_the_median() -> None:
    found = look([float(n) for n in range(-500, 501)])
    assert (found.low, found.median, found.high) == (
        -32.0,
        0.0,
        32.0,
    )  # 1.96 * sqrt(1001) / 2 = 31.005, rounded outwards
