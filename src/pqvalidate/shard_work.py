"""The work of one shard: its cases put to an implementation of its own, in this process or in another one.

Another process of this package, on this machine or elsewhere, gets an order (bytes), attaches the implementation that
the order names, makes sure that it is the one that was planned for, and returns an answer (bytes).
"""

from __future__ import annotations

import gc
import hashlib
import threading
from collections import Counter, deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from msgspec.structs import replace

from pqvalidate.adapters.attach import Implementation, attach
from pqvalidate.adapters.interface import Call
from pqvalidate.adapters.sandbox_paths import SandboxMode
from pqvalidate.documents import Record, canonical
from pqvalidate.errors import InputError, PqvalidateError, UsageError
from pqvalidate.evidence import CaseRecord, Depth, Subject
from pqvalidate.planner import Task
from pqvalidate.scheduler import CASES_PER_LANE, QUICK_CASES_PER_LANE, Asked, carry_out, losses, window
from pqvalidate.shards import KEPT, LETTERS, LOSS_LIMIT, UNRECORDED
from pqvalidate.suites import Asking, find_check
from pqvalidate.suites.tape import Numbered, number_of

_OVER: Final = "the run is over"
_RUNS: Final = 64
"""So many runs that are over are remembered; orders of older ones do not come any more."""
_SIMPLEST: Final = 4
"""Level of the simplest variant of a campaign's case; 0 is the case itself."""


class Order(Record):
    """A range of a campaign's cases, and the implementation that they are put to; ``subject`` is its digest.

    ``run`` is drawn for each run: a run that has ended is known by it.
    """

    run: str
    iut: str
    sandbox: SandboxMode
    subject: str
    step: int
    check: str
    parameter_set: str
    depth: Depth
    seed: str
    operations: tuple[str, ...]
    lo: int
    hi: int


class Answer(Record):
    """What the cases of an order showed: a letter each (see ``shards``), and the first failures and errors whole.

    ``trouble`` says in words what kept the order from being carried out, ``exit_code`` what a run then ends with.
    """

    letters: str = ""
    faults: int = 0
    losses: int = 0
    cases: tuple[CaseRecord, ...] = ()
    restarts: int = 0
    trouble: str = ""
    exit_code: int = 0


def carry(iut: Asked, task: Task, lo: int, hi: int) -> Generator[int, None, Answer]:
    """Put the cases from number ``lo`` up to but without ``hi`` to a fresh process of an implementation.

    Yields the number of cases done, now and then, so that the caller may break off; returns the answer.
    """
    name, cases = task.asking.parameter_set, task.cases
    if not isinstance(cases, Numbered):
        msg = f"{task.check.name} is no campaign"
        raise TypeError(msg)
    iut.ask([Call(operation="restart", parameter_set=name, inputs={})])
    letters, kept, seen = [UNRECORDED] * (hi - lo), list[CaseRecord](), Counter[str]()
    faults = lost = done = 0
    size = QUICK_CASES_PER_LANE if getattr(iut, "quick", False) else CASES_PER_LANE
    for batch in _collecting_young(carry_out(iut, task, cases.between(lo, hi), LOSS_LIMIT, size)):
        if all(record.outcome == "pass" for record in batch) and _in_a_row(batch):
            first = number_of(batch[0].case) - lo
            letters[first : first + len(batch)] = LETTERS["pass"] * len(batch)
            done += len(batch)
            yield done
            continue
        records = batch if seen["fail"] else with_simplest(iut, task, batch)
        for record in records:
            letters[number_of(record.case) - lo] = LETTERS[record.outcome]
            if record.outcome != "pass":
                seen[record.outcome] += 1
                faults += bool(record.fault)
                if seen[record.outcome] <= KEPT:
                    kept.append(record)
        lost += losses(records)
        done += len(records)
        yield done
    if UNRECORDED in letters:  # given up in the midst, so that the step is given up with it
        lost = max(lost, LOSS_LIMIT)
    kept.sort(key=lambda record: number_of(record.case))
    return Answer(letters="".join(letters), faults=faults, losses=lost, cases=tuple(kept))


def _collecting_young(batches: Iterator[list[CaseRecord]]) -> Iterator[list[CaseRecord]]:
    """Hand batches on; meanwhile the garbage collector does not look again and again through what was there before."""
    if gc.get_freeze_count():  # somebody else does so already
        yield from batches
        return
    gc.freeze()
    try:
        yield from batches
    finally:
        gc.unfreeze()


def _in_a_row(records: list[CaseRecord]) -> bool:
    """Return whether the records are those of successive cases; a lane has its cases in the order of their numbers."""
    return bool(records) and number_of(records[-1].case) - number_of(records[0].case) == len(records) - 1


