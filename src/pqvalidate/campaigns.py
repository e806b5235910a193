"""Campaigns in shards within a run: hand them to a crew, record each finished shard, say what the steps show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from pqvalidate import shards
from pqvalidate.bundle import BundleWriter
from pqvalidate.crew import Crew, Piece
from pqvalidate.evidence import CaseRecord, StepResult
from pqvalidate.planner import Task
from pqvalidate.shards import ShardRecord
from pqvalidate.suites.tape import Numbered


def in_shards(task: Task) -> bool:
    """Return whether a task is a campaign that is run in shards."""
    return isinstance(task.cases, Numbered) and shards.is_cut(len(task.cases))


class Watch(Protocol):
    """What a run looks at while a campaign goes on."""

    def spent(self) -> str:
        """Return why to stop now, or the empty string."""

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Mark a stretch that Ctrl-C may cut off."""

    def tell(self, cases: int, what: str) -> None:
        """So many more cases are done."""


@dataclass(slots=True)
class Campaigns:
    """The campaigns of one run.

    Attributes:
        results: one for each campaign.
        failures: failed cases kept whole, those of the lowest numbers.
        stopped: why the run stopped, or the empty string.

    """

    crew: Crew
    writer: BundleWriter | None
    watch: Watch
    results: dict[int, StepResult] = field(default_factory=dict)
    failures: list[CaseRecord] = field(default_factory=list)
    stopped: str = ""
    _found: dict[int, list[ShardRecord]] = field(default_factory=dict)

    def run(self, tasks: Sequence[Task], stopped: str, interrupted: str) -> None:
        """Run campaigns side by side; shards that the bundle has already are not run again."""
        self.stopped = stopped
        for task in tasks:
            self._found[task.index] = self._earlier(task)
        if not self.stopped:
            self._carry_out([piece for task in tasks for piece in self._pieces(task)], interrupted)
        for task in tasks:
            mine = self._found.pop(task.index)
            self.results[task.index] = shards.result(task.index, len(task.cases), mine, not_run_because=self.stopped)
            kept = [case for shard in shards.counted(mine) for case in shard.cases]
            self.failures += [case for case in kept if case.outcome != "not-applicable"][: shards.WHOLE]

    def _earlier(self, task: Task) -> list[ShardRecord]:
        mine = self.writer.shards.get(task.index, []) if self.writer else []
        planned = dict(shards.cut(len(task.cases)))
        found = {shard.lo: shard for shard in mine if planned.get(shard.lo) == shard.hi}
        for shard in found.values():
            self.watch.tell(shard.hi - shard.lo, _what(task))
        kept = list(found.values())
        _bound(kept)
        return kept

    def _pieces(self, task: Task) -> list[Piece]:
        done = {shard.lo for shard in self._found[task.index]}
        return [
            Piece(task=task, lo=lo, hi=hi, shard=(lo, hi))
            for lo, hi in shards.cut(len(task.cases))
            if lo not in done
        ]  # fmt: skip

    def _carry_out(self, pieces: Sequence[Piece], interrupted: str) -> None:
        news = self.crew.news(self._not_given_up(pieces))
        while not self.stopped:
            try:
                with self.watch.heeded():
                    heard = next(news, None)
            except KeyboardInterrupt:
                self.stopped = interrupted
                return
            if heard is None:
                return
            if heard.shard:
                if self.writer:
                    self.writer.add_shard(heard.shard)
                mine = self._found[heard.shard.step]
                mine.append(heard.shard)
                if heard.shard.cases:
                    _bound(mine)
            self.watch.tell(heard.cases, heard.what)
            self.stopped = self.watch.spent()

    def _not_given_up(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        """Yield pieces as they are taken, but none behind shards that have cost too many processes: it would not count.

        What lower shards have cost is a part of what all shards before this one will have cost in the end.
        """
        for piece in pieces:
            lower = [shard for shard in self._found[piece.task.index] if shard.losses and shard.lo < piece.lo]
            if not shards.is_given_up(lower):
                yield piece


def _bound(mine: list[ShardRecord]) -> None:
    """Drop the data of failures that no report will show, so that memory stays flat; the bundle has them."""
    mine.sort(key=lambda shard: shard.lo)
    whole = 0
    for number, shard in enumerate(mine):
        if whole >= shards.WHOLE and any(case.data for case in shard.cases):
            firsts = {case.outcome: case for case in reversed(shard.cases)}
            mine[number] = replace(shard, cases=tuple(replace(case, data={}) for case in firsts.values()))
        whole += len(shard.cases)


def _what(task: Task) -> str:
    return f"{task.asking.parameter_set} {task.check.name}"
