"""Statistics of paired execution times: two tests that bear heavy tails, and the size of a difference with its bounds.

Times of single calls have tails a thousand times wider than the differences that matter, so that the mean of a raw
sample (Welch's test) finds nothing in forty thousand calls. Both tests here look at pairs that were measured side by
side, and neither is moved by a few huge values. The sign test is the primary one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_TRIMMED = 0.2
"""The share of pairs that the second test leaves out at each end (Yuen)."""
_NORMAL_95 = 1.959964
TESTS = ("sign test", "trimmed paired t test")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at pairs shows: p-values by test, and the median difference in ns with its 95 % bounds."""

    pairs: int
    p_values: tuple[float, float]
    median: float
    low: float
    high: float

    @property
    def smallest(self) -> float:
        """The smaller of the two p-values."""
        return min(self.p_values)

    def text(self) -> str:
        """Return the figures in words."""
        return (
            f"median difference {self.median:+.0f} ns [{self.low:+.0f}, {self.high:+.0f}] in {self.pairs} pairs"
            f" (p = {self.smallest:.1e})"
        )


def look(differences: Sequence[float]) -> Looked:
    """Return what paired differences in nanoseconds show; at least ten are needed."""
    ordered = sorted(differences)
    count = len(ordered)
    reach = _NORMAL_95 * math.sqrt(count) / 2
    centre = (count - 1) / 2
    low, high = max(0, math.floor(centre - reach)), min(count - 1, math.ceil(centre + reach))
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return Looked(count, (sign_test(differences), trimmed_test(ordered)), middle, ordered[low], ordered[high])


def sign_test(differences: Sequence[float]) -> float:
    """Return the two-sided p-value for as many positive as negative differences; zeros are left out."""
    above, below = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    count = above + below
    if not count:
        return 1.0
    return _two_sided(max(0.0, abs(above - below) - 1) / math.sqrt(count))


def trimmed_test(ordered: Sequence[float]) -> float:
    """Return the two-sided p-value for a trimmed mean of zero (Yuen 1974, paired); ``ordered`` is sorted."""
    count = len(ordered)
    cut = int(_TRIMMED * count)
    kept = ordered[cut : count - cut]
    mean = sum(kept) / len(kept)
    floor, ceiling = kept[0], kept[-1]
    wins = [min(max(value, floor), ceiling) for value in ordered]
    centre = sum(wins) / count
    variance = sum((value - centre) ** 2 for value in wins) / (count - 1)
    if variance == 0:
        return 1.0 if mean == 0 else 0.0
    error = math.sqrt(variance / count) / (1 - 2 * _TRIMMED)
    return _two_sided(mean / error)


def _two_sided(deviations: float) -> float:
    return math.erfc(abs(deviations) / math.sqrt(2))
