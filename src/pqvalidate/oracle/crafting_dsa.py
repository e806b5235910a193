"""Signatures that break one rule of ML-DSA verification each, or stand exactly on its edge.

Under a public key with t1 = 0 the challenge drops out of verification (w' of FIPS 204 algorithm 8 line 9 is A z), so
every z and every encoded hint can be given the c~ that fits them. What is left to refuse such a signature is the one
rule that it breaks.

NEVER USE THIS AS CRYPTOGRAPHY; see ``pqvalidate.oracle``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from pqvalidate.oracle import mldsa
from pqvalidate.oracle.batches import Bits, Ints, RefusedError, slices
from pqvalidate.oracle.crafting import zero_t1_public_key
from pqvalidate.oracle.dsa_steps import (
    FINAL,
    Parameters,
    PrivateKeys,
    Signatures,
    encode_private_keys,
    encode_signatures,
    encode_w1,
    hash_h,
    matrix_times,
)
from pqvalidate.oracle.ring import N

__all__ = [
    "Body", "Fill", "Hard", "Recipe", "Wanted", "bodies", "easy_messages", "hard_messages", "hint_section",
    "read_hints", "steep_private_key", "zero_t1_public_key",
]  # fmt: skip

Fill: TypeAlias = Literal["drawn", "zero", "highest", "lowest", "alternating", "extremes"]
"""How the coefficients of z are chosen before single ones are set."""
Wanted: TypeAlias = Literal["z", "r0", "ct0", "hints", "long"]
"""What the signing loop shall meet: an attempt that breaks this bound first, or very many attempts."""

_CANDIDATES: dict[Wanted, int] = {"z": 12, "r0": 12, "hints": 16, "ct0": 48, "long": 16}
_EASY = 24
_KAPPA = 255  # the counter of the attempts' masks passes one byte: FIPS 204 algorithm 7 line 31
_PARTNERS = 16
_STEPS = 4096  # shifts tried when one coefficient of w' is steered; one in a hundred or better leads to a small z


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to make the part of a signature behind c~.

    Attributes:
        rho: seed of the key with t1 = 0, 32 bytes.
        label: the coefficients of z are drawn from it.
        fill: kind of the drawn coefficients; all are within the bound gamma1 - beta.
        places: (polynomial, position, value): coefficients of z to set, in -gamma1+1 ... gamma1.
        target: (polynomial, position, value): a coefficient of w' = A z to bring to this value in 0 ... q-1.
        hint: the encoded hint, omega + k bytes, or empty for no hints.

    """

    rho: bytes
    label: bytes
    fill: Fill = "drawn"
    places: tuple[tuple[int, int, int], ...] = ()
    target: tuple[int, int, int] | None = None
    hint: bytes = b""


@dataclass(frozen=True, slots=True)
class Body:
    """A signature without its c~; the encoded w1 is what c~ must be computed from."""

    w1: bytes
    tail: bytes
    challenge: int

    def signed(self, mu: bytes) -> bytes:
        """Return the signature whose c~ is right for a 64-byte mu (FIPS 204 algorithm 8 line 12)."""
        return hash_h(mu + self.w1, self.challenge) + self.tail


def bodies(name: str, recipes: Sequence[Recipe]) -> list[Body]:
    """Return the signature bodies of recipes for one parameter set.

    Raises:
        ValueError: a target cannot be reached with a small z (not seen in practice).

    """
    made: list[Body] = []
    for part in slices(recipes):
        made += _batch(mldsa.rules_for(name).parameters[name], recipes[part])
    return made


