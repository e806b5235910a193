"""Validation checks of ML-DSA: crafted signatures and boundaries, each isolating one rule of FIPS 204."""

from __future__ import annotations

from pqvalidate.suites import Check
from pqvalidate.suites.validation_dsa_crafted import CHECKS as _CRAFTED

CHECKS: tuple[Check, ...] = (*_CRAFTED,)
