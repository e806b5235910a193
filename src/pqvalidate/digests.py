"""Digests of the exact files that were tested, and of canonical JSON: what binds a certificate to bytes."""

from __future__ import annotations

import hashlib
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
    rows = sorted((path.relative_to(root).as_posix().encode(), *file_digests(path)) for path in files)
    short = "".join(f"{sha256}  {name.decode()}\n" for name, sha256, _, _ in rows)
    long = "".join(f"{sha512}  {name.decode()}\n" for name, _, sha512, _ in rows)
    return hashlib.sha256(short.encode()).hexdigest(), hashlib.sha512(long.encode()).hexdigest(), sum(r[3] for r in rows)


def directory_digests(root: Path) -> tuple[str, str, int]:
    """Return ``tree_digests`` of every file below ``root``, leaving out Python's bytecode folders."""
    return tree_digests(root, [p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts])
