"""The status of a certificate by a catalogue: asked offline, with the time at which its owner last signed it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec.structs import replace

from pqvalidate.catalogue import state
from pqvalidate.catalogue.client import (
    Anchor,
    Catalogue,
    RefusedCatalogueError,
    open_catalogue,
    sha256,
    stale,
    state_of,
)
from pqvalidate.catalogue.entries import StatusChange
from pqvalidate.catalogue.reading import certificate_path, read_certificate
from pqvalidate.catalogue.status import histories
from pqvalidate.catalogue.support import entitled, objection, validators_of
from pqvalidate.certificate.belief import NO_PIN, Pin, believe
from pqvalidate.certificate.envelope import parse_envelope
from pqvalidate.certificate.keys import TrustedValidator, wrong_role
from pqvalidate.certificate.predicate import Validity, format_time
from pqvalidate.certificate.verification import Decision, RuleOutcome, Verified
from pqvalidate.documents import Record, bounded
from pqvalidate.errors import UsageError

Shown: TypeAlias = Literal[
    "valid", "suspended", "withdrawn", "superseded", "expired", "not-yet-valid", "not-listed", "not-trusted"
]
_ROOT = "Give the root file that the catalogue's owner has published"
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[hdw])")


class StatusAnswer(Record):
    """What a catalogue says about a certificate at a moment.

    ``supersedes`` lists the certificates whose place it has taken. ``catalogue_signed_at`` is when its owner last
    signed the whole; ``stale`` says why that is too long ago, and is empty if it is not; ``anchored`` on what the trust
    in its root rests, and is empty if on nothing. ``untrusted_by`` says which trust file does not support it.
    """

    schema: Literal["pqvalidate/status-answer/1"]
    certificate: str
    status: Shown
    why: str
    superseded_by: str
    as_of: str
    catalogue_signed_at: str
    stale: str
    anchored: str
    history: tuple[StatusChange, ...]
    supersedes: tuple[str, ...] = ()
    untrusted_by: str = ""

    @property
    def exit_code(self) -> int:
        """Return 0 for valid and fresh, 1 for a status that forbids relying on it, 3 where the status is not known."""
        if self.status not in {"valid", "not-listed"}:
            return 1
        return 0 if self.status == "valid" and not self.stale else 3

    @property
    def sentence(self) -> str:
        """Return the answer as a sentence without a full stop."""
        old = f", too old: {self.stale}" if self.stale else ""
        why = f" ({self.why})" if self.why else ""
        return f"{self.status}{why}, status as of {self.catalogue_signed_at}{old}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a reader asks: which catalogue, what is trusted, how old it may be, and what is remembered where."""

    folder: Path
    moment: datetime
    trust: Path | None = None
    root: Path | None = None
    longest: timedelta | None = None
    memory: Path | None = None
    pin: Pin = NO_PIN

    @property
    def believed(self) -> tuple[TrustedValidator, ...]:
        """Return everybody in the trust file given; raises as ``belief.believe``."""
        return believe(self.trust, format_time(self.moment), self.pin).validators if self.trust else ()

    def open(self) -> Catalogue:
        """Open the catalogue.

        Raises:
            RefusedCatalogueError, InputError: as ``client.open_catalogue``, and ``belief.believe`` for the trust file.

        """
        root = bounded(self.root, 512 * 1024, "a root file of a catalogue", _ROOT) if self.root else None
        moment = format_time(self.moment)
        believed = self.believed
        holders = tuple(
            entry for entry in believed
            if not wrong_role(entry, "catalogue roots") and not entry.revoked
            and entry.not_before <= moment <= entry.not_after
        )  # fmt: skip
        if self.trust and root is None and not holders:
            raise RefusedCatalogueError(
                self.folder, "root",
                "nobody in the trust file may sign a catalogue's root at this time; give --root ROOTFILE",
            )  # fmt: skip
        known = state.read(self.memory) if self.memory else None
        found = open_catalogue(self.folder, moment=self.moment, anchor=Anchor(root=root, holders=holders), known=known)
        if self.memory:
            state.write(self.memory, state_of(found))
        return found


