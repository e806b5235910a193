"""A trust file that root keys have signed: version, expiry, threshold, and how one version may follow another.

The rules are those of the root role in the Update Framework (TUF specification 1.0, section 5.3): a new version is
signed by enough root keys of the version before it and by enough of its own, and a version never goes back. Each root
key here is a pair, one of each family, and both must sign.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from pqvalidate.certificate.envelope import (
    MOST_SIGNATURES,
    OpenedEnvelope,
    SignatureLine,
    envelope_json,
    parse_envelope,
    sign_lines,
    signed_by,
    without,
)
from pqvalidate.certificate.keys import (
    SCHEMES,
    Revocation,
    TrustedValidator,
    check_entries,
    refuse_wrong_role,
    wrong_role,
)
from pqvalidate.certificate.predicate import UtcTime, format_time, parse_time, plain, texts
from pqvalidate.certificate.signing import Signer
from pqvalidate.documents import Record, canonical, parse_json, read_bytes, to_record
from pqvalidate.errors import InputError, UsageError

PAYLOAD_TYPE: Final = "application/vnd.pqvalidate.trust+json"
"""Pinned, so that no signature made for another kind of document counts here, or this one there."""

LONGEST_DAYS = 3660
_WHAT = "a trust file that `pqvalidate trust` has written (schema pqvalidate/trust/2)"
_REMEDY = "Use the trust file as its root key holders handed it out"
_DRAFT_REMEDY = "Let the root key holders sign it with `pqvalidate trust sign`, or use the file that they have signed"


class TrustBody(Record):
    """What the root keys sign: whom to believe, until when, and which root keys decide about the next version.

    ``threshold`` is the number of root key holders that must sign; times are UTC to the second.
    """

    schema: Literal["pqvalidate/trust/2"]
    version: Annotated[int, Meta(ge=1, le=2**31)]
    issued_at: UtcTime
    expires: UtcTime
    threshold: Annotated[int, Meta(ge=1, le=16)]
    roots: Annotated[tuple[TrustedValidator, ...], Meta(min_length=1, max_length=16)]
    validators: tuple[TrustedValidator, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTrust:
    """A trust file as it was read: its contents, its envelope, the SHA-256 of the file, and which roots have signed."""

    path: Path
    body: TrustBody
    envelope: OpenedEnvelope
    sha256: str
    signers: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether enough of its own root keys have signed it."""
        return len(self.signers) >= self.body.threshold


def load_signed(path: Path) -> SignedTrust:
    """Read a trust file that enough of its own root keys have signed.

    That shows that the file is whole and of one hand; whose hand, only a pin or an earlier version can tell.

    Raises:
        InputError: it is missing or malformed, or too few of its root keys have signed it.

    """
    return complete(read_draft(path))


def complete(found: SignedTrust) -> SignedTrust:
    """Return a trust file that enough of its own root keys have signed; raises as ``load_signed``."""
    if not found.complete:
        problem = f"{len(found.signers)} of its root keys have signed it, and {found.body.threshold} must"
        raise InputError(found.path, "signatures", problem, _DRAFT_REMEDY)
    return found


def read_draft(path: Path) -> SignedTrust:
    """Read a trust file whose signatures may still be missing; nothing in it is to be believed.

    Raises:
        InputError: it is missing or malformed, or contradicts itself.

    """
    return parse_draft(read_bytes(path, _WHAT), path)


def parse_draft(data: bytes, path: Path) -> SignedTrust:
    """Return the trust file in ``data``, which came from ``path``; raises as ``read_draft``."""
    if b'"payload"' not in data and b'"pqvalidate/trust/1"' in data:
        raise InputError(path, "", "is unsigned", "Name it as ENTRY, or make a signed one with `pqvalidate trust init`")
    envelope = parse_envelope(data, path)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise InputError(path, "payloadType", f"is {envelope.payload_type[:80]!r}", f"Give {_WHAT}")
    tree = parse_json(envelope.payload, f"{path} (signed body)", _WHAT)
    body = to_record(tree, TrustBody, path, _REMEDY)
    _check(body, path)
    if canonical(body) != envelope.payload:
        raise InputError(path, "signed body", "is not in canonical form (RFC 8785)", _REMEDY)
    return SignedTrust(
        path=path, body=body, envelope=envelope, sha256=hashlib.sha256(data).hexdigest(),
        signers=_signers(envelope, body),
    )  # fmt: skip


