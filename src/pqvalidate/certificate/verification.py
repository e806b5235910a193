"""Verifying a certificate: who signed it, whether it holds now, and whether it is about the files at hand.

The order matters: signatures first, over the bytes as they came; only bytes that two keys of one trusted validator have
signed are parsed at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pqvalidate.certificate.belief import NO_PIN, Belief, Pin, Stamp, believe, revoked, sort_signers
from pqvalidate.certificate.consistency import problems
from pqvalidate.certificate.envelope import OpenedEnvelope, read_envelope
from pqvalidate.certificate.keys import Family, TrustedKey, TrustedValidator
from pqvalidate.certificate.predicate import PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, Statement, format_time
from pqvalidate.digests import Uncovered, directory_digests, file_digests, uncovered
from pqvalidate.documents import Record, is_canonical, parse_json, to_record
from pqvalidate.errors import InputError, UsageError

Decision: TypeAlias = Literal["valid", "invalid", "expired", "suspended", "withdrawn", "superseded", "undecided"]
EXIT_CODES: dict[Decision, int] = {
    "valid": 0, "invalid": 1, "expired": 1, "suspended": 1, "withdrawn": 1, "superseded": 1, "undecided": 3,
}  # fmt: skip
"""The last four come from a catalogue alone (``catalogue.checking``): undecided is a status that is not known."""

_WHAT = "a certificate whose signed body is a canonical in-toto statement"
_REMEDY = "Ask the validator for a corrected certificate"

RULES: dict[str, str] = {
    "payload-type": "The envelope says that it holds an in-toto statement.",
    "classical-signature": "A trusted ECDSA P-384 key signed these bytes.",
    "pq-signature": "A trusted ML-DSA-87 key signed these bytes.",
    "same-validator": "Both signatures are by one validator.",
    "key-role": "Trusted keys of other roles, such as those of a catalogue, do not count.",
    "statement-type": "The signed bytes are a validation certificate, version 1.",
    "named-validator": "The certificate names the validator that signed it, in the role that the trust file gives.",
    "key-period": "The validator was trusted at the time of issue and is trusted at the time asked about.",
    "not-revoked": "The keys are not revoked, or a time stamp shows that the signatures are older than that.",
    "contents": "The parts of the certificate agree with each other, and what was not tested is listed.",
    "validity": "The time asked about lies between notBefore and notAfter.",
    "artefacts": "Each file given is one that was tested, byte for byte.",
    "status": "A catalogue lists it as valid, and is not too old to say so.",
    "timestamp": "A time stamp authority saw these signatures (RFC 3161).",
    "trust-file": "The trust file is the one whose digest you have pinned.",
}
"""Every rule of verification in the order in which it is applied, as a sentence that is true of a valid certificate."""


NO_CATALOGUE = "no --catalogue was given, so a withdrawal would not be known"


class RuleOutcome(Record):
    """How one rule came out and why; ``not-checked`` where an earlier rule failed or nothing was asked."""

    rule: str
    outcome: Literal["pass", "fail", "not-checked"]
    why: str = ""


class ArtefactMatch(Record, omit_defaults=True):
    """A file or folder that was given, its SHA-256, and the subject that it is, or an empty name.

    ``not_compared`` names what lies in a folder and is bound by no digest: bytecode, and links to folders in it.
    """

    path: str
    sha256: str
    subject: str
    not_compared: tuple[str, ...] = ()


class Signer(Record):
    """A key that signed: its family, scheme and identity."""

    family: Family
    scheme: str
    spki_sha256: str


class Verified(Record):
    """What verification found: the decision, every rule, and the statement, absent unless its signatures are good."""

    decision: Decision
    reasons: tuple[str, ...]
    rules: tuple[RuleOutcome, ...]
    as_of: str
    body_sha256: str
    signers: tuple[Signer, ...]
    artefacts: tuple[ArtefactMatch, ...]
    statement: Statement | None


class _Protocol:
    """Collects the outcome of each rule; a rule that was not reached says so."""

    def __init__(self) -> None:
        self._outcomes = {rule: RuleOutcome(rule=rule, outcome="not-checked", why="not reached") for rule in RULES}

    def note(self, rule: str, problem: str, why: str = "") -> None:
        outcome: Literal["pass", "fail"] = "fail" if problem else "pass"
        self._outcomes[rule] = RuleOutcome(rule=rule, outcome=outcome, why=problem or why)

    def leave(self, rule: str, why: str) -> None:
        self._outcomes[rule] = RuleOutcome(rule=rule, outcome="not-checked", why=why)

    @property
    def rules(self) -> tuple[RuleOutcome, ...]:
        return tuple(self._outcomes.values())


def verify(
    cert: Path,
    trust: Path,
    *,
    artefacts: Sequence[Path] = (),
    as_of: datetime,
    pin: Pin = NO_PIN,
    stamp: Stamp | None = None,
) -> Verified:
    """Verify a certificate against a trust file, at a moment, and optionally against the files of the product.

    ``pin`` is what the reader knows of the trust file from elsewhere; ``stamp`` a time stamp of the certificate.

    A well-formed certificate that must not be relied on comes back as ``invalid`` or ``expired`` with its reasons.
    The result is ``expired`` only if nothing but its age speaks against it. Source of the rules: DSSE 1.0, in-toto
    Statement 1, RFC 8785, and the fields in ``predicate``.

    Raises:
        InputError: a file is missing or malformed; for the body of a certificate only after its signatures were good.
        UsageError: ``as_of`` names no time zone.

    """
    try:
        moment = format_time(as_of)
    except ValueError:
        raise UsageError("the time to verify for must name its zone") from None
    believed = believe(trust, moment, pin)
    envelope = read_envelope(cert)
    matches = [_digest(path) for path in artefacts]
    protocol = _Protocol()
    _note_trust(believed, protocol)
    stamped = _stamped(cert, stamp, protocol)
    statement: Statement | None = None
    keys: dict[Family, TrustedKey] = {}
    matched: tuple[ArtefactMatch, ...] = ()
    signed = _signatures(envelope, believed, protocol)
    if signed:
        opened = _open(envelope, signed, cert, believed, protocol)
        if opened:
            statement, validator = opened
            keys = signed[validator.id]
            protocol.note("not-revoked", revoked(validator, stamped))
            _judge_contents(statement, validator, moment, protocol)
            matched = _match(statement, matches, protocol)
    protocol.leave("status", NO_CATALOGUE)
    return _result(protocol, statement, moment, envelope, keys, matched)


def _note_trust(believed: Belief, protocol: _Protocol) -> None:
    # Not pinned, it proves nothing by itself: even a signed one names its own root keys.
    if believed.pinned:
        protocol.note("trust-file", "", believed.rests_on)
    else:
        protocol.leave("trust-file", believed.rests_on)


def _stamped(cert: Path, stamp: Stamp | None, protocol: _Protocol) -> str | None:
    """Return the time of a time stamp that holds (UTC), or None."""
    if stamp is None:
        protocol.leave("timestamp", "no --timestamp was given")
        return None
    from pqvalidate.certificate.timestamps import RefusedStampError, stamped_at  # noqa: PLC0415  (an extra)

    try:
        moment = stamped_at(stamp.token, cert, stamp.authority)
    except RefusedStampError as error:
        protocol.note("timestamp", str(error))
        return None
    protocol.note("timestamp", "", f"on {moment}")
    return moment


def _signatures(envelope: OpenedEnvelope, trust: Belief, protocol: _Protocol) -> dict[str, dict[Family, TrustedKey]]:
    """Return the validators that signed with a key of each family, with those keys; none if any rule failed."""
    # Pinned before anything else: a signature made for another kind of document must not count here.
    if envelope.payload_type != PAYLOAD_TYPE:
        protocol.note("payload-type", f"it says {envelope.payload_type[:80]!r}")
        return {}
    protocol.note("payload-type", "")
    found, wrong_roles = sort_signers(envelope, trust.validators, "certificates")
    families = {family for keys in found.values() for family in keys}
    # By family and not by number: two signatures by keys of one family are still one assumption.
    protocol.note("classical-signature", "" if "classical" in families else "no valid signature by a trusted key")
    protocol.note("pq-signature", "" if "pq" in families else "no valid signature by a trusted key")
    both = {name: keys for name, keys in found.items() if len(keys) == len({"classical", "pq"})}
    if len(families) == len({"classical", "pq"}):
        protocol.note("same-validator", "" if both else "the two families are keys of different validators")
    if both or wrong_roles:  # a signature more, in whatever role, harms no certificate that has its own two
        protocol.note("key-role", "" if both else wrong_roles)
    return both


def _open(
    envelope: OpenedEnvelope, signed: dict[str, Any], cert: Path, trust: Belief, protocol: _Protocol
) -> tuple[Statement, TrustedValidator] | None:
    """Parse the verified bytes, and only those; return the statement and the validator that signed it, if it did."""
    tree = parse_body(envelope.payload, cert)
    types = (tree.get("_type"), tree.get("predicateType"))
    if types != (STATEMENT_TYPE, PREDICATE_TYPE):
        protocol.note("statement-type", f"it is a {str(types[0])[:80]!r} with a {str(types[1])[:80]!r}")
        return None
    protocol.note("statement-type", "")
    statement = to_record(tree, Statement, cert, _REMEDY)
    named = statement.predicate.validator
    validator = next((row for row in trust.validators if row.id == named.id and row.id in signed), None)
    if validator is None:
        protocol.note("named-validator", f"it names {named.id}, which did not sign it")
        return None
    if validator.role != named.role:
        protocol.note("named-validator", f"it says {named.role}, the trust file says {validator.role}")
    else:
        protocol.note("named-validator", "", f"{validator.name} ({validator.role})")
    return statement, validator


def parse_body(body: bytes, cert: Path) -> dict[str, Any]:
    """Return the JSON object that was signed; ``cert`` names the file in errors.

    Raises:
        InputError: the bytes are no JSON object in canonical form (RFC 8785).

    """
    tree = parse_json(body, f"{cert} (signed body)", _WHAT)
    if not isinstance(tree, dict):
        raise InputError(cert, "signed body", "is no JSON object", _REMEDY)
    if not is_canonical(tree, body):
        raise InputError(cert, "signed body", "is not in canonical form (RFC 8785)", _REMEDY)
    return tree


def _judge_contents(statement: Statement, validator: TrustedValidator, moment: str, protocol: _Protocol) -> None:
    wrong = problems(statement)
    protocol.note("contents", "; ".join(wrong[:5]))
    validity = statement.predicate.validity
    # Times of this form sort as texts do.
    trusted = f"the keys are trusted from {validator.not_before} to {validator.not_after}"
    # An old certificate is expired, whatever became of its key since.
    times = (validity.issued_at, min(moment, validity.not_after))
    in_period = all(validator.not_before <= time <= validator.not_after for time in times)
    protocol.note(
        "key-period", "" if in_period else f"{trusted}; issued {validity.issued_at}, asked about {moment}", trusted
    )
    if moment < validity.not_before:
        protocol.note("validity", f"it is valid only from {validity.not_before}")
    elif moment > validity.not_after:
        protocol.note("validity", f"it expired on {validity.not_after}")
    else:
        protocol.note("validity", "", f"valid until {validity.not_after}")


@dataclass(frozen=True, slots=True)
class _Given:
    """A file or folder that was given, with its digests, and what they do not cover."""

    path: Path
    kind: Literal["file", "tree"]
    sha256: str
    sha512: str
    missing: Uncovered


def _digest(path: Path) -> _Given:
    try:
        kind: Literal["file", "tree"] = "tree" if path.is_dir() else "file"
        short, long, _ = directory_digests(path) if kind == "tree" else file_digests(path)
        missing = uncovered(path) if kind == "tree" else Uncovered((), (), ())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(path, "", f"cannot be read: {reason}", "Give the path of a file of the product") from None
    return _Given(path, kind, short, long, missing)


def _match(statement: Statement, given: Sequence[_Given], protocol: _Protocol) -> tuple[ArtefactMatch, ...]:
    # By digest and never by name: a file may be renamed, its bytes may not change. Both digests must agree.
    known = {(s.annotations.digest_of, s.digest.sha256, s.digest.sha512): s.name for s in statement.subject}
    matches = tuple(
        ArtefactMatch(
            path=str(row.path), sha256=row.sha256, subject=known.get((row.kind, row.sha256, row.sha512), ""),
            not_compared=(*row.missing.bytecode, *row.missing.links),
        )
        for row in given
    )  # fmt: skip
    strange = [f"{row.path}/{name}" for row in given for name in row.missing.strange]
    strangers = [match.path for match in matches if not match.subject]
    absent = len(statement.subject) - len({match.subject for match in matches if match.subject})
    if not matches:
        protocol.leave("artefacts", "no --artefact was given")
    elif strange:
        protocol.note("artefacts", f"bound by no digest, so not to be compared: {', '.join(strange[:5])}")
    elif strangers:
        protocol.note("artefacts", f"not among the tested files: {', '.join(strangers)}")
    else:
        protocol.note("artefacts", "", f"{absent} of {len(statement.subject)} tested artefacts were not given")
    return matches


def _result(
    protocol: _Protocol,
    statement: Statement | None,
    moment: str,
    envelope: OpenedEnvelope,
    keys: dict[Family, TrustedKey],
    matched: tuple[ArtefactMatch, ...],
) -> Verified:
    failed = [rule for rule in protocol.rules if rule.outcome == "fail"]
    decision: Decision = "invalid" if failed else "valid"
    expired = statement is not None and moment > statement.predicate.validity.not_after
    if expired and [rule.rule for rule in failed] == ["validity"]:
        decision = "expired"
    return Verified(
        decision=decision,
        reasons=tuple(f"{rule.rule}: {rule.why}" for rule in failed),
        rules=protocol.rules,
        as_of=moment,
        body_sha256=hashlib.sha256(envelope.payload).hexdigest(),
        signers=tuple(Signer(family=k.family, scheme=k.scheme, spki_sha256=k.spki_sha256) for k in keys.values()),
        artefacts=matched,
        statement=statement,
    )
