"""Crafted ciphertexts and keys of ML-KEM: implicit rejection region by region, and decryption at its edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pqvalidate.adapters.interface import Value
from pqvalidate.algorithms import parameter_set
from pqvalidate.oracle import crafting_kem as crafting
from pqvalidate.oracle.crafting_kem import EDGES, NOISY_MESSAGES, Exchange, Pattern, searched_set
from pqvalidate.oracle.kem_steps import Q
from pqvalidate.suites import Asking, Check, Compute, Script
from pqvalidate.suites import validation_kem_changes as changes
from pqvalidate.suites.expectations import PASS, expect_values
from pqvalidate.suites.tape import Tape
from pqvalidate.suites.validation_kem_cases import (
    ORACLE,
    RARE,
    Crafted,
    call,
    check,
    drawn,
    honest,
    value_or_refused_key,
)
from pqvalidate.suites.validation_kem_changes import Change

_STEP = {"quick": 0, "standard": 1, "full": 1}
_SEED_STEP = {"quick": 0, "standard": 8, "full": 1}
_SPECIAL_Z = {"zeros": bytes(32), "ones": b"\xff" * 32, "begins-with-zeros": bytes(8) + b"\x01" * 24}


def _regions(asking: Asking, steps: dict[str, int]) -> list[Crafted]:
    name, step = asking.parameter_set, steps[asking.depth]
    found: dict[str, Change] = {**changes.telling(name), **changes.rough()}
    if step:
        found |= changes.each_block(name) | changes.each_byte(name, step)
    return [Crafted(id=name, make=change, flags=("ModifiedCiphertext",)) for name, change in found.items()]


def _region_cases(asking: Asking) -> Sequence[Crafted]:
    return _regions(asking, _STEP)


def _seed_region_cases(asking: Asking) -> Sequence[Crafted]:
    """Ask of every byte, or of some where the same was asked with expanded keys."""
    return _regions(asking, _SEED_STEP if "decapsulate" in asking.operations else _STEP)


def _rejected(case: Crafted, asking: Asking, operation: str, key: str) -> Script:
    base = yield from honest(asking)
    c = case.make(base)
    inputs: dict[str, Value] = {key: base.dk if key == "dk" else base.seed, "c": c}
    (reply,) = yield [call(asking, operation, **inputs)]
    return expect_values(reply, inputs, {"k": base.secret_for(c)})


def _with_dk(case: Crafted, asking: Asking) -> Script:
    return (yield from _rejected(case, asking, "decapsulate", "dk"))


def _with_seed(case: Crafted, asking: Asking) -> Script:
    return (yield from _rejected(case, asking, "decapsulate_from_seed", "seed"))


def _silent_cases(asking: Asking) -> Sequence[Crafted]:
    found = changes.silent(asking.parameter_set, blocks=asking.depth != "quick")
    cases = [Crafted(id=name, make=change, flags=("ModifiedCiphertext",)) for name, change in found.items()]
    return [*cases, Crafted(id="unchanged", make=lambda exchange: exchange.c)]


def _silent(case: Crafted, asking: Asking) -> Script:
    made = yield [Compute(crafting.silent_exchanges, asking.parameter_set, (drawn(asking, "silent"),))]
    base: Exchange = made[0]
    inputs: dict[str, Value] = {"dk": base.dk, "c": case.make(base)}
    (reply,) = yield [call(asking, "decapsulate", **inputs)]
    return value_or_refused_key(reply, inputs, {"k": base.secret_for(case.make(base))})


def _stable_cases(asking: Asking) -> Sequence[Crafted]:
    special = [Crafted(id=f"z/{name}", make=partial(_with_z, z)) for name, z in _SPECIAL_Z.items()]
    count = {"quick": 1, "standard": 8, "full": 64}[asking.depth]
    return [*(Crafted(id=f"drawn/{number}", number=number) for number in range(count)), *special]


def _with_z(z: bytes, exchange: Exchange) -> Exchange:
    return replace(exchange, seed=exchange.seed[:32] + z, dk=exchange.dk[:-32] + z)


def _stable(case: Crafted, asking: Asking, operation: str, key: str) -> Script:
    """Ask for good and bad ciphertexts in turn; two of the bad ones differ in their last byte only."""
    made = yield from honest(asking, case.number)
    base: Exchange = case.make(made)
    table = changes.telling(asking.parameter_set)
    first = table["first-byte"](base)
    second = first[:-1] + bytes([first[-1] ^ 1])
    order = [first, first, base.c, second, first, base.c, base.c, changes.rough()["zeros"](base), second, base.c]
    value = base.dk if key == "dk" else base.seed
    replies = yield [call(asking, operation, **{key: value, "c": c}) for c in order]
    for c, reply in zip(order, replies, strict=True):
        result = expect_values(reply, {key: value, "c": c}, {"k": base.secret_for(c)})
        if result.outcome != "pass":
            return result
    return PASS


def _stable_dk(case: Crafted, asking: Asking) -> Script:
    return (yield from _stable(case, asking, "decapsulate", "dk"))


def _stable_seed(case: Crafted, asking: Asking) -> Script:
    return (yield from _stable(case, asking, "decapsulate_from_seed", "seed"))


def _accepted(asking: Asking, exchange: Exchange) -> Script:
    """Have the ciphertext of a crafted key decapsulated: it is a good one, if every bit is decrypted rightly."""
    inputs: dict[str, Value] = {"dk": exchange.dk, "c": exchange.c}
    (reply,) = yield [call(asking, "decapsulate", **inputs)]
    return value_or_refused_key(reply, inputs, {"k": exchange.k})


def _noisy_cases(asking: Asking) -> Sequence[Crafted]:
    most = 1 if asking.depth == "quick" else 3
    return [
        Crafted(id=f"noise/{edge}/{number}", number=number, flags=("RoundingEdge",))
        for edge, numbers in NOISY_MESSAGES[searched_set(asking.parameter_set)].items()
        for number in numbers[:most]
    ]


def _noisy(case: Crafted, asking: Asking) -> Script:
    made = yield [Compute(crafting.noisy_exchanges, asking.parameter_set, (case.number,))]
    return (yield from _accepted(asking, made[0]))


def _patterns(asking: Asking) -> dict[str, Pattern]:
    """Return the patterns of w: all edges at once, all 3329 values, and one edge at one place."""
    edges, step = {"quick": (2, 128), "standard": (24, 16), "full": (256, 1)}[asking.depth]
    places = sorted({*range(0, 256, step), 255})
    found: dict[str, Pattern] = {f"edges/{number}": ("edges", 0, 0) for number in range(edges)}
    found |= {f"values/{first}": ("values", first, 0) for first in range(0, Q, 256)}
    return found | {f"one/{edge}/{place}": ("one", edge, place) for edge in EDGES for place in places}


def _sweep_cases(asking: Asking) -> Sequence[Crafted]:
    return [Crafted(id=name, flags=("RoundingEdge",)) for name in _patterns(asking)]


def _sweep(case: Crafted, asking: Asking) -> Script:
    """Ask for one pattern; what it is drawn from depends on its name, so that every depth asks the same."""
    name, pattern = asking.parameter_set, _patterns(asking)[case.id]
    made = yield [Compute(crafting.tuned_exchanges, name, (drawn(asking, case.id), pattern))]
    return (yield from _accepted(asking, made[0]))


_SPECIAL_RHO: dict[str, Callable[[Asking, int], bytes]] = {
    "drawn": lambda asking, number: Tape(asking, "extreme rho", number).read(32),
    "zeros": lambda _asking, _number: bytes(32),
    "ones": lambda _asking, _number: b"\xff" * 32,
}


def _extreme_cases(asking: Asking) -> Sequence[Crafted]:
    count = {"quick": 1, "standard": 4, "full": 64}[asking.depth]
    return [
        Crafted(id=f"rho-{rho}/{number}", number=number, flags=("LargestProducts",))
        for rho in _SPECIAL_RHO
        for number in range(count)
    ]


def _extreme_exchange(case: Crafted, asking: Asking) -> Compute:
    rho = _SPECIAL_RHO[case.id.partition("/")[0].removeprefix("rho-")](asking, case.number)
    inputs = (drawn(asking, "extreme", case.number), rho)
    return Compute(crafting.extreme_exchanges, asking.parameter_set, inputs)


def _extreme_decapsulation(case: Crafted, asking: Asking) -> Script:
    made = yield [_extreme_exchange(case, asking)]
    return (yield from _accepted(asking, made[0]))


def _extreme_encapsulation(case: Crafted, asking: Asking) -> Script:
    made = yield [_extreme_exchange(case, asking)]
    base: Exchange = made[0]
    inputs: dict[str, Value] = {"ek": base.ek, "m": base.m}
    (reply,) = yield [call(asking, "encapsulate_derand", **inputs)]
    return expect_values(reply, inputs, {"k": base.k, "c": base.c})


def _other_keys_cases(asking: Asking) -> Sequence[Crafted]:
    """Return ciphertexts made under another key, of the same set, and drawn bytes of the right length."""
    count = {"quick": 2, "standard": 16, "full": 256}[asking.depth]
    return [
        *(Crafted(id=f"other-key/{number}", number=number) for number in range(1, count + 1)),
        *(Crafted(id=f"drawn/{number}", make=partial(_drawn_c, asking, number)) for number in range(count)),
    ]


def _drawn_c(asking: Asking, number: int, _exchange: Exchange) -> bytes:
    return Tape(asking, "drawn c", number).read(parameter_set(asking.parameter_set).output)


def _other_keys(case: Crafted, asking: Asking) -> Script:
    base = yield from honest(asking)
    other = yield from honest(asking, case.number)
    c = other.c if case.number else case.make(base)
    inputs: dict[str, Value] = {"dk": base.dk, "c": c}
    operation = "decapsulate"
    if operation not in asking.operations:
        operation, inputs = "decapsulate_from_seed", {"seed": base.seed, "c": c}
    (reply,) = yield [call(asking, operation, **inputs)]
    return expect_values(reply, inputs, {"k": base.secret_for(c)})


_REJECTION = "FIPS 203 §6.3, algorithm 18 lines 8-9"
_DECRYPTION = "FIPS 203 §5.3, algorithm 15"
_REGIONS = (
    "Every part of a ciphertext must be compared with the re-encrypted one: each change, byte by byte and block by "
    "block, gives exactly J(z‖c). The changes leave the message as it is, so that only the comparison can notice; some "
    "cancel where differences are folded, some number 256, some come after a zero byte. wolfSSL compared 1536 of 1568 "
    "bytes (https://www.cve.org/CVERecord?id=CVE-2026-10097) and half of them "
    "(https://www.cve.org/CVERecord?id=CVE-2026-6330); published vectors change one or two places. Not seen: how long "
    "the comparison takes."
)
_ALSO_SEED = " The key is given as its seed."
_STABLE = (
    "Good and bad ciphertexts in turn must each give their own secret, however often they are asked: rejection leaves "
    "nothing behind, and depends on every byte of c and z, also where z is all zeros or ones. Caliptra had no known "
    "answer for rejection at all (https://github.com/chipsalliance/caliptra-sw/issues/3713). Not seen: caches that "
    "hold more than a few ciphertexts."
)

ROWS: tuple[Check, ...] = (
    check("rejection-regions", _REJECTION, "decapsulate", _region_cases, _with_dk, _REGIONS, ORACLE,
          severity="critical"),
    check("rejection-regions-seed", _REJECTION, "decapsulate_from_seed", _seed_region_cases, _with_seed,
          _REGIONS + _ALSO_SEED, ORACLE, severity="critical"),
    check("rejection-silent", _REJECTION, "decapsulate", _silent_cases, _silent,
          "Under a key with s = 0 no byte of c1 has a part in decryption, so that c1 can be changed at will, and must "
          "still be compared in full: whole blocks, exchanged bytes, differences that add up to 65,536, the case of "
          "letters. The pair is sound (t = e); an import that refuses it passes, since no honest key generation makes "
          "it. Bug class as in rejection-regions. Not seen: c2, which that check covers.",
          ORACLE, severity="critical"),
    check("rejection-foreign", _REJECTION, "decapsulate decapsulate_from_seed", _other_keys_cases, _other_keys,
          "Ciphertexts made under other keys, and drawn bytes, must give exactly J(z‖c): every ciphertext of the right "
          "length has a secret, none is an error (https://github.com/microsoft/SymCrypt/issues/57). Not seen: the time "
          "that it takes.",
          ORACLE, severity="critical"),
    check("rejection-stable", _REJECTION, "decapsulate", _stable_cases, _stable_dk, _STABLE, ORACLE,
          severity="critical"),
    check("rejection-stable-seed", _REJECTION, "decapsulate_from_seed", _stable_cases, _stable_seed,
          _STABLE + _ALSO_SEED, ORACLE, severity="critical"),
    check("decrypt-boundaries", _DECRYPTION, "decapsulate", _noisy_cases, _noisy,
          "Under a sound key with large noise, decryption of searched ciphertexts meets 832 or 2497, which decode to "
          "0, or 833 or 2496, which decode to 1; one step aside and the secret is another. A mutant of this kind in "
          "a Rust library escaped all published vectors (https://github.com/C2SP/wycheproof/issues/235). Honest keys "
          "show it with a probability below 2^-100. A refused key passes: an import may try a pair out. Not seen: the "
          "other values of w, which decrypt-sweep covers.",
          RARE),
    check("decrypt-sweep", _DECRYPTION, "decapsulate", _sweep_cases, _sweep,
          "Keys whose s is solved for let decryption see any 256 values before it rounds: each of the 3329, and all "
          "places on an edge at once, so that one wrong step of decompression, transform, product or rounding gives "
          "another secret; all codes of u and v come up. wolfSSL's AVX2 code decompressed 5-bit values wrongly (pull "
          "request 10430). These s belong to no ek, so code that tries pairs out refuses them, and passes: then only "
          "decrypt-boundaries speaks. Not seen: keys given as seeds.",
          RARE),
    check("encapsulate-extremes", "FIPS 203 §5.2, algorithms 12 and 14", "encapsulate_derand", _extreme_cases,
          _extreme_encapsulation,
          "An encapsulation key whose coefficients are all 3328 is a good one, and makes the largest products: a sum "
          "that leaves its 16 bits, or a reduction that is missing (https://github.com/wolfSSL/wolfssl/issues/8467), "
          "gives another ciphertext. Messages are searched so that the other factors are 3328, too, which drawn cases "
          "meet once in 10,000. Not seen: intermediate values that no output depends on.",
          RARE),
    check("decapsulate-extremes", _DECRYPTION, "decapsulate", _extreme_cases, _extreme_decapsulation,
          "The same for decapsulation: s and t hold 3328 throughout, but for one polynomial that makes decryption come "
          "out right. A refused key passes, since s belongs to no ek and an import may try the pair out.",
          RARE),
)  # fmt: skip
