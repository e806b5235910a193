"""Whether a trust file still supports a certificate that is listed: its validator may be revoked since, or unknown.

A certificate is verified when it is published. Trust files change after that, and nobody then publishes it again; so
what a catalogue says of it is held against the trust file of the day. The rules are those of ``verify``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pqvalidate.catalogue.client import TRUST, Catalogue
from pqvalidate.certificate.belief import revoked
from pqvalidate.certificate.envelope import OpenedEnvelope, signed_by
from pqvalidate.certificate.keys import SCHEMES, TrustedValidator, trust_of, wrong_role
from pqvalidate.certificate.predicate import Statement
from pqvalidate.certificate.roots import is_signed, parse_draft
from pqvalidate.documents import parse_json

_WHAT = "a trust file of a catalogue"


def validators_of(found: Catalogue) -> tuple[TrustedValidator, ...]:
    """Return who may sign certificates by the trust file that a catalogue holds, revoked ones as well.

    That it has expired is no matter here: new certificates are refused then, and those that are listed stay.

    Raises:
        InputError: it is missing or malformed.

    """
    return validators_in(found.read(TRUST), f"{found.folder} ({TRUST})")


def validators_in(data: bytes, place: str) -> tuple[TrustedValidator, ...]:
    """Return who may sign certificates by a trust file, revoked ones as well; ``place`` names it in errors.

    Raises:
        InputError: it is malformed.

    """
    path = Path(place)
    rows = (
        parse_draft(data, path).body.validators
        if is_signed(data, place)
        else trust_of(parse_json(data, place, _WHAT), path).validators
    )
    return entitled(rows)


def entitled(rows: Iterable[TrustedValidator]) -> tuple[TrustedValidator, ...]:
    """Return those who may sign certificates."""
    return tuple(row for row in rows if not wrong_role(row, "certificates"))


def objection(envelope: OpenedEnvelope, statement: Statement, trusted: Iterable[TrustedValidator], moment: str) -> str:
    """Return why those who are trusted do not support a certificate at a moment (UTC); empty if they do.

    Its contents and dates are not looked at.
    """
    named, validity = statement.predicate.validator, statement.predicate.validity
    row = next((row for row in trusted if row.id == named.id), None)
    if row is None:
        return f"the trust file does not name {named.name}"
    if len(signed_by(envelope, [row]).get(row.id, {})) < len(SCHEMES):
        return f"the trust file has other keys of {named.name}"
    if row.role != named.role:
        return f"it says {named.role}, the trust file says {row.role}"
    times = (validity.issued_at, min(moment, validity.not_after))
    if not all(row.not_before <= time <= row.not_after for time in times):
        period = f"the keys are trusted from {row.not_before} to {row.not_after}"
        return f"{period}; issued {validity.issued_at}, asked about {moment}"
    return revoked(row, None)


def lost(
    old: tuple[TrustedValidator, ...],
    new: tuple[TrustedValidator, ...],
    listed: Iterable[tuple[str, OpenedEnvelope, Statement]],
    moment: str,
) -> Iterator[str]:
    """Yield a sentence for each validator that a new trust file leaves out and each certificate without its support.

    Args:
        old: who might sign certificates before.
        new: who may from now on.
        listed: certificates by identifier.
        moment: the time now (UTC).

    """
    kept = {row.id for row in new}
    for row in old:
        if row.id not in kept:
            yield f"the new trust file does not name {row.name}: its certificates and verdicts are refused from now on"
    for name, envelope, statement in listed:
        why = objection(envelope, statement, new, moment)
        if why:
            yield f"{name} is not supported by the new trust file, and shown so: {why}"
