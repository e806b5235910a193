"""A test program in the manner of mlkem-native and mldsa-native, over kyber-py and dilithium-py.

Usage: argv_program.py LEVEL FAULT [--info | MODE ...]; LEVEL is 512 to 1024 or 44 to 87.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Sequence

from tests.bridges import sound

HASHES = (
    "SHA2-256", "SHA2-384", "SHA2-512", "SHA2-224", "SHA2-512/224", "SHA2-512/256",
    "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512", "SHAKE-128", "SHAKE-256",
)  # fmt: skip
OIDS = {name: bytes.fromhex("06096086480165030402") + bytes([number]) for number, name in enumerate(HASHES, start=1)}
KEM_USAGE = "acvp_mlkem{lvl} [encapDecap|keyGen] [AFT|VAL] {test specific arguments}"
DSA_USAGE = "acvp_mldsa{lvl} [keyGen|sigGen|sigVer] {test specific arguments}"


class UsageError(Exception):
    """The arguments are not those of any function."""


def out(name: str, value: bytes) -> None:
    sys.stdout.write(f"{name}={value.hex().upper()}\n")


def decode(words: Sequence[str], *names: str) -> list[bytes]:
    """Return the values of words ``name=HEX``, which must come in this order."""
    if [word.partition("=")[0] for word in words] != list(names):
        msg = f"Argument {words[0][:20]} invalid: Expected argument of the form '{names[0]}=HEX'"
        raise ValueError(msg)
    return [bytes.fromhex(word.partition("=")[2]) for word in words]


def kem(name: str, fault: str, words: list[str]) -> int:  # noqa: C901, PLR0912  (as the programs that it imitates)
    if words[0] == "keyGen":
        z, d = decode(words[2:], "z", "d")
        ek, dk = sound.kem_keygen(name, d + z)
        out("ek", ek)
        out("dk", dk)
        return 0
    if words[0] != "encapDecap":
        raise UsageError(KEM_USAGE)
    function, given = words[2], words[3:]
    if function == "encapsulation":
        ek, m = decode(given, "ek", "m")
        secret, c = sound.encapsulate(name, ek, m)
        out("c", c)
        out("k", secret)
    elif function == "decapsulation":
        if fault == "signal":
            os.kill(os.getpid(), signal.SIGABRT)
        if fault != "old" and given[0].startswith("seed="):
            seed, c = decode(given, "seed", "c")
            dk = sound.kem_keygen(name, seed)[1]
        else:
            dk, c = decode(given, "dk", "c")
        secret = sound.decapsulate(name, dk, c)
        if fault == "silent":
            return 0
        if fault == "blank":
            sys.stdout.write(f"k={secret.hex(' ')}\n")
            return 0
        if fault == "log":
            sys.stdout.write("Trace: decapsulating\nstatus = ok\n")
        if fault == "twice":
            out("k", secret)
        out("k", secret)
    elif function == "encapsulationKeyCheck":
        passed = "2" if fault == "two" else str(int(sound.check_ek(name, *decode(given, "ek"))))
        sys.stdout.write(f"testPassed={passed}\n")
    elif function == "decapsulationKeyCheck":
        sys.stdout.write(f"testPassed={int(sound.check_dk(name, *decode(given, 'dk')))}\n")
    return 0


def framed(context: bytes, message: bytes, hashed: str = "") -> bytes:
    if len(context) > 255:
        msg = "Argument context invalid"
        raise ValueError(msg)
    if hashed and hashed not in OIDS:
        msg = f"Error: Unsupported hash algorithm: {hashed}"
        raise ValueError(msg)
    return bytes([bool(hashed), len(context)]) + context + OIDS.get(hashed, b"") + message


def dsa(name: str, fault: str, words: list[str]) -> int:  # noqa: C901, PLR0912  (idem)
    mode, given = words[0], words[1:]
    hashed = next((word.partition("=")[2] for word in given if word.startswith("hashAlg=")), "")
    external = "externalMu=1" in given
    given = [word for word in given if not word.startswith(("hashAlg=", "externalMu="))]
    if fault == "old" and "PreHash" in mode:
        raise UsageError(DSA_USAGE)
    if fault == "few-hashes" and hashed != "SHA2-512":
        OIDS.pop(hashed, None)
    rnd = bytes(32)
    if mode.startswith("sigGen") and "Deterministic" not in mode:
        (rnd,) = decode(given[-1:], "rnd")
        given = given[:-1]
    match mode.removesuffix("Deterministic"):
        case "keyGen":
            pk, sk = sound.dsa_keygen(name, *decode(given, "seed"))
            out("pk", pk)
            out("sk", sk)
        case "sigGen":
            message, sk, context = decode(given, "message", "sk", "context")
            if len(message) > 8192:
                msg = "acvp_mldsa{lvl} sigGen message=HEX sk=HEX context=HEX rnd=HEX"
                raise ValueError(msg)
            out("signature", sound.sign(name, sk, framed(context, message), rnd))
        case "sigGenInternal":
            message, sk = decode(given, "message", "sk")
            out("signature", sound.sign(name, sk, message, rnd, mu=external))
        case "sigGenPreHash":
            digest, context, sk = decode(given, "ph", "context", "sk")
            out("signature", sound.sign(name, sk, framed(context, digest, hashed), rnd))
        case "sigGenPreHashShake256":
            message, context, sk = decode(given, "message", "context", "sk")
            digest = hashlib.shake_256(message).digest(64)
            out("signature", sound.sign(name, sk, framed(context, digest, "SHAKE-256"), rnd))
        case "sigVerPreHashShake256":
            message, context, signature, pk = decode(given, "message", "context", "signature", "pk")
            digest = hashlib.shake_256(message).digest(64)
            return 0 if sound.verify(name, pk, framed(context, digest, "SHAKE-256"), signature) else 255
        case "sigVer":
            message, context, signature, pk = decode(given, "message", "context", "signature", "pk")
            return 0 if sound.verify(name, pk, framed(context, message), signature) else 255
        case "sigVerInternal" if not external:
            message, signature, pk = decode(given, "message", "signature", "pk")
            return 0 if sound.verify(name, pk, message, signature) else 255
        case "sigVerPreHash":
            digest, context, signature, pk = decode(given, "ph", "context", "signature", "pk")
            return 0 if sound.verify(name, pk, framed(context, digest, hashed), signature) else 255
        case _:
            raise UsageError(DSA_USAGE)
    return 0


def main() -> int:
    level, fault, *words = sys.argv[1:]
    is_kem = level in ("512", "768", "1024")
    name = f"ML-{'KEM' if is_kem else 'DSA'}-{level}"
    if words == ["--info"] and fault != "old":
        kem_names = ("keyGen", "encapsulation", "encapsulationKeyCheck", "decapsulation", "decapsulationKeyCheck")
        listed = kem_names if is_kem else ("keyGen", "sigGen", "sigVer")
        sys.stdout.write("".join(f"{word}\n" for word in listed if fault != "no-encaps" or "encaps" not in word))
        return 0
    try:
        return kem(name, fault, words) if is_kem else dsa(name, fault, words)
    except (ValueError, IndexError, UsageError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
