"""Changes of a ciphertext that leave its message as it is, and others: what a partial comparison would overlook.

Under an honest key a change keeps the message if it touches only the lowest bits of compressed coefficients
(``gentle``). Then decryption gives the same m, the re-encrypted ciphertext is the unchanged one, and nothing but the
comparison of all bytes can notice (FIPS 203 algorithm 18 line 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from pqvalidate.oracle.crafting_kem import Exchange
from pqvalidate.oracle.kem_steps import PARAMETERS, Parameters

Change: TypeAlias = Callable[[Exchange], bytes]
_BLOCK = 32


def gentle(p: Parameters, position: int) -> int:
    """Return the bit of one ciphertext byte, as a mask, that moves its coefficient least."""
    c1 = 32 * p.du * p.k
    width, start = (p.du, 0) if position < c1 else (p.dv, c1)
    places = [(8 * (position - start) + bit) % width for bit in range(8)]
    return 1 << places.index(min(places))


def _xor(masks: dict[int, int], exchange: Exchange) -> bytes:
    out = bytearray(exchange.c)
    for position, mask in masks.items():
        out[position] ^= mask
    return bytes(out)


def _gently(p: Parameters, positions: Iterable[int]) -> Change:
    return partial(_xor, {position: gentle(p, position) for position in positions})


def each_byte(name: str, step: int = 1) -> dict[str, Change]:
    """Return one gentle change for every byte, or every so many bytes, of a ciphertext."""
    p = PARAMETERS[name]
    return {f"byte/{at}": _gently(p, [at]) for at in range(0, 32 * (p.du * p.k + p.dv), step)}


def each_block(name: str) -> dict[str, Change]:
    """Return one gentle change for every block of 32 bytes, the width of a vector register."""
    p = PARAMETERS[name]
    return {f"block/{at // _BLOCK}": _gently(p, range(at, at + _BLOCK)) for at in range(0, _size(p), _BLOCK)}


def telling(name: str) -> dict[str, Change]:
    """Return the changes that show most: edges of the two parts, halves, and what cancels or counts to zero."""
    p = PARAMETERS[name]
    size, c1, group = _size(p), 32 * p.du * p.k, p.du * 8
    return {
        "last-32-bytes": _gently(p, range(size - _BLOCK, size)),
        "two-alike/c1": partial(_xor, {0: 1, group: 1}),
        "two-alike/c1-c2": partial(_xor, {0: 1, c1: 1}),
        "two-alike/neighbours": partial(_xor, {c1: 1, c1 + p.dv: 1}),
        "two-alike/block": partial(_xor, {_BLOCK * p.du - group: 1, _BLOCK * p.du * 2 - group: 1}),
        "two-alike/top-bit": partial(_xor, dict.fromkeys(_light_top_bits(p), 0x80)),
        "opposite": partial(_opposite, range(0, c1, p.du)),
        "256-bytes": _gently(p, [*range(64), *range(c1 - 96, c1 + 32), *range(size - 64, size)]),
        "256-bytes/by-one": partial(_xor, dict.fromkeys(_low_bits(p)[:256], 1)),
        "first-byte": _gently(p, [0]),
        "last-byte": _gently(p, [size - 1]),
        "last-of-c1": _gently(p, [c1 - 1]),
        "first-of-c2": _gently(p, [c1]),
        "first-half": _gently(p, range(size // 2)),
        "second-half": _gently(p, range(size // 2, size)),
        "all-but-first": _gently(p, range(1, size, 2)),
        "after-zero-byte": partial(_after_zero, p),
    }


def _size(p: Parameters) -> int:
    return 32 * (p.du * p.k + p.dv)


def _light_top_bits(p: Parameters) -> list[int]:
    """Return two bytes of c1 whose top bit is among the five lowest of a coefficient: twice 0x80 adds up to 256."""
    return [at for at in range(32 * p.du * p.k) if (8 * at + 7) % p.du < 5][:2]


def _low_bits(p: Parameters) -> list[int]:
    """Return the bytes whose bit 0 is among the lowest of a coefficient; there are at least 256."""
    c1 = 32 * p.du * p.k
    allowed = 4 if p.du == 11 else 1
    first = [at for at in range(c1) if (8 * at) % p.du < allowed]
    return [*first, *(at for at in range(c1, _size(p)) if 8 * (at - c1) % p.dv == 0)]


def _opposite(positions: Iterable[int], exchange: Exchange) -> bytes:
    """Add 1 to one byte and take 1 from another, without a carry: the sum of all bytes stays the same."""
    up = next(at for at in positions if not exchange.c[at] & 1)
    down = next((at for at in positions if exchange.c[at] & 1), up)
    return _xor({up: 1, down: 1}, exchange)


def _after_zero(p: Parameters, exchange: Exchange) -> bytes:
    """Change what follows the first zero byte, and nothing before it."""
    zero = exchange.c.find(0, 0, len(exchange.c) - 1)
    return _gently(p, range(zero + 1, len(exchange.c), 7))(exchange)


def rough() -> dict[str, Change]:
    """Return changes that need not keep the message: other ciphertexts of the right length."""
    return {
        "complement": lambda e: bytes(255 - byte for byte in e.c),
        "zeros": lambda e: bytes(len(e.c)),
        "ones": lambda e: b"\xff" * len(e.c),
        "first-byte-kept": lambda e: e.c[:1] + bytes(255 - byte for byte in e.c[1:]),
        "turned-round": lambda e: e.c[::-1],
        "begins-with-zeros": lambda e: bytes(16) + e.c[16:],
        "ends-with-zeros": lambda e: e.c[:-16] + bytes(16),
    }


def silent(name: str, *, blocks: bool) -> dict[str, Change]:
    """Return changes of c1 alone, of any size, for a key under which c1 has no part in decryption."""
    p = PARAMETERS[name]
    c1 = 32 * p.du * p.k
    changes: dict[str, Change] = {
        "c1/complement": partial(_xor, dict.fromkeys(range(c1), 0xFF)),
        "c1/differences-add-up-to-65536": partial(_xor, {**dict.fromkeys(range(257), 0xFF), 300: 1}),
        "c1/two-bytes-exchanged": _exchanged,
        "c1/turned-round": lambda e: e.c[:c1][::-1] + e.c[c1:],
        "c1/top-bits": partial(_xor, dict.fromkeys(range(c1), 0x80)),
        "c1/case-of-letters": lambda e: e.c[:c1].swapcase() + e.c[c1:],
        "c1/zeros": lambda e: bytes(c1) + e.c[c1:],
    }
    if blocks:
        changes |= {
            f"c1/block/{at // _BLOCK}": partial(_xor, dict.fromkeys(range(at, at + _BLOCK), 0xFF))
            for at in range(0, c1, _BLOCK)
        }
    return changes


def _exchanged(exchange: Exchange) -> bytes:
    """Exchange two bytes that differ: what is added here is taken away there."""
    out = bytearray(exchange.c)
    other = next(at for at in range(1, len(out)) if out[at] != out[0])
    out[0], out[other] = out[other], out[0]
    return bytes(out)
