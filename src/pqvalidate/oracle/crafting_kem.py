"""ML-KEM keys and ciphertexts that no honest run produces, each made so that one single rule decides what comes out.

Those of Kyber round 3 are made alike: encryption is the same; m is hashed first, and the ciphertext enters the secrets.

NEVER USE THIS AS CRYPTOGRAPHY; see ``pqvalidate.oracle``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha3_256, shake_256
from itertools import count
from typing import TypeAlias

import numpy as np

from pqvalidate.algorithms import parameter_set
from pqvalidate.oracle import mlkem
from pqvalidate.oracle.batches import Ints, stack
from pqvalidate.oracle.bits import unpack
from pqvalidate.oracle.kem_steps import (
    FINAL,
    RING,
    DecapsulationKeys,
    EncapsulationKeys,
    Q,
    Rules,
    compress,
    decode_ciphertexts,
    decompress,
    encode_decapsulation_keys,
    encode_encapsulation_keys,
    hash_g,
    hash_h,
    inner,
    multiply,
    noisy_messages,
)
from pqvalidate.oracle.ring import N
from pqvalidate.oracle.sampling import sample_noise

DRAWN = 96
"""Bytes that a key pair and a ciphertext are made from: the seed d‖z and the message m."""
_CANDIDATES = 64
_TOP = Q - 1
EDGES = (832, 833, 2496, 2497)
"""Values on both sides of where Compress_1 turns: 832 and 2497 decode to 0, 833 and 2496 to 1 (FIPS 203 eq. 4.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A key pair with a ciphertext that it accepts.

    Attributes:
        seed: empty where no seed leads to the key.
        ek, dk: the keys, the latter expanded.
        m: what encapsulation draws.
        k, c: the secret and the ciphertext.
        carried: the message inside the ciphertext, where it is not m: Kyber hashes what it draws.
        round_3: whether this is Kyber round 3, whose rejection takes the hash of the ciphertext.

    """

    seed: bytes = b""
    ek: bytes
    dk: bytes
    m: bytes
    k: bytes
    c: bytes
    carried: bytes = b""
    round_3: bool = False

    @property
    def z(self) -> bytes:
        """The secret that implicit rejection uses: the last 32 bytes of dk."""
        return self.dk[-32:]

    def secret_for(self, c: bytes) -> bytes:
        """Return what decapsulation of ``c`` gives, if only the ciphertext made here is a good one."""
        # FIPS 203 algorithm 18: J(z‖c); Kyber 3.02 algorithm 9: KDF(z‖H(c))
        bound = sha3_256(c).digest() if self.round_3 else c
        return self.k if c == self.c else shake_256(self.z + bound).digest(32)


def exchanges(name: str, drawn: Sequence[bytes]) -> list[Exchange]:
    """Return an honest exchange for each ``DRAWN`` bytes; equal bytes are computed once."""
    return [_exchange(name, one) for one in drawn]


@lru_cache(maxsize=64)
def _exchange(name: str, drawn: bytes) -> Exchange:
    seed, m = drawn[:64], drawn[64:]
    ((ek, dk),) = mlkem.keygen(name, [seed])
    ((k, c),) = mlkem.encapsulate(name, [ek], [m])
    return _found(name, seed=seed, ek=ek, dk=dk, m=m, k=k, c=c)


def _found(
    name: str, *, ek: bytes, dk: bytes, m: bytes, k: bytes, c: bytes, seed: bytes = b"", carried: bytes = b""
) -> Exchange:
    """Return an exchange of the version that the name of the set stands for; without ``carried`` m was drawn."""
    round_3 = parameter_set(name).algorithm == "Kyber"
    carried = carried or (hash_h(m) if round_3 else m)
    return Exchange(seed=seed, ek=ek, dk=dk, m=m, k=k, c=c, carried=carried, round_3=round_3)


def unchecked(name: str) -> Rules:
    """Return the rules of a set without its checks of keys, so that crafted keys can be used."""
    return mlkem.without_key_checks(mlkem.rules_for(name))


def zero_secret_exchanges(name: str, drawn: Sequence[bytes], last: Sequence[bool]) -> list[Exchange]:
    """Return honest exchanges whose secret begins, or for ``last`` ends, with a zero byte: one message in 256 does."""
    return [_zero_secret(name, *row) for row in zip(drawn, last, strict=True)]


@lru_cache(maxsize=16)
def _zero_secret(name: str, drawn: bytes, last: bool) -> Exchange:  # noqa: FBT001  (an entry of a column)
    ((ek, dk),) = mlkem.keygen(name, [drawn[:64]])
    for turn in count():
        ms = [shake_256(drawn + bytes([n]) + turn.to_bytes(4, "little")).digest(32) for n in range(_CANDIDATES)]
        for m, (k, c) in zip(ms, mlkem.encapsulate(name, [ek] * len(ms), ms), strict=True):
            if k[-1 if last else 0] == 0:
                return _found(name, seed=drawn[:64], ek=ek, dk=dk, m=m, k=k, c=c)
    raise AssertionError  # the loop has no end


def with_zero_rejection(exchange: Exchange, c: bytes, *, last: bool) -> Exchange:
    """Return the exchange with a z under which the secret of the bad ``c`` begins, or ends, with a zero byte."""
    zs = (shake_256(exchange.z + number.to_bytes(4, "little")).digest(32) for number in count())
    changed = (replace(exchange, seed=b"", dk=exchange.dk[:-32] + z) for z in zs)
    return next(other for other in changed if other.secret_for(c)[-1 if last else 0] == 0)


def silent_exchanges(name: str, drawn: Sequence[bytes]) -> list[Exchange]:
    """Return exchanges under keys with s = 0 and t = e: a sound pair, and c1 has no part in decryption.

    So every change of c1 whatsoever leaves the message as it is, and only the comparison with the re-encrypted
    ciphertext (FIPS 203 algorithm 18 line 9) can notice it.
    """
    return [_silent_exchange(name, one) for one in drawn]


@lru_cache(maxsize=64)
def _silent_exchange(name: str, drawn: bytes) -> Exchange:
    p = FINAL.parameters[name]
    rho, sigma = hash_g(drawn[:32])
    t_hat = RING.ntt(sample_noise([sigma], range(p.k), p.eta1))
    ek = encode_encapsulation_keys(EncapsulationKeys(RING.reduced(t_hat), [rho]))[0]
    return _sent(name, ek, decapsulation_key(np.zeros((p.k, N), dtype=np.int64), ek, drawn[32:64]), drawn[64:])


def _sent(name: str, ek: bytes, dk: bytes, m: bytes) -> Exchange:
    """Return the exchange of a ciphertext that carries exactly ``m``, also where the version hashes what it draws."""
    ((k, c),) = mlkem.encapsulate(name, [ek], [m], rules=replace(unchecked(name), hash_message=lambda drawn: drawn))
    return _found(name, ek=ek, dk=dk, m=m, k=k, c=c, carried=m)


def decapsulation_key(s_hat: Ints, ek: bytes, z: bytes) -> bytes:
    """Return the expanded decapsulation key of any s-hat (k, 256), ek and z, with the right H(ek) inside."""
    return encode_decapsulation_keys(DecapsulationKeys(s_hat[None], [ek], [hash_h(ek)], [z]))[0]


def with_coefficients(key: bytes, values: Mapping[int, int]) -> bytes:
    """Return an ek or dk with 12-bit coefficients replaced, counted from the start over all polynomials."""
    number = int.from_bytes(key, "little")
    for index, value in values.items():
        number &= ~(0xFFF << 12 * index)
        number |= value << 12 * index
    return number.to_bytes(len(key), "little")


def coefficient(key: bytes, index: int) -> int:
    """Return one 12-bit coefficient of an ek or dk."""
    return int.from_bytes(key, "little") >> 12 * index & 0xFFF


def extreme_exchanges(name: str, drawn: Sequence[bytes], rhos: Sequence[bytes]) -> list[Exchange]:
    """Return exchanges under keys whose t-hat, and s-hat but for one polynomial, are 3328 throughout.

    Of many messages the one is taken for which most factors of the two products t·y and s·u are 3328 as well: the
    largest products there are (FIPS 203 algorithm 12). s fits so that decryption gives every bit by the widest margin.
    """
    return [_extreme_exchange(name, one, rho) for one, rho in zip(drawn, rhos, strict=True)]


@lru_cache(maxsize=32)
def _extreme_exchange(name: str, drawn: bytes, rho: bytes) -> Exchange:
    p = FINAL.parameters[name]
    ek = encode_encapsulation_keys(EncapsulationKeys(np.full((1, p.k, N), _TOP, dtype=np.int64), [rho]))[0]
    ms = [shake_256(drawn + bytes([n])).digest(32) for n in range(_CANDIDATES)]
    sent = mlkem.encapsulate(name, [ek] * len(ms), ms)
    h, carried = hash_h(ek), [mlkem.rules_for(name).hash_message(m) for m in ms]
    y_hat = RING.ntt(sample_noise([hash_g(m + h)[1] for m in carried], range(p.k), p.eta1))
    u_hat = RING.ntt(decompress(decode_ciphertexts(p, [c for _, c in sent])[0], p.du))
    best = int(np.argmax(_tops(y_hat) * _tops(u_hat[:, 1:]) + _tops(y_hat)))
    (k, c), others = sent[best], np.full((p.k - 1, N), _TOP, dtype=np.int64)
    dk = tuned_key(name, ek, c, others, _centred(carried[best]), drawn[32:64])
    return _found(name, ek=ek, dk=dk, m=ms[best], k=k, c=c)


def _tops(f: Ints) -> Ints:
    """Count, for every entry of a batch, the factors that are 3328 at even and at odd places; both count."""
    tops: Ints = (f == _TOP).reshape(len(f), -1, 2).sum(axis=1)
    product: Ints = (1 + tops[:, 0]) * (1 + tops[:, 1])
    return product


def _bits(m: bytes) -> Ints:
    bits: Ints = unpack(stack([m]), 1)[0]
    return bits


def _centred(m: bytes) -> Ints:
    """Return w in the middle of what decodes to each bit."""
    w: Ints = decompress(_bits(m), 1)
    return w


def tuned_key(name: str, ek: bytes, c: bytes, others: Ints, w: Ints, z: bytes) -> bytes:
    """Return the decapsulation key under which decryption of ``c`` sees exactly ``w`` before it rounds.

    Of s-hat all polynomials but one are given; the remaining one follows from s·u = v - w (FIPS 203 algorithm 15
    line 6). No error of decompression, transform, product or rounding leaves all 256 places of w as they are.

    Args:
        name: parameter set.
        ek: what dk holds, with its right hash; it need not belong to s.
        c: the ciphertext.
        others: s-hat of the other k - 1 polynomials.
        w: 256 values in 0 ... q-1.
        z: 32 bytes.

    Raises:
        ValueError: no polynomial of u can be divided by (probability 10^-10 for a ciphertext).

    """
    p = FINAL.parameters[name]
    u, v = decode_ciphertexts(p, [c])
    u_hat = RING.ntt(decompress(u, p.du))[0]
    free = next((i for i in range(p.k) if _divides(u_hat[i])), None)
    if free is None:
        raise ValueError("no polynomial of u has an inverse")
    s_hat = np.insert(others, free, 0, axis=0)
    rest = RING.ntt(decompress(v, p.dv)[0] - w) - inner(FINAL, s_hat, u_hat)
    s_hat[free] = multiply(RING.reduced(rest), inverse(u_hat[free]))
    return decapsulation_key(s_hat, ek, z)


def _divides(f: Ints) -> bool:
    return bool((f.reshape(-1, 2) != 0).any(axis=1).all())


_GAMMAS = np.array([sign * zeta % Q for zeta in RING.zetas[64:] for sign in (1, -1)], dtype=np.int64)


def inverse(f: Ints) -> Ints:
    """Return 1/f of a transformed polynomial: (a - bX) / (a^2 - gamma b^2) for each pair (FIPS 203 section 4.3.1)."""
    a, b = f[0::2], f[1::2]
    norm = RING.reduced(a * a - RING.reduced(b * b) * _GAMMAS)
    result = np.empty_like(f)
    scale = np.array([pow(int(n), -1, Q) for n in norm], dtype=np.int64)
    result[0::2], result[1::2] = a * scale, -b * scale
    return RING.reduced(result)


Pattern: TypeAlias = tuple[str, int, int]
"""What w looks like: ``edges`` everywhere, ``values`` in a row from the first number, or ``one`` edge at one place."""


def tuned_exchanges(name: str, drawn: Sequence[bytes], patterns: Sequence[Pattern]) -> list[Exchange]:
    """Return exchanges whose decryption sees the w of a pattern, so that the last step of rounding decides alone.

    The pattern is ``("edges", 0, 0)``: every place on an edge, a drawn one; ``("values", first, 0)``: 256 values in a
    row from ``first``; ``("one", edge, place)``: that one value at that one place, all others far from any edge.
    """
    return [_tuned_exchange(name, one, pattern) for one, pattern in zip(drawn, patterns, strict=True)]


def _tuned_exchange(name: str, drawn: bytes, pattern: Pattern) -> Exchange:
    p = FINAL.parameters[name]
    kind, first, place = pattern
    chance = np.frombuffer(shake_256(drawn).digest(N), dtype=np.uint8) & 3
    if kind == "edges":
        w = np.array(EDGES, dtype=np.int64)[chance]
    elif kind == "values":
        w = (first + np.arange(N, dtype=np.int64)) % Q
    else:
        w = decompress(chance.astype(np.int64) & 1, 1)
        w[place] = first
    m = np.packbits(compress(w, 1).astype(np.uint8), bitorder="little").tobytes()
    ((ek, _),) = mlkem.keygen(name, [drawn[:64]])
    sent = _sent(name, ek, b"", m)
    numbers = np.frombuffer(shake_256(drawn + b"s").digest(4 * N * (p.k - 1)), dtype="<u4").astype(np.int64)
    others = RING.reduced(numbers).reshape(p.k - 1, N)
    return replace(sent, dk=tuned_key(name, ek, sent.c, others, w, drawn[64:]))


# E of the noisy key of each set: large enough to reach the edges, and less than 3 % of honest ciphertexts fail.
_NOISE = {"ML-KEM-512": 242, "ML-KEM-768": 363, "ML-KEM-1024": 388}
NOISY_MESSAGES: dict[str, dict[int, tuple[int, ...]]] = {
    "ML-KEM-512": {832: (1165, 2003, 2098), 833: (2909, 3397, 4920), 2496: (2799, 3073, 3103), 2497: (279, 558, 560)},
    "ML-KEM-768": {832: (352, 367, 399), 833: (237, 1106, 1140), 2496: (119, 288, 310), 2497: (72, 182, 228)},
    "ML-KEM-1024": {
        832: (6264, 24234, 29006), 833: (6045, 9054, 9065), 2496: (1181, 1309, 1319), 2497: (1595, 27887, 39745),
    },
}  # fmt: skip
"""By set and edge, numbers of messages whose noise ends exactly there; vectors/search_kem.py finds them again."""


def noisy_exchanges(name: str, numbers: Sequence[int]) -> list[Exchange]:
    """Return the exchanges of numbered messages under the sound but noisy key pair of a parameter set.

    The pair satisfies t = A s + e, with s = 1 and e = E in the first polynomial; E is so large that the noise of an
    honest ciphertext comes to the edges, and so small that nearly all decrypt. Code that tries a pair out when it
    imports it therefore takes this one, nearly always.
    """
    return [_noisy_exchange(name, number) for number in numbers]


@lru_cache(maxsize=64)
def _noisy_exchange(name: str, number: int) -> Exchange:
    ek, dk = noisy_key(name)
    return _sent(name, ek, dk, noisy_message(searched_set(name), number))


def searched_set(name: str) -> str:
    """Return the set of ML-KEM whose searched messages serve ``name``: encryption is the same in Kyber round 3."""
    return name.replace("Kyber", "ML-KEM")


def noisy_message(name: str, number: int) -> bytes:
    """Return message number ``number`` for the noisy key."""
    return shake_256(f"pqvalidate noisy message {name} {number}".encode()).digest(32)


def noisy_key(name: str) -> tuple[bytes, bytes]:
    """Return the noisy key pair (ek, dk) of a parameter set; that of Kyber is that of ML-KEM."""
    return _noisy_key(searched_set(name))


@lru_cache(maxsize=3)
def _noisy_key(name: str) -> tuple[bytes, bytes]:
    p = FINAL.parameters[name]
    rho, z = (shake_256(f"pqvalidate noisy {what} {name}".encode()).digest(32) for what in ("rho", "z"))
    s, e = np.zeros((2, p.k, N), dtype=np.int64)
    s[0, 0], e[0, 0] = 1, _NOISE[name]
    s_hat = RING.ntt(s)
    t_hat = RING.reduced(inner(FINAL, FINAL.expand_matrix([rho], p.k), s_hat[None, None])[0] + RING.ntt(e))
    ek = encode_encapsulation_keys(EncapsulationKeys(t_hat[None], [rho]))[0]
    return ek, decapsulation_key(s_hat, ek, z)


def seen_before_rounding(name: str, exchange: Exchange, c: bytes) -> Ints:
    """Return the 256 values w that decryption of ``c`` rounds to bits, in 0 ... q-1 (FIPS 203 algorithm 15 line 6)."""
    s_hat = unpack(stack([exchange.dk[: (len(exchange.dk) - 96) // 2]]), 12).reshape(1, -1, N)
    w: Ints = noisy_messages(FINAL.parameters[name], FINAL, s_hat, [c])[0]
    return w


def keeps_message(name: str, exchange: Exchange, c: bytes) -> bool:
    """Return whether a changed ciphertext decrypts to the same message, so that only the comparison can notice it."""
    return bool((compress(seen_before_rounding(name, exchange, c), 1) == _bits(exchange.carried)).all())
