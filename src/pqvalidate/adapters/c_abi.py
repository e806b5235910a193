"""The worker's bridge to a C library (kind ``c-abi``): one object per parameter set, whose methods are C functions.

An operation whose function the library does not have is not offered. Where known random bytes can be fed to the
library, operations that take them are offered on top of those that draw them.
"""

from __future__ import annotations

import ctypes
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pqvalidate.adapters.c_abi_calls import COperation, Spelled, fixed_inputs, prepared
from pqvalidate.adapters.c_abi_randomness import Randomness, randomness_of, supply_missing
from pqvalidate.adapters.interface import Operation, table_for
from pqvalidate.algorithms import PARAMETER_SETS, ParameterSet

_RTLD_LAZY = 1
_RND = 32
_DRAWING = ("keygen", "encapsulate", "sign", "sign_mu")
"""Operations that draw random bytes; the others make the same of the same, whatever the library's source gives."""


def bridge(settings: Mapping[str, Any]) -> Library:
    """Return the factory for the library that the settings name.

    Raises:
        OSError: it does not load; the loader's words say why.

    """
    return Library(settings["library"], settings["symbols"])


class Library:
    """A loaded C library; called with a parameter set, it returns the object whose methods ask the library."""

    def __init__(self, path: str, symbols: Mapping[str, Any]) -> None:
        self._symbols = symbols
        self._library = load(path)
        self._randomness = randomness_of(self._library, symbols["randomness"])
        supply_missing(self._library, symbols["randomness"])

    def version(self) -> str:
        """Return what the library says about its version, or the empty string."""
        name = self._symbols["version"]
        if not name or not hasattr(self._library, name):
            return ""
        function = self._library[name]
        function.restype = ctypes.c_char_p
        return (function() or b"").decode("utf-8", "replace")

    def __call__(self, parameter_set: str) -> object:
        """Return the object for a parameter set.

        Raises:
            ValueError: the library has none of its functions.

        """
        rows = self._symbols["functions"].get(parameter_set, {})
        found: dict[str, Spelled] = {}
        for operation, candidates in rows.items():
            ready = (prepared(self._library, row, self._symbols["length_type"]) for row in candidates)
            if chosen := next((spelled for spelled in ready if spelled), None):
                found[operation] = chosen
        if not found:
            symbols = sorted({row["symbol"] for candidates in rows.values() for row in candidates})
            raise ValueError(f"the library has none of {', '.join(symbols) or 'its functions'}")
        return CImplementation(PARAMETER_SETS[parameter_set], found, self._randomness)


def load(path: str) -> ctypes.CDLL:
    """Load a library, leaving functions that it lacks unresolved until they are called.

    Raises:
        OSError: it does not load.

    """
    loader = ctypes.CDLL(None)
    loader.dlopen.restype = ctypes.c_void_p
    loader.dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
    loader.dlerror.restype = ctypes.c_char_p
    handle = loader.dlopen(os.fsencode(path), _RTLD_LAZY)
    if not handle:
        raise OSError((loader.dlerror() or b"the loader does not say why").decode("utf-8", "replace"))
    return ctypes.CDLL(path, handle=handle)


