"""The object of the Python contract for an implementation that sits behind a protocol: one method per operation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pqvalidate.adapters.interface import Operation, table_for
from pqvalidate.algorithms import PARAMETER_SETS

Inputs = Mapping[str, Any]
Perform = Callable[[str, Inputs], Mapping[str, Any]]
"""Makes a call: operation and inputs by name in, outputs by name out; optional inputs may be lacking."""


class Bridged:
    """The operations of one parameter set as methods; an operation that is not offered has none.

    Args:
        parameter_set: its name.
        offered: per operation, which of its optional inputs it takes.
        perform: makes a call.
        hash_names: the pre-hash functions, where pre-hashing is offered.

    """

    def __init__(
        self, parameter_set: str, offered: Mapping[str, Iterable[str]], perform: Perform,
        hash_names: Iterable[str] = (),
    ) -> None:  # fmt: skip
        self.hash_names = tuple(hash_names)
        for name, options in offered.items():
            operation = table_for(parameter_set)[name]
            setattr(self, name, _method(name, operation, frozenset(options), perform))


def final_set(parameter_set: str) -> tuple[str, str]:
    """Return family and level of a parameter set of FIPS 203 or 204, e.g. ("ML-KEM", "768").

    Raises:
        ValueError: it belongs to a version before the standard, which these protocols cannot name.

    """
    family, _, level = parameter_set.rpartition("-")
    if PARAMETER_SETS[parameter_set].version != "final":
        msg = f"this protocol knows ML-KEM and ML-DSA only, not {parameter_set}"
        raise ValueError(msg)
    return family, level


def _method(name: str, operation: Operation, options: frozenset[str], perform: Perform) -> Callable[..., object]:
    """Return a function with exactly the inputs that are offered: the worker looks at its signature."""
    fields = [field for field in operation.inputs if field not in operation.optional or field in options]
    signature = inspect.Signature([
        inspect.Parameter(
            field, inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=None if field in operation.optional else inspect.Parameter.empty,
        )
        for field in sorted(fields, key=lambda field: field in operation.optional)
    ])  # fmt: skip

    def method(*arguments: object, **named: object) -> object:
        # The worker gives all inputs in the order of the table, or the optional ones by name.
        order = fields if len(arguments) == len(fields) else list(signature.parameters)
        given = {**dict(zip(order, arguments, strict=False)), **named}
        outputs = perform(name, {field: value for field, value in given.items() if value is not None})
        values = tuple(outputs[output] for output in operation.outputs)
        return values[0] if len(values) == 1 else values

    method.__name__ = name
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method