def _check(body: TrustBody, path: Path) -> None:
    check_entries({"roots": body.roots, "validators": body.validators}, path)
    for text in texts(msgspec.to_builtins(body)):
        if plain(text) != text:  # root key holders read it on a screen before they sign
            problem = f"the text {text[:80]!r} holds characters that cannot be seen, or in two ways"
            raise InputError(path, "", problem, "Let its holder make a new entry with a name in visible letters")
    for index, row in enumerate(body.roots):
        problem = wrong_role(row, "trust files")
        if problem or sorted(key.family for key in row.keys) != sorted(SCHEMES) or row.revoked:
            problem = problem or "must have one key of each family and not be revoked"
            raise InputError(path, f"roots[{index}]", problem, _REMEDY)
    if any(row.purpose == "root" for row in body.validators):
        raise InputError(path, "validators", "names a root key, which belongs under roots", _REMEDY)
    if body.threshold > len(body.roots):
        problem = f"is {body.threshold}, but there are {len(body.roots)} root keys"
        raise InputError(path, "threshold", problem, _REMEDY)
    try:
        times = [parse_time(body.issued_at), parse_time(body.expires)]
        for row in body.validators:
            _ = row.revoked and parse_time(row.revoked.since)
    except ValueError:
        raise InputError(path, "", "a time does not exist", _REMEDY) from None
    if times[0] >= times[1]:
        raise InputError(path, "expires", "lies before issued_at", _REMEDY)


def _signers(envelope: OpenedEnvelope, body: TrustBody) -> tuple[str, ...]:
    """Return the ids of the root keys that signed, each with both families and within its own period."""
    # By holder and not by signature: no number of signatures by one holder is two holders.
    found = signed_by(envelope, body.roots)
    in_time = [row.id for row in body.roots if row.not_before <= body.issued_at <= row.not_after]
    return tuple(name for name in in_time if len(found.get(name, {})) == len(SCHEMES))


def refuse_unrelated(old: SignedTrust, new: SignedTrust) -> None:
    """Refuse a version that does not follow an older one that is believed.

    Raises:
        InputError: it is older (rollback), another file of the same version, or not signed by enough root keys of the
            older one (TUF specification 1.0, section 5.3.4 and 5.3.5); or it was made before the older one.

    """
    was, now = old.body.version, new.body.version
    if now < was:
        problem = f"is version {now}, older than version {was} that you believe in already (rollback)"
        raise InputError(new.path, "version", problem, "Ask the root key holders for the newest trust file")
    if now == was:
        if new.envelope.payload != old.envelope.payload:
            problem = f"is another file of the same version {was} as {old.path}"
            raise InputError(new.path, "version", problem, "Ask the root key holders which one is theirs")
        return
    if new.body.issued_at < old.body.issued_at:
        problem = f"is {new.body.issued_at}, before that of version {was}, {old.body.issued_at}"
        raise InputError(new.path, "issued_at", problem, "Let its makers check their clock and make it again")
    agreed = len(_signers(new.envelope, replace(new.body, roots=old.body.roots)))
    if agreed < old.body.threshold:
        problem = f"{agreed} root keys of version {was} have signed it, and {old.body.threshold} must"
        raise InputError(
            new.path, "signatures", problem, "Give the versions between them, too, or let the old roots sign"
        )


def is_signed(data: bytes, file: object) -> bool:
    """Return whether a trust file is one of this kind; its signatures are not looked at.

    Raises:
        InputError: it is no JSON.

    """
    tree = parse_json(data, file, _WHAT)
    return isinstance(tree, dict) and "payload" in tree


def refuse_untimely(found: SignedTrust, moment: str, clock: str = "") -> None:
    """Refuse a trust file that has expired at a moment, or was made after it and after ``clock``; UTC to the second.

    Raises:
        InputError: so it is.

    """
    body = found.body
    now = max(moment, clock)
    if body.issued_at > now:
        problem = f"was made on {body.issued_at}, after {now}"
        raise InputError(found.path, "issued_at", problem, "Check the clock of this machine, and of those who made it")
    if moment > body.expires:
        raise InputError(
            found.path, "expires", f"expired on {body.expires}", "Ask the root key holders for the newest one"
        )


def make_first(roots: Sequence[TrustedValidator], *, threshold: int, now: datetime, days: int, path: Path) -> TrustBody:
    """Return version 1 of a trust file, which believes nobody yet; ``path`` names it in errors.

    Raises:
        InputError: a root entry is none, occurs twice, or the threshold is above their number.
        UsageError: ``days`` is not between 1 and 3660.

    """
    body = TrustBody(
        schema="pqvalidate/trust/2", version=1, issued_at=format_time(now), expires=_expiry(now, days),
        threshold=threshold, roots=tuple(roots), validators=(),
    )  # fmt: skip
    _check(body, path)
    return body


