"""Calls that are watched: they are timed, their instructions counted, their secrets followed, their accesses traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pqvalidate.adapters.addresses import traced
from pqvalidate.adapters.counting import WithCounts
from pqvalidate.adapters.interface import Call, Ok, Reply
from pqvalidate.adapters.session import Session
from pqvalidate.adapters.tainting import tainted


def timed(session: Session, call: Call) -> Reply:
    """Time many calls in one message; one of them goes ahead the first time, which bounds what all may take."""
    if not session.pace.knows(call):
        inputs = {**call.inputs, "values": call.inputs["values"][:1], "planted": call.inputs["planted"][:1]}
        first = Call(operation="measure", parameter_set=call.parameter_set, inputs=inputs)
        reply = _noted(session, first)
        if not isinstance(reply, Ok):
            return reply
    return _noted(session, call)


def _noted(session: Session, call: Call) -> Reply:
    (reply,) = session.ask([call])
    if isinstance(reply, Ok):
        session.pace.note(call, reply.values["ns"])
    return reply


_WAYS: dict[str, Callable[[Session, Call], Reply]] = {"taint": tainted, "trace": traced, "measure": timed}


class Watching:
    """A session that also answers ``count``, ``taint`` and ``trace``, each in processes of its own, and ``measure``."""

    def __init__(self, session: Session) -> None:
        self._session, self._counts = session, WithCounts(session)

    def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
        """Make calls in order, as ``Session.ask`` does."""
        if not any(call.operation in _WAYS for call in calls):
            return self._counts.ask(calls, most_losses)
        replies: list[Reply] = []
        for call in calls:
            way = _WAYS.get(call.operation)
            replies += [way(self._session, call)] if way else self._counts.ask([call], most_losses)
        return replies
