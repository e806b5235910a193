"""Digests of the exact files that were tested, and of canonical JSON: what binds a certificate to bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

_CHUNK = 1 << 20


def file_digests(path: Path) -> tuple[str, str, int]:
    """Return (SHA-256 hex, SHA-512 hex, length in bytes) of a file.

    Raises:
        OSError: the file cannot be read.

    """
    short, long, size = hashlib.sha256(), hashlib.sha512(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            short.update(chunk)
            long.update(chunk)
            size += len(chunk)
    return short.hexdigest(), long.hexdigest(), size


def tree_digests(root: Path, files: Iterable[Path]) -> tuple[str, str, int]:
    """Return (SHA-256 hex, SHA-512 hex, total bytes) of a set of files below ``root``.

    The digest is that of the text that ``sha256sum`` (``sha512sum``) prints for the files in binary-sorted order of
    their paths relative to ``root``: two spaces between digest and path, one line feed after each.
    """
    rows = sorted((os.fsencode(path.relative_to(root).as_posix()), *file_digests(path)) for path in files)
    short = b"".join(b"%s  %s\n" % (sha256.encode(), name) for name, sha256, _, _ in rows)
    long = b"".join(b"%s  %s\n" % (sha512.encode(), name) for name, _, sha512, _ in rows)
    return hashlib.sha256(short).hexdigest(), hashlib.sha512(long).hexdigest(), sum(row[3] for row in rows)


def directory_digests(root: Path) -> tuple[str, str, int]:
    """Return ``tree_digests`` of every file below ``root``, leaving out Python's bytecode folders."""
    return tree_digests(root, [p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts])
