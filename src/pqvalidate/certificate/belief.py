"""Whom to believe: a trust file, signed or not, held against what the reader has pinned, and who may sign what."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pqvalidate.certificate.envelope import OpenedEnvelope, signed_by
from pqvalidate.certificate.keys import Family, Signed, TrustedKey, TrustedValidator, trust_of, wrong_role
from pqvalidate.certificate.predicate import format_time
from pqvalidate.documents import parse_json, read_bytes
from pqvalidate.errors import InputError, UsageError

_WHAT = "a trust file that `pqvalidate keygen` or `pqvalidate trust` has written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What the reader knows of the trust file from elsewhere: SHA-256 of the file in hex, lowest version.

    ``clock`` is the time now (UTC to the second) where another moment may be asked about: who asks about last year may
    use a trust file of today, but nobody one of tomorrow.
    """

    sha256: str | None = None
    version: int | None = None
    clock: str = ""


NO_PIN = Pin()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A time stamp of a certificate (DER) and the certificate of the authority that made it (PEM)."""

    token: Path
    authority: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Everybody whom a trust file names, in every role, and what the trust file itself rests on."""

    validators: tuple[TrustedValidator, ...]
    rests_on: str
    """How the trust file is signed, and whether it is pinned, without a full stop."""
    pinned: bool
    """Whether the reader has pinned its digest; any other file is only as good as the way by which it came."""


def believe(path: Path, moment: str, pin: Pin = NO_PIN) -> Belief:
    """Read a trust file for verifying at ``moment`` (UTC to the second).

    Raises:
        InputError: it is missing or malformed; it is not the one that is pinned, or older; too few of its root keys
            have signed it; it has expired; or it was made after ``moment`` and after the clock of ``pin``.

    """
    data = read_bytes(path, _WHAT)
    digest = hashlib.sha256(data).hexdigest()
    if pin.sha256 is not None and digest != pin.sha256.lower():
        problem = f"its SHA-256 is {digest}, and {pin.sha256} is pinned"
        raise InputError(path, "", problem, "Get the trust file whose digest you were given")
    pinned = ", pinned by its digest" if pin.sha256 else ": whoever gave it to you decides whom you believe"
    tree = parse_json(data, path, _WHAT)
    if not isinstance(tree, dict) or "payload" not in tree:
        rows = trust_of(tree, path).validators
        if pin.version is not None:
            raise InputError(path, "", "is unsigned and has no version", "Use a trust file that root keys have signed")
        return Belief(validators=rows, rests_on=f"the trust file is unsigned{pinned}", pinned=bool(pin.sha256))
    from pqvalidate.certificate.roots import complete, parse_draft, refuse_untimely  # noqa: PLC0415  (most trust files are not signed)

    found = complete(parse_draft(data, path))  # the bytes whose digest was compared
    body = found.body
    if pin.version is not None and body.version < pin.version:
        problem = f"is version {body.version}, older than version {pin.version} that is pinned (rollback)"
        raise InputError(path, "version", problem, "Ask the root key holders for the newest trust file")
    refuse_untimely(found, moment, pin.clock)
    count = f"{len(found.signers)} of its {len(body.roots)} root keys"
    signed = f"version {body.version} of the trust file is signed by {count}"
    rows = (*body.validators, *body.roots)
    return Belief(validators=rows, rests_on=f"{signed}{pinned}", pinned=bool(pin.sha256))


def pin_of(given: Any) -> Pin:  # noqa: ANN401  (the flags of a verb, whichever it is)
    """Return what ``--trust-sha256`` and ``--trust-version`` pin, and the time by the clock.

    Raises:
        UsageError: the digest is none.

    """
    digest = given.trust_sha256
    if digest is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise UsageError(f"--trust-sha256 {digest!r} is no SHA-256 in hex (64 digits)")
    return Pin(sha256=digest, version=given.trust_version, clock=format_time(datetime.now(UTC)))


def stamp_of(given: Any) -> Stamp | None:  # noqa: ANN401  (as above)
    """Return the time stamp that ``--timestamp`` and ``--tsa-certificate`` name, or None.

    Raises:
        UsageError: one is given without the other.

    """
    if bool(given.timestamp) != bool(given.tsa_certificate):
        raise UsageError("--timestamp FILE and --tsa-certificate FILE go together")
    return Stamp(token=Path(given.timestamp), authority=Path(given.tsa_certificate)) if given.timestamp else None


def sort_signers(
    envelope: OpenedEnvelope, everybody: Sequence[TrustedValidator], what: Signed
) -> tuple[dict[str, dict[Family, TrustedKey]], str]:
    """Return who signed in a role that may sign ``what``, by id, and why others that signed do not count."""
    entitled = [row for row in everybody if not wrong_role(row, what)]
    found = signed_by(envelope, entitled)
    others = [row for row in everybody if wrong_role(row, what)]
    strangers = signed_by(envelope, others) if others else {}
    return found, "; ".join(wrong_role(row, what) for row in others if row.id in strangers)


def revoked(signer: TrustedValidator, stamped: str | None) -> str:
    """Return why the signatures of a revoked key do not count; empty if it is not revoked.

    A signature that a time stamp shows to be older than the revocation still counts; the time that the signed document
    itself gives does not, for whoever has stolen a key can write any time.
    """
    if signer.revoked is None or (stamped is not None and stamped < signer.revoked.since):
        return ""
    told = f"the keys of {signer.name} are revoked since {signer.revoked.since}: {signer.revoked.reason}"
    return f"{told}; the time stamp is of {stamped}" if stamped else f"{told}; no time stamp shows that it is older"
