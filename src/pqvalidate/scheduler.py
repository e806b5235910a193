"""Many cases in flight: scripts are resumed in step, their calls travel together, their computations make one batch.

Cases run in lanes. While the implementation answers the calls of one lane, the scripts of the others are resumed, a few
at a time between two looks for replies, and the oracle computes for them in another thread, so two processors work at
once. The order of the calls depends on the cases alone, never on time.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import partial
from itertools import islice
from typing import Any, Protocol, TypeAlias

from pqvalidate.adapters.interface import Call, Fault, Ok, Reply, Unasked
from pqvalidate.evidence import CaseRecord
from pqvalidate.planner import Task
from pqvalidate.suites import CaseResult, Compute, Script

_LANES = 4
_RESTING = 2
"""So many lanes rest after their replies have come while others are asked, so that there is time to look at them."""
CASES_PER_LANE = 128
QUICK_CASES_PER_LANE = 512
"""For implementations whose calls are quick: between two lanes theirs would wait for us."""
_AT_A_TIME = 32
"""So many scripts are resumed between two looks for replies: less than a millisecond of work, as a rule."""


class Asked(Protocol):
    """Anything that answers calls: an attached implementation, or a control."""

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make calls in order; one reply each, fewer after ``most_losses`` lost processes."""


def losses(cases: Sequence[CaseRecord]) -> int:
    """Count the cases that cost a process; an exception is a fault, too, but a cheap one."""
    return sum(case.fault in ("crash", "timeout", "protocol") for case in cases)


def carry_out(
    iut: Asked, task: Task, cases: Iterable[Any], most_losses: int, size: int = CASES_PER_LANE
) -> Generator[list[CaseRecord], None, None]:  # fmt: skip
    """Run the scripts of all cases and yield their records, a lane's worth (``size`` cases) at a time.

    After ``most_losses`` cases that each cost a process, the rest has no record.
    """
    waiting = iter(cases)
    ready, resting = deque[_Lane](), deque[_Lane]()
    lost = 0

    def think() -> bool:
        return any(lane.think() for lane in (*resting, *ready))

    with ThreadPoolExecutor(1, thread_name_prefix="oracle") as executor:
        while True:
            while lost < most_losses and len(ready) + len(resting) < _LANES and (chosen := list(islice(waiting, size))):
                ready.append(_Lane(task, chosen, executor))
            rested = len(resting) > _RESTING or not ready
            lanes = resting if rested else ready
            if not lanes:
                return
            lane = lanes.popleft()
            if not lane.waits() or lost >= most_losses:
                yield lane.records()
            elif rested:
                ready.append(lane)
            else:
                lost += lane.step(iut, most_losses - lost, think)
                resting.append(lane)


def window(iut: Asked, task: Task, cases: Iterable[Any], most_losses: int) -> list[CaseRecord]:
    """Run a few cases and return their records."""
    return [record for records in carry_out(iut, task, cases, most_losses) for record in records]


def _costly(reply: Reply) -> bool:
    return isinstance(reply, Fault) and reply.kind != "exception"


def _ask(iut: Asked, calls: Sequence[Call], most_losses: int, meanwhile: Callable[[], bool]) -> list[Reply]:
    """Ask; an implementation for whose replies one has to wait has the waiting filled with work."""
    filled = getattr(iut, "waiting_filled", nullcontext)
    with filled(meanwhile):
        return iut.ask(calls, most_losses)


_Thinking: TypeAlias = Iterator[Future[Any] | None]
"""Work of a lane in small steps; between two of them it may wait for a computation."""


