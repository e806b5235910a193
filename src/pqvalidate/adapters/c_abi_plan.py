"""From the manifest's ``[symbols]`` to the plain table that the worker's C bridge is given; the host's side of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pqvalidate.adapters.interface import Operation, table_for
from pqvalidate.algorithms import PREHASH_OID_BYTE, nearest
from pqvalidate.errors import InputError
from pqvalidate.symbols import Function, Symbols, candidates, family_of, fill, length_type, randomness, words

_WITH_RND = ".rnd"
_STANDS_FOR = {"signed": ("signature", "message"), "prefix": ("context",), "hash": ("hash",)}
"""Words that carry inputs in another form: signature‖message, and the 0‖length‖context in front of a message."""
_ROOM = {"signed": "signature", "opened": "valid"}
"""Outputs that C code makes, and the output of the operation that they become."""


def bridge_symbols(symbols: Symbols, kind: str, sets: Sequence[str], file: Path) -> dict[str, Any]:
    """Return what the bridge is told about a library: its functions per parameter set and operation, all spelled out.

    Raises:
        InputError: the manifest names an operation, argument or word that does not exist, or leaves one out.

    """
    family = family_of(symbols, kind)
    functions: dict[str, dict[str, list[dict[str, Any]]]] = {}
    _knowntable_for(symbols.functions, sets, file)
    for name in sets:
        known = words(symbols, family, name)
        operations = table_for(name)
        functions[name] = {
            operation: [_spelled_out(operation, operations, function, known, file) for function in found]
            for operation, found in candidates(symbols, family, name).items()
            if operation.removesuffix(_WITH_RND) in operations
        }
    return {
        "functions": functions, "length_type": length_type(symbols, family),
        "randomness": randomness(symbols, family),
        "version": symbols.version or ("OQS_version" if family == "liboqs" else ""),
    }  # fmt: skip


def _knowntable_for(functions: Mapping[str, Function], sets: Sequence[str], file: Path) -> None:
    known = list(dict.fromkeys(
        operation for name in sets for operation in table_for(name) if not operation.startswith("load_")
    ))  # fmt: skip
    for name, function in functions.items():
        place = f"symbols.functions.{name}"
        if name.removesuffix(_WITH_RND) not in known:
            problem = f"there is no operation {name!r}{nearest(name, known)}"
            raise InputError(file, place, problem, "See docs/reference/operations for those of the claimed sets")
        for index, hash_name in enumerate(function.hashes):
            if hash_name not in PREHASH_OID_BYTE:
                problem = f"unknown pre-hash function {hash_name!r}{nearest(hash_name, list(PREHASH_OID_BYTE))}"
                raise InputError(file, f"{place}.hashes[{index}]", problem, f"Known: {', '.join(PREHASH_OID_BYTE)}")


def _spelled_out(
    operation: str, operations: Mapping[str, Operation], function: Function, known: Mapping[str, str], file: Path
) -> dict[str, Any]:
    place = f"symbols.functions.{operation}"
    try:
        symbol = fill(function.symbol, known)
        arguments = [fill(word, known) for word in function.arguments]
    except KeyError as error:
        problem = f"the word {{{error.args[0]}}} is not known for every parameter set"
        raise InputError(file, place, problem, "Give it in [symbols.sets.NAME] of each") from None
    if problem := _misfit(operation, operations[operation.removesuffix(_WITH_RND)], arguments):
        raise InputError(file, f"{place}.arguments", problem, "See docs/howto/attach-c-library for the words")
    return {"symbol": symbol, "arguments": arguments, "returns": function.returns, "hashes": list(function.hashes)}


def _misfit(name: str, operation: Operation, arguments: Sequence[str]) -> str:
    """Return what keeps a list of arguments from carrying out an operation."""
    plain = [word for word in arguments if word != "null" and not word.lstrip("-").isdigit() and ":" not in word]
    given = {word for word in plain if not word.endswith(("!", "_length"))}
    made = {word.removesuffix("!") for word in plain if word.endswith("!") and not word.endswith("_length!")}
    made_for = {_ROOM.get(word, word) for word in made}
    stands_for = {own for word in given for own in _STANDS_FOR.get(word, (word,))}
    for word in sorted(stands_for - set(operation.inputs)):
        return f"{word!r} is no input of {name}{nearest(word, operation.inputs)}"
    for word in sorted(made_for - set(operation.outputs)):
        return f"{word!r} is no output of {name}{nearest(word, operation.outputs)}"
    ends = [word.removesuffix("!") for word in plain]
    lengths = {word.removesuffix("_length") for word in ends if word.endswith("_length")}
    for word in sorted(lengths - given - made):
        return f"{word}_length is the length of nothing that is passed"
    needed = set(operation.inputs) - set(operation.optional) | ({"rnd"} if name.endswith(_WITH_RND) else set())
    for word in sorted(needed - stands_for - {"hash"}):
        return f"{word!r}, an input of {name}, is not passed"
    for word in sorted({"valid"} ^ set(operation.outputs) and set(operation.outputs) - made_for - {"valid"}):
        return f"there is no room for {word!r}, an output of {name}: write {word}!"
    return ""
