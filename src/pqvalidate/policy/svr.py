"""A policy verdict as a signed statement of its own: an in-toto Simple Verification Result (SVR) on the same subjects.

The certificate stays untouched: when a profile or a date changes, only this statement is made anew. It names the
profiles by digest, and the whole verdict by the digest of its file.

SVR v0.2 (in-toto/attestation, spec/predicates/svr.md) asks for ``verifier.id`` (a URI), ``verifier.policies``
(compulsory since v0.2, empty where none was applied), ``timeCreated`` and ``properties``, the passing ones; what is
absent was not verified, which is not the same as failed. Two points of ours: a decision that a product does not conform
is a property, too, because a failed validation must be seen to have failed; and our reader refuses fields that it does
not know, where in-toto lets a reader pass them over, because it reads only what this tool has signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from pqvalidate.certificate.belief import NO_PIN, Pin, Stamp, believe, revoked, sort_signers
from pqvalidate.certificate.envelope import read_envelope, seal
from pqvalidate.certificate.keys import Family, TrustedValidator, refuse_wrong_role
from pqvalidate.certificate.predicate import (
    PAYLOAD_TYPE,
    STATEMENT_TYPE,
    Digest,
    Name,
    Statement,
    SubjectFile,
    UtcTime,
    format_time,
    plain_tree,
)
from pqvalidate.certificate.reading import SVR_TYPE
from pqvalidate.certificate.signing import Signer
from pqvalidate.digests import directory_digests, file_digests, uncovered
from pqvalidate.documents import Record, canonical, is_canonical, parse_json, to_record
from pqvalidate.errors import InputError, UsageError
from pqvalidate.policy.engine import PolicyVerdict

PREFIX = "PQVALIDATE"
"""Scope of our property names; the predicate wants them scoped by who verified (SVR v0.2, ``properties``)."""

_WHAT = "a policy verdict that `pqvalidate certify --policy` has written"
_REMEDY = "Use the verdict as it was issued"


class _Part(Record, rename="camel"):
    """Base of the parts of the statement, whose JSON names are in-toto's."""


class PolicyReference(_Part):
    """A profile that was applied, by name and the SHA-256 of its file (in-toto ResourceDescriptor)."""

    name: Name
    digest: Digest


class Verifier(_Part):
    """Who judged, and by which profiles."""

    id: Name
    policies: tuple[PolicyReference, ...]


class SvrPredicate(_Part):
    """The body of a Simple Verification Result: who, when (UTC), and the properties found."""

    verifier: Verifier
    time_created: UtcTime
    properties: Annotated[tuple[Name, ...], Meta(min_length=1)]


class SvrStatement(_Part):
    """An in-toto Statement, version 1, with a Simple Verification Result about the tested files."""

    type: Literal["https://in-toto.io/Statement/v1"] = field(name="_type")
    subject: Annotated[tuple[SubjectFile, ...], Meta(min_length=1)]
    predicate_type: Literal["https://in-toto.io/attestation/svr/v0.2"]
    predicate: SvrPredicate


class VerifiedVerdict(Record):
    """What verifying a signed verdict found; ``statement`` is absent unless its signatures are good."""

    decision: Literal["valid", "invalid"]
    reasons: tuple[str, ...]
    signed_by: str
    body_sha256: str
    statement: SvrStatement | None
    trust_file: str = ""


def build_svr(verdict: PolicyVerdict, subjects: Sequence[SubjectFile], verifier: str, created: str) -> dict[str, Any]:
    """Return the statement as a JSON value whose RFC 8785 bytes are to be signed.

    Args:
        verdict: the decision under one profile.
        subjects: the subjects of the certificate that was judged.
        verifier: identifier of the validator that signs.
        created: UTC to the second.

    """
    policies = tuple(
        PolicyReference(name=row.id, digest=Digest(sha256=row.sha256)) for row in (verdict.policy, *verdict.bases)
    )
    statement = SvrStatement(
        type=STATEMENT_TYPE, subject=tuple(subjects), predicate_type=SVR_TYPE,
        predicate=SvrPredicate(
            verifier=Verifier(id=verifier, policies=policies), time_created=created, properties=properties(verdict)
        ),
    )  # fmt: skip
    tree: dict[str, Any] = plain_tree(msgspec.to_builtins(statement))
    return tree


def properties(verdict: PolicyVerdict) -> tuple[str, ...]:
    """Return the properties of a verdict: its decision first, the dates, the facts judged, and each rule that is met.

    A verdict that a product does not conform is issued like any other, and then says so.
    """
    life = verdict.service_life_until
    return (
        f"{PREFIX}_DECISION_{verdict.decision.replace('-', '_').upper()}",
        f"{PREFIX}_AS_OF_{verdict.as_of}",
        *([f"{PREFIX}_SERVICE_LIFE_UNTIL_{life}"] if life else []),
        *(f"{PREFIX}_USES_{name}" for name in verdict.uses),
        f"{PREFIX}_FACTS_SHA256_{verdict.facts_digest.removeprefix('sha256:')}",
        f"{PREFIX}_VERDICT_SHA256_{hashlib.sha256(canonical(verdict)).hexdigest()}",
        *(f"{PREFIX}_RULE_MET_{row.rule}" for row in verdict.rules if row.outcome == "pass"),
    )