def _batch(p: Parameters, recipes: Sequence[Recipe]) -> list[Body]:
    matrix = FINAL.expand_a([recipe.rho for recipe in recipes], p.k, p.l)
    z = np.array([_coefficients(p, recipe) for recipe in recipes])
    w = _times(matrix, z)
    for i, recipe in enumerate(recipes):
        if recipe.target is not None:
            _steer(p, matrix[i], z[i], w[i], recipe.target)
    w = _times(matrix, z) if any(recipe.target for recipe in recipes) else w
    hints = np.array([read_hints(p, recipe.hint or bytes(p.omega + p.k)) for recipe in recipes])
    w1 = encode_w1(p, FINAL.use_hint(hints, w, p.gamma2, FINAL.decompose))
    plain = Signatures([bytes(p.challenge)] * len(z), z, np.zeros_like(hints), np.ones(len(z), dtype=np.bool_))
    encoded = [signature[p.challenge :] for signature in encode_signatures(p, plain)]
    tails = [
        tail[: -(p.omega + p.k)] + (recipe.hint or bytes(p.omega + p.k))
        for tail, recipe in zip(encoded, recipes, strict=True)
    ]
    return [Body(high, tail, p.challenge) for high, tail in zip(w1, tails, strict=True)]


def _times(matrix: Ints, z: Ints) -> Ints:
    return FINAL.ring.inverse_ntt(matrix_times(FINAL, matrix, FINAL.ring.ntt(z)))


def _coefficients(p: Parameters, recipe: Recipe) -> Ints:
    """Return z (l, 256): the kind of the recipe, then its single coefficients."""
    most, count = p.gamma1 - p.beta - 1, p.l * N
    drawn = np.frombuffer(hashlib.shake_256(recipe.label).digest(4 * count), dtype="<u4").astype(np.int64)
    signs = np.where(drawn & 1, most, -most)
    alternating = np.where(np.arange(count) & 1, most, -most)
    kinds: dict[Fill, Ints] = {
        "drawn": drawn % (2 * most + 1) - most, "zero": 0 * drawn, "highest": 0 * drawn + most,
        "lowest": 0 * drawn - most, "alternating": alternating, "extremes": signs,
    }  # fmt: skip
    z = kinds[recipe.fill].reshape(p.l, N).copy()
    for polynomial, position, value in recipe.places:
        z[polynomial, position] = value
    return z


