"""Validation of ML-KEM: crafted inputs, each of which isolates one rule of FIPS 203."""

from __future__ import annotations

from pqvalidate.suites import Check, validation_kem_ciphertexts, validation_kem_keys

CHECKS: tuple[Check, ...] = (*validation_kem_keys.ROWS, *validation_kem_ciphertexts.ROWS)
