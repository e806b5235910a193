"""One C function as one operation: named arguments to C values, the call, and its outputs back.

What a C function cannot be told, such as a wrong length of an array without a length argument, is no question that it
could answer: such a call raises CannotAsk, which is neither a refusal nor a fault of the library.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pqvalidate.adapters.c_abi_buffers import Input, Output
from pqvalidate.adapters.c_abi_quick import Ready, of_right_size, ready, run
from pqvalidate.adapters.interface import CannotAsk, Rejected
from pqvalidate.algorithms import ParameterSet, lengths

_LENGTHS = {"size_t": ctypes.c_size_t, "unsigned long long": ctypes.c_ulonglong}
_MOST_CONTEXT = 255
_USUAL = 4096
_ENOUGH = 1 << 20
"""Messages beyond this are rare; room for one is given back after the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """A C function, ready to be called: its address, the words of its arguments, and what it returns."""

    symbol: str
    function: Any
    arguments: tuple[str, ...]
    returns: str
    hashes: tuple[str, ...]


def fixed_inputs(spelled: Spelled, row: ParameterSet) -> frozenset[str]:
    """Return the inputs whose length this function cannot be told, or cannot complain about.

    ``context`` is among them where the caller, and no code of the library, puts the length byte in front of it.
    """
    sizes = lengths(row.name)
    words = set(spelled.arguments)
    mute = spelled.returns == "none"
    fixed = {word for word in words if word in sizes and (mute or f"{word}_length" not in words)}
    return frozenset(fixed | ({"context"} if "prefix" in words or (mute and "context" in words) else set()))


_Maker: TypeAlias = Callable[[Mapping[str, Any], int], int | None]
"""Makes the C value of one argument from the inputs by name, and from whether addresses are odd."""


class _Slots:
    """The argument list of a function in one thread, with room for what it reads and writes."""

    def __init__(self, spelled: Spelled, sizes: Mapping[str, int]) -> None:
        self.inputs: list[Input] = []
        self.outputs: dict[str, Output] = {}
        self.lengths: dict[str, Output] = {}
        self.makers = [self._maker(word, sizes) for word in spelled.arguments]

    def _maker(self, word: str, sizes: Mapping[str, int]) -> _Maker:
        if (constant := _constant(word)) is not None:
            return constant
        if word.startswith("zeros:"):
            content = bytes(int(word.removeprefix("zeros:")))
            return self._input(word, len(content), lambda _values: content)
        if word.endswith("_length!"):
            return self._output_length(word.removesuffix("_length!"), sizes)
        if word.endswith("!"):
            return self._output(word.removesuffix("!"), sizes)
        if word.endswith("_length"):
            name = word.removesuffix("_length")
            return lambda values, _shift: _size_of(name, values, sizes)
        return self._input(word, sizes.get(word, _USUAL), _VALUES.get(word, lambda values: values[word]))

    def _input(self, name: str, usual: int, value: Callable[[Mapping[str, Any]], Any]) -> _Maker:
        buffer = Input(name, usual)
        self.inputs.append(buffer)
        return lambda values, shift: buffer.put(value(values), shift)

    def _output(self, name: str, sizes: Mapping[str, int]) -> _Maker:
        buffer = self.outputs[name] = Output(name, sizes.get(name, _USUAL))
        if name in sizes:
            size = sizes[name]
            return lambda _values, shift: buffer.put(size, shift)
        return lambda values, shift: buffer.put(_size_of(name, values, sizes), shift)

    def _output_length(self, name: str, sizes: Mapping[str, int]) -> _Maker:
        buffer = self.lengths[name] = Output(f"the length of {name}", ctypes.sizeof(ctypes.c_size_t))
        return lambda values, _shift: buffer.put(8, 0, _size_of(name, values, sizes).to_bytes(8, "little"))


def _constant(word: str) -> _Maker | None:
    """Return the maker of ``null``, of a number, or of ``size:N``; None for another word."""
    if word == "null":
        return lambda _values, _shift: None
    number = word.removeprefix("size:")
    return (lambda _values, _shift: int(number)) if number.lstrip("-").isdigit() else None


_VALUES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "prefix": lambda values: b"\0" + bytes([len(values["context"])]) + values["context"],  # FIPS 204 algorithm 2
    "signed": lambda values: b"".join((values["signature"], values["message"])),
    "hash": lambda values: values["hash"].encode() + b"\0",
}