def _steer(p: Parameters, matrix: Ints, z: Ints, w: Ints, target: tuple[int, int, int]) -> None:
    """Change two coefficients of z so that one of w' = A z takes the value wanted; z stays within its bound.

    The coefficient is linear in z: a shift of z[0, i] moves it by a known factor modulo q, so for each shift of one
    coefficient the shift of the other follows, and among some thousand pairs many are small. For the few factors whose
    multiples lie badly, another second coefficient does.
    """
    q, (row, position, value) = FINAL.ring.q, target
    column = FINAL.ring.inverse_ntt(matrix[row, 0][None])[0]
    factors = [int(column[(position - i) % N]) * (1 if i <= position else -1) for i in range(_PARTNERS + 1)]
    wanted = (value - int(w[row, position])) % q
    shifts, most = np.arange(-_STEPS // 2, _STEPS // 2), p.gamma1 - p.beta - 1
    for i in range(1, _PARTNERS + 1):
        others = FINAL.ring.centred((wanted - shifts * factors[i]) * pow(factors[0], -1, q))
        fit = np.flatnonzero((np.abs(z[0, 0] + others) <= most) & (np.abs(z[0, i] + shifts) <= most))
        if fit.size:
            z[0, 0] += others[fit[0]]
            z[0, i] += shifts[fit[0]]
            return
    raise ValueError(f"no small z brings w' to {value} at {row}, {position}")


def hint_section(p: Parameters, positions: Sequence[Sequence[int]]) -> bytes:
    """Return an encoded hint with these positions per polynomial, in the order given, however bad (omega + k bytes)."""
    flat = [place for polynomial in positions for place in polynomial]
    cuts = np.cumsum([len(polynomial) for polynomial in positions]).tolist()
    return bytes(flat).ljust(p.omega, b"\0") + bytes(cuts)


def read_hints(p: Parameters, section: bytes) -> Bits:
    """Return the hints (k, 256) as a verifier without any check would read them, past the end of the positions even.

    FIPS 204 algorithm 21 without lines 4, 9 and 17; what lies behind the section is not read.
    """
    h, index = np.zeros((p.k, N), dtype=np.bool_), 0
    for i, cut in enumerate(section[p.omega :]):
        h[i, list(section[index:cut])] = True
        index = cut
    return h


def steep_private_key(name: str, seed: bytes, size: int, polynomials: int) -> bytes:
    """Return a well-formed private key of nobody, under which signing takes many attempts.

    Its s1, s2, rho and K are drawn as usual; ``polynomials`` polynomials of t0 hold only coefficients of +-``size``,
    the others zeros, so that c t0 is large: more attempts break the bounds of lines 28 of FIPS 204 algorithm 7.

    Args:
        name: parameter set.
        seed: 32 bytes.
        size: at most 4095.
        polynomials: at most k.

    """
    p = FINAL.parameters[name]
    drawn = hashlib.shake_256(b"steep" + seed).digest(96 + (p.l + p.k) * N + p.k * N // 8)
    rho, key, tr_seed = drawn[:32], drawn[32:64], drawn[64:96]
    small = np.frombuffer(drawn[96 : 96 + (p.l + p.k) * N], dtype=np.uint8).astype(np.int64) % (2 * p.eta + 1) - p.eta
    small = small.reshape(1, p.l + p.k, N)
    bits = np.unpackbits(np.frombuffer(drawn[-p.k * N // 8 :], dtype=np.uint8)).astype(np.int64).reshape(1, p.k, N)
    t0 = np.where(bits, size, -size)
    t0[:, polynomials:] = 0
    keys = PrivateKeys([rho], [key], [hash_h(tr_seed, p.tr)], small[:, : p.l], small[:, p.l :], t0)
    return encode_private_keys(p, keys)[0]


@dataclass(frozen=True, slots=True)
class Hard:
    """A message whose deterministic signature takes a rare path, that signature, and the message representative."""

    message: bytes
    mu: bytes
    signature: bytes
    thrown_away: tuple[str, ...]


def hard_messages(name: str, sks: Sequence[bytes], labels: Sequence[bytes], wanted: Sequence[Wanted]) -> list[Hard]:
    """Return for each private key a message, drawn from the label, whose signing meets what is wanted.

    Of some candidates it is the first with an attempt of the wanted kind or, for ``long``, with so many attempts that
    the counter kappa passes 255; where there is none, that with most attempts.
    """
    return [_hard(name, *row) for row in zip(sks, labels, wanted, strict=True)]


def easy_messages(name: str, sks: Sequence[bytes], labels: Sequence[bytes]) -> list[Hard]:
    """Return for each private key the message that needs fewest attempts, of some drawn from the label."""
    return [min(_candidates(name, sk, label, _EASY), key=_attempts) for sk, label in zip(sks, labels, strict=True)]


def _hard(name: str, sk: bytes, label: bytes, wanted: Wanted) -> Hard:
    found = _candidates(name, sk, label, _CANDIDATES[wanted])
    most = max(found, key=_attempts)
    if wanted == "long":
        enough = [hard for hard in found if len(hard.thrown_away) * FINAL.parameters[name].l > _KAPPA]
        return min(enough, key=_attempts, default=most)
    return next((hard for hard in found if wanted in hard.thrown_away), most)


def _candidates(name: str, sk: bytes, label: bytes, count: int) -> list[Hard]:
    messages = [hash_h(label + bytes([i]), 32) for i in range(count)]
    mus = [hash_h(sk[64 : 64 + FINAL.parameters[name].tr] + b"\0\0" + message) for message in messages]
    try:
        signed = mldsa.sign_mu_with_history(name, [sk] * count, mus, [bytes(32)] * count)
    except RefusedError:  # beyond the number of attempts that FIPS 204 appendix C lets a signer give up after
        return _candidates(name, sk, hash_h(label, 32), count)
    return [Hard(m, mu, s.signature, tuple(s.thrown_away)) for m, mu, s in zip(messages, mus, signed, strict=True)]


def _attempts(hard: Hard) -> int:
    return len(hard.thrown_away)
