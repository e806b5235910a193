"""The signing loop of ML-DSA over a batch, with the reason of every attempt that it threw away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pqvalidate.oracle.batches import Bits, Ints, RefusedError
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
    """One attempt of several instances; ``reasons`` is empty where the signature may leave."""

    signatures: Signatures
    reasons: list[Reason | None]


def sign_batch(
    p: Parameters, rules: Rules, keys: PrivateKeys, mus: Sequence[bytes], rnds: Sequence[bytes]
) -> list[Signed]:
    """Return a signature per message representative mu (FIPS 204 algorithm 7 from line 6 on).

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
    active, found = np.arange(len(mus)), dict[int, bytes]()
    history: list[list[Reason]] = [[] for _ in mus]
    for number in range(rules.max_attempts):
        nonces = rules.mask_nonces(number, p.l)
        waiting = active.tolist()
        y = expand_mask([mask_seeds[i] for i in waiting], nonces, p.gamma1)
        attempt = _attempt(p, rules, secrets.of(active), [mus[i] for i in waiting], y)
        kept = np.array([reason is None for reason in attempt.reasons])
        encoded = encode_signatures(p, _only(attempt.signatures, kept)) if kept.any() else []
        found |= dict(zip(active[kept].tolist(), encoded, strict=True))
        for i, reason in zip(waiting, attempt.reasons, strict=True):
            history[i] += [reason] if reason else []
        active = active[~kept]
        if not active.size:
            return [Signed(found[i], tuple(history[i])) for i in range(len(mus))]
    raise RefusedError(int(active[0]), f"no signature within {rules.max_attempts} attempts (FIPS 204 appendix C)")


def _only(signatures: Signatures, kept: Bits) -> Signatures:
    challenge = [c for c, keep in zip(signatures.challenge, kept, strict=True) if keep]
    return replace(signatures, challenge=challenge, z=signatures.z[kept], h=signatures.h[kept])


def _attempt(p: Parameters, rules: Rules, secrets: _Secrets, mus: Sequence[bytes], y: Ints) -> _Attempt:
    ring = rules.ring
    w = ring.inverse_ntt(matrix_times(rules, secrets.matrix, ring.ntt(y)))  # lines 12-22 of algorithm 7
    w1, _ = rules.decompose(w, p.gamma2)
    challenges = [hash_h(mu + high, p.challenge) for mu, high in zip(mus, encode_w1(p, w1), strict=True)]
    c = ring.ntt(np.array([rules.sample_in_ball(challenge, p.tau) for challenge in challenges]))[:, None]
    z = y + ring.centred(ring.inverse_ntt(c * secrets.s1))
    r = ring.reduced(w - ring.inverse_ntt(c * secrets.s2))
    r1, r0 = rules.decompose(r, p.gamma2)
    ct0 = ring.centred(ring.inverse_ntt(c * secrets.t0))
    # Line 26, MakeHint(-ct0, w - cs2 + ct0), compares the high bits of w - cs2 + ct0 with those of w - cs2.
    h = make_hint(rules.decompose(ring.reduced(r + ct0), p.gamma2)[0], r1)
    broken: dict[Reason, Bits] = {
        "z": norms(z) >= rules.sign_z_bound(p),
        "r0": norms(r0) >= rules.sign_r0_bound(p),
        "ct0": norms(ct0) >= rules.sign_ct0_bound(p),
        "hints": h.sum(axis=(1, 2)) > p.omega,
    }
    reasons = [next((why for why, where in broken.items() if where[i]), None) for i in range(len(mus))]
    return _Attempt(Signatures(challenges, z, h, np.ones(len(mus), dtype=np.bool_)), reasons)
