"""What a catalogue holds, for those who make pages and tables of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

import msgspec
from msgspec.structs import replace

from pqvalidate.catalogue.client import Anchor, Catalogue, open_catalogue, sha256, stored_at
from pqvalidate.catalogue.entries import Entry
from pqvalidate.catalogue.status import histories
from pqvalidate.catalogue.support import objection, validators_of
from pqvalidate.certificate.envelope import OpenedEnvelope, parse_envelope
from pqvalidate.certificate.predicate import Statement, format_time
from pqvalidate.documents import Record, parse_json, to_record
from pqvalidate.errors import InputError
from pqvalidate.policy.engine import PolicyVerdict

T = TypeVar("T", bound=Record)
_WHAT = "a file of a catalogue as `pqvalidate publish` wrote it"
_REMEDY = "Ask the owner of the catalogue for a whole copy"
_SIGNED, _WHOLE = ".verdict.json", ".rules.json"


def certificate_path(name: str) -> str:
    """Return the path of a certificate among the targets."""
    return f"certificates/{name}.json"


def verdict_paths(name: str, policy: str, digest: str) -> tuple[str, str]:
    """Return the paths of a signed verdict and of the whole verdict; ``digest`` tells two under one policy apart."""
    stem = f"verdicts/{name}~{policy}~{digest[:16]}"
    return f"{stem}{_SIGNED}", f"{stem}{_WHOLE}"


def load(folder: Path, *, moment: datetime, anchor: Anchor | None = None) -> tuple[Entry, ...]:
    """Return everything that is published in a catalogue, in order of publication.

    Args:
        folder: the catalogue, or a copy of it.
        moment: the time to check its metadata for.
        anchor: what the reader trusts beforehand; without it, the catalogue need only agree with itself.

    Raises:
        RefusedCatalogueError, InputError: as ``client.open_catalogue``, or a file is not what was signed for.

    """
    return entries_of(open_catalogue(folder, moment=moment, anchor=anchor or Anchor()))


def entries_of(found: Catalogue) -> tuple[Entry, ...]:
    """Return everything that is published in a catalogue that was opened.

    Raises:
        InputError: a file is missing or not what was signed for, or a certificate has no status.

    """
    listed = dict(found.listed())
    verdicts: dict[str, list[str]] = {}
    for path in sorted(listed):
        if path.startswith("verdicts/") and path.endswith(_WHOLE):
            verdicts.setdefault(path.removeprefix("verdicts/").partition("~")[0], []).append(path)
    entries, memo = [], dict[Record, Record]()
    trusted, moment = validators_of(found), format_time(found.moment)
    for name, history in histories(found.statuses()).items():
        path = certificate_path(name)
        data = found.read(path)
        wholes = verdicts.get(name, [])
        envelope, statement = opened(data, f"{found.folder} ({path})")
        signed = [f"{row.removesuffix(_WHOLE)}{_SIGNED}" for row in wholes]
        entry = Entry(
            id=name, certificate_path=stored_at(path, listed[path]), certificate_sha256=sha256(data),
            statement=_shared(statement, memo),
            verdicts=tuple(_verdict(found, row) for row in wholes),
            verdict_paths=tuple(stored_at(row, listed[row]) for row in signed if row in listed),
            status=history[-1].status, history=history, untrusted=objection(envelope, statement, trusted, moment),
        )  # fmt: skip
        entries.append(entry)
    return tuple(entries)


def opened(data: bytes, file: str) -> tuple[OpenedEnvelope, Statement]:
    """Return a published certificate with its signatures, which were checked when it was published, and what it says.

    Raises:
        InputError: it is no certificate.

    """
    envelope = parse_envelope(data, file)
    # Duplicate keys and canonical form were looked at when it was published; its digest says that it is still the same.
    try:
        return envelope, msgspec.json.decode(envelope.payload, type=Statement, strict=True)
    except msgspec.DecodeError as error:
        raise InputError(file, "signed body", f"is no certificate: {str(error)[:120]}", _REMEDY) from None


def read_certificate(found: Catalogue, name: str) -> tuple[OpenedEnvelope, Statement]:
    """Return a certificate that a catalogue lists, as ``opened`` does.

    Raises:
        InputError: it is missing, not what was signed for, or no certificate.

    """
    path = certificate_path(name)
    return opened(found.read(path), f"{found.folder} ({path})")


def _shared(statement: Statement, memo: dict[Record, Record]) -> Statement:
    """Return a statement whose rows are those of earlier ones where they are equal: a thousand then fit in memory."""

    def once(rows: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(cast(T, memo.setdefault(row, row)) for row in rows)

    body = statement.predicate
    scope = replace(body.scope, not_tested=once(body.scope.not_tested), algorithms=once(body.scope.algorithms))
    results = replace(
        body.results, checks=once(body.results.checks), questions=once(body.results.questions),
        controls=once(body.results.controls),
    )  # fmt: skip
    return replace(statement, predicate=replace(body, scope=scope, results=results))


def _verdict(found: Catalogue, path: str) -> PolicyVerdict:
    file = f"{found.folder} ({path})"
    return to_record(parse_json(found.read(path), file, _WHAT), PolicyVerdict, file, _REMEDY)
