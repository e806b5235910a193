"""What the verb claims does, and what certify puts of a claims file into a certificate."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from pqvalidate.bundle import read_evidence
from pqvalidate.certificate.issue import Stated
from pqvalidate.claims.assessing import assess, for_certificate
from pqvalidate.claims.found import of_evidence
from pqvalidate.documents import to_json, write_atomically
from pqvalidate.errors import UsageError
from pqvalidate.report import claims_text


def check(given: argparse.Namespace, now: datetime) -> tuple[str, int]:
    """Check a claims file; return the page, and 0, 1 if a claim is contradicted, 3 if one could not be shown.

    Raises:
        InputError: a file is malformed or does not match its digest.
        UsageError: --out exists or cannot be written, or an extra is missing.

    """
    out = Path(given.out) if given.out else None
    if out is not None and out.exists():
        raise UsageError(f"{out} exists and is never overwritten; choose another --out")
    evidence = read_evidence(Path(given.bundle)) if given.bundle else None
    report = assess(
        Path(given.file), now.date().isoformat(), of_evidence(evidence) if evidence else None,
        evidence.facts_digest if evidence else None,
    )  # fmt: skip
    if out is not None:
        write_atomically(out, to_json(report))
    return claims_text.FORMATS[given.format](report, given.lang), report.exit_code


def of_file(file: str | None, bundle: Path, now: datetime, supersedes: str | None = None) -> Stated:
    """Check a claims file against the bundle that the certificate is about; without a file, nothing is claimed.

    Raises:
        InputError: as ``check``.
        UsageError: an extra is missing.

    """
    if not file:
        return Stated(supersedes=supersedes)
    evidence = read_evidence(bundle)
    report = assess(Path(file), now.date().isoformat(), of_evidence(evidence), evidence.facts_digest)
    return Stated(
        claims=for_certificate(report), external_certificates=report.external_certificates, supersedes=supersedes
    )