def _size_of(name: str, values: Mapping[str, Any], sizes: Mapping[str, int]) -> int:
    """Return the length of what is passed as ``name``, or of the room for it."""
    if name in values:
        return len(values[name])
    if name in sizes:
        return sizes[name]
    if name == "prefix":
        return len(values["context"]) + 2
    head = values["signature"] if "signature" in values else bytes(sizes["signature"])
    return len(head) + len(values["message"])  # signed!, signed, opened!


class COperation:
    """An operation that a C function carries out; called with the inputs of the common interface.

    Raises (when called):
        Rejected: the function says that it failed.
        MemoryMisuse: it wrote where it must not.
        CannotAsk: an input has a length that the function cannot be told.

    """

    def __init__(self, spelled: Spelled, row: ParameterSet, names: Sequence[str], outputs: Sequence[str]) -> None:
        self.spelled = spelled
        self._names, self._outputs = tuple(names), tuple(outputs)
        self._sizes = lengths(row.name)
        self._fixed = fixed_inputs(spelled, row)
        self._fixed_sizes = [(name, self._sizes[name]) for name in self._fixed if name in self._sizes]
        self._optional: dict[str, Any] = {"context": b""} if "context" in names else {}
        self._threads = threading.local()
        self._made = tuple(word[:-1] for word in spelled.arguments if word.endswith("!"))
        told = [word.removesuffix("_length") for word in spelled.arguments if word.endswith("_length")]
        self._quick = spelled.returns != "length" and {*names, *self._made, *told} <= self._sizes.keys()
        self._turns = itertools.count()

    def __call__(self, *given: Any) -> Any:  # noqa: ANN401  (what the common interface takes and returns)
        """Make the call with the operation's inputs in order; return its outputs."""
        values = dict(zip(self._names, given, strict=False)) if given else {}
        if len(values) != len(self._names):
            values = {**self._optional, **values}
        for name, size in self._fixed_sizes:
            if len(values[name]) != size:
                raise self.no_length(name)
        if "context" in self._fixed and len(values["context"]) > _MOST_CONTEXT:
            raise self.no_length("context")
        slots = self._slots()
        shift = self._shift(given)
        status = self.spelled.function(*[make(values, shift) for make in slots.makers])
        symbol = self.spelled.symbol
        for passed in slots.inputs:
            passed.check(symbol)
        made = {name: room.take(symbol) for name, room in slots.outputs.items()}
        for name, room in slots.lengths.items():
            made[name] = self._cut(name, made[name], int.from_bytes(room.take(symbol), "little"), status)
        if len(values.get("message", b"")) > _ENOUGH:
            del self._threads.slots
        return self._result(status, values, made)

    def _slots(self) -> _Slots:
        try:
            slots: _Slots = self._threads.slots
        except AttributeError:
            slots = self._threads.slots = _Slots(self.spelled, self._sizes)
        return slots

    def preparing(self, common: Mapping[str, Any], field: str) -> Callable[[bytes], tuple[Any, list[Any]]]:
        """Return what puts a value of ``field`` into place and gives the C function and its arguments, to be timed.

        Raises (when the function is called):
            Rejected: the function says that it failed.

        """
        slots, function = self._slots(), self.spelled.function

        def checked(*arguments: Any) -> None:  # noqa: ANN401  (C values)
            status = function(*arguments)
            if not self._succeeded(status):
                raise Rejected(f"{self.spelled.symbol} returned {status}")

        def prepare(value: bytes) -> tuple[Any, list[Any]]:
            inputs = {**common, field: value}
            return checked, [make(inputs, 0) for make in slots.makers]

        return prepare

    def many(self, common: Mapping[str, Any], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[Any]:
        """Make the calls of a batch and yield, for each, what it returns or the exception that it raises."""
        right = of_right_size(names, rows, self._sizes) and of_right_size([*common], [[*common.values()]], self._sizes)
        if self._quick and right and names:
            yield from run(self.spelled.function, self._pair(common, names, rows[0]),
                           self._shift([*common.values()]) if common else 0, rows,
                           self._finish, self.spelled.symbol)  # fmt: skip
            return
        for row in rows:
            values = {**common, **dict(zip(names, row, strict=True))}
            try:
                yield self(*(values[name] for name in self._names if name in values))
            except Exception as error:  # noqa: BLE001  (the worker says what it was, as for a single call)
                yield error

    def _pair(self, common: Mapping[str, Any], names: Sequence[str], row: Sequence[Any]) -> tuple[Ready, Ready]:
        """Return the buffers for even and odd addresses; those of the last batch, if it had the same in common."""
        kept = self._threads.__dict__
        if kept.get("shared") != (names, common):
            if "twice" not in kept:
                kept["twice"] = [_Slots(self.spelled, self._sizes) for _ in range(2)]
            values = {**common, **dict(zip(names, row, strict=True))}
            kept["pair"] = tuple(
                ready(slots.makers, slots.inputs, list(slots.outputs.values()), values, names, shift)
                for shift, slots in enumerate(kept["twice"])
            )
            kept["shared"] = (names, common)
        pair: tuple[Ready, Ready] = kept["pair"]
        return pair

    def _finish(self, status: int, made: list[bytes]) -> Any:  # noqa: ANN401
        if len(made) == 1 and self._made == self._outputs and self._succeeded(status):
            return made[0]
        return self._result(status, {}, dict(zip(self._made, made, strict=True)))

    def no_length(self, name: str) -> CannotAsk:
        """Return the exception for an input of a length that the function cannot be told."""
        return CannotAsk(f"{self.spelled.symbol} cannot be told a wrong length of {name}")

    def _shift(self, given: Sequence[Any]) -> int:
        """Return 1 for odd addresses; it depends on the inputs, so that a case that is asked again meets the same."""
        shift = 0
        for value in given:
            if value and not isinstance(value, str):
                shift ^= value[len(value) >> 1]
        return (shift if given else next(self._turns)) & 1

    def _cut(self, name: str, made: bytes, length: int, status: int) -> bytes:
        if not self._succeeded(status):
            return made
        if length > len(made):
            raise RuntimeError(f"{self.spelled.symbol} says that {name} has {length} bytes, in room for {len(made)}")
        return made[:length]

    def _succeeded(self, status: int) -> bool:
        returns = self.spelled.returns
        if returns == "one":
            return status == 1
        return returns == "none" or (status > 0 if returns == "length" else status == 0)

    def _result(self, status: int, values: Mapping[str, Any], made: dict[str, bytes]) -> Any:  # noqa: ANN401
        if self._outputs == ("valid",):
            return self._succeeded(status) and self._opened_rightly(values, made)
        if not self._succeeded(status):
            raise Rejected(f"{self.spelled.symbol} returned {status}")
        if "signed" in made:
            made["signature"] = self._detached(made["signed"], values["message"])
        elif self.spelled.returns == "length":
            (name,) = self._outputs
            made[name] = self._cut(name, made[name], status, status)
        found = tuple(made[name] for name in self._outputs)
        return found if len(found) > 1 else found[0]

    def _opened_rightly(self, values: Mapping[str, Any], made: Mapping[str, bytes]) -> bool:
        if "opened" in made and made["opened"] != values["message"]:
            raise RuntimeError(f"{self.spelled.symbol} accepts and gives back another message")
        return True

    def _detached(self, signed: bytes, message: bytes) -> bytes:
        size = len(signed) - len(message)
        if size < 0 or signed[size:] != message:
            raise RuntimeError(f"{self.spelled.symbol} does not append the message to the signature")
        return signed[:size]


def prepared(library: ctypes.CDLL, row: Mapping[str, Any], length_type: str) -> Spelled | None:
    """Return the function of a row of the bridge's settings, or None where the library has no such symbol."""
    if not hasattr(library, row["symbol"]):
        return None
    function = library[row["symbol"]]  # a new object: two operations may call one function with different arguments
    types: list[Any] = []
    for word in row["arguments"]:
        if word.lstrip("-").isdigit():
            types.append(ctypes.c_int)
        elif word.startswith("size:") or word.endswith("_length"):
            types.append(_LENGTHS[length_type])
        else:
            types.append(ctypes.c_void_p)
    function.argtypes = tuple(types)
    function.restype = {"none": None, "length": ctypes.c_ssize_t}.get(row["returns"], ctypes.c_int)
    return Spelled(
        symbol=row["symbol"], function=function, arguments=tuple(row["arguments"]), returns=row["returns"],
        hashes=tuple(row["hashes"]),
    )  # fmt: skip
