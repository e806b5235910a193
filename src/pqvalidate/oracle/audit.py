"""Looking inside signatures of a known key: the mask y = z - c s1, and every bound of the signing loop.

Whoever holds the private key can recover from each signature all that FIPS 204 algorithm 7 computed for it, also where
the signer drew its own randomness. NEVER USE THIS AS CRYPTOGRAPHY; see ``pqvalidate.oracle``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from pqvalidate.algorithms import parameter_set
from pqvalidate.oracle import mldsa
from pqvalidate.oracle.batches import Ints, check_columns, check_lengths, distinct, slices, stack
from pqvalidate.oracle.bits import pack, unpack
from pqvalidate.oracle.dsa_steps import (
    Parameters,
    Signatures,
    decode_private_keys,
    decode_signatures,
    encode_private_keys,
    encode_w1,
    hash_h,
    matrix_times,
)
from pqvalidate.oracle.rounding import D, decompose, make_hint
from pqvalidate.oracle.sampling import sample_in_ball


@dataclass(frozen=True, slots=True)
class Opened:
    """A signature taken apart with the private key.

    Attributes:
        broken: the rules of the signing loop that it breaks, each with the numbers and the line of the standard.
        y: the mask, shape (l, 256); empty where the signature has the wrong length.
        z: the response, shape (l, 256).
        r0_at_bound: how many low parts are within beta of the bound that they must stay below.

    """

    broken: tuple[str, ...]
    y: Ints
    z: Ints
    r0_at_bound: int


@dataclass(frozen=True, slots=True)
class _Key:
    """A private key, decoded and transformed: A-hat, and s1, s2 and t0 one behind the other."""

    matrix: Ints
    secrets: Ints


@lru_cache(maxsize=32)
def _key(name: str, sk: bytes) -> _Key:
    rules = mldsa.rules_for(name)
    p = rules.parameters[name]
    key = decode_private_keys(p, [sk])
    secrets = np.concatenate([key.s1, key.s2, key.t0], axis=1)
    return _Key(rules.expand_a(key.rho, p.k, p.l)[0], rules.ring.ntt(secrets)[0])


# Per k: polynomials of t0 at the largest size, and those left as they are; the others become 0. Hints are then close to
# omega and, where tau 2^12 exceeds gamma2 (ML-DSA-44), c t0 near its bound, so signing meets these rejections often.
_HEAVY = {4: (2, 1), 6: (4, 0), 8: (5, 0)}


def with_heavy_t0(name: str, sk: bytes, source: bytes) -> bytes:
    """Return a private key whose t0 is so large that the bounds on c t0 and on the hints matter.

    No public key fits to it, but every step of signing is defined; a signer that compares the parts may refuse it.

    Args:
        name: parameter set.
        sk: an expanded private key.
        source: decides on the signs, 32 bytes.

    """
    p = mldsa.rules_for(name).parameters[name]
    key, (largest, kept) = decode_private_keys(p, [sk]), _HEAVY[p.k]
    signs = unpack(stack([hashlib.shake_256(source).digest(32 * largest)]), 1).reshape(largest, -1)
    t0 = np.zeros_like(key.t0)
    t0[0, :largest] = np.where(signs == 1, 1 << (D - 1), 1 - (1 << (D - 1)))  # -4095 ... 4096, algorithm 35
    t0[0, largest : largest + kept] = key.t0[0, largest : largest + kept]
    return encode_private_keys(p, replace(key, t0=t0))[0]


def open_signatures(name: str, sks: Sequence[bytes], mus: Sequence[bytes], signatures: Sequence[bytes]) -> list[Opened]:
    """Return what each signature of a message representative mu shows under its expanded private key.

    Raises:
        RefusedError: a private key of the wrong length.
        UsageError: the columns differ in length.

    """
    row, p = parameter_set(name), mldsa.rules_for(name).parameters[name]
    check_columns(sks, mus, signatures)
    check_lengths("private key", sks, row.private_key, "FIPS 204 section 3.6.2")
    none: Ints = np.zeros((0, 256), dtype=np.int64)
    opened = [Opened((f"the signature has {len(s)} bytes, not {row.output}",), none, none, 0) for s in signatures]
    fit = [i for i, signature in enumerate(signatures) if len(signature) == row.output]
    for part in slices(fit):
        chosen = fit[part]
        found = _open(name, p, *([column[i] for i in chosen] for column in (sks, mus, signatures)))
        for i, one in zip(chosen, found, strict=True):
            opened[i] = one
    return opened


def _open(
    name: str, p: Parameters, sks: Sequence[bytes], mus: Sequence[bytes], encoded: Sequence[bytes]
) -> Iterator[Opened]:
    ring, signatures = mldsa.rules_for(name).ring, decode_signatures(p, encoded)
    different, places = distinct(sks)
    keys = [_key(name, sk) for sk in different]
    c = ring.ntt(np.array([sample_in_ball(challenge, p.tau) for challenge in signatures.challenge]))[:, None]
    products = ring.centred(ring.inverse_ntt(c * np.array([key.secrets for key in keys])[places]))
    cs1, cs2, ct0 = products[:, : p.l], products[:, p.l : p.l + p.k], products[:, p.l + p.k :]
    y = signatures.z - cs1
    rules = mldsa.rules_for(name)
    w = ring.inverse_ntt(matrix_times(rules, np.array([key.matrix for key in keys])[places], ring.ntt(y)))
    r = ring.reduced(w - cs2)
    r1, r0 = decompose(r, p.gamma2)
    hints = make_hint(decompose(ring.reduced(r + ct0), p.gamma2)[0], r1)
    commitments = encode_w1(p, decompose(w, p.gamma2)[0])
    at_bound = (np.abs(r0) >= p.gamma2 - 2 * p.beta).sum(axis=(1, 2))
    for i, mu in enumerate(mus):
        broken = [
            *_objections(p, y[i], signatures.z[i], r0[i], ct0[i]),
            *_hint_objections(p, signatures, i, hints[i]),
        ]
        if hash_h(mu + commitments[i], p.challenge) != signatures.challenge[i]:
            broken.append("c~ is not the hash of mu and of the high bits of A y (algorithm 7 lines 14 and 15)")
        yield Opened(tuple(broken), y[i], signatures.z[i], int(at_bound[i]))


def _objections(p: Parameters, y: Ints, z: Ints, r0: Ints, ct0: Ints) -> Iterator[str]:
    if y.max() > p.gamma1 or y.min() <= -p.gamma1:
        worst = int(y.flat[np.abs(y).argmax()])
        yield f"a coefficient of y is {worst}, outside -gamma1+1 ... gamma1 = {p.gamma1} (algorithm 34)"
    for what, values, bound, line in (
        ("z", z, p.gamma1 - p.beta, "gamma1 - beta, algorithm 7 line 23"),
        ("LowBits(w - c s2)", r0, p.gamma2 - p.beta, "gamma2 - beta, algorithm 7 line 23"),
        ("c t0", ct0, p.gamma2, "gamma2, algorithm 7 line 28"),
    ):
        largest = int(np.abs(values).max())
        if largest >= bound:
            yield f"a coefficient of {what} is {largest} in size, not below {bound} ({line})"


def _hint_objections(p: Parameters, signatures: Signatures, i: int, wanted: Ints) -> Iterator[str]:
    weight = int(wanted.sum())
    if weight > p.omega:
        yield f"it needs {weight} hints, and omega = {p.omega} are allowed (algorithm 7 line 28)"
    if not signatures.well_encoded[i]:
        yield "the hint is not well encoded (algorithms 20 and 21)"
    elif (signatures.h[i] != wanted).any():
        wrong = int((signatures.h[i] != wanted).sum())
        yield f"{wrong} hints are not those of MakeHint (algorithm 7 line 26)"


def mask_origins(
    name: str, sks: Sequence[bytes], mus: Sequence[bytes], rnds: Sequence[bytes], signatures: Sequence[bytes]
) -> list[str]:
    """Return, for signatures whose randomness rnd is known, what is wrong with the origin of each mask, or nothing.

    The mask must be ExpandMask(rho'', kappa) with a kappa that is a multiple of l: the masks of successive attempts
    then have no polynomial in common (FIPS 204 algorithm 7 lines 11 and 31, algorithm 34).

    Raises:
        RefusedError: a private key of the wrong length.
        UsageError: the columns differ in length.

    """
    check_columns(rnds, signatures)
    p = mldsa.rules_for(name).parameters[name]
    found = []
    for opened, sk, mu, rnd in zip(open_signatures(name, sks, mus, signatures), sks, mus, rnds, strict=True):
        found.append(_origin(p, opened.y, hash_h(sk[32:64] + rnd + mu)) if opened.y.size else opened.broken[0])
    return found


def _origin(p: Parameters, y: Ints, seed: bytes) -> str:
    width = p.gamma1.bit_length()
    masks = [row.tobytes() for row in pack(p.gamma1 - y, width)]

    def expanded(nonce: int) -> bytes:
        return hashlib.shake_256(seed + nonce.to_bytes(2, "little")).digest(32 * width)

    most = 814 * p.l  # FIPS 204 appendix C: the least number of attempts that an implementation may allow
    kappa = next((nonce for nonce in range(most) if expanded(nonce) == masks[0]), None)
    if kappa is None:
        return "the first polynomial of y is ExpandMask(rho'', kappa) for no kappa"
    if kappa % p.l:
        return f"y begins at kappa = {kappa}, no multiple of l = {p.l}: masks are used in more than one attempt"
    for r, mask in enumerate(masks):
        if mask != expanded(kappa + r):
            return f"polynomial {r} of y is not made from kappa + {r}"
    return ""


def open_block(name: str, sks: Sequence[bytes], blocks: Sequence[Sequence[tuple[bytes, bytes]]]) -> list[list[Opened]]:
    """Return ``open_signatures`` for blocks of (mu, signature), each block under one private key.

    Raises:
        RefusedError: a private key of the wrong length.
        UsageError: the columns differ in length.

    """
    check_columns(sks, blocks)
    return [
        open_signatures(name, [sk] * len(block), [mu for mu, _ in block], [signature for _, signature in block])
        for sk, block in zip(sks, blocks, strict=True)
    ]
