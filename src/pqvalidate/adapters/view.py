"""One parameter set of an attached implementation as an object: the same methods over every implementation."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, cast

from pqvalidate.adapters.interface import (
    Call,
    Fault,
    Ok,
    Reply,
    table_for,
)
from pqvalidate.adapters.session import Session
from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.errors import UsageError

_FROM_SEED = "_from_seed"
_OTHER_NAMES = {"seed64": "seed", "seed32": "seed", "m32": "m", "mu64": "mu", "rnd32": "rnd", "hash_name": "hash"}
"""The parameter names of the Python object contract, which say a length where the operations table does not."""


class View:
    """One parameter set of an attached implementation; every operation of its table is a method.

    A private key may be given as the seed that it was made from, wherever the implementation takes one: what its key
    generation returns is what the other operations take.
    """

    def __init__(self, session: Session, name: str, offered: AbstractSet[str]) -> None:
        self._session, self._name, self._offered, self._table = session, name, offered, table_for(name)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Return the operation as a function with the inputs of the Python object contract."""
        if operation not in self._table:
            msg = f"{self._name} has no operation {operation!r}; known: {', '.join(self._table)}"
            raise AttributeError(msg)
        return partial(self._make, operation)

    def _make(self, operation: str, /, *arguments: object, **named: object) -> Any:  # noqa: ANN401  (its outputs)
        inputs = self._inputs(operation, arguments, named)
        chosen = self._chosen(operation, inputs)
        if chosen != operation:
            inputs = {"seed" if field in ("dk", "sk") else field: value for field, value in inputs.items()}
        for option in self._table[chosen].optional:
            if option in inputs and f"{chosen}.{option}" not in self._offered:
                if inputs[option]:
                    raise UsageError(f"{self._name}: this implementation's {chosen} takes no {option}")
                del inputs[option]  # an empty context is the same as none
        call = Call(operation=chosen, parameter_set=self._name, inputs=cast("dict[str, bytes | bool | str]", inputs))
        outputs = self._table[chosen].outputs
        if outputs == ("handle",):
            return LoadedKey(self._session, call)
        (reply,) = self._session.ask([call])
        return _values(reply, outputs)

    def _inputs(self, operation: str, arguments: tuple[object, ...], named: dict[str, object]) -> dict[str, object]:
        """Bind arguments to the names of the operations table, as a function call would."""
        shape = self._table[operation]
        given = [*zip(shape.inputs, arguments, strict=False), *((_OTHER_NAMES.get(n, n), v) for n, v in named.items())]
        inputs = {field: value for field, value in given if value is not None or field not in shape.optional}
        missing = [field for field in shape.inputs if field not in inputs and field not in shape.optional]
        unknown = [field for field, _ in given if field not in shape.inputs]
        if missing or unknown or len(arguments) > len(shape.inputs) or len(dict(given)) < len(given):
            msg = f"{operation} takes ({', '.join(shape.inputs)})"
            raise TypeError(msg)
        return {field: _input(operation, field, value) for field, value in inputs.items()}

    def _chosen(self, operation: str, inputs: dict[str, object]) -> str:
        """Return the operation to ask: the one of that name, or for a key of a seed's length its ``_from_seed``."""
        key = inputs.get("dk", inputs.get("sk"))
        variant = f"{operation}{_FROM_SEED}"
        if isinstance(key, bytes) and len(key) == PARAMETER_SETS[self._name].seed and variant in self._offered:
            return variant
        if operation not in self._offered:
            other = f"; it does offer {variant}" if variant in self._offered else ""
            raise UsageError(f"{self._name}: this implementation does not offer {operation}{other}")
        return operation


def _input(operation: str, field: str, value: object) -> object:
    if field == "hash" and isinstance(value, str):
        return value
    if field != "hash" and isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    msg = f"{operation}: {field} is a {type(value).__name__}, not {'str' if field == 'hash' else 'bytes'}"
    raise TypeError(msg)


class LoadedKey:
    """A key that was loaded once in the worker; it is loaded again by itself when the worker had to restart."""

    def __init__(self, session: Session, loader: Call) -> None:
        self._session, self._loader = session, loader
        self._load()

    def _load(self) -> None:
        (reply,) = self._session.ask([self._loader])
        self._handle = cast("int", _values(reply, ("handle",)))
        self._at = self._session.restarts

    def decapsulate(self, c: bytes) -> bytes:
        """Return the 32-byte shared secret for ciphertext ``c``."""
        return cast("bytes", self._use("decapsulate", {"c": c}, ("k",)))

    def encapsulate(self) -> tuple[bytes, bytes]:
        """Return (32-byte shared secret, ciphertext)."""
        return cast("tuple[bytes, bytes]", self._use("encapsulate", {}, ("k", "c")))

    def close(self) -> None:
        """Let the worker forget the key; a later use loads it again."""
        if self._is_loaded():
            self._session.request({"op": "release", "in": {"handle": self._handle}})
        self._at = -1

    def _is_loaded(self) -> bool:
        return self._session.alive and self._at == self._session.restarts

    def _use(self, operation: str, inputs: dict[str, bytes], outputs: tuple[str, ...]) -> Any:  # noqa: ANN401
        reply = self._ask(operation, inputs)
        if isinstance(reply, Fault) and not self._session.alive and self._session.killed_from_outside:
            reply = self._ask(operation, inputs)
        return _values(reply, outputs)

    def _ask(self, operation: str, inputs: dict[str, bytes]) -> Reply:
        if not self._is_loaded():
            self._load()
        return self._session.request({"op": operation, "in": {"handle": self._handle, **inputs}})


def _values(reply: Reply, names: tuple[str, ...]) -> Any:  # noqa: ANN401  (one value or a tuple of them)
    if not isinstance(reply, Ok):
        raise reply
    if not reply.values.keys() >= set(names):
        raise Fault("protocol", f"a reply lacks {', '.join(names)}")
    return reply.values[names[0]] if len(names) == 1 else tuple(reply.values[name] for name in names)
