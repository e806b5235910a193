"""Bridge to ACVP module wrappers: programs that speak the protocol of BoringSSL's acvptool over stdin and stdout.

A request is a count, the lengths and the bytes of strings, the first of which names a command; numbers are 32 bits,
little-endian. The reply has the same form without a name. There is no error message: a wrapper that refuses an input
logs why and exits. So an exit with a status other than 0 is a refusal here, and a signal or a crash is a fault.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pqvalidate.adapters.bridged import Bridged, Inputs, final_set
from pqvalidate.adapters.interface import CannotAsk, Rejected
from pqvalidate.adapters.program import LONGEST_VALUE, Program, ProgramEnded, ProgramFault, Running
from pqvalidate.algorithms import PARAMETER_SETS

_MOST_VALUES = 16

_CONSTANTS = {"nothing": b"", "zeros": bytes(32), "no": b"\0", "yes": b"\1"}
"""Arguments that are no inputs: rnd of 32 zero bytes makes signing deterministic (FIPS 204 algorithm 2)."""


@dataclass(frozen=True, slots=True)
class Command:
    """One row of a dialect: the command behind the name of the parameter set, its arguments and its reply, in order.

    Arguments are names of inputs (``d`` and ``z``: the halves of a seed) or of constants.
    """

    name: str
    arguments: tuple[str, ...]
    reply: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a family of wrappers writes commands.

    Attributes:
        prefix: what comes before the name of the command; ``{family}`` and ``{set}`` are replaced.
        commands: per operation, its command.
        empty_is_absent: a message, mu or rnd that is empty means one that is not given, so none can be empty.
        unchecked: inputs of signature operations of which the wrapper reads the right number of bytes unseen.

    """

    prefix: str
    commands: Mapping[str, Command]
    empty_is_absent: bool
    unchecked: tuple[str, ...] = ()


_KEM = {
    "encapsulate_derand": Command("encap", ("ek", "m"), ("c", "k")),
    "decapsulate": Command("decap", ("dk", "c"), ("k",)),
    "check_encapsulation_key": Command("encapKeyCheck", ("ek",), ("valid",)),
    "check_decapsulation_key": Command("decapKeyCheck", ("dk",), ("valid",)),
}


def _signing(suffix: str, key: str, command: str) -> dict[str, Command]:
    """Return BoringSSL's commands that sign, with the key in one of its two forms."""
    return {
        f"{operation}{suffix}": Command(command, (key, message, rnd, context, mu), ("signature",))
        for operation, message, rnd, context, mu in (
            ("sign_with_rnd", "message", "rnd", "context", "nothing"),
            ("sign_deterministic", "message", "zeros", "context", "nothing"),
            ("sign_internal", "m_prime", "rnd", "nothing", "nothing"),
            ("sign_mu", "nothing", "rnd", "nothing", "mu"),
        )
    }


BORINGSSL = Dialect(
    prefix="{set}/", empty_is_absent=True,
    commands={
        "keygen_from_seed": Command("keyGen", ("seed",), ("public", "private")), **_KEM,
        "decapsulate_from_seed": Command("decap/seed", ("seed", "c"), ("k",)),
        **_signing("", "sk", "sigGen"), **_signing("_from_seed", "seed", "sigGen/seed"),
        "verify": Command("sigVer", ("pk", "message", "signature", "context", "nothing"), ("valid",)),
        "verify_internal": Command("sigVer", ("pk", "m_prime", "signature", "nothing", "nothing"), ("valid",)),
        "verify_mu": Command("sigVer", ("pk", "nothing", "signature", "nothing", "mu"), ("valid",)),
    },
)  # fmt: skip
"""BoringSSL's wrapper, as the file ACVP.md beside it describes it, and Go's in crypto/internal/fips140test."""

AWS_LC = Dialect(
    prefix="{family}/{set}/", empty_is_absent=False, unchecked=("seed", "sk", "pk", "rnd", "mu"),
    commands={
        "keygen_from_seed": Command("keyGen", ("d", "z"), ("public", "private")), **_KEM,
        "sign_internal": Command("sigGen", ("sk", "m_prime", "nothing", "rnd", "no"), ("signature",)),
        "sign_mu": Command("sigGen", ("sk", "nothing", "mu", "rnd", "yes"), ("signature",)),
        "verify_internal": Command("sigVer", ("signature", "pk", "m_prime", "nothing", "no"), ("valid",)),
        "verify_mu": Command("sigVer", ("signature", "pk", "nothing", "mu", "yes"), ("valid",)),
    },
)  # fmt: skip
"""AWS-LC's wrapper, read in its modulewrapper.cc."""

DIALECTS = {"boringssl": BORINGSSL, "aws-lc": AWS_LC}

_RIGHT_LENGTH = {"rnd": 32, "mu": 64}


def bridge(settings: Mapping[str, Any]) -> Wrapper:
    """Start the wrapper that the settings name, ask for its configuration, and return the factory of its objects.

    Raises:
        ProgramEnded: it ended instead of telling.
        ProgramFault: it cannot be started, or its configuration is not one.

    """
    return Wrapper(settings["command"], DIALECTS[settings["dialect"]])


