"""Typical times and ratios with 95 % intervals that hold on noisy machines: they widen rather than lie.

A run has several generations, each with processes started anew, because where a process happens to lie in memory can
make it some per cent slower for all its life. In each, the implementations are timed in rounds: A B C C B A, so that a
steady drift falls out of a ratio. The interval is the wider of two: a bootstrap over all rounds, and what the spread of
the generations allows to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

PPM = 1_000_000
GENERATIONS = 6
"""Least number of generations: few enough to be quick, and one of them may be disturbed."""

_RESAMPLED = 1000
_TRIM = 0.25
_LEVEL = (2.5, 97.5)
_NOISY = 2.5
_FEWEST = 4
_CHOICE = 1.15
"""Taking the shorter of two intervals makes it too short; so much longer it holds the truth as often as it says."""
_NOTEWORTHY = 0.01
_NORMAL = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its 95 % interval; ``noisy`` where the generations differ more than their rounds explain."""

    estimate: float
    low: float
    high: float
    noisy: bool

    def inverse(self) -> Interval:
        """Return the interval of one over the quantity."""
        return Interval(estimate=1 / self.estimate, low=1 / self.high, high=1 / self.low, noisy=self.noisy)

    def over(self, other: Interval) -> Interval:
        """Return the interval of this quantity over an independent one."""
        half = np.hypot(_half(self), _half(other))
        centre = self.estimate / other.estimate
        return Interval(
            estimate=centre, low=float(centre * np.exp(-half)), high=float(centre * np.exp(half)),
            noisy=self.noisy or other.noisy,
        )  # fmt: skip


def _half(of: Interval) -> float:
    return float(np.log(of.high / of.low) / 2)


def student(degrees: int) -> float:
    """Return the two-sided 95 % point of Student's t, within 2 % of the tables from 2 degrees of freedom on."""
    n = max(degrees, 2)
    return _NORMAL + 2.37 / n + 2.8 / n**2 + 2.5 / n**3


def ratio(mine: Sequence[Floats], theirs: Sequence[Floats], *, mean: bool = False) -> Interval:
    """Return the ratio of two implementations' times.

    Args:
        mine: per generation, an array (rounds, 2): the typical time of each of the two blocks of a round.
        theirs: the same of the reference, from the same rounds.
        mean: compare sums instead of typical times, for operations whose time is a matter of luck.

    """
    if mean:
        return _of_sums(mine, theirs)
    logs = [(np.log(a) - np.log(b)).mean(axis=1) for a, b in zip(mine, theirs, strict=True)]
    return _exponential(logs)


def typical(mine: Sequence[Floats], *, mean: bool = False) -> Interval:
    """Return the typical time of an implementation; arguments as for ``ratio``."""
    if mean:
        return _of_sums(mine, [np.ones_like(block) for block in mine])
    return _exponential([np.log(block).mean(axis=1) for block in mine])


def _exponential(logs: Sequence[Floats]) -> Interval:
    centre = _trimmed(np.concatenate(logs)[None])[0]
    drawn = _resampled(logs)
    low, high = np.percentile(_trimmed(drawn), _LEVEL)
    return _widened(centre, (low, high), [float(_trimmed(part[None])[0]) for part in logs], drawn.shape[1])


def _of_sums(mine: Sequence[Floats], theirs: Sequence[Floats]) -> Interval:
    pairs = [
        np.stack([a.sum(axis=1), b.sum(axis=1)], axis=1) for a, b in zip(mine, theirs, strict=True)
    ]  # fmt: skip
    whole = np.concatenate(pairs).sum(axis=0)
    sums = _resampled(pairs).sum(axis=1)
    low, high = np.percentile(np.log(sums[:, 0] / sums[:, 1]), _LEVEL)
    parts = [float(np.log(part[:, 0].sum() / part[:, 1].sum())) for part in pairs]
    return _widened(float(np.log(whole[0] / whole[1])), (low, high), parts, sum(map(len, pairs)))


def _trimmed(rows: Floats) -> Floats:
    """Return the mean of each row without its lowest and highest quarter: a disturbed round has no say."""
    cut = int(rows.shape[1] * _TRIM)
    kept: Floats = np.sort(rows, axis=1)[:, cut : rows.shape[1] - cut].mean(axis=1)
    return kept


def _resampled(parts: Sequence[Any]) -> Any:  # noqa: ANN401  (rounds of numbers, or of pairs of them)
    values = np.concatenate(parts)
    generator = np.random.default_rng(1)  # the same samples give the same interval
    return values[generator.integers(len(values), size=(_RESAMPLED, len(values)))]


def _between(parts: Sequence[float]) -> float:
    """Return how far the generations allow to be off: half the usual interval, or half that without the extremes.

    The second (Tukey and McLaughlin: trimmed mean, winsorised variance) is the shorter one where one generation was
    disturbed and the others agree.
    """
    count = len(parts)
    if count < _FEWEST:
        return 0.0
    usual = float(np.std(parts, ddof=1)) / count**0.5 * student(count - 1)
    ordered = np.sort(np.array(parts))
    cut = max(1, count // GENERATIONS)
    ordered[:cut], ordered[-cut:] = ordered[cut], ordered[-cut - 1]
    kept = (count - 2 * cut) / count
    trimmed = float(np.std(ordered, ddof=1)) / (kept * count**0.5) * student(count - 2 * cut - 1)
    return float(_CHOICE * min(usual, trimmed))


def _widened(centre: float, drawn: tuple[float, float], parts: Sequence[float], rounds: int) -> Interval:
    """Return the wider of the bootstrap's interval, corrected for few rounds, and that of the generations."""
    half = float(drawn[1] - drawn[0]) / 2 * student(rounds - 1) / _NORMAL
    between = _between(parts)
    widest = max(half, between)
    return Interval(
        estimate=float(np.exp(centre)), low=float(np.exp(centre - widest)), high=float(np.exp(centre + widest)),
        noisy=between > max(_NOISY * half, _NOTEWORTHY),
    )  # fmt: skip
