"""Where a document goes that judge or verify has made: to standard output, or to the file that --out names."""

from __future__ import annotations

import argparse
from pathlib import Path

from pqvalidate.certificate.overview import Page
from pqvalidate.documents import write_atomically
from pqvalidate.errors import UsageError


def refuse_early(given: argparse.Namespace) -> None:
    """Refuse a combination of --format and --out that cannot be carried out, before any work.

    Raises:
        UsageError: a PDF without --out; --out names what exists; PDF is asked for and typst is missing.

    """
    _refuse_file(given.out)
    if given.format == "pdf":
        if not given.out:
            raise UsageError("--format pdf is written to a file; name it with --out FILE")
        from pqvalidate.report import pdf  # noqa: PLC0415  (loaded for PDF only)

        pdf.available()


def certificate(page: Page, given: argparse.Namespace) -> str | bytes:
    """Return a verified certificate in the format that was asked for."""
    if given.format == "pdf":
        from pqvalidate.report import papers  # noqa: PLC0415  (loaded for PDF only)

        return papers.of_certificate(page, Path(given.certificate), given.lang)
    from pqvalidate.report import CERTIFICATE_FORMATS  # noqa: PLC0415  (knows every format of a certificate)

    return CERTIFICATE_FORMATS[given.format](page, given.lang)


def printed(document: str | bytes, given: argparse.Namespace) -> str:
    """Return what is to be printed: the document, or where it was written.

    Raises:
        UsageError: the file cannot be written, or exists by now.

    """
    out = given.out if given.verb in {"judge", "verify"} else None
    if out is None:
        return document if isinstance(document, str) else document.decode("utf-8")
    _refuse_file(out)
    write_atomically(Path(out), document if isinstance(document, bytes) else document.encode("utf-8"))
    return f"Written to {out}\n"


def _refuse_file(out: str | None) -> None:
    if out and Path(out).exists():
        raise UsageError(f"{out} exists and is never overwritten; choose another --out")
