"""The second opinion: no expected result is kept on our word alone.

Another implementation, in its own process, must give every drawn answer as well, by the checks that will judge the
device; it is looked for among the built-in vendors, those first whose code is the furthest from ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from pqvalidate import vendors as built_in
from pqvalidate.acvp.planning import Chosen, make_plan
from pqvalidate.acvp.prompts import Prompt, operations_of
from pqvalidate.adapters.attach import Implementation, attach
from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.errors import PqvalidateError, UsageError
from pqvalidate.evidence import CaseRecord
from pqvalidate.planner import Task
from pqvalidate.scheduler import window
from pqvalidate.vectors import Case

_CANDIDATES = ("openssl", "pycryptodome", "dilithium-py", "kyber-py")
_ANSWERS = frozenset({"decapsulate_from_seed", "verify", "verify_mu", "check_encapsulation_key"})
"""Operations whose answer openssl gives in full; its key generation keeps the seed in place of the expanded key."""
_MOST_LOSSES = 1


def confirm(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """Have every case answered by another implementation; return the names and versions of those that agreed.

    Raises:
        UsageError: no implementation is here for some operation; names what to install.
        PqvalidateError: an implementation gives another answer than ours.

    """
    names = {row.case.parameter_set for prompt in prompts for row in prompt.asked}
    sets = tuple(name for name in PARAMETER_SETS if name in names)
    planned = make_plan(prompts, Chosen(parameter_sets=sets), (), "")
    with ExitStack() as stack:
        others = _Others(stack)
        for task in planned.tasks:
            for operation in dict.fromkeys(case.operation for case in task.cases):
                _confirm(others, task, [case for case in task.cases if case.operation == operation])
        return others.used()


def _confirm(others: _Others, task: Task, cases: Sequence[Case]) -> None:
    name, iut = others.offering(task.asking.parameter_set, cases)
    records = window(iut, task, cases, _MOST_LOSSES)
    wrong = next((record for record in records if record.outcome != "pass"), None)
    if wrong or len(records) < len(cases):
        raise PqvalidateError(f"nothing was written: {name} gives another answer than our computation; {_what(wrong)}")


def _what(record: CaseRecord | None) -> str:
    return f"{record.case}: {record.why}" if record else "it gave none"


class _Others:
    """The built-in implementations, each started when it is first needed."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._started: dict[str, Implementation] = {}
        self._used: dict[str, None] = {}

    def offering(self, parameter_set: str, cases: Sequence[Case]) -> tuple[str, Implementation]:
        """Return the first implementation that offers all that the cases need."""
        needed = operations_of(cases)
        (operation,) = {case.operation for case in cases}
        for name in _candidates(operation):
            iut = self._started.get(name) or self._stack.enter_context(attach(name))
            self._started[name] = iut
            if needed <= iut.operations.get(parameter_set, frozenset()):
                self._used[iut.subject.version] = None
                return name, iut
        raise UsageError(
            f"nothing here can confirm {operation} of {parameter_set}, and no expected result is kept on the word of"
            " one implementation: pip install 'pqvalidate[vendors]', or leave it out with --mode or --without"
        )

    def used(self) -> tuple[str, ...]:
        """Return the names and versions of the implementations that answered."""
        return tuple(self._used)


def _candidates(operation: str) -> Iterator[str]:
    for name in _CANDIDATES:
        if (name != "openssl" or operation in _ANSWERS) and built_in.availability(name)[0]:
            yield name
