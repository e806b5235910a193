"""Digests of the exact files that were tested, and of canonical JSON: what binds a certificate to bytes."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

_CHUNK = 1 << 20
_MOST_NAMED = 5
BYTECODE = "__pycache__"
"""The folder of Python's bytecode, made while a product runs."""


def file_digests(path: Path) -> tuple[str, str, int]:
    """Return (SHA-256 hex, SHA-512 hex, length in bytes) of a file.

    Raises:
        OSError: the file cannot be read, or is a device or pipe, which may never end.

    """
    if path.exists() and not path.is_file() and not path.is_dir():  # of a folder, opening says what it is
        raise OSError(errno.EINVAL, "it is no ordinary file")
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
    """Return ``tree_digests`` of every file below ``root``; ``uncovered`` names what that leaves out.

    A link to a file counts as a file with the content of that one.
    """
    return tree_digests(root, _walk(root)[0])


class Uncovered(NamedTuple):
    """What is below a folder and not bound by its digest, by path relative to it, sorted; a folder ends in ``/``.

    Attributes:
        bytecode: folders called ``__pycache__`` that hold anything: Python writes them while it runs a product.
        links: links to other folders of the tree, whose files are bound under their own names.
        strange: links that lead out of the tree or nowhere, devices, sockets and pipes: nothing of them is bound.

    """

    bytecode: tuple[str, ...]
    links: tuple[str, ...]
    strange: tuple[str, ...]


def uncovered(root: Path) -> Uncovered:
    """Return what ``directory_digests`` of a folder leaves out. Folders without files are not bound either."""
    return _walk(root)[1]


def shortened(names: Sequence[str]) -> str:
    """Return some of the names in a sentence's form, and how many more there are."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _walk(root: Path) -> tuple[list[Path], Uncovered]:
    files: list[Path] = []
    bytecode, links, strange = list[str](), list[str](), list[str]()
    whole = root.resolve()
    for folder, below, names in os.walk(root, onerror=_raised):
        here = Path(folder)
        for name in list(below):
            path = here / name
            shown = path.relative_to(root).as_posix()
            if path.is_symlink():
                inside = path.resolve().is_relative_to(whole)
                (links if inside else strange).append(shown)
                below.remove(name)
            elif name == BYTECODE:
                below.remove(name)
                if any(path.iterdir()):
                    bytecode.append(f"{shown}/")
        for path in map(here.joinpath, names):
            if path.is_file():
                files.append(path)
            else:
                strange.append(path.relative_to(root).as_posix())
    return files, Uncovered(*(tuple(sorted(row)) for row in (bytecode, links, strange)))


def _raised(error: OSError) -> None:
    raise error
