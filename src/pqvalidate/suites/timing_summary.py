"""What a comparison of execution times keeps in its record: whole numbers of nanoseconds, enough to draw it, bounded.

Single times are not kept. Quantiles and a histogram of both classes are some hundred numbers whatever the number of
pairs; the record holds no float (ADR 4), and p-values are decimal strings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from pqvalidate.suites.timing_statistics import Looked

_BINS = 60
_NORMAL_95 = 1.959964
PERCENTS = (1, 2, *range(5, 100, 5), 98, 99)
"""Quantiles that are kept, in percent."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A planted difference that was noticed: turns of an empty loop, and what the look at it showed."""

    turns: int
    seen: Looked


def figures(operation: str, first: Sequence[int], second: Sequence[int], found: Looked, planted: Planted | None) -> str:
    """Return the figures of one comparison as the text of a JSON object.

    Args:
        operation: what was timed.
        first: nanoseconds of the calls of the first class, in the order of the pairs.
        second: those of the second class.
        found: what the last look at the pairs showed.
        planted: the smallest planted difference that was noticed in the same run, if any was.

    """
    one, other = sorted(first), sorted(second)
    begin, width = _bins(one, other)
    kept = {
        "operation": operation,
        "pairs": found.pairs,
        "median_ns": round(found.median),
        "low_ns": math.floor(found.low),
        "high_ns": math.ceil(found.high),
        "p_sign": f"{found.p_values[0]:.1e}",
        "p_trimmed": f"{found.p_values[1]:.1e}",
        "planted_ns": round(planted.seen.median) if planted else None,
        "typical_ns": one[len(one) // 2],
        "percents": list(PERCENTS),
        "first_ns": [_quantile(one, percent) for percent in PERCENTS],
        "second_ns": [_quantile(other, percent) for percent in PERCENTS],
        "differences": [_difference(one, other, percent) for percent in PERCENTS],
        "bins_from_ns": begin,
        "bin_ns": width,
        "first_bins": _counts(one, begin, width),
        "second_bins": _counts(other, begin, width),
    }
    return json.dumps(kept, separators=(",", ":"))


def _quantile(ordered: Sequence[int], percent: int) -> int:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _difference(one: Sequence[int], other: Sequence[int], percent: int) -> list[int]:
    """Return second minus first class at a quantile, with the bounds that the ranks of both allow (95 %, wide)."""
    (low, middle, high), (low_other, middle_other, high_other) = (_ranked(row, percent) for row in (one, other))
    spread = math.isqrt((middle - low) ** 2 + (high_other - middle_other) ** 2)
    below = math.isqrt((high - middle) ** 2 + (middle_other - low_other) ** 2)
    centre = middle_other - middle
    return [centre - below, centre, centre + spread]


def _ranked(ordered: Sequence[int], percent: int) -> tuple[int, int, int]:
    """Return a quantile between its bounds, which follow from the binomial distribution of its rank."""
    count, share = len(ordered), percent / 100
    reach = _NORMAL_95 * math.sqrt(count * share * (1 - share))
    low, high = max(0, math.floor(count * share - reach)), min(count - 1, math.ceil(count * share + reach))
    return ordered[low], _quantile(ordered, percent), ordered[high]


def _bins(one: Sequence[int], other: Sequence[int]) -> tuple[int, int]:
    """Return where the histogram begins and how wide a bin is: the narrow middle of both, without the long tail."""
    begin = min(_quantile(one, 1), _quantile(other, 1))
    end = max(2 * _quantile(row, 75) - _quantile(row, 25) for row in (one, other))
    return begin, max(1, -(-(end - begin + 1) // _BINS))


def _counts(ordered: Sequence[int], begin: int, width: int) -> list[int]:
    counts = [0] * _BINS
    for value in ordered:
        if 0 <= (place := (value - begin) // width) < _BINS:
            counts[place] += 1
    return counts