def sign_verdict(verdict: PolicyVerdict, certificate: Statement, key: Signer, now: datetime) -> bytes:
    """Return the signed envelope of a verdict on the subjects of a certificate.

    Raises:
        UsageError: the key is not trusted at ``now`` or not for verdicts, or the verdict is about other facts than the
            certificate.

    """
    refuse_wrong_role(key, "verdicts")
    created = format_time(now)
    if not key.public.not_before <= created <= key.public.not_after:
        raise UsageError(f"the signing key is trusted from {key.public.not_before} to {key.public.not_after} only")
    stated = certificate.predicate.results.deterministic_digest.sha256
    if verdict.facts_digest != f"sha256:{stated}":
        raise UsageError("the verdict is about other facts than the certificate")
    body = canonical(build_svr(verdict, certificate.subject, key.validator.id, created))
    return seal(body, key)


def verify_verdict(
    path: Path,
    trust: Path,
    *,
    as_of: datetime,
    artefacts: Sequence[Path] = (),
    pin: Pin = NO_PIN,
    stamp: Stamp | None = None,
) -> VerifiedVerdict:
    """Verify a signed policy verdict: two signatures of one trusted signer, one of each family, then its contents.

    A validator or a policy owner may sign it; ``pin`` and ``stamp`` are as for ``certificate.verify``.

    Raises:
        InputError: a file is missing or malformed.

    """
    believed = believe(trust, format_time(as_of), pin)
    envelope = read_envelope(path)
    digest = hashlib.sha256(envelope.payload).hexdigest()
    if envelope.payload_type != PAYLOAD_TYPE:
        return _refused(digest, f"payload-type: it says {envelope.payload_type[:80]!r}")
    signed, wrong_roles = sort_signers(envelope, believed.validators, "verdicts")
    families: tuple[Family, ...] = ("classical", "pq")
    both = [name for name, keys in signed.items() if all(family in keys for family in families)]
    if not both and wrong_roles:
        return _refused(digest, f"key-role: {wrong_roles}")
    if not both:
        return _refused(digest, "signatures: no trusted validator has signed it with a key of each family")
    statement = _opened(envelope.payload, path)
    named = statement.predicate.verifier.id
    row = next((v for v in believed.validators if v.id == named and v.id in both), None)
    if row is None:
        return _refused(digest, f"named-validator: it names {named}, which did not sign it")
    problem = _stamp_problem(path, row, stamp) or _problem(statement, row, format_time(as_of), artefacts)
    if problem:
        return _refused(digest, problem)
    standing = row.role if row.purpose == "validator" else row.purpose
    return VerifiedVerdict(
        decision="valid", reasons=(), signed_by=f"{row.name} ({standing})",
        body_sha256=digest, statement=statement, trust_file=believed.rests_on,
    )  # fmt: skip


def _stamp_problem(path: Path, signer: TrustedValidator, stamp: Stamp | None) -> str:
    """Return why a time stamp does not hold, or the signer is revoked and no stamp rescues it; empty otherwise."""
    stamped = None
    if stamp is not None:
        from pqvalidate.certificate.timestamps import RefusedStampError, stamped_at  # noqa: PLC0415  (an extra)

        try:
            stamped = stamped_at(stamp.token, path, stamp.authority)
        except RefusedStampError as error:
            return f"timestamp: {error}"
    told = revoked(signer, stamped)
    return f"not-revoked: {told}" if told else ""


def _problem(statement: SvrStatement, signer: TrustedValidator, moment: str, artefacts: Sequence[Path]) -> str:
    """Return why a verdict with good signatures must not be relied on; empty if nothing speaks against it."""
    created = statement.predicate.time_created
    if created > moment:
        return f"validity: it was made on {created}, after the time asked about"
    # As for certificates: whoever finds a key after its end can write any date, so both times must lie in its period.
    if not all(signer.not_before <= time <= signer.not_after for time in (created, moment)):
        told = f"the keys are trusted from {signer.not_before} to {signer.not_after}"
        return f"key-period: {told}; made {created}, asked about {moment}"
    strangers = [str(artefact) for artefact in artefacts if not _is_subject(artefact, statement)]
    return f"artefacts: not among the files judged: {', '.join(strangers)}" if strangers else ""


def _is_subject(path: Path, statement: SvrStatement) -> bool:
    """Compare by both digests and never by name, as the certificate is compared."""
    try:
        short, long, _ = directory_digests(path) if path.is_dir() else file_digests(path)
        if path.is_dir() and uncovered(path).strange:  # links that lead elsewhere, devices: bound by no digest
            return False
    except OSError as error:
        raise InputError(path, "", f"cannot be read: {error.strerror}", "Give a file of the product") from None
    kind = "tree" if path.is_dir() else "file"
    return any(
        (row.annotations.digest_of, row.digest.sha256, row.digest.sha512) == (kind, short, long)
        for row in statement.subject
    )


def _refused(digest: str, why: str) -> VerifiedVerdict:
    return VerifiedVerdict(decision="invalid", reasons=(why,), signed_by="", body_sha256=digest, statement=None)


def _opened(body: bytes, path: Path) -> SvrStatement:
    """Parse the verified bytes, which must be canonical, so that one verdict has one digest."""
    tree = parse_json(body, f"{path} (signed body)", _WHAT)
    statement = to_record(tree, SvrStatement, path, _REMEDY)
    if not is_canonical(tree, body):
        raise InputError(path, "signed body", "is not in canonical form (RFC 8785)", _REMEDY)
    return statement
