"""Many cases in flight: scripts are resumed with their replies in step, and their calls travel together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Protocol

from pqvalidate.adapters.interface import Call, Reply
from pqvalidate.evidence import CaseRecord
from pqvalidate.planner import Task
from pqvalidate.suites import CaseResult, Script


class Asked(Protocol):
    """Anything that answers calls: an attached implementation, or a control."""

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make calls in order; one reply each, fewer after ``most_losses`` lost processes."""


def losses(cases: Sequence[CaseRecord]) -> int:
    """Count the cases that cost a process; an exception is a fault, too, but a cheap one."""
    return sum(case.fault in ("crash", "timeout", "protocol") for case in cases)


def window(iut: Asked, task: Task, cases: Sequence[Any], losses_left: int) -> list[CaseRecord]:
    """Run the scripts of a window of cases together: gather their calls, ask once, hand out the replies."""
    active: list[tuple[Any, Script, Sequence[Call]]] = []
    finished: dict[str, CaseRecord] = {}
    for case in cases:
        _advance(task, case, task.check.script(case, task.asking), None, active, finished)
    while active and (left := losses_left - losses(list(finished.values()))) > 0:
        wanted, active = active, []
        replies = iter(iut.ask([call for _, _, calls in wanted for call in calls], left))
        for case, script, calls in wanted:
            mine = list(islice(replies, len(calls)))
            if len(mine) < len(calls):  # given up before this case was asked in full: it has no record
                break
            _advance(task, case, script, mine, active, finished)
    return [finished[case.id] for case in cases if case.id in finished]


def _advance(
    task: Task, case: Any, script: Script, replies: Sequence[Reply] | None,  # noqa: ANN401
    active: list[tuple[Any, Script, Sequence[Call]]], finished: dict[str, CaseRecord],
) -> None:  # fmt: skip
    """Resume one script with its replies; it either asks again or ends in a record."""
    try:
        calls = next(script) if replies is None else script.send(replies)
        active.append((case, script, calls))
    except StopIteration as end:
        finished[case.id] = _record(task, case, end.value)
    except Exception as error:  # noqa: BLE001  (a mistake in a check is our error and must not end the run)
        why = f"{type(error).__name__}: {error}"
        finished[case.id] = CaseRecord(step=task.index, case=case.id, outcome="error", why=why, flags=case.flags)


def _record(task: Task, case: Any, result: CaseResult) -> CaseRecord:  # noqa: ANN401
    data = {name: value.hex() if isinstance(value, bytes) else value for name, value in result.data.items()}
    return CaseRecord(
        step=task.index, case=case.id, outcome=result.outcome, why=result.why, fault=result.fault,
        flags=case.flags if result.outcome != "pass" else (), data=data,
    )  # fmt: skip
