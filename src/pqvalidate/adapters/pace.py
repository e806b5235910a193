"""How long many timed calls in one message may take: so many times what one of them took, seen beforehand.

The limit of one call, 20 s as a rule, is far more than most calls take. Granted to each of five hundred it would let an
implementation that hangs in their midst hold up a run for hours. The slack is wide, because a machine may become busy
meanwhile; and who takes longer nevertheless is not accused: the measurement then shows nothing, and a claim on timing
stays open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pqvalidate.adapters.interface import Call

_TIMES = 10
_SLACK_SECONDS = 0.01
"""For each call: on a busy machine a process may wait that long for its turn, and a planted difference takes time."""


class Pace:
    """What one call of each operation took, as far as it was seen."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}

    def knows(self, call: Call) -> bool:
        """Return whether it was seen what one call of a request ``measure`` takes."""
        return _key(call) in self._seen

    def note(self, call: Call, times: Sequence[int]) -> None:
        """Note the nanoseconds that the calls of a request ``measure`` took; the slowest mean that was seen counts."""
        each = sum(times) / len(times) / 1e9
        self._seen[_key(call)] = max(each, self._seen.get(_key(call), 0.0))

    def seconds(self, call: Call, limit: int) -> int:
        """Return how many seconds a request ``measure`` may take in all.

        Args:
            call: the request; its inputs hold the ``values``, one for each call.
            limit: seconds that a single call may take, which is what each is granted as long as nothing was seen.

        """
        count = len(call.inputs["values"])
        seen = self._seen.get(_key(call))
        each = limit if seen is None else min(limit, _TIMES * seen + _SLACK_SECONDS)
        return limit * (seen is not None) + math.ceil(count * each)


def _key(call: Call) -> tuple[str, str]:
    return call.parameter_set, call.inputs["name"]
