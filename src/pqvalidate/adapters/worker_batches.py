"""Many calls of one operation in one frame: what the calls share travels once, and each still has a reply of its own.

The host's half makes the frame, the worker's half answers it. Ids count upwards from that of the frame.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from pqvalidate.adapters.framing import encode, pack, pack_many
from pqvalidate.adapters.interface import Call
from pqvalidate.adapters.journal import Journal

MOST_CALLS = 64
_MOST_BYTES = 1 << 18
_SIZED = {bytes, str}
_LONGEST_WAIT_NS = 5_000_000
"""A reply waits so long at most for those behind it, which is little beside any limit for a call."""


def together_in_one(calls: Sequence[Call | dict[str, Any]], begin: int) -> list[Call]:
    """Return the calls from ``begin`` on that one frame can carry: of one operation, with the same inputs' names."""
    first = calls[begin]
    if not isinstance(first, Call) or first.operation in ("together", "measure") or first.operation.startswith("load_"):
        return []
    operation, name, given = first.operation, first.parameter_set, first.inputs
    if "handle" in given:
        return []
    fields = given.keys()
    size = 0
    found: list[Call] = []
    for call in calls[begin : begin + MOST_CALLS]:
        if not isinstance(call, Call) or call.operation != operation or call.parameter_set != name:
            break
        inputs = call.inputs
        if inputs.keys() != fields:
            break
        for value in inputs.values():
            if type(value) in _SIZED:
                size += len(value)
        if size > _MOST_BYTES:
            break
        found.append(call)
    return found


def batch_frame(calls: Sequence[Call], number: int) -> bytes:
    """Return the frame for ``calls``, whose replies carry ``number`` and the numbers behind it."""
    rows = [call.inputs for call in calls]
    first, rest = rows[0], rows[1:]
    common = {}
    for name, value in first.items():
        for row in rest:
            if row[name] is not value and row[name] != value:
                break
        else:
            common[name] = value
    names = [name for name in first if name not in common]
    return pack({
        "id": number, "op": "batch", "name": calls[0].operation, "set": calls[0].parameter_set, "common": common,
        "names": names, "rows": [[row[name] for name in names] for row in rows],
    })  # fmt: skip


class _Channel(Protocol):
    def sendall(self, data: bytes, /) -> None: ...


def answer_batch(
    request: Mapping[str, Any], answers: Iterator[Any], journal: Journal, to: _Channel
) -> bool:  # fmt: skip
    """Send the replies to a batch, several at once, each safe in the journal until then; return whether it went on.

    It ends early when an answer says that the process died of it.
    """
    first: int = request["id"]
    journal.begin(first)
    clock = time.perf_counter_ns
    sent = clock()
    for number, answer in enumerate(answers, first):
        entry = encode(answer)
        kept = journal.add(entry)
        alive = type(answer) is not dict or "died" not in answer
        if kept and alive and clock() - sent < _LONGEST_WAIT_NS:
            continue
        _flush(journal, to, number + kept)
        if not kept:
            to.sendall(pack_many(number, 1, entry))
            journal.begin(number + 1)
        sent = clock()
        if not alive:
            return False
    _flush(journal, to, first)
    return True


def _flush(journal: Journal, to: _Channel, following: int) -> None:
    """Send what is kept; ``following`` is the number of the reply that comes next."""
    if waiting := journal.unsent():
        to.sendall(waiting)
    journal.begin(following)


def answers(
    request: Mapping[str, Any], method: Any, outputs: Sequence[str],  # noqa: ANN401  (whatever an adapter offers)
    single: Callable[[dict[str, Any]], dict[str, Any]],
    guarded: Callable[[Callable[[], dict[str, Any]]], dict[str, Any]],
) -> Iterator[Any]:  # fmt: skip
    """Yield the answers to the calls of a batch, each before the next call is made.

    An answer is the only output of the operation, a list of its outputs, or a map with ``rejected`` and the like.

    Args:
        request: the batch.
        method: the operation's method; with an attribute ``many`` it takes all calls, else each is made alone.
        outputs: names of what the operation returns.
        single: answers one call.
        guarded: turns an exception into the answer that it means.

    """
    getpid = os.getpid
    me = getpid()
    many = getattr(method, "many", None)
    made = many(request["common"], request["names"], request["rows"]) if many else map(single, single_requests(request))
    alone = len(outputs) == 1
    for found in made:
        if getpid() != me:  # a copy that vendor code forked off and let return must not answer, too
            os._exit(0)
        if many is None:
            yield found["ok"].get(outputs[0], found) if alone and "ok" in found else found
        elif isinstance(found, Exception):
            yield guarded(partial(_raise, found))
        else:
            yield found if alone else list(found)


def _raise(error: Exception) -> dict[str, Any]:
    raise error


def single_requests(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the calls of a batch as requests of their own, without ids."""
    common, names = request["common"], request["names"]
    for row in request["rows"]:
        inputs = {**common, **dict(zip(names, row, strict=True))}
        yield {"op": request["name"], "set": request["set"], "in": inputs}
