"""Planted faults of Kyber round 3 and Dilithium round 3.1 that searched values show: controls of their own checks."""

from __future__ import annotations

from functools import partial

from pqvalidate.mutants import Mutant, OracleKem, dsa_with
from pqvalidate.oracle.rounding import Q
from pqvalidate.oracle.sampling import expand_a


class StripsTrailingZeros(OracleKem):
    """Trailing zero bytes of the shared secret are stripped."""

    def encapsulate_derand(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]:
        """Strip."""
        secret, c = super().encapsulate_derand(ek, m)
        return secret.rstrip(b"\0"), c

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Strip."""
        return super().decapsulate(dk, c).rstrip(b"\0")


PLANTED: tuple[Mutant, ...] = (
    Mutant(
        what="trailing zero bytes of the shared secret are stripped", bug_class="KA8", algorithms=("Kyber",),
        imitates="made up: a secret taken for a string that ends at its last byte", make=StripsTrailingZeros,
        proves="kyber/secret-zeros",
    ),
    Mutant(
        what="matrix sampling refuses the value q - 1", bug_class="DS9", algorithms=("Dilithium",),
        imitates="Wycheproof 5a074a8: edge samples", make=dsa_with(expand_a=partial(expand_a, bound=Q - 1)),
        proves="dilithium/rare-keys",
    ),
    Mutant(
        what="signing: bound on z too tight by one", bug_class="DS2", algorithms=("Dilithium",),
        imitates="ACVP table 1: boundary cases", make=dsa_with(sign_z_bound=lambda p: p.gamma1 - p.beta - 1),
        proves="dilithium/rare-signatures",
    ),
    Mutant(
        what="signing: bound on z without beta", bug_class="DS2", algorithms=("Dilithium",),
        imitates="Wycheproof #193", make=dsa_with(sign_z_bound=lambda p: p.gamma1), proves="dilithium/audit-bounds",
    ),
    Mutant(
        what="signing gives up after 24 attempts", bug_class="DS3", algorithms=("Dilithium",),
        imitates="ACVP table 2: cases with 64 to 100 rejections", make=dsa_with(max_attempts=24),
        proves="dilithium/rare-signatures",
    ),
)  # fmt: skip
"""The faults that the controls use for the checks that only the pre-standard sets have."""
