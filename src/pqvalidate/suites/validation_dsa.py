"""Validation checks of ML-DSA: crafted signatures and boundaries, each isolating one rule of FIPS 204."""

from __future__ import annotations

from pqvalidate.suites import Check
from pqvalidate.suites.validation_dsa_binding import CHECKS as _BINDING
from pqvalidate.suites.validation_dsa_crafted import CHECKS as _CRAFTED
from pqvalidate.suites.validation_dsa_domains import CHECKS as _DOMAINS
from pqvalidate.suites.validation_dsa_lengths import CHECKS as _LENGTHS
from pqvalidate.suites.validation_dsa_signing import CHECKS as _SIGNING

CHECKS: tuple[Check, ...] = (*_CRAFTED, *_BINDING, *_DOMAINS, *_LENGTHS, *_SIGNING)
