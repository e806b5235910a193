"""The steps of ML-KEM and of Kyber round 3: parameters, compression, encodings, K-PKE, and the rules that bind them.

``Rules`` names each step that a caller may replace: the versions of the algorithm are sets of rules, and so is every
implementation with a planted fault.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pqvalidate.oracle.batches import Ints, join, rows, stack
from pqvalidate.oracle.bits import pack, unpack
from pqvalidate.oracle.ring import N, Ring, ring
from pqvalidate.oracle.sampling import KEM_Q, sample_matrix, sample_noise

Q = KEM_Q
RING = ring(Q, root=17, smallest=2)  # FIPS 203 section 4.3


@dataclass(frozen=True, slots=True)
class Parameters:
    """Numbers of one parameter set: FIPS 203 table 2 (eta2 is 2 everywhere)."""

    k: int
    eta1: int
    du: int
    dv: int
    eta2: int = 2


_BY_SUFFIX = {"512": Parameters(2, 3, 10, 4), "768": Parameters(3, 2, 10, 4), "1024": Parameters(4, 2, 11, 5)}
PARAMETERS = {f"{family}-{suffix}": p for family in ("ML-KEM", "Kyber") for suffix, p in _BY_SUFFIX.items()}


@dataclass(frozen=True, slots=True)
class EncapsulationKeys:
    """Decoded encapsulation keys: ``t_hat`` as stored (batch, k, 256), not reduced modulo q, and the seeds rho."""

    t_hat: Ints
    rho: list[bytes]


@dataclass(frozen=True, slots=True)
class DecapsulationKeys:
    """Decoded expanded decapsulation keys: ``s_hat`` as stored (batch, k, 256), and ek, H(ek) and z as bytes."""

    s_hat: Ints
    ek: list[bytes]
    h: list[bytes]
    z: list[bytes]


def hash_g(data: bytes) -> tuple[bytes, bytes]:
    """Return the two 32-byte halves of SHA3-512 (G of FIPS 203 section 4.1)."""
    digest = hashlib.sha3_512(data).digest()
    return digest[:32], digest[32:]


def hash_h(data: bytes) -> bytes:
    """Return SHA3-256 (H of FIPS 203 section 4.1)."""
    return hashlib.sha3_256(data).digest()


def hash_j(data: bytes) -> bytes:
    """Return 32 bytes of SHAKE256 (J of FIPS 203 section 4.1; KDF of Kyber)."""
    return hashlib.shake_256(data).digest(32)


def compress(x: Ints, d: int) -> Ints:
    """Return round(2^d / q * x) mod 2^d for x in 0 ... q-1 (FIPS 203 equation 4.7)."""
    return ((x << d) + Q // 2) // Q & ((1 << d) - 1)


def decompress(y: Ints, d: int) -> Ints:
    """Return round(q / 2^d * y) (FIPS 203 equation 4.8)."""
    return (y * Q + (1 << (d - 1))) >> d


# zeta^(2 BitRev7(i) + 1) modulo q: the pairs of algorithm 11 alternate in sign.
_GAMMAS = np.array([sign * zeta % Q for zeta in RING.zetas[64:] for sign in (1, -1)], dtype=np.int64)


def multiply(f: Ints, g: Ints) -> Ints:
    """Return the products of transformed polynomials, in 0 ... q-1 (MultiplyNTTs, FIPS 203 algorithms 11 and 12)."""
    f0, f1, g0, g1 = f[..., 0::2], f[..., 1::2], g[..., 0::2], g[..., 1::2]
    product = np.empty(np.broadcast_shapes(f.shape, g.shape), dtype=np.int64)
    product[..., 0::2] = f0 * g0 + f1 * RING.reduced(g1 * _GAMMAS)
    product[..., 1::2] = f0 * g1 + f1 * g0
    return RING.reduced(product)


def noise_nonces(k: int) -> Sequence[int]:
    """Return the nonces of y, e1 and e2 in encryption: 0 ... 2k (FIPS 203 algorithm 14 lines 8-17)."""
    return range(2 * k + 1)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The replaceable steps of the algorithm; the defaults are FIPS 203.

    Attributes:
        parameters: numbers by parameter-set name.
        ring: modulus and constants of the transform.
        seed_domain: from k to the bytes that follow d in G(d‖k) (algorithm 13 line 1).
        expand_matrix: from seeds rho and k to A-hat (algorithm 13 lines 3-7).
        noise_nonces: from k to the nonces of y, e1, e2 (algorithm 14).
        multiply: MultiplyNTTs (algorithm 11).
        compress: Compress_d (equation 4.7); with d = 1 it decodes the message.
        hash_h: H of section 4.1.
        hash_message: applied to the drawn m before use; FIPS 203 uses m itself.
        accepted_key: from the first half of G(m‖H(ek)) and c to the shared secret (algorithm 17).
        rejection_key: from z, c and the re-encrypted ciphertext to the key of implicit rejection (algorithm 18).
        ciphertext_equal: compares c with the re-encrypted ciphertext (algorithm 18 line 9).
        ek_modulus_bound: coefficients of an encapsulation key below it are taken (section 7.2); 4096 takes all.
        dk_hash_checked: whether H(ek) inside a decapsulation key is checked (section 7.3).

    """

    parameters: Mapping[str, Parameters]
    ring: Ring = RING
    seed_domain: Callable[[int], bytes] = lambda k: bytes([k])
    expand_matrix: Callable[[Sequence[bytes], int], Ints] = sample_matrix
    noise_nonces: Callable[[int], Sequence[int]] = noise_nonces
    multiply: Callable[[Ints, Ints], Ints] = multiply
    compress: Callable[[Ints, int], Ints] = compress
    hash_h: Callable[[bytes], bytes] = hash_h
    hash_message: Callable[[bytes], bytes] = lambda m: m
    accepted_key: Callable[[bytes, bytes], bytes] = lambda k_bar, _c: k_bar
    rejection_key: Callable[[bytes, bytes, bytes], bytes] = lambda z, c, _c_again: hash_j(z + c)
    ciphertext_equal: Callable[[bytes, bytes], bool] = lambda c, c_again: c == c_again
    ek_modulus_bound: int = Q
    dk_hash_checked: bool = True


