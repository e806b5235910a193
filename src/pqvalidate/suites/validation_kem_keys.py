"""Crafted keys of ML-KEM, and inputs of every wrong length: what must be refused, and what must not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from pqvalidate.adapters.interface import KEM_OPERATIONS, Reply, Value
from pqvalidate.algorithms import ML_KEM, parameter_set
from pqvalidate.evidence import Severity
from pqvalidate.oracle import crafting_kem as crafting
from pqvalidate.oracle.crafting_kem import Exchange, coefficient, with_coefficients
from pqvalidate.oracle.kem_steps import PARAMETERS, Q, hash_h
from pqvalidate.suites import Asking, CaseResult, Check, Compute, Script
from pqvalidate.suites.expectations import expect_acceptance, expect_answer, expect_refusal
from pqvalidate.suites.tape import Tape
from pqvalidate.suites.validation_kem_cases import BAD_INPUT, Crafted, call, check, drawn, honest, offered

_TOO_LARGE = range(Q, 4096)
_N = 256


_RIGHT: dict[str, Callable[[Exchange], bytes]] = {
    "ek": lambda e: e.ek, "dk": lambda e: e.dk, "c": lambda e: e.c, "seed": lambda e: e.seed, "m": lambda e: e.m,
}  # fmt: skip


def _edited(what: str, edit: Callable[[bytes], bytes], exchange: Exchange) -> bytes:
    """Return one value of an exchange, changed."""
    return edit(_RIGHT[what](exchange))


def _ek_cases(asking: Asking) -> Sequence[Crafted]:
    """Return keys with coefficients of q or more, at every place at depth standard, and sound keys next to them."""
    size = _N * PARAMETERS[asking.parameter_set].k
    edges = sorted({0, 1, size - 2, size - 1, *range(0, size, _N), *range(_N - 1, size, _N)})
    wanted = [(place, value) for place in edges for value in (Q, 4095)]
    if asking.depth != "quick":
        wanted += [(place, _varying(place)) for place in range(size)] + [(0, value) for value in _TOO_LARGE]
    if asking.depth == "full":
        wanted += [(place, value) for place in edges for value in _TOO_LARGE]
    return [*_several(size), *(_one(place, value) for place, value in dict.fromkeys(wanted))]


def _varying(place: int) -> int:
    """Return a value from 3329 to 4095 that differs from place to place; 97 and 767 share no factor."""
    return Q + (place * 97 + 1) % len(_TOO_LARGE)


def _one(place: int, value: int) -> Crafted:
    return Crafted(
        id=f"one/{place}/{value}", make=lambda e: with_coefficients(e.ek, {place: value}), flags=("ModulusOverflow",)
    )


def _several(size: int) -> Iterator[Crafted]:
    """Yield keys with several bad coefficients, whose traces cancel or number 256, and sound keys with 3328 or 0."""
    bad = {
        "two-alike": {0: Q, 2: Q}, "two-alike/far": dict.fromkeys((4, size - 4), 4000),
        "256-at-once": dict.fromkeys(range(_N), Q), "256-spread": dict.fromkeys(range(0, size, size // _N), 4095),
        "all": dict.fromkeys(range(size), 4095),
    }  # fmt: skip
    good = {
        "largest/0": {0: Q - 1}, f"largest/{size - 1}": {size - 1: Q - 1},
        "largest/pair": dict.fromkeys((_N, _N + 1), Q - 1), "largest/all": dict.fromkeys(range(size), Q - 1),
        "smallest/0": {0: 0}, f"smallest/{size - 1}": {size - 1: 0},
    }  # fmt: skip
    for expect, table in ((False, bad), (True, good)):
        for name, values in table.items():
            make = partial(_ek_with, values)
            yield Crafted(id=name, make=make, expect=expect, flags=() if expect else ("ModulusOverflow",))


def _ek_with(values: dict[int, int], exchange: Exchange) -> bytes:
    return with_coefficients(exchange.ek, values)


def _ek(case: Crafted, asking: Asking) -> Script:
    base = yield from honest(asking)
    ek: bytes = case.make(base)
    operation = offered(asking, "encapsulate", "encapsulate_derand")
    inputs: dict[str, Value] = {"ek": ek} if operation == "encapsulate" else {"ek": ek, "m": base.m}
    (reply,) = yield [call(asking, operation, **inputs)]
    return _taken_or_refused(case, reply, inputs)


def _taken_or_refused(case: Crafted, reply: Reply, inputs: dict[str, Value]) -> CaseResult:
    """Judge whether the key was let in, and that alone: a wrong value is for the checks that ask for values to find.

    These checks speak of damaged keys, so that a wrong secret under a good one would accuse the wrong thing.
    """
    return expect_acceptance(reply, inputs) if case.expect else expect_refusal(reply, inputs)


def _ek_check(case: Crafted, asking: Asking) -> Script:
    base = yield from honest(asking)
    inputs: dict[str, Value] = {"ek": case.make(base)}
    (reply,) = yield [call(asking, "check_encapsulation_key", **inputs)]
    return expect_answer(reply, inputs, case.expect)


def _hash_cases(asking: Asking) -> Sequence[Crafted]:
    """Return keys that hold a wrong H(ek), or an ek to which their H(ek) does not belong, and one that is sound."""
    size = parameter_set(asking.parameter_set)
    h, ek, rho = size.private_key - 64, size.private_key - 64 - size.public_key, size.private_key - 96
    single = range(h, h + 32, 1 if asking.depth != "quick" else 8)
    inside = {ek, rho - 1, rho, h - 1} | (set() if asking.depth == "quick" else {*range(ek, rho, 48), *range(rho, h)})
    table: dict[str, Callable[[bytes], bytes]] = {
        "hash/two-alike": lambda dk: _flip(dk, {h + 3: 0x11, h + 19: 0x11}),
        "hash/two-exchanged": lambda dk: _exchange(dk, h),
        "hash/last-byte": lambda dk: _flip(dk, {h + 31: 0x80}),
        "hash/second-half": lambda dk: _flip(dk, dict.fromkeys(range(h + 16, h + 32), 0xFF)),
        "hash/complement": lambda dk: _flip(dk, dict.fromkeys(range(h, h + 32), 0xFF)),
        "hash/zeros": lambda dk: dk[:h] + bytes(32) + dk[-32:],
        "hash/z-instead": lambda dk: dk[:h] + dk[-32:] + dk[-32:],
        **{f"hash/{at - h}": partial(_flip, masks={at: 1 << (at * 3) % 8}) for at in single},
        **{f"ek/{at - ek}": partial(_flip, masks={at: 1}) for at in sorted(inside)},
    }
    cases = [
        Crafted(id=name, make=partial(_edited, "dk", edit), flags=("ModifiedHash",)) for name, edit in table.items()
    ]
    return [*cases, Crafted(id="unchanged", make=lambda e: e.dk, expect=True)]


def _flip(key: bytes, masks: dict[int, int]) -> bytes:
    out = bytearray(key)
    for position, mask in masks.items():
        out[position] ^= mask
    return bytes(out)


def _exchange(dk: bytes, start: int) -> bytes:
    """Exchange the first byte of H(ek) with the next that differs: sums and folded differences stay the same."""
    other = next((at for at in range(start + 1, start + 32) if dk[at] != dk[start]), start)
    out = bytearray(dk)
    out[start], out[other] = out[other], out[start] if other != start else dk[start] ^ 1
    return bytes(out)


def _hash(case: Crafted, asking: Asking) -> Script:
    base = yield from honest(asking)
    inputs: dict[str, Value] = {"dk": case.make(base), "c": base.c}
    (reply,) = yield [call(asking, "decapsulate", **inputs)]
    return _taken_or_refused(case, reply, inputs)


def _hash_check(case: Crafted, asking: Asking) -> Script:
    base = yield from honest(asking)
    inputs: dict[str, Value] = {"dk": case.make(base)}
    (reply,) = yield [call(asking, "check_decapsulation_key", **inputs)]
    return expect_answer(reply, inputs, case.expect)


def _encoding_cases(asking: Asking) -> Sequence[Crafted]:
    """Return keys with one coefficient of q or more in s-hat, or in the ek that they hold with its right hash."""
    size = _N * PARAMETERS[asking.parameter_set].k
    places = sorted(
        {0, size - 1} | (set() if asking.depth == "quick" else {*range(0, size, _N), *range(255, size, _N)})
    )
    return [
        Crafted(id=f"{part}/{place}", make=partial(edit, place), flags=("NonCanonicalKey",))
        for part, edit in (("s", _s_too_large), ("ek", _ek_too_large))
        for place in places
    ]


def _raised(key: bytes, first: int, place: int, size: int) -> bytes:
    """Add q to a coefficient that allows it, from ``place`` on: the same number modulo q, written in another way."""
    at = next(first + n % size for n in range(place, place + size) if coefficient(key, first + n % size) < 4096 - Q)
    return with_coefficients(key, {at: coefficient(key, at) + Q})


def _s_too_large(place: int, exchange: Exchange) -> bytes:
    size = (len(exchange.ek) - 32) * 2 // 3
    return _raised(exchange.dk, 0, place, size)


def _ek_too_large(place: int, exchange: Exchange) -> bytes:
    size = (len(exchange.ek) - 32) * 2 // 3
    dk = _raised(exchange.dk, size, place, size)
    return dk[:-64] + hash_h(dk[len(dk) - 64 - len(exchange.ek) : -64]) + dk[-32:]


def _encoding(case: Crafted, asking: Asking) -> Script:
    base = yield from honest(asking)
    inputs: dict[str, Value] = {"dk": case.make(base), "c": base.c}
    (reply,) = yield [call(asking, "decapsulate", **inputs)]
    return expect_refusal(reply, inputs)


def _length_cases(what: str) -> Callable[[Asking], Sequence[Crafted]]:
    """Return cases that cut or lengthen one input; ``+256`` and ``+65536`` fit where a length has 8 or 16 bits."""

    def cases(asking: Asking) -> Sequence[Crafted]:
        tail = Tape(asking, f"tail of {what}", 0).read(65536)
        edits: dict[str, Callable[[bytes], bytes]] = {
            "empty": lambda _v: b"", "one-byte": lambda v: v[:1], "half": lambda v: v[: len(v) // 2],
            "-32": lambda v: v[:-32], "-1": lambda v: v[:-1], "-1/front": lambda v: v[1:],
            "+1/zero": lambda v: v + b"\0", "+1/drawn": lambda v: v + tail[:1], "+1/front": lambda v: b"\0" + v,
            "+32": lambda v: v + tail[:32], "double": lambda v: v + v, "+256": lambda v: v + tail[:256],
            "+65536": lambda v: v + tail,
        }  # fmt: skip
        found = [
            Crafted(id=name, make=partial(_edited, what, edit), flags=("WrongLength",)) for name, edit in edits.items()
        ]
        others = [name for name in ML_KEM if name != asking.parameter_set]
        if what in ("ek", "dk", "c"):
            found += [Crafted(id=f"of/{name}", flags=("WrongLength", "OtherParameterSet")) for name in others]
        return found

    return cases


def _length(what: str, *operations: str) -> Callable[[Crafted, Asking], Script]:
    def script(case: Crafted, asking: Asking) -> Script:
        base = yield from honest(asking)
        if case.id.startswith("of/"):
            made = yield [Compute(crafting.exchanges, case.id.removeprefix("of/"), (drawn(asking, "other set"),))]
            wrong = _RIGHT[what](made[0])
        else:
            wrong = case.make(base)
        operation = offered(asking, *operations)
        taken = {name: value(base) for name, value in _RIGHT.items() if name in KEM_OPERATIONS[operation].inputs}
        inputs: dict[str, Value] = {**taken, what: wrong}
        (reply,) = yield [call(asking, operation, **inputs)]
        return expect_refusal(reply, inputs)

    return script


def _lengths(
    name: str, what: str, operations: str, words: str, clause: str, severity: Severity, caller_check: str = ""
) -> Check:
    row = check(
        f"lengths-{name}", clause, operations, _length_cases(what), _length(what, *operations.split()),
        f"{words} of the wrong length must be refused cleanly: empty, cut, lengthened at either end, doubled, by 256 "
        "and 65,536 bytes too long, or of another parameter set. liboqs-python pads short inputs with zeros; code that "
        "never looks at a length reads beyond its buffer. No published ACVP case has a wrong length "
        "(https://github.com/usnistgov/ACVP-Server/issues/468). Not seen: reading beyond the end without an effect.",
        BAD_INPUT, severity=severity, caller_check=caller_check,
    )  # fmt: skip
    return replace(row, varies_length=what)


_EK = (
    "One coefficient of 3329 to 4095, at any place, makes an encapsulation key that must be refused; so do several "
    "whose traces cancel or number 256. Keys with a coefficient of 3328 or 0 must be accepted. liboqs had no such "
    "check (https://github.com/open-quantum-safe/liboqs/issues/1951), OpenSSL's TLS code neither "
    "(https://github.com/openssl/openssl/issues/25781), and one library's could not fail. Honest keys never show it. "
    "Not seen: what an application does with the refusal."
)
_HASH = (
    "A decapsulation key whose H(ek) is changed in any byte, or whose ek is changed while H(ek) stays, must be "
    "refused; changes that cancel where differences are folded are among them. BoringSSL checked it only after "
    "differential fuzzing (2026). A damaged key otherwise rejects every ciphertext without a word, or leaks. Not seen: "
    "a changed s or z, which the standard's check does not cover."
)

ROWS: tuple[Check, ...] = (
    check("ek-coefficient", "FIPS 203 §7.2", "encapsulate encapsulate_derand", _ek_cases, _ek, _EK, BAD_INPUT,
          caller_check="encapsulation-key"),
    check("ek-coefficient-check", "FIPS 203 §7.2", "check_encapsulation_key", _ek_cases, _ek_check,
          _EK + " Asked of the key check itself.", BAD_INPUT),
    check("dk-hash-bits", "FIPS 203 §7.3", "decapsulate", _hash_cases, _hash, _HASH, BAD_INPUT, severity="medium",
          caller_check="decapsulation-key"),
    check("dk-hash-bits-check", "FIPS 203 §7.3", "check_decapsulation_key", _hash_cases, _hash_check,
          _HASH + " Asked of the key check itself.", BAD_INPUT, severity="medium"),
    check("dk-encoding", "FIPS 203 §7.3, §7.1", "decapsulate", _encoding_cases, _encoding,
          "A decapsulation key with a coefficient of q or more in s, or in the ek that it holds with its right hash, "
          "should be refused; section 7.3 does not demand it, so that a failure is advice and no accusation. Such keys "
          "were taken by liboqs (https://github.com/open-quantum-safe/liboqs/issues/2517) and CIRCL, and one key then "
          "has several encodings. Not seen: other secrets that no key generation makes, such as too large an s.",
          "One key has several encodings, and code that relies on small coefficients meets large ones.",
          severity="advisory"),
    _lengths("ek", "ek", "encapsulate encapsulate_derand", "An encapsulation key", "FIPS 203 §7.2", "high",
             "encapsulation-key"),
    _lengths("dk", "dk", "decapsulate", "A decapsulation key", "FIPS 203 §7.3", "high"),
    _lengths("ciphertext", "c", "decapsulate", "A ciphertext", "FIPS 203 §7.3", "high"),
    _lengths("ciphertext-seed", "c", "decapsulate_from_seed", "With the key given as its seed, a ciphertext",
             "FIPS 203 §7.3", "high"),
    _lengths("seed", "seed", "keygen_from_seed decapsulate_from_seed", "A seed", "FIPS 203 §7.1", "medium"),
    _lengths("m", "m", "encapsulate_derand", "A given m, which only tests use,", "FIPS 203 §6.2", "advisory"),
)  # fmt: skip
