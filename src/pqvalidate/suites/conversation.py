"""Lets a library that calls a function (Hypothesis) drive a check that is a coroutine: two threads take turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from pqvalidate.adapters.interface import Call, Reply
from pqvalidate.suites import Asks, Result

Ask = Callable[[Sequence[Call]], Sequence[Reply]]


class _GivenUpError(BaseException):
    """Ends the driving thread when the check is abandoned; a BaseException, so that no library swallows it."""


def converse(drive: Callable[[Ask], Result]) -> Asks[Result]:
    """Run ``drive(ask)`` in a thread and make the calls that it asks for; return what it returns, raise what it raises.

    The two never run at the same time, so nothing in ``drive`` needs a lock.
    """
    requests: SimpleQueue[Sequence[Call] | None] = SimpleQueue()
    replies: SimpleQueue[Sequence[Reply] | None] = SimpleQueue()
    results: list[Result] = []
    errors: list[BaseException] = []

    def ask(calls: Sequence[Call]) -> Sequence[Reply]:
        requests.put(calls)
        answer = replies.get()
        if answer is None:
            raise _GivenUpError
        return answer

    def body() -> None:
        try:
            results.append(drive(ask))
        except BaseException as error:  # noqa: BLE001  (whatever ends the thread is raised in the check)
            errors.append(error)
        requests.put(None)

    thread = threading.Thread(target=body, name="conversation", daemon=True)
    thread.start()
    try:
        while (calls := requests.get()) is not None:
            replies.put((yield calls))
    finally:
        replies.put(None)
        thread.join()
    if errors:
        raise errors[0]
    return results[0]