class Wrapper:
    """A running wrapper: gives the object of the Python contract for each parameter set that it lists.

    Attributes:
        together: none of the ways of making calls together reaches another process.

    """

    together: tuple[str, ...] = ()

    def __init__(self, command: list[str], dialect: Dialect) -> None:
        self._program, self._dialect = Program(command), dialect
        self._flushes = False
        self._capabilities = self._configuration()
        self._flushes = any("batch" in _strings(row, "features") for row in self._capabilities)

    def __call__(self, parameter_set: str) -> Bridged:
        """Return the operations of a parameter set that the wrapper's configuration lists.

        Raises:
            ValueError: it lists none.

        """
        family, _ = final_set(parameter_set)
        rows = [row for row in self._capabilities if row.get("algorithm") == family and parameter_set in _sets(row)]
        if not rows:
            msg = f"the configuration of the wrapper does not list {parameter_set}"
            raise ValueError(msg)
        offered = {
            operation: options
            for operation, options in (_kem_offer(rows) if family == "ML-KEM" else _signature_offer(rows))
            if operation in self._dialect.commands
        }
        return Bridged(parameter_set, offered, lambda op, inputs: self._perform(parameter_set, rows, op, inputs))

    def transact(self, name: str, arguments: list[bytes], replies: int) -> list[bytes]:
        """Send one command and return the byte strings of its reply.

        Raises:
            ProgramEnded: the wrapper ended instead of answering.
            ProgramFault: the reply is none to this command.

        """
        question = _request([name.encode(), *arguments]) + (_request([b"flush"]) if self._flushes else b"")
        return self._program.ask(question, lambda running: _reply(running, replies))

    def _configuration(self) -> list[dict[str, Any]]:
        (text,) = self.transact("getConfig", [], 1)
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise ProgramFault(f"the reply to getConfig is no JSON: {error}") from None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ProgramFault("the reply to getConfig is no list of capabilities")
        return rows

    def _perform(
        self, parameter_set: str, rows: list[dict[str, Any]], operation: str, inputs: Inputs
    ) -> dict[str, bytes | bool]:
        command = self._dialect.commands[operation]
        row = PARAMETER_SETS[parameter_set]
        self._askable(parameter_set, inputs)
        name = self._dialect.prefix.format(family=row.algorithm, set=parameter_set) + command.name
        arguments = [_argument(role, inputs) for role in command.arguments]
        try:
            values = self.transact(name, arguments, len(command.reply))
        except ProgramEnded as ended:
            if not ended.refused:
                raise
            if limit := _beyond(rows, parameter_set, operation, inputs):
                raise CannotAsk(limit) from ended
            raise Rejected(f"the wrapper ended: {ended.last_line or ended}") from ended
        keys = {"public": "ek", "private": "dk"} if row.kind == "kem" else {"public": "pk", "private": "sk"}
        return {
            keys.get(output, output): _flag(value) if output == "valid" else value
            for output, value in zip(command.reply, values, strict=True)
        }

    def _askable(self, parameter_set: str, inputs: Inputs) -> None:
        """Raise CannotAsk for what the protocol cannot say, or what a wrapper would read beyond the end of."""
        row = PARAMETER_SETS[parameter_set]
        if row.kind == "kem":
            return
        if self._dialect.empty_is_absent:
            for field in ("message", "m_prime", "mu", "rnd"):
                if field in inputs and not inputs[field]:
                    raise CannotAsk(f"in this protocol an empty {field} means that none is given")
        sizes = {"seed": row.seed, "sk": row.private_key, "pk": row.public_key, **_RIGHT_LENGTH}
        for field in self._dialect.unchecked:
            if field in inputs and len(inputs[field]) != sizes[field]:
                raise CannotAsk(f"wrappers of this dialect read {sizes[field]} bytes of {field}, however many it has")


def _request(strings: list[bytes]) -> bytes:
    return struct.pack(f"<{len(strings) + 1}I", len(strings), *map(len, strings)) + b"".join(strings)


def _reply(running: Running, wanted: int) -> list[bytes]:
    """Read a reply; what it announces is believed only within bounds."""
    (count,) = struct.unpack("<I", running.take(4))
    if count > _MOST_VALUES:
        raise ProgramFault(f"a reply announces {count} byte strings where {wanted} are expected")
    lengths = struct.unpack(f"<{count}I", running.take(4 * count))
    if count != wanted:
        raise ProgramFault(f"a reply holds {count} byte strings where {wanted} are expected")
    if max(lengths, default=0) > LONGEST_VALUE:
        raise ProgramFault(f"a reply announces a byte string of {max(lengths)} bytes")
    return [running.take(length) for length in lengths]


def _argument(role: str, inputs: Inputs) -> bytes:
    if role in _CONSTANTS:
        return _CONSTANTS[role]
    if role in ("d", "z") and "seed" in inputs:
        seed = inputs["seed"]
        return bytes(seed[:32] if role == "d" else seed[32:])
    return bytes(inputs.get(role, _CONSTANTS["zeros"] if role == "rnd" else b""))


