"""Bridge to test programs that take one question as arguments and print the answer, one process per question.

The dialect is that of the ACVP programs of mlkem-native and mldsa-native: ``acvp_mlkem768 encapDecap AFT encapsulation
ek=HEX m=HEX`` prints ``c=HEX`` and ``k=HEX``. An exit with a status other than 0 is a refusal; a signal is a fault.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pqvalidate.adapters.bridged import Bridged, Inputs, final_set
from pqvalidate.adapters.interface import CannotAsk, NotOffered, Rejected
from pqvalidate.adapters.program import (
    LONGEST_VALUE,
    ProgramEnded,
    ProgramFault,
    Running,
    crashed,
    last_line,
    unhex,
)
from pqvalidate.algorithms import PREHASH_OID_BYTE

_LEVEL = "{level}"
_MOST_OUTPUT = 2 * LONGEST_VALUE


@dataclass(frozen=True, slots=True)
class Usage:
    """One row of the dialect: the words before the inputs, the inputs as ``name=`` words in order, and the outputs.

    ``name:field`` writes the input ``field`` under the name ``name``; ``name=text`` is written as it stands. Without
    outputs the exit status is the answer. ``listed`` is the name under which ``--info`` lists the function.
    """

    listed: str
    words: str
    inputs: str
    outputs: tuple[str, ...] = ()


_ENCAP_DECAP = "encapDecap VAL"

USAGES: dict[str, dict[str, Usage]] = {
    "ML-KEM": {
        "keygen_from_seed": Usage("keyGen", "keyGen AFT", "z d", ("ek", "dk")),
        "encapsulate_derand": Usage("encapsulation", "encapDecap AFT encapsulation", "ek m", ("k", "c")),
        "decapsulate": Usage("decapsulation", f"{_ENCAP_DECAP} decapsulation", "dk c", ("k",)),
        "decapsulate_from_seed": Usage("decapsulation", f"{_ENCAP_DECAP} decapsulation", "seed c", ("k",)),
        "check_encapsulation_key": Usage(
            "encapsulationKeyCheck", f"{_ENCAP_DECAP} encapsulationKeyCheck", "ek", ("testPassed",)
        ),
        "check_decapsulation_key": Usage(
            "decapsulationKeyCheck", f"{_ENCAP_DECAP} decapsulationKeyCheck", "dk", ("testPassed",)
        ),
    },
    "ML-DSA": {
        "keygen_from_seed": Usage("keyGen", "keyGen", "seed", ("pk", "sk")),
        "sign_with_rnd": Usage("sigGen", "sigGen", "message sk context rnd", ("signature",)),
        "sign_deterministic": Usage("sigGen", "sigGenDeterministic", "message sk context", ("signature",)),
        "sign_internal": Usage("sigGen", "sigGenInternal", "message:m_prime sk externalMu=0 rnd", ("signature",)),
        "sign_mu": Usage("sigGen", "sigGenInternal", "message:mu sk externalMu=1 rnd", ("signature",)),
        "sign_prehash": Usage("sigGen", "sigGenPreHash", "ph context sk hashAlg:hash rnd", ("signature",)),
        "verify": Usage("sigVer", "sigVer", "message context signature pk"),
        "verify_internal": Usage("sigVer", "sigVerInternal", "message:m_prime signature pk externalMu=0"),
        "verify_mu": Usage("sigVer", "sigVerInternal", "message:mu signature pk externalMu=1"),
        "verify_prehash": Usage("sigVer", "sigVerPreHash", "ph context signature pk hashAlg:hash"),
    },
}

_WITHOUT_RND = {
    "sign_mu": Usage("sigGen", "sigGenInternalDeterministic", "message:mu sk externalMu=1", ("signature",)),
    "sign_prehash": Usage("sigGen", "sigGenPreHashDeterministic", "ph context sk hashAlg:hash", ("signature",)),
}
_SHAKE_256 = {
    "sign_prehash": Usage("sigGen", "sigGenPreHashShake256", "message context sk rnd", ("signature",)),
    "verify_prehash": Usage("sigVer", "sigVerPreHashShake256", "message context signature pk"),
}
"""The one pre-hash function that these programs compute by themselves; the others come as a finished hash."""
_SHAKE_256_WITHOUT_RND = Usage("sigGen", "sigGenPreHashShake256Deterministic", "message context sk", ("signature",))

_UNKNOWN = ("[encapDecap|keyGen]", "[keyGen|sigGen|sigVer]")
"""Parts of the usage line that these programs write when they do not know a function at all."""
_UNKNOWN_HASH = "Unsupported hash algorithm"
_BAD_ARGUMENT = ("Argument ", "acvp_ml")

_LONGEST_MESSAGE = 8192
"""The programs have buffers of this many bytes for a message, which is the most that ACVP asks."""
_MU = 64


def bridge(settings: Mapping[str, Any]) -> Programs:
    """Return the factory of objects for the programs that the settings name.

    ``{level}`` in the command becomes 512, 768, 1024, 44, 65 or 87: such programs serve one parameter set each.

    Raises:
        ProgramFault: several parameter sets are claimed of one and the same program.

    """
    command = list(settings["command"])
    if len(settings["sets"]) > 1 and not any(_LEVEL in word for word in command):
        raise ProgramFault(f"a program serves one parameter set; write {_LEVEL} in the command where its number stands")
    return Programs(command)


class Programs:
    """Gives the object of the Python contract for each parameter set whose program runs here.

    Attributes:
        together: none of the ways of making calls together reaches another process.

    """

    together: tuple[str, ...] = ()

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def __call__(self, parameter_set: str) -> Bridged:
        """Return the operations that the program of a parameter set lists; without a list, all of the dialect.

        Raises:
            ValueError: the parameter set is none of FIPS 203 or 204.
            ProgramFault: the program cannot be started.

        """
        family, level = final_set(parameter_set)
        command = [word.replace(_LEVEL, level) for word in self._command]
        listed = _listed(command)
        offered = {
            operation: ("context", "rnd")
            for operation, usage in USAGES[family].items()
            if listed is None or usage.listed in listed
        }
        perform = partial(_perform, command, family)
        return Bridged(parameter_set, offered, perform, PREHASH_OID_BYTE)


def prehash(name: str, message: bytes) -> bytes:
    """Return PH(M) of FIPS 204 section 5.4.1, which the caller of these programs computes.

    Raises:
        ValueError: no such function.

    """
    if name == "SHAKE-128":
        return hashlib.shake_128(message).digest(32)
    if name == "SHAKE-256":
        return hashlib.shake_256(message).digest(64)
    return hashlib.new(name.lower().replace("sha2-", "sha").replace("-", "_").replace("/", "_"), message).digest()


def _listed(command: list[str]) -> set[str] | None:
    """Return what the program lists under --info; None if it has no such option."""
    status, output, _ = _run([*command, "--info"])
    return {line.strip() for line in output.decode("ascii", "replace").splitlines()} if status == 0 else None


def _run(command: list[str]) -> tuple[int, bytes, bytes]:
    """Run a program to its end; return its exit status, its output and the end of its log."""
    running = Running(command)
    try:
        running.close_input()
        output = running.take_rest(_MOST_OUTPUT)
        status = running.status()
        running.drain()
        if status is None or status < 0 or crashed(running.log):
            raise ProgramEnded(status, running.log)
        return status, output, running.log
    finally:
        running.end()


def _usage(family: str, operation: str, inputs: Inputs) -> Usage:
    if inputs.get("hash") == "SHAKE-256":
        if operation == "sign_prehash" and "rnd" not in inputs:
            return _SHAKE_256_WITHOUT_RND
        return _SHAKE_256[operation]
    if operation in _WITHOUT_RND and "rnd" not in inputs:
        return _WITHOUT_RND[operation]
    return USAGES[family][operation]


def _perform(command: list[str], family: str, operation: str, inputs: Inputs) -> dict[str, bytes | bool]:
    if len(inputs.get("mu", bytes(_MU))) != _MU:
        raise CannotAsk(f"programs of this dialect read {_MU} bytes of mu, however many it has")
    usage = _usage(family, operation, inputs)
    words = [*usage.words.split(), *(_word(item, inputs) for item in usage.inputs.split())]
    try:
        status, output, log = _run([*command, *words])
    except ProgramFault as fault:
        if isinstance(fault.__cause__, OSError) and fault.__cause__.errno == errno.E2BIG:
            raise CannotAsk("the operating system takes no arguments of this length") from fault
        raise
    why = last_line(log)
    if status and any(mark in why for mark in _UNKNOWN):
        why = f"the program does not know {usage.words}"
        raise CannotAsk(why) if inputs.get("hash") == "SHAKE-256" else NotOffered(why)
    if status and operation.endswith("_from_seed") and "'dk=HEX'" in log.decode("ascii", "replace"):
        raise NotOffered("the program takes no seed in place of a decapsulation key")
    if status and _UNKNOWN_HASH in why:
        raise CannotAsk(f"the program does not know {inputs.get('hash')}")
    longest = max((len(inputs.get(name, b"")) for name in ("message", "m_prime")), default=0)
    if status and longest > _LONGEST_MESSAGE:
        raise CannotAsk(f"programs of this dialect take at most {_LONGEST_MESSAGE} bytes of message")
    if not usage.outputs and (not status or not why.startswith(_BAD_ARGUMENT)):
        return {"valid": status == 0}
    if status:
        raise Rejected(f"the program exited with status {status}: {why}")
    found = _parsed(output, usage.outputs)
    return {"valid" if name == "testPassed" else name: _value(name, text) for name, text in found.items()}


def _word(item: str, inputs: Inputs) -> str:
    """Return one argument; an input that may be left out, and is, is empty."""
    if "=" in item:
        return item
    name, _, field = item.partition(":")
    field = field or name
    if field == "hash":
        return f"{name}={inputs['hash']}"
    if field in ("d", "z"):
        half = inputs["seed"][:32] if field == "d" else inputs["seed"][32:]
        return f"{name}={bytes(half).hex()}"
    if field == "ph":
        return f"{name}={prehash(inputs['hash'], bytes(inputs['message'])).hex()}"
    return f"{name}={bytes(inputs.get(field, b'')).hex()}"


def _parsed(output: bytes, wanted: Iterable[str]) -> dict[str, str]:
    """Return the wanted values of an output; lines that assign nothing to a name are taken for a log."""
    found: dict[str, str] = {}
    for line in output.decode("ascii", "replace").splitlines():
        name, equals, text = line.partition("=")
        if not equals or name not in wanted:
            continue
        if name in found:
            raise ProgramFault(f"the program printed {name} twice")
        found[name] = text.strip()
    if missing := [name for name in wanted if name not in found]:
        raise ProgramFault(f"the program printed no {' and no '.join(missing)}, and exited with status 0")
    return found


def _value(name: str, text: str) -> bytes | bool:
    if name == "testPassed":
        if text not in ("0", "1"):
            raise ProgramFault(f"the program printed testPassed={text[:20]!r}, neither 0 nor 1")
        return text == "1"
    return unhex(name, text)