class _Lane:
    """Cases that advance together."""

    def __init__(self, task: Task, cases: Sequence[Any], executor: Executor) -> None:
        self.task, self.cases, self.executor = task, cases, executor
        self.finished: dict[str, CaseRecord] = {}
        self.active: list[tuple[Any, Script, Sequence[Any]]] = []
        self.thinking = self._begin()
        self.computing: Future[Any] | None = None

    def records(self) -> list[CaseRecord]:
        """Return the records of the cases that have ended, in the order of the cases."""
        return [self.finished[case.id] for case in self.cases if case.id in self.finished]

    def waits(self) -> bool:
        """Return, once nothing is left to compute, whether a script waits for replies."""
        while self.think() or self.computing:
            if self.computing:
                wait([self.computing])
        return bool(self.active)

    def think(self) -> bool:
        """Resume a few scripts; return whether there was anything to do, now and in this thread."""
        if self.computing and not self.computing.done():
            return False
        try:
            self.computing = next(self.thinking)
        except StopIteration:
            self.computing = None
            return False
        return True

    def step(self, iut: Asked, losses_left: int, meanwhile: Callable[[], bool]) -> int:
        """Have all calls made that the scripts wait for; return how many processes it cost."""
        calls = [call for _, _, wanted in self.active for call in wanted]
        received = _ask(iut, calls, losses_left, meanwhile) if calls else []
        self.thinking = self._answer(received)
        return sum(_costly(reply) for reply in received if type(reply) is not Ok)

    def _begin(self) -> _Thinking:
        """Start every script, and go on until each of them waits for calls or has ended."""
        begin, asking = self.task.check.script, self.task.asking
        for number, case in enumerate(self.cases, 1):
            script = begin(case, asking)
            self._advance(case, script, script.send, None)
            if not number % _AT_A_TIME:
                yield None
        yield from self._compute()

    def _answer(self, received: Sequence[Reply]) -> _Thinking:
        """Resume every script with its replies, and go on until each of them waits for calls or has ended."""
        wanted, self.active = self.active, []
        some_unasked = any(isinstance(reply, Unasked) for reply in received if type(reply) is not Ok)
        begin = 0
        for number, (case, script, calls) in enumerate(wanted, 1):
            end = begin + len(calls)
            mine = list(received[begin:end])
            begin = end
            if len(mine) < len(calls) and mine and _costly(mine[-1]):
                # Given up in the midst of this case: the fault that did it stands for the replies that are lacking.
                mine += [mine[-1]] * (len(calls) - len(mine))
            not_asked = next((r for r in mine if isinstance(r, Unasked)), None) if some_unasked else None
            if not_asked:
                self.finished[case.id] = self._not_asked(case, not_asked, mine)
            elif len(mine) == len(calls):  # else given up before this case was asked in full: it has no record
                self._advance(case, script, script.send, mine)
            if not number % _AT_A_TIME:
                yield None
        yield from self._compute()

    def _compute(self) -> _Thinking:
        """Have computations made until no script waits for one."""
        while wanted := [items for _, _, items in self.active if items and isinstance(items[0], Compute)]:
            computing = self.executor.submit(_computed, wanted)
            yield computing
            values = computing.result()
            waiting, self.active = self.active, []
            for number, (case, script, items) in enumerate(waiting, 1):
                if id(items) in values:
                    self._advance(case, script, partial(_resume, script), values[id(items)])
                else:
                    self.active.append((case, script, items))
                if not number % _AT_A_TIME:
                    yield None

    def _advance(self, case: Any, script: Script, resume: Callable[[Any], Sequence[Any]], value: Any) -> None:  # noqa: ANN401
        """Resume one script; it either asks again or ends in a record."""
        try:
            self.active.append((case, script, resume(value)))
        except StopIteration as end:
            self.finished[case.id] = _record(self.task, case, end.value)
        except Exception as error:  # noqa: BLE001  (a mistake in a check is our error and must not end the run)
            self._error(case, f"{type(error).__name__}: {error}")

    def _not_asked(self, case: Any, not_asked: Unasked, replies: Sequence[Reply]) -> CaseRecord:  # noqa: ANN401
        """Record a case of which a call could not be made; a process that another call cost is not lost by that."""
        cost = next((r for r in replies if isinstance(r, Fault) and not isinstance(r, Unasked) and _costly(r)), None)
        if cost:
            return CaseRecord(
                step=self.task.index, case=case.id, outcome="fail", why=cost.why, fault=cost.kind, flags=case.flags
            )
        return CaseRecord(
            step=self.task.index, case=case.id, outcome="not-applicable", why=not_asked.why, flags=case.flags
        )

    def _error(self, case: Any, why: str) -> None:  # noqa: ANN401
        """Record an error of ours, which neither accuses nor acquits the implementation."""
        self.finished[case.id] = CaseRecord(
            step=self.task.index, case=case.id, outcome="error", why=why, flags=case.flags
        )


def _resume(script: Script, values: list[Any]) -> Sequence[Any]:
    """Hand computed values to a script; a computation that was refused is raised inside it."""
    refusal = next((value for value in values if isinstance(value, Exception)), None)
    return script.throw(refusal) if refusal else script.send(values)


def _computed(wanted: Sequence[Sequence[Compute]]) -> dict[int, list[Any]]:
    """Make all computations, those of the same function and parameter set as one batch; a refusal is its own value."""
    values: dict[int, list[Any]] = {id(items): [None] * len(items) for items in wanted}
    groups: dict[tuple[Callable[..., Sequence[Any]], str], list[tuple[int, int, Compute]]] = defaultdict(list)
    for items in wanted:
        for position, item in enumerate(items):
            groups[item.function, item.parameter_set].append((id(items), position, item))
    for (function, name), members in groups.items():
        for (where, position, _), value in zip(members, _batch(function, name, [m[2] for m in members]), strict=True):
            values[where][position] = value
    return values


def _batch(function: Callable[..., Sequence[Any]], name: str, items: Sequence[Compute]) -> Sequence[Any]:
    columns = [list(column) for column in zip(*(item.arguments for item in items), strict=True)]
    try:
        return function(name, *columns)
    except Exception as error:  # noqa: BLE001  (one refused input must not decide for the other cases)
        if len(items) == 1:
            return [error]
        return [value for item in items for value in _batch(function, name, [item])]


def _record(task: Task, case: Any, result: CaseResult) -> CaseRecord:  # noqa: ANN401
    if result.outcome == "pass" and not (result.data or result.why or result.fault):
        return CaseRecord(step=task.index, case=case.id, outcome="pass")
    data = {name: value.hex() if isinstance(value, bytes) else value for name, value in result.data.items()}
    return CaseRecord(
        step=task.index, case=case.id, outcome=result.outcome, why=result.why, fault=result.fault,
        flags=case.flags if result.outcome != "pass" else (), data=data,
    )  # fmt: skip