def _flag(value: bytes) -> bool:
    if len(value) != 1:
        raise ProgramFault(f"a reply holds {len(value)} bytes where a flag of one byte is expected")
    return value != b"\0"


# --- what a configuration offers --------------------------------------------------------------------------------------
def _strings(row: Mapping[str, Any], field: str) -> list[Any]:
    value = row.get(field, [])
    return value if isinstance(value, list) else [value]


def _sets(row: Mapping[str, Any]) -> list[Any]:
    """Return the parameter sets of a capability, which stand in it or in the parts of it."""
    parts = [part for part in _strings(row, "capabilities") if isinstance(part, dict)]
    return [name for part in (row, *parts) for name in _strings(part, "parameterSets")]


_FUNCTIONS = {
    "encapsulation": "encapsulate_derand", "encapsulationKeyCheck": "check_encapsulation_key",
    "decapsulationKeyCheck": "check_decapsulation_key",
}  # fmt: skip


def _formats(row: Mapping[str, Any]) -> list[Any]:
    """Return the forms of private keys that a capability lists; before revision tr1 there is only one."""
    return _strings(row, "keyFormats") or ["expanded"]


def _kem_offer(rows: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for row in rows:
        if row.get("mode") == "keyGen":
            yield "keygen_from_seed", ()
        if row.get("mode") != "encapDecap":
            continue
        for function in _strings(row, "functions"):
            if function in _FUNCTIONS:
                yield _FUNCTIONS[function], ()
            if function == "decapsulation":
                names = {"expanded": "decapsulate", "seed": "decapsulate_from_seed"}
                yield from ((names[form], ()) for form in _formats(row) if form in names)


def _signature_offer(rows: list[dict[str, Any]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for row in rows:
        if row.get("mode") == "keyGen":
            yield "keygen_from_seed", ()
        if row.get("mode") == "sigVer":
            yield from ((f"verify{suffix}", options) for suffix, options in _interfaces(row))
        if row.get("mode") == "sigGen":
            yield from _signing_offer(row)


def _signing_offer(row: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    forms = {"expanded": "", "seed": "_from_seed"}
    deterministic = _strings(row, "deterministic")
    for key in (forms[form] for form in _formats(row) if form in forms):
        for suffix, options in _interfaces(row):
            if suffix == "_mu":
                yield f"sign_mu{key}", ("rnd",) if False in deterministic else ()
            elif False in deterministic:
                yield (f"sign{suffix}{key}" if suffix else f"sign_with_rnd{key}"), options
            if not suffix and True in deterministic:
                yield f"sign_deterministic{key}", options


def _interfaces(row: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Return the interfaces of a capability as suffixes of operations, each with its optional inputs.

    A request says nowhere whether its message is one for the external interface or a formatted M' for the internal
    one. Where a configuration lists both, nobody can know what a wrapper makes of a message, and neither is offered.
    """
    interfaces = _strings(row, "signatureInterfaces")
    mus = _strings(row, "externalMu") or [False]
    external = "external" in interfaces and "pure" in _strings(row, "preHash")
    internal = "internal" in interfaces
    if internal and True in mus:
        yield "_mu", ()
    if external != (internal and False in mus):
        longest = max((high for _, high in _ranges(row, "contextLength", "")), default=0)
        yield ("", ("context",) if longest else ()) if external else ("_internal", ())


def _ranges(row: dict[str, Any], field: str, parameter_set: str) -> Iterator[tuple[int, int]]:
    """Return the ranges of lengths, in bytes, that a capability lists for a parameter set ("" for all)."""
    parts = [row, *(part for part in _strings(row, "capabilities") if isinstance(part, dict))]
    for part in parts:
        if parameter_set and part is not row and parameter_set not in _strings(part, "parameterSets"):
            continue
        for entry in _strings(part, field):
            low, high = (entry.get("min"), entry.get("max")) if isinstance(entry, dict) else (entry, entry)
            if isinstance(low, int) and isinstance(high, int):
                yield low // 8, high // 8


def _beyond(rows: list[dict[str, Any]], parameter_set: str, operation: str, inputs: Inputs) -> str:
    """Return which declared range a refused input leaves, or nothing: then the refusal is the implementation's own."""
    mode = "sigVer" if operation.startswith("verify") else "sigGen"
    fields = {"message": "messageLength", "m_prime": "messageLength", "context": "contextLength"}
    for name, field in fields.items():
        found = [r for row in rows if row.get("mode") == mode for r in _ranges(row, field, parameter_set)]
        length = len(inputs.get(name, b""))
        # More than 255 bytes of context must be refused by everybody (FIPS 204 §5.2), whatever was declared.
        if name not in inputs or not found or (name == "context" and length > 255):
            continue
        if not any(low <= length <= high for low, high in found):
            bounds = " or ".join(f"{low} to {high}" for low, high in found)
            return f"the wrapper declares {bounds} bytes of {name} and refused {length}"
    return ""