def with_simplest(iut: Asked, task: Task, records: list[CaseRecord]) -> list[CaseRecord]:
    """Put the simplest failing variant of the first failed case of a campaign beside its data."""
    failed = next((n for n, record in enumerate(records) if record.outcome == "fail"), None)
    if failed is None or not isinstance(task.cases, Numbered):
        return records
    for level in range(_SIMPLEST, 0, -1):
        case = task.cases.named(f"{records[failed].case}/simpler/{level}")
        tried = window(iut, task, [case], 1) if case else []
        if tried and tried[0].outcome == "fail":
            data = {**records[failed].data, "simplest.case": tried[0].case, "simplest.why": tried[0].why}
            data |= {f"simplest.{name}": value for name, value in tried[0].data.items()}
            return [*records[:failed], replace(records[failed], data=data), *records[failed + 1 :]]
    return records


def subject_digest(subject: Subject) -> str:
    """Return the hex digest of an implementation as it was planned for: its files, version, operations, claims."""
    return hashlib.sha256(canonical(subject)).hexdigest()


def work(order: bytes) -> bytes:
    """Carry out an order; whatever goes wrong on our side is part of the answer, in words."""
    try:
        return msgspec.json.encode(_carried_out(msgspec.json.decode(order, type=Order)))
    except PqvalidateError as error:
        return msgspec.json.encode(Answer(trouble=str(error), exit_code=error.exit_code))
    except Exception as error:  # noqa: BLE001  (a traceback in another process would be lost)
        return msgspec.json.encode(Answer(trouble=f"{type(error).__name__}: {error}", exit_code=70))


def _carried_out(order: Order) -> Answer:
    with _ATTACHED.lent(order) as iut:
        if iut is None:
            where = f"{order.iut}, where the shard runs, is not the implementation that was planned for"
            return Answer(trouble=f"{where}: files, version or operations differ", exit_code=InputError.exit_code)
        check = find_check(order.check)
        asking = Asking(
            parameter_set=order.parameter_set, depth=order.depth, seed=bytes.fromhex(order.seed),
            operations=frozenset(order.operations),
        )  # fmt: skip
        task = Task(index=order.step, check=check, asking=asking, cases=check.cases(asking))
        before, going = iut.restarts, carry(iut, task, order.lo, order.hi)
        while True:
            try:
                next(going)
            except StopIteration as end:
                answer: Answer = end.value
                return replace(answer, restarts=iut.restarts - before)


class _Attached:
    """Implementations that were attached for earlier orders; each serves one order at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[str, str, Implementation]] = []
        self._lent: list[tuple[str, Implementation]] = []
        self._over = deque[str](maxlen=_RUNS)

    @contextmanager
    def lent(self, order: Order) -> Iterator[Implementation | None]:
        """Lend the implementation of an order while it is carried out; None if it is not the one planned for.

        Raises:
            UsageError: the run is over.

        """
        iut = self._fitting(order)
        if iut is None:
            yield None
            return
        with self._lock:
            self._lent.append((order.run, iut))
            if order.run in self._over:
                iut.interrupt()
        try:
            yield iut
        except BaseException:
            self._give_back(order, iut, keep=False)
            raise
        self._give_back(order, iut, keep=True)

    def _fitting(self, order: Order) -> Implementation | None:
        """Return an implementation that is the one planned for: an idle one, or else one that is attached now.

        An idle one may be that of files which have changed since; it is ended.
        """
        while (idle := self._take(order)) is not None:
            if subject_digest(idle.subject) == order.subject:
                return idle
            idle.close()
        iut = attach(order.iut, sandbox=order.sandbox)
        if subject_digest(iut.subject) == order.subject:
            return iut
        iut.close()
        return None

    def _take(self, order: Order) -> Implementation | None:
        with self._lock:
            if order.run in self._over:
                raise UsageError(_OVER)
            for row in self._idle:
                if row[:2] == (order.iut, order.sandbox):
                    self._idle.remove(row)
                    return row[2]
        return None

    def _give_back(self, order: Order, iut: Implementation, *, keep: bool) -> None:
        with self._lock:
            self._lent.remove((order.run, iut))
            if keep := keep and order.run not in self._over:
                self._idle.append((order.iut, order.sandbox, iut))
        if not keep:
            iut.close()

    def stop(self, run: str) -> None:
        """End what works for a run and what is idle; orders of that run are refused from now on."""
        with self._lock:
            self._over.append(run)
            for mine, iut in self._lent:
                if mine == run:
                    iut.interrupt()
        self.close()

    def close(self) -> None:
        """End those that are idle."""
        with self._lock:
            while self._idle:
                self._idle.pop()[2].close()


_ATTACHED = _Attached()


def close() -> None:
    """End the implementations that this process keeps for further shards."""
    _ATTACHED.close()


def stop(run: str) -> None:
    """End the work of this process for a run, also what another thread is doing for it; its orders are refused."""
    _ATTACHED.stop(run)
