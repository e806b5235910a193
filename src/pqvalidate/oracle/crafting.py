"""Inputs that no honest implementation produces, for checks of what a verifier refuses.

NEVER USE THIS AS CRYPTOGRAPHY; see ``pqvalidate.oracle``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pqvalidate.oracle.batches import Ints
from pqvalidate.oracle.dsa_steps import (
    FINAL,
    PublicKeys,
    Signatures,
    decode_hint,
    decode_public_keys,
    encode_public_keys,
    encode_signatures,
    encode_w1,
    hash_h,
    matrix_times,
)
from pqvalidate.oracle.mldsa import rules_for
from pqvalidate.oracle.ring import N

_LENIENT = replace(FINAL, hint_order_checked=False, hint_padding_checked=False, hint_cuts_checked=False)


def zero_t1_public_key(name: str, rho: bytes) -> bytes:
    """Return the ML-DSA public key with t1 = 0: well formed, and the challenge drops out of its verification.

    With t1 = 0, w' of FIPS 204 algorithm 8 line 9 is A z whatever the challenge is, so everybody can make a signature
    whose c~ is right and whose z and hint break one rule each.

    Args:
        name: parameter set.
        rho: 32 bytes.

    """
    k = rules_for(name).parameters[name].k
    return encode_public_keys(PublicKeys([rho], np.zeros((1, k, N), dtype=np.int64)))[0]


def signature_under_zero_t1(name: str, pk: bytes, mu: bytes, z: Ints, hint: bytes) -> bytes:
    """Return a signature under a key with t1 = 0 whose c~ is right for this z and this encoded hint.

    It is valid if z is below its bound and the hint is encoded as FIPS 204 algorithm 20 encodes it.

    Args:
        name: parameter set.
        pk: from ``zero_t1_public_key``.
        mu: message representative, 64 bytes.
        z: shape (l, 256), each in -gamma1+1 ... gamma1.
        hint: the encoded hint, omega + k bytes; it is read as a verifier without checks would read it.

    Raises:
        ValueError: a count in ``hint`` exceeds omega, so that no verifier can read it.

    """
    p, key = FINAL.parameters[name], decode_public_keys([pk])
    h = decode_hint(p, hint, _LENIENT)
    if h is None:
        raise ValueError(f"a count in the hint exceeds omega = {p.omega}")
    w = FINAL.ring.inverse_ntt(matrix_times(FINAL, FINAL.expand_a(key.rho, p.k, p.l), FINAL.ring.ntt(z[None])))
    challenge = hash_h(mu + encode_w1(p, FINAL.use_hint(h[None], w, p.gamma2, FINAL.decompose))[0], p.challenge)
    plain = Signatures([challenge], z[None], np.zeros_like(h)[None], np.ones(1, dtype=np.bool_))
    return encode_signatures(p, plain)[0][: -len(hint)] + hint
