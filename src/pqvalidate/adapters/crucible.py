"""Bridge to harnesses for Crucible (Symbolic Software): one JSON object per line, byte strings in hexadecimal.

The harness says once what it implements; then each request ``{"function", "inputs", "params"}`` gets one line with
``outputs``, ``error`` (a refusal) or ``unsupported``. Its ``message`` is a formatted M' in the templates of Crucible,
while some of its harnesses pass it to the external interface with an empty context: two dialects, for the vendor to
choose from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pqvalidate.adapters.bridged import Bridged, Inputs, final_set
from pqvalidate.adapters.interface import NotOffered, Rejected
from pqvalidate.adapters.program import LONGEST_VALUE, Program, ProgramEnded, ProgramFault, Running, unhex
from pqvalidate.algorithms import PARAMETER_SETS

_LONGEST_LINE = 2 * LONGEST_VALUE
_PROBE = bytes(range(64))


@dataclass(frozen=True, slots=True)
class Function:
    """One row of the dialect: the function, its inputs by Crucible's names, and its outputs by ours.

    Inputs map the name on the wire to a field of ours; outputs map a field of ours to the names that occur for it.
    """

    name: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, tuple[str, ...]]


_SIGNATURE = {"signature": ("signature", "sigma")}
_VALID = {"valid": ("valid",)}


def _family(key: str, message: str, sign: str, verify: str) -> dict[str, Function]:
    """Return the rows that depend on the form of a private key and on the interface for messages."""
    return {
        sign: Function("ML_DSA_Sign", {"sk": key, "message": message, "rnd": "rnd"}, _SIGNATURE),
        verify: Function("ML_DSA_Verify", {"pk": "pk", "message": message, "sigma": "signature"}, _VALID),
    }


FUNCTIONS: dict[str, dict[str, Function]] = {
    "ML-KEM": {
        "keygen_from_seed": Function("ML_KEM_KeyGen", {"randomness": "seed"}, {"ek": ("ek",), "dk": ("dk",)}),
        "encapsulate_derand": Function(
            "ML_KEM_Encaps", {"ek": "ek", "randomness": "m"}, {"c": ("c",), "k": ("K",)}
        ),
        "decapsulate": Function("ML_KEM_Decaps", {"dk": "dk", "c": "c"}, {"k": ("K",)}),
        "decapsulate_from_seed": Function("ML_KEM_Decaps", {"dk": "seed", "c": "c"}, {"k": ("K",)}),
    },
    "ML-DSA": {
        "keygen_from_seed": Function("ML_DSA_KeyGen", {"seed": "seed"}, {"pk": ("pk",), "sk": ("sk",)}),
    },
}  # fmt: skip

MESSAGES: dict[str, dict[str, Function]] = {
    "crucible": {
        **_family("sk", "m_prime", "sign_internal", "verify_internal"),
        **_family("seed", "m_prime", "sign_internal_from_seed", "verify_internal"),
    },
    "crucible-external": {
        **_family("sk", "message", "sign_with_rnd", "verify"),
        **_family("seed", "message", "sign_with_rnd_from_seed", "verify"),
    },
}
"""Per dialect, what ``message`` is: M' of FIPS 204 algorithm 7, or M of algorithm 2 with an empty context."""


def bridge(settings: Mapping[str, Any]) -> Harness:
    """Start the harness that the settings name, hear what it implements, and return the factory of its objects.

    Raises:
        ProgramEnded: it ended instead of telling.
        ProgramFault: it cannot be started, or does not say what it implements.

    """
    return Harness(settings["command"], settings["dialect"])


class Harness:
    """A running harness: gives the object of the Python contract for each parameter set that it makes keys for.

    Attributes:
        together: none of the ways of making calls together reaches another process.

    """

    together: tuple[str, ...] = ()

    def __init__(self, command: list[str], dialect: str) -> None:
        self._program, self._dialect = Program(command, self._greeted), dialect
        self._name, self._functions = "", list[Any]()
        self._program.start()

    def version(self) -> str:
        """Return the name that the harness gives its implementation, which usually holds a version."""
        return self._name

    def __call__(self, parameter_set: str) -> Bridged:
        """Return the operations of a parameter set.

        A harness takes private keys in the form in which its key generation returns them, expanded or as the seed; so
        it makes one key first.

        Raises:
            ValueError: it makes no keys of this parameter set, and says so.

        """
        family, level = final_set(parameter_set)
        rows = {**FUNCTIONS[family], **(MESSAGES[self._dialect] if family == "ML-DSA" else {})}
        rows = {operation: row for operation, row in rows.items() if row.name in self._functions}
        seeds = self._keeps_seeds(parameter_set, rows)
        offered = {
            operation: () for operation in rows
            if operation == "keygen_from_seed" or not _takes_key(rows[operation])
            or operation.endswith("_from_seed") == seeds
        }  # fmt: skip
        return Bridged(parameter_set, offered, lambda op, inputs: self._perform(rows[op], int(level), inputs))

    def _keeps_seeds(self, parameter_set: str, rows: Mapping[str, Function]) -> bool:
        """Return whether private keys come back as the seeds that they were made from."""
        row = PARAMETER_SETS[parameter_set]
        if "keygen_from_seed" not in rows:
            return False
        level = int(parameter_set.rpartition("-")[2])
        try:
            made = self._perform(rows["keygen_from_seed"], level, {"seed": _PROBE[: row.seed]})
        except (NotOffered, ProgramEnded, ProgramFault):  # the call itself will show it
            return False
        return len(made["dk" if row.kind == "kem" else "sk"]) == row.seed

    def _greeted(self, running: Running) -> None:
        message = _object(running.take_line(_LONGEST_LINE))
        functions = message.get("functions", [])
        if not isinstance(functions, list) or "implementation" not in message:
            raise ProgramFault("the first line of the harness does not say what it implements")
        self._name, self._functions = str(message["implementation"])[:100], functions

    def _perform(self, row: Function, level: int, inputs: Inputs) -> dict[str, Any]:
        request = {
            "function": row.name,
            "inputs": {name: bytes(inputs[field]).hex() for name, field in row.inputs.items()},
            "params": {"param_set": level},
        }
        line = json.dumps(request, separators=(",", ":")).encode() + b"\n"
        message = self._program.ask(line, lambda running: _object(running.take_line(_LONGEST_LINE)))
        if message.get("unsupported") is True:
            raise NotOffered(f"the harness says that {row.name} is not supported")
        if message.get("error") is not None:
            raise Rejected(str(message["error"]))
        outputs = message.get("outputs")
        if not isinstance(outputs, dict):
            raise ProgramFault("a reply holds neither outputs, error nor unsupported")
        return {field: _output(field, outputs, names) for field, names in row.outputs.items()}


def _takes_key(row: Function) -> bool:
    return "dk" in row.inputs or "sk" in row.inputs


def _object(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise ProgramFault(f"the harness printed a line that is no JSON object: {line[:60]!r}")
    return message


def _output(field: str, outputs: Mapping[str, Any], names: tuple[str, ...]) -> bytes | bool:
    text = next((outputs[name] for name in names if name in outputs), None)
    if not isinstance(text, str):
        raise ProgramFault(f"a reply holds no {' or '.join(names)}")
    if field == "valid":
        if text not in ("00", "01"):
            raise ProgramFault(f"a reply holds valid={text[:20]!r}, neither 00 nor 01")
        return text == "01"
    return unhex(field, text)
