"""A module wrapper over kyber-py and dilithium-py, in both dialects, that breaks in a chosen way when it is asked to.

Usage: wrapper_program.py DIALECT [FAULT]. Every fault shows on the command ``decap`` only.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from typing import BinaryIO

from tests.bridges import sound

DIALECT = sys.argv[1]
FAULT = sys.argv[2] if len(sys.argv) > 2 else ""
LENGTHS = {"messageLength": [{"min": 8, "max": 65536, "increment": 8}]}
CONFIG = [
    {"algorithm": "acvptool", "features": ["batch"] if FAULT == "batch" else []},
    {"algorithm": "SHA2-256", "messageLength": [{"min": 0, "max": 65528, "increment": 8}], "revision": "1.0"},
    {"algorithm": "ML-KEM", "mode": "keyGen", "revision": "FIPS203", "parameterSets": list(sound.KEM)},
    {"algorithm": "ML-KEM", "mode": "encapDecap", "revision": "FIPS203-tr1", "parameterSets": list(sound.KEM),
     "functions": ["encapsulation", "decapsulation", "encapsulationKeyCheck", "decapsulationKeyCheck"],
     "keyFormats": ["expanded", "seed"]},
    {"algorithm": "ML-DSA", "mode": "keyGen", "revision": "FIPS204", "parameterSets": list(sound.DSA)},
    {"algorithm": "ML-DSA", "mode": "sigGen", "revision": "FIPS204", "deterministic": [True, False],
     "signatureInterfaces": ["internal"], "externalMu": [False, True],
     "capabilities": [{"parameterSets": ["ML-DSA-44", "ML-DSA-65"], **LENGTHS}]},
    {"algorithm": "ML-DSA", "mode": "sigVer", "revision": "FIPS204", "signatureInterfaces": ["internal"],
     "externalMu": [False], "capabilities": [{"parameterSets": list(sound.DSA), **LENGTHS}]},
]  # fmt: skip

Answer = list[bytes]


def flag(value: bool) -> Answer:  # noqa: FBT001
    return [b"\1" if value else b"\0"]


def short(value: bytes, longest: int) -> bytes:
    if len(value) > longest:
        msg = f"{len(value)} bytes are too many"
        raise ValueError(msg)
    return value


def sign_boringssl(name: str, sk: bytes, message: bytes, rnd: bytes, context: bytes, mu: bytes) -> Answer:
    sound.of_length("context", context, 0)
    return [sound.sign(name, sk, mu or short(message, 9000), rnd, mu=bool(mu))]


def sign_aws_lc(name: str, sk: bytes, message: bytes, mu: bytes, rnd: bytes, external: bytes) -> Answer:
    chosen = external != b"\0"
    return [sound.sign(name, sk, mu if chosen else message, rnd, mu=chosen)]


def swapped(name: str, c: tuple[bytes, bytes]) -> Answer:
    del name
    return [c[1], c[0]]


COMMANDS: dict[str, Callable[..., Answer]] = {
    "encap": lambda name, ek, m: swapped(name, sound.encapsulate(name, ek, m)),
    "decap": lambda name, dk, c: [sound.decapsulate(name, dk, c)],
    "encapKeyCheck": lambda name, ek: flag(sound.check_ek(name, ek)),
    "decapKeyCheck": lambda name, dk: flag(sound.check_dk(name, dk)),
}
if DIALECT == "boringssl":
    COMMANDS |= {
        "keyGen": lambda name, s: [*(sound.kem_keygen if name in sound.KEM else sound.dsa_keygen)(name, s)],
        "decap/seed": lambda name, seed, c: [sound.decapsulate(name, sound.kem_keygen(name, seed)[1], c)],
        "sigGen": sign_boringssl,
        "sigVer": lambda name, pk, message, s, context, mu: flag(
            not context and not mu and sound.verify(name, pk, message, s)
        ),
    }
else:
    COMMANDS |= {
        "keyGen": lambda name, *s: [*(sound.kem_keygen if name in sound.KEM else sound.dsa_keygen)(name, b"".join(s))],
        "sigGen": sign_aws_lc,
        "sigVer": lambda name, s, pk, message, mu, external: flag(
            not mu and external == b"\0" and sound.verify(name, pk, message, s)
        ),
    }


def lenient_encapsulation(name: str, ek: bytes, m: bytes) -> Answer:
    """Encapsulate to a key whose coefficients were reduced first: the check of FIPS 203 section 7.2 is gone."""
    size = 384 * sound.KEM[name].k
    number = int.from_bytes(ek[:size], "little")
    reduced = 0
    for place in range(0, size * 8, 12):
        reduced |= (number >> place & 0xFFF) % 3329 << place
    return swapped(name, sound.encapsulate(name, reduced.to_bytes(size, "little") + ek[size:], m))


if FAULT == "no-ek-check":
    COMMANDS["encap"] = lenient_encapsulation


def packed(answer: Answer) -> bytes:
    return struct.pack(f"<{len(answer) + 1}I", len(answer), *map(len, answer)) + b"".join(answer)


def log(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def misbehave(out: BinaryIO, answer: Answer) -> bytes:
    """Return what to send in place of an answer, if the fault leaves us alive."""
    whole = packed(answer)
    if FAULT == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    if FAULT in ("half", "stall"):
        out.write(whole[:10])
        out.flush()
        if FAULT == "stall":
            time.sleep(600)
        os._exit(1)
    if FAULT == "exit-0":
        os._exit(0)
    if FAULT == "closes":
        os.close(1)
        time.sleep(600)
    if FAULT == "bounds":
        log("panic: runtime error: index out of range [1088] with length 1088")
        os._exit(2)
    if FAULT == "late-exit":
        out.write(whole)
        out.flush()
        os._exit(3)
    return {
        "count": packed([*answer, b"more"]), "none": packed([]), "long": struct.pack("<2I", 1, 1 << 30),
        "many": struct.pack("<I", 1 << 30), "twice": whole * 2, "text": b"decapsulating...\n" + whole,
        "flag": whole,
    }.get(FAULT, whole)  # fmt: skip


def take(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def command_of(name: str) -> tuple[str, str]:
    """Return parameter set and command of the name on the wire."""
    if DIALECT == "aws-lc":
        family, _, name = name.partition("/")
        if not name.startswith(family):
            raise KeyError(name)
    parameter_set, _, command = name.partition("/")
    return parameter_set, command


def main() -> int:
    stream, out = sys.stdin.buffer, sys.stdout.buffer
    held: list[bytes] = []
    while True:
        try:
            (count,) = struct.unpack("<I", take(stream, 4))
        except EOFError:
            return 0
        lengths = struct.unpack(f"<{count}I", take(stream, 4 * count))
        first, *arguments = [take(stream, length) for length in lengths]
        name = first.decode()
        if name == "getConfig":
            out.write(b"Hello\n" if FAULT == "hello" else packed([json.dumps(CONFIG).encode()]))
            out.flush()
            continue
        if name == "flush":
            out.write(b"".join(held))
            out.flush()
            held.clear()
            continue
        parameter_set, command = command_of(name)
        try:
            answer = COMMANDS[command](parameter_set, *arguments)
        except (KeyError, ValueError, TypeError) as error:
            log(f"processing error: {error}")
            return 1
        data = misbehave(out, answer) if command == "decap" else packed(answer)
        if FAULT == "batch":
            held.append(data)
            continue
        out.write(data)
        out.flush()


if __name__ == "__main__":
    sys.exit(main())
