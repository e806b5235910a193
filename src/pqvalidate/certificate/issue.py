"""Issuing a certificate: from a bundle on disk to a signed file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pqvalidate.bundle import SHARDS, read_opening, read_recounted
from pqvalidate.certificate.consistency import problems
from pqvalidate.certificate.envelope import parse_envelope, seal, signed_by
from pqvalidate.certificate.keys import SCHEMES, refuse_wrong_role, write_new
from pqvalidate.certificate.predicate import (
    PAYLOAD_TYPE,
    Claim,
    Digests,
    ExternalCertificate,
    Material,
    Statement,
    format_time,
)
from pqvalidate.certificate.signing import Signer
from pqvalidate.certificate.statement import build_statement
from pqvalidate.digests import directory_digests, file_digests
from pqvalidate.documents import canonical, to_record
from pqvalidate.errors import InputError, PqvalidateError, UsageError
from pqvalidate.evidence import Evidence

ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""Identifiers of certificates that can be published, for they become part of a file name."""

_REMEDY = "Use the bundle as `pqvalidate run` wrote it"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFile:
    """What was issued: where, under which identifier, the SHA-256 of the signed body, its outcome and last day."""

    path: Path
    id: str
    body_sha256: str
    outcome: str
    not_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a certificate states beside what a bundle shows: claims, certificates of other schemes, what it replaces.

    ``supersedes`` is the identifier of an earlier certificate of the same validator and product.
    """

    claims: tuple[Claim, ...] = ()
    external_certificates: tuple[ExternalCertificate, ...] = ()
    supersedes: str | None = None


def certify(
    bundle: Path,
    key: Signer,
    out: Path,
    *,
    now: datetime,
    valid_days: int = 365,
    cert_id: str | None = None,
    stated: Stated | None = None,
) -> CertificateFile:
    """Issue a certificate for a finished bundle: check the bundle, state the facts, sign them twice, write the file.

    A failed or unfinished validation is issued too, with its outcome; nothing is withheld. ``now`` is the time of
    issue, ``valid_days`` the days (1 to 1826) from then, ``cert_id`` a new identifier unless given. What is ``stated``
    is stated as it is given.

    Raises:
        InputError: the bundle is missing, interrupted, malformed, or its parts contradict each other.
        UsageError: ``out`` exists or cannot be written, the key is not trusted for the whole validity,
            or not for certificates, or what it replaces is no identifier.

    """
    refuse_wrong_role(key, "certificates")
    supersedes = stated.supersedes if stated else None
    if supersedes is not None and not ID.fullmatch(supersedes):
        raise UsageError(f"--supersedes {supersedes[:60]!r} is no identifier of a certificate such as PQV-2026-0a1b2c")
    if out.exists():
        raise UsageError(f"{out} exists and is never overwritten; choose another --out")
    evidence = _checked(bundle)
    issued_at = _issue_time(now, valid_days, key)
    cert_id = cert_id or _new_id(evidence, key, issued_at, supersedes)
    tree = build_statement(
        evidence,
        key.validator,
        issued_at=issued_at,
        valid_days=valid_days,
        cert_id=cert_id,
        materials=_materials(bundle),
        claims=stated.claims if stated else (),
        external_certificates=stated.external_certificates if stated else (),
        supersedes=supersedes,
    )
    statement = to_record(tree, Statement, bundle / "evidence.json", _REMEDY)
    wrong = problems(statement)
    if wrong:
        raise InputError(bundle / "evidence.json", "", f"no certificate can be made: {wrong[0]}", _remedy(wrong[0]))
    body = canonical(tree)
    envelope = seal(body, key)
    _check_seal(envelope, body, key)
    write_new(out, envelope, mode=0o644)
    return CertificateFile(
        path=out,
        id=cert_id,
        body_sha256=hashlib.sha256(body).hexdigest(),
        outcome=statement.predicate.results.outcome,
        not_after=statement.predicate.validity.not_after,
    )


def _checked(bundle: Path) -> Evidence:
    """Return the evidence of a bundle whose plan, cases and results agree with each other."""
    evidence = read_recounted(bundle)
    place = bundle / "evidence.json"
    if evidence.status != "complete":
        raise InputError(place, "status", "the run was interrupted", "Finish it with `pqvalidate run ... --resume`")
    opening = read_opening(bundle)
    for name in ("tool", "subject", "plan"):
        if getattr(opening, name) != getattr(evidence.facts, name):
            raise InputError(bundle / "plan.json", name, "differs from the one in evidence.json", _REMEDY)
    if not evidence.facts.subject.artefacts:
        raise InputError(
            place, "facts.subject.artefacts", "names no artefact, so a certificate would bind to nothing",
            "Name the files of the product under [[artefacts]] in its manifest and run again",
        )  # fmt: skip
    return evidence


def _issue_time(now: datetime, valid_days: int, key: Signer) -> str:
    try:
        issued_at, not_after = format_time(now), format_time(now + timedelta(days=valid_days))
    except OverflowError:
        raise UsageError(f"{valid_days} days from now is no date") from None
    except ValueError:
        raise UsageError("the time of issue must name its zone") from None
    public = key.public
    if not public.not_before <= issued_at or not_after > public.not_after:
        raise UsageError(
            f"the signing key is trusted from {public.not_before} to {public.not_after}; a certificate from "
            f"{issued_at} to {not_after} would outlive it: choose fewer --valid-days or make a new key"
        )
    return issued_at


def _new_id(evidence: Evidence, key: Signer, issued_at: str, supersedes: str | None) -> str:
    """Return an identifier that follows from what was tested, by whom and when: the same input gives the same one."""
    replaced = [] if supersedes is None else [supersedes]  # nothing can replace itself
    seed = canonical([evidence.facts_digest, key.validator.id, issued_at, *replaced])
    return f"PQV-{issued_at[:4]}-{hashlib.sha256(seed).hexdigest()[:16]}"


def _materials(bundle: Path) -> list[Material]:
    media = {
        "evidence.json": "application/json", "plan.json": "application/json", "cases.jsonl": "application/jsonl",
    }  # fmt: skip
    try:
        found = [(name, kind, file_digests(bundle / name)) for name, kind in media.items()]
        if (bundle / SHARDS).exists():
            found.append((SHARDS, "application/jsonl", file_digests(bundle / SHARDS)))
        if (bundle / "samples").is_dir():
            found.append(("samples/", "application/x.pqvalidate-tree", directory_digests(bundle / "samples")))
    except OSError as error:
        raise InputError(bundle, "", f"cannot be read: {error.strerror}", _REMEDY) from None
    return [
        Material(name=name, media_type=kind, digest=Digests(sha256=short, sha512=long))
        for name, kind, (short, long, _) in found
    ]


def _remedy(problem: str) -> str:
    if problem.startswith("environment"):
        return "Check the clock of this machine and of the one that ran the tests"
    return _REMEDY


def _check_seal(envelope: bytes, body: bytes, key: Signer) -> None:
    """Verify what was just signed: a signature that was damaged in the making can betray an ECDSA key."""
    document = parse_envelope(envelope, "the new certificate")
    found = signed_by(document, [key.public]).get(key.public.id, {})
    if document.payload != body or document.payload_type != PAYLOAD_TYPE or set(found) != set(SCHEMES):
        raise PqvalidateError("a signature that was just made does not verify; nothing was written")
