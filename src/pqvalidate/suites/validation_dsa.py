"""Validation checks of ML-DSA and Dilithium: crafted signatures and boundaries, each isolating one rule."""

from __future__ import annotations

from dataclasses import replace

from pqvalidate.suites import Check
from pqvalidate.suites.validation_dsa_binding import CHECKS as _BINDING
from pqvalidate.suites.validation_dsa_crafted import CHECKS as _CRAFTED
from pqvalidate.suites.validation_dsa_domains import CHECKS as _DOMAINS
from pqvalidate.suites.validation_dsa_lengths import CHECKS as _LENGTHS
from pqvalidate.suites.validation_dsa_signing import CHECKS as _SIGNING

ROUND_3_1 = (
    "z-bound", "z-limit", "zero-t1-key", "hint-shapes", "hint-encoding", "use-hint", "challenge-bytes",
    "challenge-first-byte", "verify-input-lengths", "sign-input-lengths", "signature-tampered", "public-key-bound",
)  # fmt: skip
"""The checks that hold for Dilithium round 3.1 as well: those of arithmetic, encoding and lengths."""
_NOT_DEMANDED = {"hint-encoding", "verify-input-lengths", "sign-input-lengths"}
"""Only FIPS 204 demands these refusals in words; in round 3.1 it is the reference code that refuses such hints."""
_OPERATIONS = {"verify", "sign", "sign_from_seed", "sign_deterministic", "sign_deterministic_from_seed"}


def _round_3_1(check: Check) -> Check:
    name = check.name.removeprefix("ml-dsa/")
    return replace(
        check, severity="advisory" if name in _NOT_DEMANDED else check.severity, name=f"dilithium/{name}",
        algorithm="Dilithium", clause="Dilithium 3.1 figure 4",
        needs=tuple(need for need in check.needs if need <= _OPERATIONS),
        explain=f"As for ML-DSA, whose verification Dilithium round 3.1 shares but for its framing: {check.explain}",
    )  # fmt: skip


_STANDARD: tuple[Check, ...] = (*_CRAFTED, *_BINDING, *_DOMAINS, *_LENGTHS, *_SIGNING)
CHECKS: tuple[Check, ...] = (
    *_STANDARD,
    *(_round_3_1(check) for check in _STANDARD if check.name.removeprefix("ml-dsa/") in ROUND_3_1),
)
