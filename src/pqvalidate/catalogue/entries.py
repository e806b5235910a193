"""What a catalogue says about one certificate; the site, the feeds and the downloads are all made from these."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from pqvalidate.certificate.predicate import Name, Statement, UtcTime
from pqvalidate.documents import Record
from pqvalidate.policy.engine import PolicyVerdict

Status = Literal["valid", "suspended", "withdrawn", "superseded"]
"""Status that the catalogue's owner gives; that a certificate has expired follows from its own dates."""


class StatusChange(Record):
    """One line of the append-only status list: from when a certificate has a status, and why.

    ``superseded_by`` is the id of the certificate that takes its place, else empty.
    """

    certificate: Name
    status: Status
    since: UtcTime
    reason: Annotated[str, Meta(max_length=500)]
    superseded_by: str


class Entry(Record):
    """A published certificate: what it says, the verdicts about it, and its status with its whole history.

    ``statement`` comes from bytes whose signatures were good when it was published. ``certificate_path`` and the paths
    of ``verdict_paths`` are relative to the targets of the repository, so that a page can link to the originals.
    ``untrusted`` says why the catalogue's present trust file does not support it, and is empty if it does.
    """

    id: Name
    certificate_path: str
    certificate_sha256: str
    statement: Statement
    verdicts: tuple[PolicyVerdict, ...]
    verdict_paths: tuple[str, ...]
    status: Status
    history: tuple[StatusChange, ...]
    untrusted: str = ""
