"""From a claims file to one status for every claim of the registry: nothing is inferred, nothing is left out."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Literal, assert_never

from pqvalidate.certificate.predicate import Claim, ClaimEvidence, Digest, ExternalCertificate
from pqvalidate.claims import cyclonedx, provenance, signatures, trees
from pqvalidate.claims.file import (
    ArtefactDigests,
    ClaimsFile,
    CycloneDx,
    OfTheRun,
    Provenance,
    Rebuild,
    SourceTree,
    StatedClaim,
    Update,
    Value,
    claims_path,
    read_claims,
)
from pqvalidate.claims.found import Found, Outcome, Seen, Tested, look_at
from pqvalidate.claims.registry import REGISTRY, ClaimRow, ClaimStatus
from pqvalidate.documents import Record
from pqvalidate.errors import InputError


class AssessedClaim(Record):
    """One claim with its status.

    ``by`` says on whose word a claim stands that is not validated. ``check`` is how the tool's check came out, or null
    if none was asked for; ``method`` how it was made; ``reason`` why the status is no higher. ``expires`` is the last
    day on which it counts. ``objectives`` are those of the EU Cloud Sovereignty Framework, for information.
    """

    claim: str
    value: Value | None
    status: ClaimStatus
    highest: ClaimStatus
    by: str
    as_of: str | None
    expires: str | None
    expired: bool
    check: Outcome | None
    method: str
    reason: str
    evidence: tuple[Seen, ...]
    objectives: tuple[str, ...]


class ClaimsReport(Record):
    """What `pqvalidate claims check` found on a day: every claim of the registry, and the certificates of others."""

    schema: Literal["pqvalidate/claims-report/1"]
    by: str
    as_of: str
    compared_with: str | None
    claims: tuple[AssessedClaim, ...]
    external_certificates: tuple[ExternalCertificate, ...]

    @property
    def exit_code(self) -> int:
        """1 if a check contradicts a claim, 3 if one could not show its claim, 0 otherwise."""
        outcomes = {row.check for row in self.claims}
        return 1 if "contradicted" in outcomes else 3 if "not-shown" in outcomes else 0


def assess(path: Path, today: str, tested: Tested | None = None, compared_with: str | None = None) -> ClaimsReport:
    """Read a claims file, or the one that a manifest names, and give every claim its status.

    Args:
        path: claims file or manifest.
        today: the day of the check, YYYY-MM-DD.
        tested: what a run has seen, or None.
        compared_with: digest of the facts of that run.

    Raises:
        InputError: a file is malformed or missing, evidence does not match its digest, or a certificate of another
            scheme is bound to a file that was not tested.
        UsageError: a check needs an extra that is not installed.

    """
    place = claims_path(path)
    stated = read_claims(place, today)
    by_id = {row.claim: (index, row) for index, row in enumerate(stated.claims)}
    claims = tuple(
        _assessed(row, stated, *by_id[name], place, today, tested) if name in by_id else _silent(row)
        for name, row in REGISTRY.items()
    )
    return ClaimsReport(
        schema="pqvalidate/claims-report/1", by=stated.by, as_of=today, compared_with=compared_with, claims=claims,
        external_certificates=_externals(stated, place, tested),
    )  # fmt: skip


def _silent(row: ClaimRow) -> AssessedClaim:
    return AssessedClaim(
        claim=row.id, value=None, status="not-provided", highest=row.highest, by="", as_of=None, expires=None,
        expired=False, check=None, method="", reason="", evidence=(), objectives=row.objectives,
    )  # fmt: skip


def _assessed(
    row: ClaimRow, file: ClaimsFile, index: int, stated: StatedClaim, place: Path, today: str, tested: Tested | None
) -> AssessedClaim:
    where = f"claims[{index}]"
    evidence = _evidence(stated, place, where)
    found = _checked(stated, place.parent, tested, f"{where}.check", place)
    status, reason = _status(row, evidence, found)
    as_of = today if status == "validated" else stated.as_of or file.as_of
    expires = _expiry(row, stated, as_of)
    return AssessedClaim(
        claim=row.id, value=stated.value, status=status, highest=row.highest, by=stated.by or file.by, as_of=as_of,
        expires=expires, expired=expires is not None and expires < today, check=found.outcome if found else None,
        method=found.says if found and found.outcome == "shown" else "", reason=reason,
        evidence=tuple(dict.fromkeys((*evidence, *(found.seen if found else ())))), objectives=row.objectives,
    )  # fmt: skip


def _evidence(stated: StatedClaim, place: Path, where: str) -> tuple[Seen, ...]:
    """Return the evidence that was handed in, each file of the digest that the claims file states."""
    rows = []
    for index, row in enumerate(stated.evidence):
        here = f"{where}.evidence[{index}]"
        seen = look_at(place.parent / row.file, here, row.uri)
        if seen.sha256 != row.sha256:
            problem = f"{row.file} has SHA-256 {seen.sha256}, not the one that is stated"
            raise InputError(place, f"{here}.sha256", problem, "Give the file that is meant, or correct the digest")
        rows.append(seen)
    return tuple(rows)


def _checked(  # noqa: PLR0911  (one line for each kind of check)
    stated: StatedClaim, folder: Path, tested: Tested | None, place: str, file: Path
) -> Found | None:
    check, value = stated.check, stated.value
    if check is None:
        return None
    match check:
        case ArtefactDigests():
            return trees.published(value, tested)
        case SourceTree():
            return trees.source_tree(check, folder, value, place)
        case CycloneDx():
            return cyclonedx.cyclonedx(check, folder, stated.claim, value, tested, place)
        case Rebuild():
            return trees.rebuild(check, folder, value, tested, place)
        case Provenance():
            return provenance.provenance(check, folder, value, tested, place)
        case Update():
            return signatures.update(check, folder, stated.claim, value, place)
        case OfTheRun():
            return _selectable(value, tested, place, file)
        case _:
            assert_never(check)


def _selectable(value: object, tested: Tested | None, place: str, file: Path) -> Found:
    """Tell whether each parameter set that is claimed to be selectable has answered and passed a check."""
    wanted = value if isinstance(value, tuple) else ()
    if len(set(wanted)) < 2:
        problem = "names fewer than two parameter sets, which leaves nothing to choose"
        raise InputError(file, place.removesuffix("check") + "value", problem, "Name at least two")
    if tested is None:
        return Found(outcome="not-shown", says="no run was given to compare with")
    silent = [name for name in wanted if name not in tested.passed]
    if silent:
        return Found(outcome="not-shown", says=f"no check of the run passed with {', '.join(silent)}")
    return Found(outcome="shown", says=f"the run has called, and a check has passed: {', '.join(wanted)}")


def _status(row: ClaimRow, evidence: tuple[Seen, ...], found: Found | None) -> tuple[ClaimStatus, str]:
    """Return the status and why it is no higher."""
    if found and found.outcome == "shown":
        return "validated", ""
    if found and found.outcome == "contradicted":
        return "declared", f"the check contradicts it: {found.says}"
    status: ClaimStatus = "evidenced" if evidence and row.highest != "declared" else "declared"
    if found:
        return status, f"the check could not show it: {found.says}"
    if row.highest == "validated":
        return status, f"no check was asked for; it would be {row.check}"
    if status == row.highest:
        return status, "it can reach no higher status"
    return status, "no evidence was handed in"


def _expiry(row: ClaimRow, stated: StatedClaim, as_of: str) -> str | None:
    """Return the last day on which a claim counts: the one that is stated, or that of the registry if that is first."""
    days = [stated.expires] if stated.expires else []
    if row.most_days is not None:
        days.append((date.fromisoformat(as_of) + timedelta(days=row.most_days)).isoformat())
    return min(days, default=None)


def _externals(stated: ClaimsFile, place: Path, tested: Tested | None) -> tuple[ExternalCertificate, ...]:
    known = {row.sha256 for row in tested.artefacts} if tested else None
    for index, row in enumerate(stated.external_certificates):
        if known is not None and row.artefact_sha256 is not None and row.artefact_sha256 not in known:
            where, problem = f"external_certificates[{index}].artefact_sha256", "is the digest of no tested file"
            raise InputError(place, where, problem, "Name the binding same-version-declared or family, or correct it")
    return tuple(
        ExternalCertificate(
            scheme=row.scheme, id=row.id, status=row.status, checked_at=row.checked_at, binding=row.binding,
            by=row.by or stated.by, artefact_sha256=row.artefact_sha256, assurance=row.assurance, expires=row.expires,
        )
        for row in stated.external_certificates
    )  # fmt: skip


def for_certificate(report: ClaimsReport) -> tuple[Claim, ...]:
    """Return the claims as a certificate carries them, those about which nothing was handed in among them."""
    return tuple(
        Claim(
            id=row.claim, status=row.status, by=row.by or report.by, value=row.value, method=row.method,
            reason=row.reason, check=row.check, as_of=row.as_of, expires=row.expires,
            evidence=tuple(
                ClaimEvidence(name=seen.name, digest=Digest(sha256=seen.sha256), uri=seen.uri) for seen in row.evidence
            ),
        )
        for row in report.claims
    )  # fmt: skip
