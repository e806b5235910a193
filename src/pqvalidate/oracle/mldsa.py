"""ML-DSA (FIPS 204) and Dilithium round 3.1 in batches: what a right implementation answers.

NEVER USE THIS AS CRYPTOGRAPHY; see ``pqvalidate.oracle``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pqvalidate.algorithms import ParameterSet, parameter_set
from pqvalidate.errors import UsageError
from pqvalidate.oracle.batches import BATCH, RefusedError, check_columns, check_lengths, slices
from pqvalidate.oracle.dsa_signing import Signed, sign_batch
from pqvalidate.oracle.dsa_steps import (
    FINAL,
    ROUND_3_1,
    Parameters,
    PrivateKeys,
    PublicKeys,
    Rules,
    decode_private_keys,
    decode_public_keys,
    decode_signatures,
    encode_private_keys,
    encode_public_keys,
    encode_w1,
    hash_h,
    matrix_times,
    norms,
)
from pqvalidate.oracle.messages import CONTEXT_LIMIT, message_prime, prehash_message_prime
from pqvalidate.oracle.rounding import D, power2round
from pqvalidate.oracle.sampling import expand_s

__all__ = [
    "DEFAULT", "Rules", "Signed", "keygen", "keypair_consistent", "message_prime", "prehash_message_prime",
    "rules_for", "sign", "sign_internal", "sign_mu", "sign_mu_with_history", "sign_prehash", "verify",
    "verify_internal", "verify_mu", "verify_prehash",
]  # fmt: skip

DEFAULT = FINAL
_DETERMINISTIC = bytes(32)  # rnd of FIPS 204 algorithm 2 line 6


def rules_for(name: str) -> Rules:
    """Return the rules of the version that the name of the parameter set stands for.

    Raises:
        UsageError: ``name`` is not a parameter set of ML-DSA or Dilithium.

    """
    return ROUND_3_1 if _dsa(name).algorithm == "Dilithium" else FINAL


def _dsa(name: str) -> ParameterSet:
    row = parameter_set(name)
    if row.algorithm not in {"ML-DSA", "Dilithium"}:
        raise UsageError(f"{name} is not a parameter set of ML-DSA or Dilithium")
    return row


def _setting(name: str, rules: Rules | None) -> tuple[ParameterSet, Parameters, Rules]:
    chosen = rules or rules_for(name)
    return _dsa(name), chosen.parameters[name], chosen


def keygen(name: str, seeds: Sequence[bytes], *, rules: Rules | None = None) -> list[tuple[bytes, bytes]]:
    """Return the key pair that follows from each 32-byte seed xi.

    Returns:
        Per seed, (pk, sk) (FIPS 204 algorithm 6).

    Raises:
        RefusedError: a seed is not 32 bytes long.

    """
    row, p, rules = _setting(name, rules)
    check_lengths("seed", seeds, row.seed, "FIPS 204 algorithm 6")
    pairs: list[tuple[bytes, bytes]] = []
    for part in slices(seeds):
        expanded = [hash_h(seed + rules.seed_domain(p.k, p.l), 128) for seed in seeds[part]]
        rho, key = [x[:32] for x in expanded], [x[96:] for x in expanded]
        secret = expand_s([x[32:96] for x in expanded], p.l + p.k, p.eta)
        s1, s2 = secret[:, : p.l], secret[:, p.l :]
        product = matrix_times(rules, rules.expand_a(rho, p.k, p.l), rules.ring.ntt(s1))
        t1, t0 = power2round(rules.ring.reduced(rules.ring.inverse_ntt(product) + s2))
        pks = encode_public_keys(PublicKeys(rho, t1))
        sks = encode_private_keys(p, PrivateKeys(rho, key, [hash_h(pk, p.tr) for pk in pks], s1, s2, t0))
        pairs += zip(pks, sks, strict=True)
    return pairs


def sign_mu_with_history(
    name: str, sks: Sequence[bytes], mus: Sequence[bytes], rnds: Sequence[bytes], *, rules: Rules | None = None
) -> list[Signed]:
    """Return what ``sign_mu`` returns, with the reason of each attempt that was thrown away.

    Raises:
        RefusedError: a wrong length, or no signature within ``rules.max_attempts``.
        UsageError: the columns differ in length.

    """
    row, p, rules = _setting(name, rules)
    check_columns(sks, mus, rnds)
    check_lengths("private key", sks, row.private_key, "FIPS 204 section 3.6.2")
    check_lengths("mu", mus, 64, "FIPS 204 algorithm 7")
    check_lengths("rnd", rnds, 32, "FIPS 204 algorithm 7")
    signed: list[Signed] = []
    for part in slices(sks, 4 * BATCH):
        try:
            signed += sign_batch(p, rules, decode_private_keys(p, sks[part]), mus[part], rnds[part])
        except RefusedError as refused:
            raise RefusedError(part.start + refused.index, refused.why) from None
    return signed


def sign_mu(
    name: str, sks: Sequence[bytes], mus: Sequence[bytes], rnds: Sequence[bytes], *, rules: Rules | None = None
) -> list[bytes]:
    """Return the signature of each 64-byte message representative mu, with 32 bytes rnd (zeros: deterministic).

    Returns:
        Signatures (FIPS 204 algorithm 7 from line 7 on).

    Raises:
        RefusedError: a wrong length, or no signature within ``rules.max_attempts``.
        UsageError: the columns differ in length.

    """
    return [signed.signature for signed in sign_mu_with_history(name, sks, mus, rnds, rules=rules)]


def sign_internal(
    name: str, sks: Sequence[bytes], m_primes: Sequence[bytes], rnds: Sequence[bytes], *, rules: Rules | None = None
) -> list[bytes]:
    """Return the signature of each M' (FIPS 204 algorithm 7).

    Raises:
        RefusedError: as ``sign_mu``.
        UsageError: the columns differ in length.

    """
    row, p, rules = _setting(name, rules)
    check_columns(sks, m_primes, rnds)
    check_lengths("private key", sks, row.private_key, "FIPS 204 section 3.6.2")
    mus = [rules.message_digest(sk[64 : 64 + p.tr], m) for sk, m in zip(sks, m_primes, strict=True)]
    return sign_mu(name, sks, mus, rnds, rules=rules)


def sign(
    name: str,
    sks: Sequence[bytes],
    messages: Sequence[bytes],
    contexts: Sequence[bytes] | None = None,
    rnds: Sequence[bytes] | None = None,
    *,
    rules: Rules | None = None,
) -> list[bytes]:
    """Return the pure signature of each message (FIPS 204 algorithm 2), deterministic without ``rnds``.

    Raises:
        RefusedError: a wrong length, a context over 255 bytes, or no signature within ``rules.max_attempts``.
        UsageError: the columns differ in length.

    """
    rules = rules or rules_for(name)
    m_primes = [rules.message_prime(m, context) for m, context in _with_contexts(messages, contexts)]
    return sign_internal(name, sks, m_primes, [_DETERMINISTIC] * len(sks) if rnds is None else rnds, rules=rules)


def sign_prehash(
    name: str,
    sks: Sequence[bytes],
    messages: Sequence[bytes],
    hash_name: str,
    contexts: Sequence[bytes] | None = None,
    rnds: Sequence[bytes] | None = None,
    *,
    rules: Rules | None = None,
) -> list[bytes]:
    """Return the HashML-DSA signature of each message (FIPS 204 algorithm 4), deterministic without ``rnds``.

    Raises:
        RefusedError: as ``sign``.
        UsageError: no such hash function, or the columns differ in length.

    """
    rules = rules or rules_for(name)
    pairs = _with_contexts(messages, contexts)
    m_primes = [rules.prehash_message_prime(m, hash_name, context) for m, context in pairs]
    return sign_internal(name, sks, m_primes, [_DETERMINISTIC] * len(sks) if rnds is None else rnds, rules=rules)


def _with_contexts(messages: Sequence[bytes], contexts: Sequence[bytes] | None) -> list[tuple[bytes, bytes]]:
    chosen = [b""] * len(messages) if contexts is None else contexts
    check_columns(messages, chosen)
    pairs = list(zip(messages, chosen, strict=True))
    for index, (_, context) in enumerate(pairs):
        if len(context) > CONTEXT_LIMIT:
            raise RefusedError(index, f"context of {len(context)} bytes (FIPS 204 section 5.2 allows {CONTEXT_LIMIT})")
    return pairs


def verify_mu(
    name: str, pks: Sequence[bytes], mus: Sequence[bytes], sigs: Sequence[bytes], *, rules: Rules | None = None
) -> list[bool]:
    """Return whether each signature is valid for its message representative mu; a wrong length is not valid.

    Returns:
        One answer per triple (FIPS 204 algorithm 8 from line 8 on).

    Raises:
        UsageError: the columns differ in length.

    """
    row, p, rules = _setting(name, rules)
    valid = [False] * len(pks)
    check_columns(pks, mus, sigs)
    lengths = row.public_key, 64, row.output
    fit = [i for i, parts in enumerate(zip(pks, mus, sigs, strict=True)) if tuple(map(len, parts)) == lengths]
    for part in slices(fit):
        chosen = fit[part]
        answers = _verify_batch(p, rules, *([column[i] for i in chosen] for column in (pks, mus, sigs)))
        for i, answer in zip(chosen, answers, strict=True):
            valid[i] = answer
    return valid


def _verify_batch(
    p: Parameters, rules: Rules, pks: Sequence[bytes], mus: Sequence[bytes], sigs: Sequence[bytes]
) -> Iterator[bool]:
    ring, key, signature = rules.ring, decode_public_keys(pks), decode_signatures(p, sigs, rules)
    c = ring.ntt(np.array([rules.sample_in_ball(challenge, p.tau) for challenge in signature.challenge]))[:, None]
    product = matrix_times(rules, rules.expand_a(key.rho, p.k, p.l), ring.ntt(signature.z))
    w = ring.inverse_ntt(product - c * ring.ntt(key.t1 << D))  # algorithm 8 line 9
    w1 = encode_w1(p, rules.use_hint(signature.h, w, p.gamma2, rules.decompose))
    again = [hash_h(mu + high, p.challenge) for mu, high in zip(mus, w1, strict=True)]
    sound = signature.well_encoded & (norms(signature.z) < rules.verify_z_bound(p))
    for i, (challenge, other) in enumerate(zip(signature.challenge, again, strict=True)):
        yield bool(sound[i]) and rules.commitment_equal(challenge, other)


def verify_internal(
    name: str, pks: Sequence[bytes], m_primes: Sequence[bytes], sigs: Sequence[bytes], *, rules: Rules | None = None
) -> list[bool]:
    """Return whether each signature is valid for its M' (FIPS 204 algorithm 8); a wrong length is not valid.

    Raises:
        UsageError: the columns differ in length.

    """
    _, p, rules = _setting(name, rules)
    check_columns(pks, m_primes, sigs)
    mus = [rules.message_digest(hash_h(pk, p.tr), m) for pk, m in zip(pks, m_primes, strict=True)]
    return verify_mu(name, pks, mus, sigs, rules=rules)


def verify(
    name: str,
    pks: Sequence[bytes],
    messages: Sequence[bytes],
    sigs: Sequence[bytes],
    contexts: Sequence[bytes] | None = None,
    *,
    rules: Rules | None = None,
) -> list[bool]:
    """Return whether each pure signature is valid (FIPS 204 algorithm 3).

    Raises:
        RefusedError: a context is longer than 255 bytes.
        UsageError: the columns differ in length.

    """
    rules = rules or rules_for(name)
    m_primes = [rules.message_prime(m, context) for m, context in _with_contexts(messages, contexts)]
    return verify_internal(name, pks, m_primes, sigs, rules=rules)


def verify_prehash(
    name: str,
    pks: Sequence[bytes],
    messages: Sequence[bytes],
    sigs: Sequence[bytes],
    hash_name: str,
    contexts: Sequence[bytes] | None = None,
    *,
    rules: Rules | None = None,
) -> list[bool]:
    """Return whether each HashML-DSA signature is valid (FIPS 204 algorithm 5).

    Raises:
        RefusedError: a context is longer than 255 bytes.
        UsageError: no such hash function, or the columns differ in length.

    """
    rules = rules or rules_for(name)
    pairs = _with_contexts(messages, contexts)
    m_primes = [rules.prehash_message_prime(m, hash_name, context) for m, context in pairs]
    return verify_internal(name, pks, m_primes, sigs, rules=rules)


def keypair_consistent(name: str, pk: bytes, sk: bytes) -> str | None:
    """Return why the two keys cannot come from one key generation, or None if they can.

    It opens the private key: rho, tr = H(pk), s1 and s2 within eta, and t = A s1 + s2 split by Power2Round into the t1
    of pk and the t0 of sk (FIPS 204 algorithm 6).
    """
    row, p, rules = _setting(name, None)
    if (len(pk), len(sk)) != (row.public_key, row.private_key):
        return f"lengths {len(pk)} and {len(sk)} instead of {row.public_key} and {row.private_key}"
    return next(_objections(p, rules, pk, sk), None)


def _objections(p: Parameters, rules: Rules, pk: bytes, sk: bytes) -> Iterator[str]:
    public, private = decode_public_keys([pk]), decode_private_keys(p, [sk])
    if private.rho != public.rho:
        yield "sk holds another rho than pk"
    if private.tr != [hash_h(pk, p.tr)]:
        yield "tr in sk is not the hash of pk"
    for what, secret in {"s1": private.s1, "s2": private.s2}.items():
        if norms(secret)[0] > p.eta:
            yield f"{what} has a coefficient beyond {p.eta} (eta)"
    product = matrix_times(rules, rules.expand_a(public.rho, p.k, p.l), rules.ring.ntt(private.s1))
    t1, t0 = power2round(rules.ring.reduced(rules.ring.inverse_ntt(product) + private.s2))
    if (t1 != public.t1).any():
        yield "t1 in pk is not the high part of A s1 + s2"
    if (t0 != private.t0).any():
        yield "t0 in sk is not the low part of A s1 + s2"
