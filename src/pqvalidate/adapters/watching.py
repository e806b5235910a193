"""Calls that are made to be watched: their instructions counted, their secrets followed, their accesses traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pqvalidate.adapters.addresses import traced
from pqvalidate.adapters.counting import WithCounts
from pqvalidate.adapters.interface import Call, Reply
from pqvalidate.adapters.session import Session
from pqvalidate.adapters.tainting import tainted

_WAYS: dict[str, Callable[[Session, Call], Reply]] = {"taint": tainted, "trace": traced}


class Watching:
    """A session that also answers ``count``, ``taint`` and ``trace``, each in processes of its own."""

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