FINAL = Rules(parameters=PARAMETERS)
# The draft of August 2023, with the index order of Kyber restored as NIST's own intermediate values have it.
IPD = replace(FINAL, seed_domain=lambda _k: b"")
# CRYSTALS-Kyber specification 3.02, algorithms 7-9: m is hashed, the ciphertext enters the key, no key is checked.
ROUND_3 = replace(
    IPD,
    hash_message=hash_h,
    accepted_key=lambda k_bar, c: hash_j(k_bar + hash_h(c)),
    rejection_key=lambda z, c, _c_again: hash_j(z + hash_h(c)),
    ek_modulus_bound=4096,
    dk_hash_checked=False,
)


def decode_encapsulation_keys(eks: Sequence[bytes]) -> EncapsulationKeys:
    """Take encapsulation keys of the right length apart, keeping coefficients of q or more as they are."""
    data = stack(eks)
    return EncapsulationKeys(unpack(data[:, :-32], 12).reshape(len(eks), -1, N), [ek[-32:] for ek in eks])


def encode_encapsulation_keys(keys: EncapsulationKeys) -> list[bytes]:
    """Undo ``decode_encapsulation_keys``; coefficients up to 4095 are stored as they are."""
    return join(encode_vectors(keys.t_hat, 12), keys.rho)


def decode_decapsulation_keys(dks: Sequence[bytes]) -> DecapsulationKeys:
    """Take expanded decapsulation keys of the right length apart: dk_PKE‖ek‖H(ek)‖z (FIPS 203 algorithm 16)."""
    s_length = (len(dks[0]) - 96) // 2
    s_hat = unpack(stack([dk[:s_length] for dk in dks]), 12).reshape(len(dks), -1, N)
    return DecapsulationKeys(
        s_hat, [dk[s_length:-64] for dk in dks], [dk[-64:-32] for dk in dks], [dk[-32:] for dk in dks]
    )


def encode_decapsulation_keys(keys: DecapsulationKeys) -> list[bytes]:
    """Undo ``decode_decapsulation_keys``."""
    return join(encode_vectors(keys.s_hat, 12), keys.ek, keys.h, keys.z)