def make_next(
    old: SignedTrust,
    *,
    now: datetime,
    days: int,
    roots: Sequence[TrustedValidator] | None = None,
    validators: Sequence[TrustedValidator] | None = None,
    threshold: int | None = None,
) -> TrustBody:
    """Return the version that follows, with what is given changed; a draft without signatures keeps its number.

    Raises:
        InputError: it would contradict itself.
        UsageError: ``days`` is not between 1 and 3660, or ``now`` is before the time of the version before.

    """
    if format_time(now) < old.body.issued_at:
        told = f"the clock says {format_time(now)}, and {old.path} was made on {old.body.issued_at}"
        raise UsageError(f"{told}; set the clock, for nobody would believe the next version")
    body = replace(
        old.body, version=old.body.version + bool(old.envelope.signatures), issued_at=format_time(now),
        expires=_expiry(now, days), roots=old.body.roots if roots is None else tuple(roots),
        validators=old.body.validators if validators is None else tuple(validators),
        threshold=old.body.threshold if threshold is None else threshold,
    )  # fmt: skip
    _check(body, old.path)
    return body


def revoke(old: SignedTrust, name: str, revocation: Revocation) -> tuple[TrustedValidator, ...]:
    """Return the entries with one revoked, by its id or the SHA-256 of one of its keys; it stays listed.

    Raises:
        UsageError: there is no such entry, or it is revoked already.

    """
    found = [row for row in old.body.validators if name in {row.id, *(key.spki_sha256 for key in row.keys)}]
    if not found:
        known = ", ".join(row.id for row in old.body.validators) or "nobody"
        raise UsageError(f"{old.path} does not name {name}; it names {known}")
    if found[0].revoked:
        raise UsageError(f"{name} is revoked since {found[0].revoked.since} already: {found[0].revoked.reason}")
    return tuple(replace(row, revoked=revocation) if row is found[0] else row for row in old.body.validators)


def sign_body(body: TrustBody, signers: Sequence[Signer], earlier: OpenedEnvelope | None = None) -> bytes:
    """Return the trust file, signed by ``signers`` beside the signatures that it has.

    Who signs again replaces the own signatures.

    Raises:
        UsageError: a signer holds no root key, or the file would carry more than 64 signatures.

    """
    payload = canonical(body)
    kept = earlier if earlier is not None and earlier.payload == payload else None
    lines: list[SignatureLine] = []
    for signer in signers:
        refuse_wrong_role(signer, "trust files")
        if kept is not None:
            kept = replace(kept, signatures=without(kept, signer.public))
        lines += sign_lines(payload, PAYLOAD_TYPE, signer)
    lines = [*(_line(signature) for signature in (kept.signatures if kept else ())), *lines]
    if len(lines) > MOST_SIGNATURES:
        raise UsageError(
            f"it would carry {len(lines)} signatures, and {MOST_SIGNATURES} are read at most; make the next version and"
            " let only its own root keys and those before it sign"
        )
    return envelope_json(payload, PAYLOAD_TYPE, lines)


def _line(signature: bytes) -> SignatureLine:
    import base64  # noqa: PLC0415

    return SignatureLine(sig=base64.b64encode(signature).decode())


def _expiry(now: datetime, days: int) -> str:
    if not 1 <= days <= LONGEST_DAYS:
        raise UsageError(f"a trust file is valid for 1 to {LONGEST_DAYS} days, not {days}")
    return format_time(now + timedelta(days=days))


def describe(found: SignedTrust) -> dict[str, object]:
    """Return what a trust file says as a JSON value: version, times, threshold, who has signed, and every entry."""
    rows = [
        {"id": row.id, "name": row.name, "role": row.role, "purpose": row.purpose, "not_after": row.not_after,
         "revoked": msgspec.to_builtins(row.revoked), "signed": row.id in found.signers}
        for row in (*found.body.roots, *found.body.validators)
    ]  # fmt: skip
    return {
        "schema": "pqvalidate/trust-page/1", "version": found.body.version, "issued_at": found.body.issued_at,
        "expires": found.body.expires, "threshold": found.body.threshold, "signed": len(found.signers),
        "complete": found.complete, "sha256": found.sha256, "entries": rows,
    }  # fmt: skip
