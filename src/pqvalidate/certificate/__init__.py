"""Certificates: signed statements of facts about the exact files that were tested; make keys, issue, verify, show.

A certificate is an in-toto Statement (version 1) in a DSSE envelope, signed by ECDSA P-384 and by ML-DSA-87 over its
RFC 8785 bytes. It carries facts only; a decision under a policy is another statement beside it.
"""

from __future__ import annotations

from pqvalidate.certificate.issue import CertificateFile, certify
from pqvalidate.certificate.keys import KeyFiles, SigningKey, Trust, keygen, load_signing_key, load_trust
from pqvalidate.certificate.overview import Contents, Page, SetResult, summary
from pqvalidate.certificate.predicate import PAYLOAD_TYPE, PREDICATE_TYPE, Statement
from pqvalidate.certificate.statement import build_statement
from pqvalidate.certificate.verification import EXIT_CODES, RULES, ArtefactMatch, RuleOutcome, Signer, Verified, verify

__all__ = [
    "EXIT_CODES",
    "PAYLOAD_TYPE",
    "PREDICATE_TYPE",
    "RULES",
    "ArtefactMatch",
    "CertificateFile",
    "Contents",
    "KeyFiles",
    "Page",
    "RuleOutcome",
    "SetResult",
    "Signer",
    "SigningKey",
    "Statement",
    "Trust",
    "Verified",
    "build_statement",
    "certify",
    "keygen",
    "load_signing_key",
    "load_trust",
    "summary",
    "verify",
]