def duration(text: str) -> timedelta:
    """Return the time that e.g. ``12h``, ``7d`` or ``2w`` means.

    Raises:
        UsageError: it is written otherwise.

    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"--max-staleness {text!r} is no duration; write hours, days or weeks as 12h, 7d or 2w")
    return timedelta(**{_UNITS[found["unit"]]: int(found["number"])})


def status_of(name: str, asking: Asking, file: bytes | None = None) -> StatusAnswer:
    """Return what a catalogue says about the certificate with this identifier.

    Args:
        name: the identifier.
        asking: how the reader asks.
        file: the certificate as the reader has it; one that is not the listed one, byte for byte, is not listed.

    Raises:
        RefusedCatalogueError, InputError: as ``Asking.open``, or the file is no certificate.

    """
    return _answer(asking.open(), name, asking, file=file)


def _answer(
    found: Catalogue, name: str, asking: Asking, held: Verified | None = None, file: bytes | None = None
) -> StatusAnswer:
    moment = format_time(asking.moment)
    listed = found.statuses()
    history = histories(listed).get(name, ())
    status, why, successor = _status(found, name, history, moment, held, file)
    untrusted_by = ""
    # Who verifies has held the certificate itself against a trust file, with its time stamp if there is one.
    if held is None and status not in {"withdrawn", "superseded", "not-listed"}:
        doubt, untrusted_by = _doubt(found, name, asking)
        status, why, successor = ("not-trusted", doubt, "") if doubt else (status, why, successor)
    return StatusAnswer(
        schema="pqvalidate/status-answer/1", certificate=name, status=status, why=why, superseded_by=successor,
        as_of=moment, catalogue_signed_at=found.signed_at, stale=stale(found, asking.longest),
        anchored=found.anchored, history=history,
        supersedes=tuple(line.change.certificate for line in listed.lines if line.change.superseded_by == name),
        untrusted_by=untrusted_by,
    )  # fmt: skip


def _doubt(found: Catalogue, name: str, asking: Asking) -> tuple[str, str]:
    """Return why a listed certificate is not supported by a trust file, and by which; empty if it is by all at hand."""
    certificate, moment = read_certificate(found, name), format_time(asking.moment)
    given = entitled(asking.believed)
    if given:  # one that only says who signs the catalogue says nothing here
        why = objection(*certificate, given, moment)
        if why:
            return why, "the trust file given"
    why = objection(*certificate, validators_of(found), moment)
    return (why, "the catalogue's own") if why else ("", "")


def _status(
    found: Catalogue,
    name: str,
    history: tuple[StatusChange, ...],
    moment: str,
    held: Verified | None,
    file: bytes | None,
) -> tuple[Shown, str, str]:
    if not history:
        return "not-listed", "this catalogue does not list it", ""
    envelope, statement = read_certificate(found, name)
    body = sha256(parse_envelope(file, name).payload) if file is not None else held.body_sha256 if held else ""
    if body and body != sha256(envelope.payload):
        return "not-listed", "under this identifier the catalogue lists another certificate", ""
    # Nobody has checked the signatures in a file that is only asked about, so it must be the listed one to the byte.
    if file is not None and file != found.read(certificate_path(name)):
        return "not-listed", "the catalogue lists this certificate in a file with other bytes, such as signatures", ""
    return _at(history, statement.predicate.validity, moment)


def _at(history: tuple[StatusChange, ...], validity: Validity, moment: str) -> tuple[Shown, str, str]:
    """Return the status at a moment: that of the last change until then, and else what the certificate's dates say."""
    then = [change for change in history if change.since <= moment]
    if not then:
        return "not-listed", f"it was listed only on {history[0].since}", ""
    change = then[-1]
    if change.status != "valid":
        by = f" by {change.superseded_by}" if change.superseded_by else ""
        return change.status, f"{by.strip()} since {change.since}: {change.reason}".strip(), change.superseded_by
    if moment > validity.not_after:
        return "expired", f"it expired on {validity.not_after}", ""
    if moment < validity.not_before:
        return "not-yet-valid", f"it is valid only from {validity.not_before}", ""
    later = history[-1]
    return "valid", f"at that time; {later.status} since {later.since}" if later is not change else "", ""


def with_status(verified: Verified, asking: Asking) -> tuple[Verified, StatusAnswer | None]:
    """Add the status by a catalogue to a verified certificate; one that is not valid itself keeps its decision.

    Raises:
        RefusedCatalogueError, InputError: as ``Asking.open``.

    """
    if verified.statement is None:
        return verified, None
    name = verified.statement.predicate.certificate.id
    answer = _answer(asking.open(), name, asking, verified)
    decisions: dict[int, Decision] = {0: "valid", 3: "undecided"}
    rest: dict[str, Decision] = {"suspended": "suspended", "withdrawn": "withdrawn", "superseded": "superseded"}
    decision = decisions.get(answer.exit_code) or rest.get(answer.status, "invalid")
    outcome: Literal["pass", "fail", "not-checked"] = "pass" if answer.exit_code == 0 else "fail"
    row = RuleOutcome(rule="status", outcome=outcome, why=answer.sentence)
    reasons = verified.reasons if outcome == "pass" else (*verified.reasons, f"status: {answer.sentence}")
    rules = tuple(row if rule.rule == "status" else rule for rule in verified.rules)
    final = decision if verified.decision == "valid" else verified.decision
    return replace(verified, decision=final, reasons=reasons, rules=rules), answer
