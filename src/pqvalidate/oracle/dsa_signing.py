"""The signing loop of ML-DSA over a batch, with the reason of every attempt that it threw away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pqvalidate.oracle.batches import BATCH, Bits, Ints, RefusedError
from pqvalidate.oracle.dsa_steps import (
    Parameters,
    PrivateKeys,
    Rules,
    Signatures,
    encode_signatures,
    encode_w1,
    hash_h,
    matrix_times,
    norms,
)
from pqvalidate.oracle.rounding import make_hint
from pqvalidate.oracle.sampling import expand_mask

Reason: TypeAlias = Literal["z", "r0", "ct0", "hints"]


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature with the history of its making.

    Attributes:
        signature: the bytes.
        thrown_away: for each attempt before the one that was kept, the first bound that it broke.

    """

    signature: bytes
    thrown_away: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class _Secrets:
    """What stays the same over all attempts, transformed."""

    matrix: Ints
    s1: Ints
    s2: Ints
    t0: Ints

    def of(self, active: npt.NDArray[np.intp]) -> _Secrets:
        """Return the secrets of the instances that are still without a signature."""
        return _Secrets(self.matrix[active], self.s1[active], self.s2[active], self.t0[active])


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt of several instances: the first bound that each broke, and signatures of those that broke none."""

    broken: list[Reason | None]
    signatures: Signatures


def sign_batch(
    p: Parameters, rules: Rules, keys: PrivateKeys, mus: Sequence[bytes], rnds: Sequence[bytes]
) -> list[Signed]:
    """Return a signature per message representative mu (FIPS 204 algorithm 7 from line 6 on).

    At most ``BATCH`` instances are at work at a time; where one ends, the next begins.

    Args:
        p: numbers of the parameter set.
        rules: the steps.
        keys: decoded private keys.
        mus: 64 bytes each.
        rnds: 32 bytes each; zeros for deterministic signing.

    Raises:
        RefusedError: an instance found no signature within ``rules.max_attempts``.

    """
    matrix = rules.expand_a(keys.rho, p.k, p.l)
    secrets = _Secrets(matrix, rules.ring.ntt(keys.s1), rules.ring.ntt(keys.s2), rules.ring.ntt(keys.t0))
    mask_seeds = [rules.mask_seed(*parts) for parts in zip(keys.key, rnds, mus, strict=True)]
    found: dict[int, bytes] = {}
    history: list[list[Reason]] = [[] for _ in mus]
    waiting, active = iter(range(len(mus))), list[int]()
    while active := active + list(islice(waiting, BATCH - len(active))):
        nonces = [rules.mask_nonces(len(history[i]), p.l) for i in active]
        y = expand_mask([mask_seeds[i] for i in active], nonces, p.gamma1)
        attempt = _attempt(p, rules, secrets.of(np.array(active)), [mus[i] for i in active], y)
        for i, reason in zip(active, attempt.broken, strict=True):
            history[i] += [reason] if reason else []
        kept = [i for i, reason in zip(active, attempt.broken, strict=True) if not reason]
        found |= dict(zip(kept, encode_signatures(p, attempt.signatures) if kept else [], strict=True))
        active = [i for i, reason in zip(active, attempt.broken, strict=True) if reason]
        if late := [i for i in active if len(history[i]) == rules.max_attempts]:
            raise RefusedError(late[0], f"no signature within {rules.max_attempts} attempts (FIPS 204 appendix C)")
    return [Signed(found[i], tuple(history[i])) for i in range(len(mus))]


def _attempt(p: Parameters, rules: Rules, secrets: _Secrets, mus: Sequence[bytes], y: Ints) -> _Attempt:
    """Compute what algorithm 7 computes in lines 11-28, the later values only for who broke no bound so far."""
    ring, broken, left = rules.ring, list[Reason | None]([None] * len(mus)), np.arange(len(mus))

    def sieve(why: Reason, *, fits: Bits) -> Bits:
        nonlocal left
        for i in left[~fits].tolist():
            broken[i] = why
        left = left[fits]
        return fits

    w = ring.inverse_ntt(matrix_times(rules, secrets.matrix, ring.ntt(y)))
    w1, _ = rules.decompose(w, p.gamma2)
    challenges = [hash_h(mu + high, p.challenge) for mu, high in zip(mus, encode_w1(p, w1), strict=True)]
    c = ring.ntt(np.array([rules.sample_in_ball(challenge, p.tau) for challenge in challenges]))[:, None]
    z = y + ring.centred(ring.inverse_ntt(c * secrets.s1))
    sieve("z", fits=norms(z) < rules.sign_z_bound(p))
    r = ring.reduced(w[left] - ring.inverse_ntt(c[left] * secrets.s2[left]))
    r1, r0 = rules.decompose(r, p.gamma2)
    fits = sieve("r0", fits=norms(r0) < rules.sign_r0_bound(p))
    r, r1 = r[fits], r1[fits]
    ct0 = ring.centred(ring.inverse_ntt(c[left] * secrets.t0[left]))
    # Line 26, MakeHint(-ct0, w - cs2 + ct0), compares the high bits of w - cs2 + ct0 with those of w - cs2.
    h = make_hint(rules.decompose(ring.reduced(r + ct0), p.gamma2)[0], r1)
    h = h[sieve("ct0", fits=norms(ct0) < rules.sign_ct0_bound(p))]
    h = h[sieve("hints", fits=h.sum(axis=(1, 2)) <= p.omega)]
    chosen = [challenges[i] for i in left.tolist()]
    return _Attempt(broken, Signatures(chosen, z[left], h, np.ones(len(left), dtype=np.bool_)))
