"""What the verbs of the catalogue do: take their flags, do the work, return the text to print and the exit code."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from pqvalidate.catalogue.checking import Asking, StatusAnswer, duration, status_of, with_status
from pqvalidate.catalogue.entries import Status
from pqvalidate.catalogue.publishing import change_status
from pqvalidate.catalogue.publishing import publish as publish_files
from pqvalidate.catalogue.repository import Terms
from pqvalidate.catalogue.status_page import page
from pqvalidate.certificate.belief import pin_of
from pqvalidate.certificate.issue import ID
from pqvalidate.certificate.keys import load_signing_key
from pqvalidate.certificate.reading import read_unchecked
from pqvalidate.certificate.signing import Signer
from pqvalidate.certificate.verification import Verified
from pqvalidate.documents import read_bytes, to_json
from pqvalidate.report.words import printable
from pqvalidate.roles.naming import from_file, passphrase, signer


def publish(given: argparse.Namespace, now: datetime) -> tuple[str, int]:
    """Publish certificates, or sign the catalogue afresh."""
    done = publish_files(
        [Path(path) for path in given.certificate], Path(given.catalogue), signer(given), terms=_terms(given, now),
        root_key=_root_key(given.root_key, given, 0), next_root_key=_root_key(given.next_root_key, given, -1),
        trust=Path(given.trust) if given.trust else None, profiles=[Path(path) for path in given.profile],
    )  # fmt: skip
    lines = [f"{name} published" for name in done.added]
    lines += [f"{name} was published before" for name in done.present]
    lines += [printable(line) for line in (*done.marked, *done.unmarked, *done.unsupported)]
    lines += [f"{done.verdicts} new policy verdict{'' if done.verdicts == 1 else 's'}"]
    lines += [f"{given.catalogue} signed on {done.signed_at}, good for {given.timestamp_hours} hours"]
    lines += [f"Pages: {done.site}"] if done.site else []
    return "\n".join(lines) + "\n", 0


def change(given: argparse.Namespace, now: datetime) -> tuple[str, int]:
    """Withdraw, supersede or suspend a published certificate."""
    lifted = given.verb == "suspend" and given.lift
    statuses: dict[str, Status] = {"withdraw": "withdrawn", "supersede": "superseded", "suspend": "suspended"}
    done = change_status(
        Path(given.catalogue), signer(given), given.id,
        "valid" if lifted else statuses[given.verb], given.reason, terms=_terms(given, now),
        superseded_by=getattr(given, "successor", ""),
    )  # fmt: skip
    by = f" by {done.superseded_by}" if done.superseded_by else ""
    return f"{done.certificate} is {done.status}{by} since {done.since}: {done.reason}\n", 0


def status(given: argparse.Namespace, moment: datetime) -> tuple[str, int]:
    """Say what a catalogue says about a certificate: one with an identifier, or the very file that is given."""
    word, asking = given.certificate, _asking(given, moment)
    file = Path(word)
    if file.is_file() or not ID.fullmatch(word):  # what cannot be an identifier is a file, and if missing says so
        name = read_unchecked(file).predicate.certificate.id
        answer = status_of(name, asking, read_bytes(file, "a certificate"))
    else:
        answer = status_of(word, asking)
        if answer.status == "not-listed" and not answer.history:
            if word.endswith(".json"):
                read_unchecked(file)  # says that there is no such file
            answer = replace(answer, why=f"{answer.why}, and there is no file of that name")
    return (to_json(answer).decode() if given.format == "json" else page(answer, given.lang)), answer.exit_code


def checked(given: argparse.Namespace, verified: Verified, moment: datetime) -> tuple[Verified, StatusAnswer | None]:
    """Add the status by the catalogue that was given to a verified certificate."""
    return with_status(verified, _asking(given, moment))


def shown(given: argparse.Namespace, printed: str | bytes, answer: StatusAnswer | None) -> str | bytes:
    """Return the page about a certificate with the answer of the catalogue in it: a member of JSON, or lines behind."""
    if answer is None or isinstance(printed, bytes) or given.format == "html":
        return printed
    if given.format == "json":
        tree: dict[str, Any] = msgspec.json.decode(printed)
        return to_json(tree | {"catalogue": answer}).decode()
    return f"{printed}\n{page(answer, given.lang)}"


def _root_key(file: str | None, given: argparse.Namespace, place: int) -> Signer | None:
    """Return the root key in a file; with which of the passphrases for root keys it is opened, if there are any."""
    if not file:
        return None
    files = given.root_passphrase_file
    return load_signing_key(Path(file), passphrase=from_file(Path(files[place])) if files else passphrase(given))


def _terms(given: argparse.Namespace, now: datetime) -> Terms:
    return Terms(now=now, valid_days=given.valid_days, timestamp_hours=given.timestamp_hours)


def _asking(given: argparse.Namespace, moment: datetime) -> Asking:
    return Asking(
        folder=Path(given.catalogue), moment=moment, trust=Path(given.trust) if given.trust else None,
        root=Path(given.root) if given.root else None,
        longest=duration(given.max_staleness) if given.max_staleness else None,
        memory=Path(given.state) if given.state else None, pin=pin_of(given),
    )  # fmt: skip
