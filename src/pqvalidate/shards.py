"""Shards: a campaign cut into ranges of case numbers; its result depends on no order, number or kind of workers.

A shard is a pure function of implementation, parameter set, property, lo and hi: it begins with a fresh process of the
implementation, and case number i is a function of the seed and i alone. Where the cuts are depends on the number of
cases and on nothing else.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pqvalidate.documents import Record
from pqvalidate.evidence import CaseRecord, Outcome, StepResult, Tally, settle

SMALLEST: Final = 4096
"""Cases of a shard of a small campaign; a campaign of no more than that is not run in shards."""
FEW: Final = 32
LARGEST_OF_FEW: Final = 32_768
"""Shards are doubled up to this size while a campaign would have more than ``FEW``: each costs a start."""
MOST: Final = 4096
"""A campaign has at most so many shards, so that their records stay small whatever the number of cases."""
LOSS_LIMIT: Final = 10
"""After so many lost processes a step or a shard is given up: it has failed, and each loss may cost a time limit."""
KEPT: Final = 16
"""So many failed cases of a shard are kept whole, and as many errors; all of them are counted."""
WHOLE: Final = 512
"""So many failed cases of a campaign are handed to the report; the bundle has those of every shard."""

LETTERS: Final[dict[Outcome, str]] = {"pass": "p", "fail": "f", "error": "e", "not-applicable": "n"}
UNRECORDED: Final = "-"


class ShardRecord(Record):
    """What one shard showed: counts, a digest over the outcome of every case, and the first failures whole.

    ``digest`` is SHA-256 over one letter per case, in the order of their numbers: p(ass), f(ail), e(rror),
    n(ot applicable), or - for a case without a record. ``losses`` counts the processes that the cases have cost.
    """

    step: int
    lo: int
    hi: int
    passed: int
    failed: int
    errors: int
    unasked: int
    faults: int
    losses: int
    digest: str
    cases: tuple[CaseRecord, ...] = ()


def size(planned: int) -> int:
    """Return how many cases a shard has: 4096; up to 32,768 for 32 shards at most; more where over 4096 would be."""
    length = SMALLEST
    while planned > length * (FEW if length < LARGEST_OF_FEW else MOST):
        length *= 2
    return length


def cut(planned: int) -> Iterator[tuple[int, int]]:
    """Yield (lo, hi) of each shard, in order."""
    length = size(planned)
    for lo in range(0, planned, length):
        yield lo, min(planned, lo + length)


def is_cut(planned: int) -> bool:
    """Return whether a campaign of so many cases is run in shards."""
    return planned > SMALLEST


def record(step: int, lo: int, letters: str, faults: int, losses: int, cases: Iterable[CaseRecord]) -> ShardRecord:
    """Return the record of a shard from a letter per case, in the order of their numbers."""
    counts = Counter(letters)
    return ShardRecord(
        step=step, lo=lo, hi=lo + len(letters), passed=counts["p"], failed=counts["f"], errors=counts["e"],
        unasked=counts["n"], faults=faults, losses=losses, digest=hashlib.sha256(letters.encode()).hexdigest(),
        cases=tuple(cases),
    )  # fmt: skip


def counted(shards: Iterable[ShardRecord]) -> list[ShardRecord]:
    """Return the shards that count, in order: none after the one that reached the limit of lost processes.

    Shards of higher numbers may have been run at the same time; leaving them out makes the result that of one worker.
    """
    found: list[ShardRecord] = []
    losses = 0
    for shard in sorted(shards, key=lambda shard: shard.lo):
        found.append(shard)
        losses += shard.losses
        if losses >= LOSS_LIMIT:
            break
    return found


def is_given_up(shards: Iterable[ShardRecord]) -> bool:
    """Return whether the shards have cost so many processes that the step is given up."""
    return sum(shard.losses for shard in shards) >= LOSS_LIMIT


def result(step: int, planned: int, shards: Sequence[ShardRecord], *, not_run_because: str = "") -> StepResult:
    """Return the one result of a campaign from its shards, in whatever order they are given.

    ``cases_digest`` is SHA-256 over a line ``lo TAB hi TAB digest`` for each shard that counts, in order.
    """
    mine = counted(shards)
    lines = "".join(f"{shard.lo}\t{shard.hi}\t{shard.digest}\n" for shard in mine)
    tally = Tally(
        passed=sum(s.passed for s in mine), failed=sum(s.failed for s in mine), errors=sum(s.errors for s in mine),
        unasked=sum(s.unasked for s in mine), faults=sum(s.faults for s in mine),
        cases_digest=hashlib.sha256(lines.encode()).hexdigest(),
        first_error=_first(mine, "error"), first_unasked=_first(mine, "not-applicable"),
    )  # fmt: skip
    why = not_run_because
    if tally.recorded < planned and is_given_up(mine):
        why = f"given up after {LOSS_LIMIT} lost processes"
    return settle(step, planned, tally, not_run_because=why if tally.recorded < planned else "")


def _first(shards: Sequence[ShardRecord], outcome: Outcome) -> str:
    return next((case.why for shard in shards for case in shard.cases if case.outcome == outcome), "")
