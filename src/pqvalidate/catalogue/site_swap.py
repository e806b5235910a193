"""Putting a new folder in the place of an old one, so that a reader sees the one or the other and never half of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pqvalidate.errors import UsageError

MARKER = "made-by-pqvalidate.txt"
"""A file by which a folder is known as a site of ours; a folder without it is never replaced."""

_MARK = "This folder is a generated catalogue site. It is replaced as a whole when the catalogue is published again.\n"
_EXCHANGE = 2  # RENAME_EXCHANGE, renameat2(2): both names change place in one step
_HERE = -100  # AT_FDCWD, open(2)


@contextlib.contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give a new folder to fill; at the end it takes the place of ``folder``, on an error it is removed.

    Raises:
        UsageError: ``folder`` is a file, a link, or holds something else than a site; or it cannot be written.

    """
    _check(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise UsageError(f"cannot write beside {folder}: {error.strerror}") from None
    try:
        new.chmod(0o755)
        (new / MARKER).write_text(_MARK, encoding="utf-8")
        yield new
        _put(new, folder)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _check(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is no folder of its own; name one that does not exist")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise UsageError(
            f"{folder} holds something else than a site of ours, which a new site would replace; name another"
        )


def _put(new: Path, folder: Path) -> None:
    """Rename; an old site goes to the temporary name, from where it is removed."""
    if not folder.exists():
        new.rename(folder)
        return
    if _exchanged(new, folder):
        return
    aside = new.with_name(f"{new.name}.old")
    folder.rename(aside)
    try:
        new.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchanged(first: Path, second: Path) -> bool:
    """Let two folders change place in one step, where the system can do so."""
    try:
        exchange = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    return bool(exchange(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE) == 0)
