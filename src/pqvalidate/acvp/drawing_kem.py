"""Fresh tests of ML-KEM, with the functions, counts and reasons of NIST's own sets."""

from __future__ import annotations

import hashlib
from functools import partial

from pqvalidate.acvp.drawing import COUNTS, Draw, Drawn, DrawnGroup, changed, insist
from pqvalidate.algorithms import parameter_set
from pqvalidate.oracle import mlkem
from pqvalidate.oracle.kem_steps import Q

_VALID, _MODIFIED = "valid decapsulation", "modified ciphertext"
_GOOD_EK, _LARGE = "valid encapsulation key", "noisy linear system values too large"
_GOOD_DK, _WRONG_HASH = "valid decapsulation key", "modified H"


def keygen_groups(name: str) -> list[DrawnGroup]:
    """Return the group of mode keyGen (FIPS 203 algorithm 16)."""
    return [DrawnGroup(attributes={"testType": "AFT", "parameterSet": name}, draw=_keygen)]


def encap_decap_groups(name: str, revision: str) -> list[DrawnGroup]:
    """Return the groups of mode encapDecap; revision FIPS203-tr1 gives decapsulation keys in both formats."""
    base = {"parameterSet": name}
    formats = ({"keyFormat": "seed"}, {"keyFormat": "expanded"}) if revision == "FIPS203-tr1" else ({},)
    expanded = {"keyFormat": "expanded"} if revision == "FIPS203-tr1" else {}
    value = {"testType": "VAL", **base}
    return [
        DrawnGroup(attributes={"testType": "AFT", **base, "function": "encapsulation"}, draw=_encapsulation),
        *(
            DrawnGroup(
                attributes={**value, "function": "decapsulation", **key},
                draw=partial(_decapsulation, seed_format=key.get("keyFormat") == "seed"),
            )
            for key in formats
        ),
        DrawnGroup(attributes={**value, "function": "decapsulationKeyCheck", **expanded}, draw=_decapsulation_keys),
        DrawnGroup(attributes={**value, "function": "encapsulationKeyCheck"}, draw=_encapsulation_keys),
    ]


def _keygen(draw: Draw) -> list[Drawn]:
    seeds = draw.column(COUNTS["keyGen"], 64, "seed")
    pairs = mlkem.keygen(draw.name, seeds)
    return [
        Drawn(sent={"z": seed[32:], "d": seed[:32]}, expected={"ek": ek, "dk": dk})
        for seed, (ek, dk) in zip(seeds, pairs, strict=True)
    ]


def _encapsulation(draw: Draw) -> list[Drawn]:
    count = COUNTS["encapsulation"]
    eks = [ek for ek, _ in mlkem.keygen(draw.name, draw.column(count, 64, "seed"))]
    ms = draw.column(count, 32, "m")
    made = mlkem.encapsulate(draw.name, eks, ms)
    return [
        Drawn(sent={"ek": ek, "m": m}, expected={"c": c, "k": k})
        for ek, m, (k, c) in zip(eks, ms, made, strict=True)
    ]  # fmt: skip


def _decapsulation(draw: Draw, *, seed_format: bool) -> list[Drawn]:
    count = COUNTS["check"]
    seeds = draw.column(count, 64, "seed")
    pairs = mlkem.keygen(draw.name, seeds)
    made = mlkem.encapsulate(draw.name, [ek for ek, _ in pairs], draw.column(count, 32, "m"))
    half = count // 2
    cs = [c if index < half else _modified(draw, c, index - half, index) for index, (_, c) in enumerate(made)]
    secrets = mlkem.decapsulate(draw.name, [dk for _, dk in pairs], cs)
    tests = []
    for index, (seed, (_, dk), c, k) in enumerate(zip(seeds, pairs, cs, secrets, strict=True)):
        rejected = hashlib.shake_256(seed[32:] + c).digest(32)  # J(z‖c), FIPS 203 algorithm 18 line 7
        insist("decapsulation", holds=k == (made[index][0] if index < half else rejected))
        key = {"z": seed[32:], "d": seed[:32]} if seed_format else {"dk": dk}
        tests.append(Drawn(sent={**key, "c": c}, expected={"k": k}, reason=_VALID if index < half else _MODIFIED))
    return draw.shuffled(tests)


def _modified(draw: Draw, c: bytes, which: int, index: int) -> bytes:
    """Change one byte: the first, the last, one of each half, one anywhere, so that no part of c goes uncompared."""
    tape, half = draw.tape(index), len(c) // 2
    positions = (0, -1, 1 + tape.below(half - 1), half + tape.below(half - 1), tape.below(len(c)))
    return changed(c, positions[which % len(positions)], tape)


def _encapsulation_keys(draw: Draw) -> list[Drawn]:
    count = COUNTS["check"]
    half = count // 2
    eks = [ek for ek, _ in mlkem.keygen(draw.name, draw.column(count, 64, "seed"))]
    tests = []
    for index, ek in enumerate(eks):
        sent = ek if index < half else _too_large(draw, ek, index - half, index)
        insist("encapsulation key", holds=mlkem.check_encapsulation_key(draw.name, sent) == (index < half))
        reason = _GOOD_EK if index < half else _LARGE
        tests.append(Drawn(sent={"ek": sent}, expected={"testPassed": index < half}, reason=reason))
    return draw.shuffled(tests)


def _too_large(draw: Draw, ek: bytes, which: int, index: int) -> bytes:
    """Set one coefficient to q or more; the smallest and largest values, and the first and last place, are among them.

    ByteEncode_12 writes coefficient i into bits 12 i to 12 i + 11 of the little-endian number (FIPS 203 algorithm 5).
    """
    tape = draw.tape(index)
    last = (parameter_set(draw.name).public_key - 32) * 8 // 12 - 1
    place = (tape.below(last + 1), 0, last)[which % 3]
    value = (Q, 4095, Q + tape.below(4096 - Q))[min(which, 2)]
    packed = int.from_bytes(ek[:-32], "little")
    packed = packed & ~(0xFFF << 12 * place) | value << 12 * place
    return packed.to_bytes(len(ek) - 32, "little") + ek[-32:]


def _decapsulation_keys(draw: Draw) -> list[Drawn]:
    count = COUNTS["check"]
    half = count // 2
    tests = []
    for index, (_, dk) in enumerate(mlkem.keygen(draw.name, draw.column(count, 64, "seed"))):
        tape = draw.tape(index)
        # dk ends in H(ek)‖z, 32 bytes each (FIPS 203 algorithm 16).
        place = (-64, -33, -64 + tape.below(32))[min(max(index - half, 0), 2)]
        sent = dk if index < half else changed(dk, place, tape)
        insist("decapsulation key", holds=mlkem.check_decapsulation_key(draw.name, sent) == (index < half))
        reason = _GOOD_DK if index < half else _WRONG_HASH
        tests.append(Drawn(sent={"dk": sent}, expected={"testPassed": index < half}, reason=reason))
    return draw.shuffled(tests)
