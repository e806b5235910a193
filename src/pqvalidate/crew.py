"""Who does the work of shards: this process alone, or workers behind the interface of ``concurrent.futures``.

A worker that dies costs its own shard another try and nothing else. A shard that has killed two workers is halved
until the case is found that does it; that case is recorded as an error of ours, which accuses nobody.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import msgspec

from pqvalidate import shards
from pqvalidate.adapters.sandbox_paths import SandboxMode
from pqvalidate.errors import AttachError, InputError, UsageError
from pqvalidate.evidence import CaseRecord, Subject
from pqvalidate.planner import Task
from pqvalidate.scheduler import Asked
from pqvalidate.shard_work import Answer, Order, carry, subject_digest, work
from pqvalidate.shards import KEPT, LETTERS, ShardRecord

_BEAT: Final = 0.2
"""After so many seconds without news the caller may heed a budget or Ctrl-C."""
_PATIENCE: Final = 30.0
"""Seconds in which a worker that was started again may come back."""
_MOST_DEATHS: Final = 128
"""So many dead workers in one run are no matter of single cases any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A range of a campaign's cases that one worker does at a time: a shard, or a part of one after two deaths."""

    task: Task
    lo: int
    hi: int
    shard: tuple[int, int]
    deaths: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A finished shard, or a number of cases that were done meanwhile, and of what."""

    shard: ShardRecord | None = None
    cases: int = 0
    what: str = ""


class Crew(Protocol):
    """Carries out shards in any order."""

    restarts: int

    def news(self, pieces: Iterator[Piece]) -> Iterator[News]:
        """Carry out shards and yield each when it is finished; in between, yield now and then to be broken off."""

    def stop(self) -> None:
        """End all work that is in flight, and return when nothing of it runs any more; the crew is then done."""


class Alone:
    """This process, one shard after the other, with the implementation that the run has attached."""

    def __init__(self, iut: Asked) -> None:
        self._iut, self.restarts = iut, 0
        self._going: Generator[int, None, Answer] | None = None

    def news(self, pieces: Iterator[Piece]) -> Iterator[News]:
        """Carry out shards in order."""
        for piece in pieces:
            going, told, what = carry(self._iut, piece.task, piece.lo, piece.hi), 0, _what(piece)
            self._going = going
            while True:
                try:
                    done = next(going)
                except StopIteration as end:
                    rest = piece.hi - piece.lo - told
                    yield News(shard=_record(piece, [(piece.lo, end.value)]), cases=rest, what=what)
                    break
                yield News(cases=done - told, what=what)
                told = done

    def stop(self) -> None:
        """End the shard that was broken off, with the computations that were made for it."""
        if self._going:
            self._going.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mission:
    """What every order of a run has in common: the implementation by name and by what it was planned for."""

    iut: str
    sandbox: SandboxMode
    subject: Subject
    run: str = field(default_factory=lambda: secrets.token_hex(8))

    def order(self, piece: Piece) -> bytes:
        """Return the order for a piece."""
        asking = piece.task.asking
        order = Order(
            run=self.run, iut=self.iut, sandbox=self.sandbox,
            subject=subject_digest(self.subject), step=piece.task.index, check=piece.task.check.name,
            parameter_set=asking.parameter_set, depth=asking.depth, seed=asking.seed.hex(),
            operations=tuple(sorted(asking.operations)), lo=piece.lo, hi=piece.hi,
        )  # fmt: skip
        return msgspec.json.encode(order)


class Workers:
    """Workers behind an executor.

    Args:
        executor: carries out orders.
        width: returns how many orders it can take at a time.
        deaths: the exceptions by which it says that a worker died with its order.
        mission: what all orders have in common.
        halt: ends the work of all workers, and returns when it has ended.
        hint: what to try where an implementation cannot be attached, or is another one, beside this run.

    """

    def __init__(
        self, executor: Executor, width: Callable[[], int], deaths: tuple[type[BaseException], ...], mission: Mission,
        *, halt: Callable[[], None] = lambda: None, hint: str = "",
    ) -> None:  # fmt: skip
        self._executor, self._width, self._deaths = executor, width, deaths
        self._mission, self._dead, self._halt, self._hint = mission, 0, halt, hint
        self._seen = time.monotonic()
        self.restarts = 0

    def news(self, pieces: Iterator[Piece]) -> Iterator[News]:
        """Carry out shards, as many at a time as there are workers."""
        again, flying = deque[Piece](), dict[Future[bytes], Piece]()
        parts: dict[tuple[int, int], list[tuple[int, Answer]]] = {}
        while True:
            width = self._wide()
            while len(flying) < width:
                piece = again.popleft() if again else next(pieces, None)
                if piece is None:
                    break
                flying[self._executor.submit(work, self._mission.order(piece))] = piece
            if not flying:
                return
            ended, _ = wait(flying, timeout=_BEAT, return_when=FIRST_COMPLETED)
            if not ended:
                yield News()
            for future in ended:
                piece = flying.pop(future)
                answer = self._answer(future, piece, again)
                if answer is None:
                    continue
                self.restarts += answer.restarts
                mine = parts.setdefault((piece.task.index, piece.shard[0]), [])
                mine.append((piece.lo, answer))
                whole = sum(len(part.letters) for _, part in mine) == piece.shard[1] - piece.shard[0]
                shard = _record(piece, mine) if whole else None
                yield News(shard=shard, cases=piece.hi - piece.lo, what=_what(piece))
                if whole:
                    del parts[piece.task.index, piece.shard[0]]

    def stop(self) -> None:
        """End what the workers are doing."""
        self._halt()

    def _wide(self) -> int:
        """Return how many orders may be out, at least one.

        Raises:
            UsageError: there has been no worker for a while.

        """
        width, now = self._width(), time.monotonic()
        if width:
            self._seen = now
        elif now - self._seen > _PATIENCE:
            raise UsageError(
                f"there has been no worker for {_PATIENCE:g} s; what was finished is kept: start workers again,"
                " and go on with --resume"
            )
        return max(1, width)

    def _answer(self, future: Future[bytes], piece: Piece, again: deque[Piece]) -> Answer | None:
        """Return the answer to a piece; after a death, put it back to be tried again, and return nothing."""
        try:
            answer = msgspec.json.decode(future.result(), type=Answer)
        except self._deaths as death:
            self._dead += 1
            if self._dead >= _MOST_DEATHS:
                why = "too many of its processes ended before they had answered; look for lack of memory"
                raise UsageError(
                    f"the run was given up: {why}; what is finished is kept, go on with --resume"
                ) from None
            if not (tried := _again(piece)):
                return _blamed(piece, str(death))
            again.extend(tried)
            return None
        if answer.trouble:
            raise _trouble(answer, self._hint)
        return answer


def _what(piece: Piece) -> str:
    return f"{piece.task.asking.parameter_set} {piece.task.check.name}"


def _again(piece: Piece) -> list[Piece]:
    """Return what is tried after a death: the same once more, then its halves; nothing for a case that killed twice."""
    if not piece.deaths:
        return [replace(piece, deaths=1)]
    if piece.hi - piece.lo == 1:
        return []
    middle = (piece.lo + piece.hi) // 2
    return [
        replace(piece, lo=lo, hi=hi, deaths=1 if hi - lo > 1 else 0)
        for lo, hi in ((piece.lo, middle), (middle, piece.hi))
    ]  # fmt: skip


def _blamed(piece: Piece, death: str) -> Answer:
    """Return the answer that stands for a case that has cost two workers."""
    why = f"a process of pqvalidate ended twice while it ran this case ({death})"
    named = f"drawn/{piece.lo}"
    case = CaseRecord(step=piece.task.index, case=named, outcome="error", why=why)
    return Answer(letters=LETTERS["error"], cases=(case,))


def _trouble(answer: Answer, hint: str) -> Exception:
    """Return what an answer's trouble is raised as, so that the command ends as if it had happened here."""
    said = f"a shard could not be carried out: {answer.trouble}"
    if answer.exit_code == UsageError.exit_code:
        return UsageError(said)
    if answer.exit_code == AttachError.exit_code:
        return AttachError(f"{said} {hint}".rstrip())
    if answer.exit_code == InputError.exit_code:
        remedy = f"Give every worker the same files, versions and packages. {hint}".rstrip(". ")
        return InputError("a shard", "", answer.trouble, remedy)
    return RuntimeError(said)


def _record(piece: Piece, parts: Sequence[tuple[int, Answer]]) -> ShardRecord:
    """Return the record of a shard from the answers to its pieces."""
    ordered = [answer for _, answer in sorted(parts, key=lambda part: part[0])]
    failed: list[CaseRecord] = []
    for outcome in ("fail", "error", "not-applicable"):
        mine = [case for answer in ordered for case in answer.cases if case.outcome == outcome]
        failed += mine[:KEPT]
    return shards.record(
        piece.task.index, piece.shard[0], "".join(answer.letters for answer in ordered),
        sum(answer.faults for answer in ordered), sum(answer.losses for answer in ordered), failed,
    )  # fmt: skip
