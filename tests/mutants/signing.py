"""Signatures of the standard are computed once for all mutants: most of them sign as the standard says."""

from __future__ import annotations

from collections.abc import Sequence

from pqvalidate.oracle import mldsa
from pqvalidate.oracle.dsa_signing import Signed

# The steps of sign_mu_with_history; max_attempts is seen to below, the rest belongs to messages and verification.
_STEPS = (
    "parameters", "ring", "expand_a", "mask_seed", "mask_nonces", "sample_in_ball", "decompose", "sign_z_bound",
    "sign_r0_bound", "sign_ct0_bound",
)  # fmt: skip
_compute = mldsa.sign_mu_with_history
_known: dict[tuple[str, bytes, bytes, bytes], Signed] = {}


def _remembering(
    name: str, sks: Sequence[bytes], mus: Sequence[bytes], rnds: Sequence[bytes], *, rules: mldsa.Rules | None = None
) -> list[Signed]:
    standard = mldsa.rules_for(name)
    if len(sks) != 1 or (rules and any(getattr(rules, step) != getattr(standard, step) for step in _STEPS)):
        return _compute(name, sks, mus, rnds, rules=rules)
    key = name, sks[0], mus[0], rnds[0]
    if key not in _known:
        (_known[key],) = _compute(name, sks, mus, rnds)
    if rules and len(_known[key].thrown_away) >= rules.max_attempts:  # it must give up before this signature
        return _compute(name, sks, mus, rnds, rules=rules)
    return [_known[key]]


def remember_signatures() -> None:
    """Let the oracle of this process look up signatures that it made before; it still makes each for itself once."""
    mldsa.sign_mu_with_history = _remembering
