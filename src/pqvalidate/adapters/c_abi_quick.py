"""The quick way through many calls of a C function whose inputs and outputs all have fixed sizes.

Same buffers, same canaries, same checks as for a single call; but addresses are worked out once, and what the calls
share stays where it is. A single call costs about 5 us beside the library's own work, a call in here about 2 us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import Any

from pqvalidate.adapters.c_abi_buffers import CANARY, SLACK, Input, Output, Place

_EDGE = len(CANARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A function's buffers with inputs in them, for even or for odd addresses.

    Attributes:
        arguments: C values, the same for every call.
        varied: places of the inputs that change from call to call, in the order of a row.
        kept: places of the inputs that stay, and what must still lie there after each call.
        made: places of the outputs with what lies there before each call.
        slack: where the one byte behind an input at an odd address lies.

    """

    arguments: tuple[int | None, ...]
    varied: tuple[Place, ...]
    kept: tuple[tuple[mmap, int, int, bytes], ...]
    made: tuple[tuple[mmap, int, int, bytes], ...]
    slack: tuple[tuple[mmap, int], ...]
    inputs: tuple[Input, ...]
    every: tuple[Input, ...]
    outputs: tuple[Output, ...]
    tail: bytes


def ready(
    makers: Sequence[Callable[[Mapping[str, Any], int], int | None]], inputs: Sequence[Input],
    outputs: Sequence[Output], values: Mapping[str, Any], names: Sequence[str], shift: int,
) -> Ready:  # fmt: skip
    """Put the inputs of a first call into place and return what the loop needs; ``names`` are those that vary."""
    arguments = tuple(make(values, shift) for make in makers)
    by_name = {buffer.name: buffer for buffer in inputs}
    return Ready(
        arguments=arguments, varied=tuple(by_name[name].place() for name in names),
        kept=tuple((*buffer.place(), buffer.content()) for buffer in inputs if buffer.name not in names),
        made=tuple((*buffer.place(), buffer.fresh()) for buffer in outputs),
        slack=tuple((view, end) for view, _, end in (buffer.place() for buffer in inputs) if shift),
        inputs=tuple(by_name[name] for name in names), every=tuple(inputs), outputs=tuple(outputs),
        tail=CANARY + SLACK * shift,
    )  # fmt: skip


def run(  # noqa: C901, PLR0912
    function: Callable[..., int], pair: tuple[Ready, Ready], base: int, rows: Sequence[Sequence[bytes]],
    finish: Callable[[int, list[bytes]], Any], symbol: str,
) -> Iterator[Any]:  # fmt: skip
    """Make a call for each row and yield what ``finish`` makes of its status and outputs, or the exception.

    The loop is written out: a function call here would cost as much as a check.
    """
    middles = [(end - begin) >> 1 for _, begin, end in pair[0].varied]
    for row in rows:
        odd = base
        for value, middle in zip(row, middles):  # noqa: B905  (checked before; strict costs time)
            odd ^= value[middle]
        at = pair[odd & 1]
        for (view, begin, end), value in zip(at.varied, row):  # noqa: B905
            view[begin:end] = value
        for view, begin, end, fresh in at.made:
            view[begin:end] = fresh
        status = function(*at.arguments)
        sound = True
        for (view, begin, end), value in zip(at.varied, row):  # noqa: B905
            if view[begin:end] != value:
                sound = False
        for view, begin, end, value in at.kept:
            if view[begin:end] != value:
                sound = False
        tail, found = at.tail, []
        for view, begin, end, _ in at.made:
            room = view[begin:end]
            if not (room.startswith(CANARY) and room.endswith(tail)):
                sound = False
            found.append(room[_EDGE : -len(tail)])
        for view, offset in at.slack:
            if view[offset] != SLACK[0]:
                sound = False
        try:
            if not sound:
                _in_words(at, row, symbol)
            yield finish(status, found)
        except Exception as error:  # noqa: BLE001  (the worker says what it was, as for a single call)
            yield error


def _in_words(at: Ready, row: Sequence[bytes], symbol: str) -> None:
    """Have the buffers look themselves: they say what was done to which of them; then put them right again."""
    for buffer, value in zip(at.inputs, row, strict=True):
        buffer.expect(value)
    try:
        for buffer in at.every:
            buffer.check(symbol)
        for room in at.outputs:
            room.take(symbol)
    finally:
        for buffer in at.every:
            buffer.restore()


def of_right_size(names: Sequence[str], rows: Sequence[Sequence[Any]], sizes: Mapping[str, int]) -> bool:
    """Return whether all inputs of all rows have the sizes of the standard."""
    right = [sizes.get(name, -1) for name in names]
    return all(list(map(len, row)) == right for row in rows)