def encode_vectors(vectors: Ints, d: int) -> list[bytes]:
    """Return ByteEncode_d of each vector of polynomials, shape (batch, polynomials, 256) (FIPS 203 algorithm 5)."""
    return rows(pack(vectors.reshape(len(vectors), -1), d))


def decode_ciphertexts(p: Parameters, cs: Sequence[bytes]) -> tuple[Ints, Ints]:
    """Return the compressed u (batch, k, 256) and v (batch, 256) of ciphertexts (FIPS 203 algorithm 15 lines 1-4)."""
    data, c1 = stack(cs), 32 * p.du * p.k
    return unpack(data[:, :c1], p.du).reshape(len(cs), p.k, N), unpack(data[:, c1:], p.dv)


def encode_ciphertexts(p: Parameters, u: Ints, v: Ints) -> list[bytes]:
    """Undo ``decode_ciphertexts``."""
    return join(encode_vectors(u, p.du), encode_vectors(v[:, None], p.dv))


def inner(rules: Rules, f: Ints, g: Ints) -> Ints:
    """Return the sum over the second-last axis of products of transformed polynomials, in 0 ... q-1."""
    return rules.ring.reduced(rules.multiply(f, g).sum(axis=-2))


def pke_keygen(p: Parameters, rules: Rules, ds: Sequence[bytes]) -> tuple[EncapsulationKeys, Ints]:
    """Return encapsulation keys and s-hat for 32-byte seeds d (K-PKE.KeyGen, FIPS 203 algorithm 13)."""
    halves = [hash_g(d + rules.seed_domain(p.k)) for d in ds]
    rhos, sigmas = [rho for rho, _ in halves], [sigma for _, sigma in halves]
    noise = rules.ring.ntt(sample_noise(sigmas, range(2 * p.k), p.eta1))
    s_hat, e_hat = noise[:, : p.k], noise[:, p.k :]
    t_hat = rules.ring.reduced(inner(rules, rules.expand_matrix(rhos, p.k), s_hat[:, None]) + e_hat)
    return EncapsulationKeys(t_hat, rhos), s_hat


def pke_encrypt(
    p: Parameters, rules: Rules, eks: Sequence[bytes], ms: Sequence[bytes], rs: Sequence[bytes]
) -> list[bytes]:
    """Return ciphertexts of 32-byte messages under 32-byte randomness (K-PKE.Encrypt, FIPS 203 algorithm 14)."""
    key, nonces = decode_encapsulation_keys(eks), rules.noise_nonces(p.k)
    matrix = rules.expand_matrix(key.rho, p.k)
    y_hat = rules.ring.ntt(sample_noise(rs, nonces[: p.k], p.eta1))
    e = sample_noise(rs, nonces[p.k :], p.eta2)
    # A-hat transposed: the sum runs over the rows i of A-hat[i, j].
    u_hat = inner(rules, matrix.swapaxes(1, 2), y_hat[:, None])
    v_hat = inner(rules, key.t_hat, y_hat)
    w = rules.ring.inverse_ntt(np.concatenate([u_hat, v_hat[:, None]], axis=1)) + e
    w[:, p.k] += decompress(unpack(stack(ms), 1), 1)
    w = rules.ring.reduced(w)
    return encode_ciphertexts(p, rules.compress(w[:, : p.k], p.du), rules.compress(w[:, p.k], p.dv))


def noisy_messages(p: Parameters, rules: Rules, s_hat: Ints, cs: Sequence[bytes]) -> Ints:
    """Return w = v - s^T u before rounding, in 0 ... q-1: near 0 or q/2 for honest ciphertexts (algorithm 15)."""
    u, v = decode_ciphertexts(p, cs)
    product = inner(rules, s_hat, rules.ring.ntt(decompress(u, p.du)))
    return rules.ring.reduced(decompress(v, p.dv) - rules.ring.inverse_ntt(product))


def pke_decrypt(p: Parameters, rules: Rules, s_hat: Ints, cs: Sequence[bytes]) -> list[bytes]:
    """Return the 32-byte messages of ciphertexts (K-PKE.Decrypt, FIPS 203 algorithm 15)."""
    return rows(pack(rules.compress(noisy_messages(p, rules, s_hat, cs), 1), 1))