class CImplementation:
    """One parameter set of a C library: an attribute per operation, and what it cannot be asked.

    Attributes:
        hash_names: the pre-hash functions that its HashML-DSA knows.
        fixed_lengths: ``operation.input`` for every input whose length the C function cannot be told.

    """

    def __init__(self, row: ParameterSet, found: Mapping[str, Spelled], randomness: Randomness | None) -> None:
        self._row, self._randomness = row, randomness
        self._table = table_for(row.name)
        self.fixed_lengths: set[str] = set()
        hashes = [set(spelled.hashes) for name, spelled in found.items() if "prehash" in name]
        self.hash_names = sorted(set.intersection(*hashes)) if hashes else []
        self._found = found
        for name in found:
            if not name.endswith(".rnd"):
                self._offer(name, self._with_own(name), self._options(found[name]))
        for name in ("sign_mu", "sign_prehash"):
            if f"{name}.rnd" in found:
                self._offer_with_rnd(name)
        if randomness:
            self._offer_known(randomness)

    def _operation(self, name: str) -> COperation:
        spelled = self._found[name]
        row: Operation = self._table[name.removesuffix(".rnd")]
        options = self._options(spelled) | ({"rnd"} if name.endswith(".rnd") else set())
        names = [field for field in row.inputs if field not in row.optional or field in options]
        self.fixed_lengths |= {
            f"{name.removesuffix('.rnd')}.{field}" for field in fixed_inputs(spelled, self._row) if field in names
        }
        return COperation(spelled, self._row, names, row.outputs)

    def _options(self, spelled: Spelled) -> set[str]:
        return {"context"} & {"context" if word == "prefix" else word for word in spelled.arguments}

    def _with_own(self, name: str) -> Callable[..., Any]:
        """Return the call with the library's own randomness, which must not run beside one with known bytes."""
        operation, randomness = self._operation(name), self._randomness
        if randomness is None or name not in _DRAWING:
            return operation

        return _Drawing(operation, randomness)

    def _offer(self, name: str, call: Callable[..., Any], options: set[str]) -> None:
        row = self._table[name]
        fields = [field for field in row.inputs if field not in row.optional or field in options]
        fields = [field for field in fields if field not in row.optional] + [f for f in fields if f in row.optional]
        setattr(self, name, _Method(call, fields, row))

    def _offer_with_rnd(self, name: str) -> None:
        """Offer an operation with the option ``rnd``; without it, the other function, or fresh bytes from here."""
        known = self._operation(f"{name}.rnd")
        options = self._options(self._found[f"{name}.rnd"]) | {"rnd"}
        place = [f for f in self._table[name].inputs if f != "context" or "context" in options].index("rnd")
        own = self._with_own(name) if name in self._found else None

        def call(*given: Any) -> Any:  # noqa: ANN401
            if len(given) > place and given[place] is not None:
                return known(*given)
            shorter = given[:place] + given[place + 1 :]
            return own(*shorter) if own else known(*shorter[:place], os.urandom(_RND), *shorter[place:])

        self._offer(name, call, options)

    def _offer_known(self, randomness: Randomness) -> None:
        """Offer what takes random bytes from the caller, on top of what draws them; lengths are then fixed."""
        taking = {
            "keygen_from_seed": ("keygen", "seed"), "encapsulate_derand": ("encapsulate", "m"),
            "sign_with_rnd": ("sign", "rnd"), "sign_deterministic": ("sign", ""),
        }  # fmt: skip
        for name, (drawing, what) in taking.items():
            if name not in self._table or hasattr(self, name) or drawing not in self._found:
                continue
            if name == "sign_with_rnd" and self._row.algorithm == "Dilithium":
                continue  # round 3.1 draws 64 bytes or none; the interface has no name for them
            self._offer(name, self._known(randomness, drawing, what), self._options(self._found[drawing]))
            if what:
                self.fixed_lengths.add(f"{name}.{what}")
            self.fixed_lengths |= {
                entry.replace(f"{drawing}.", f"{name}.") for entry in self.fixed_lengths
                if entry.startswith(f"{drawing}.")
            }  # fmt: skip

    def _known(self, randomness: Randomness, drawing: str, what: str) -> Callable[..., Any]:
        operation = self._operation(drawing)
        place = {"seed": 0, "m": 1, "rnd": 2, "": -1}[what]
        size = self._row.seed if what == "seed" else _RND
        silent = self._row.algorithm == "Dilithium"  # its deterministic mode is another build, which draws nothing

        def call(*given: Any) -> Any:  # noqa: ANN401
            if place < 0:
                recorded, rest = b"" if silent else bytes(size), given
            else:
                recorded, rest = bytes(given[place]), given[:place] + given[place + 1 :]
            if what and len(recorded) != size:
                raise operation.no_length(what)
            with randomness.known(recorded):
                return operation(*rest)

        return call


class _Drawing:
    """An operation that draws the library's own random bytes, which must not run beside one with known bytes."""

    def __init__(self, operation: COperation, randomness: Randomness) -> None:
        self._operation, self._randomness = operation, randomness

    def __call__(self, *given: Any) -> Any:  # noqa: ANN401
        """Make one call."""
        with self._randomness.own():
            return self._operation(*given)

    def many(self, common: Mapping[str, Any], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[Any]:
        """Make the calls of a batch."""
        with self._randomness.own():
            yield from self._operation.many(common, names, rows)


class _Method:
    """A method of the common interface: takes inputs in the order of the operation, or options by name."""

    def __init__(self, call: Callable[..., Any], fields: list[str], row: Operation) -> None:
        self._call = call
        if isinstance(call, (COperation, _Drawing)):
            self.many = call.many
        if isinstance(call, COperation):
            self.preparing = call.preparing
        self._order = [field for field in row.inputs if field in fields]
        parameters = [
            inspect.Parameter(
                field, inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=_DEFAULTS[field] if field in row.optional else inspect.Parameter.empty,
            )
            for field in fields
        ]  # fmt: skip
        self.__signature__ = inspect.Signature(parameters)
        self._required = [field for field in self._order if field not in row.optional]

    def __call__(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        """Make the call; an option that is left out has its default."""
        if len(given) == len(self._order) and not named:
            return self._call(*given)
        values = {**_DEFAULTS, **dict(zip(self._required, given, strict=True)), **named}
        return self._call(*(values[field] for field in self._order))


_DEFAULTS: dict[str, Any] = {"context": b"", "rnd": None}
