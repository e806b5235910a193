"""Several calls in one message, where a program takes that, and which of them is to blame when it gives none back.

A batch that is lost is asked again call by call, in a fresh process: the call that then faults is the one to blame.
Where none does, although the process did break, the fault stands at the last call of the batch and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

from pqvalidate.adapters.interface import Call, Fault, Ok, Reply
from pqvalidate.adapters.replies import fitting, reply_to

_MOST_CALLS = 32
_MOST_BYTES = 1 << 18
_MOST_SECONDS = 0.1
"""A batch takes no longer than this, going by the pace so far, so that its time limit is that of one call."""

_ALONE = ("restart", "together", "measure", "count")
"""Not calls of the implementation but of its process."""

Ask: TypeAlias = Callable[[Sequence[Call], int | None], list[Reply]]


class Batches:
    """Asks calls in batches once they have shown to be cheap, and one by one otherwise.

    Args:
        ask: makes calls in order, as ``Session.ask`` does; a call of operation ``batch`` holds others.
        offered: whether the program takes batches.
        lost: whether the last call cost the process, and by whose doing.

    """

    def __init__(
        self, ask: Ask, offered: Callable[[], bool], lost: Callable[[], Literal["", "vendor", "outside"]]
    ) -> None:
        self._ask, self._offered, self._lost = ask, offered, lost
        self._pace: dict[tuple[str, str], float] = {}
        self._given_up = False

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make ``calls`` in order and return one reply each, fewer after ``most_losses`` lost processes."""
        replies: list[Reply] = []
        losses = 0
        while len(replies) < len(calls) and (most_losses is None or losses < most_losses):
            left = None if most_losses is None else most_losses - losses
            rest = calls[len(replies) :]
            if self._given_up or not self._offered():
                return replies + self._ask(rest, left)
            units = list(self._units(rest))
            losses += self._carry_out(units, left, replies)
        return replies

    def _carry_out(self, units: list[Call], most_losses: int | None, replies: list[Reply]) -> int:
        """Ask units up to the first lost process; return how many losses that cost."""
        began = time.monotonic()
        answers = self._ask(units, 1)
        made = [call for unit in units[: len(answers)] for call in _inner(unit)]
        self._note_pace(made, time.monotonic() - began)
        for unit, answer in zip(units, answers, strict=False):
            if unit.operation != "batch":
                replies.append(answer)
            elif isinstance(answer, Ok):
                replies += answer.values["replies"]
            else:
                return self._find_culprit(unit.inputs["calls"], answer, most_losses, replies)
        return int(isinstance(answers[-1], Fault) and bool(self._lost()))

    def _find_culprit(self, calls: list[Call], answer: Reply, most_losses: int | None, replies: list[Reply]) -> int:
        by = self._lost()
        if not by or (isinstance(answer, Fault) and answer.kind == "timeout"):
            # A refusal of the batch itself, or calls too slow for one: no fault of any of them, if they answer singly.
            self._given_up = True
        found = self._ask(calls, most_losses)
        losses = sum(isinstance(reply, Fault) and reply.kind != "exception" for reply in found)
        if by == "vendor" and not losses and isinstance(answer, Fault) and answer.kind != "timeout":
            why = f"in a batch of {len(calls)} calls: {answer.why}; none of them showed it when asked one by one"
            found[-1] = Fault(answer.kind, why)
            losses = 1
        replies += found
        return losses

    def _units(self, calls: Sequence[Call]) -> Iterator[Call]:
        """Group consecutive calls whose pace is known into batches; all others stay alone."""
        group: list[Call] = []
        size, seconds = 0, 0.0
        for call in calls:
            pace = self._pace.get((call.parameter_set, call.operation), _MOST_SECONDS)
            length = 0
            for value in call.inputs.values():
                length += len(value) if isinstance(value, bytes) else 0
            size, seconds = size + length, seconds + pace
            if group and (len(group) == _MOST_CALLS or size > _MOST_BYTES or seconds >= _MOST_SECONDS):
                yield _batch(group)
                group, size, seconds = [], length, pace
            group.append(call)
        if group:
            yield _batch(group)

    def _note_pace(self, calls: list[Call], seconds: float) -> None:
        each = seconds / len(calls)
        for kind in {(call.parameter_set, call.operation) for call in calls}:
            self._pace[kind] = _MOST_SECONDS if kind[1] in _ALONE else each


def _batch(calls: list[Call]) -> Call:
    return calls[0] if len(calls) == 1 else Call(operation="batch", parameter_set="", inputs={"calls": calls})


def _inner(unit: Call) -> list[Call]:
    return list(unit.inputs["calls"]) if unit.operation == "batch" else [unit]


def batch_reply(message: dict[str, Any], number: int, calls: Sequence[Call]) -> Reply:
    """Return the reply to a batch: Ok with ``replies``, one for each call; anything else is a fault or refusal."""
    entries = message.get("ok")
    if not isinstance(entries, list):
        return reply_to({**message, "ok": None} if "ok" in message else message, number, {})
    if message.get("id") != number:
        return reply_to({"id": message.get("id")}, number, {})
    if len(entries) != len(calls):
        return Fault("protocol", f"a reply to a batch of {len(calls)} calls holds {len(entries)} replies")
    replies = []
    for entry, call in zip(entries, calls, strict=True):
        if not isinstance(entry, dict):
            return Fault("protocol", "a reply inside a batch is no map")
        reply = fitting(entry, call)
        if isinstance(reply, Fault) and reply.kind != "exception":
            return reply
        replies.append(reply)
    return Ok({"replies": replies})
