"""Starter folders: a harness or adapter that works as it is, for vendors to put their own library into."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from pathlib import Path

from pqvalidate.documents import write_atomically
from pqvalidate.errors import UsageError

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES = ("c", "go", "java", "node", "python", "rust")
"""Languages that there is a starter for; each is a folder of ``templates``."""

# A name of a Go module, a crate, an npm package and a folder at once.
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")
_LONGEST_NAME = 64
_SUFFIX = ".in"
_PLACE = "{{name}}"


def make_starter(language: str, name: str, parent: Path) -> Path:
    """Write the starter for ``language`` as the folder ``name`` in ``parent``, whole or not at all; return the folder.

    Raises:
        UsageError: there is no such language, ``name`` cannot be the name of a package, or the folder exists or cannot
            be written.

    """
    if language not in LANGUAGES:
        raise UsageError(f"there is no starter for {language!r}; choose from {', '.join(LANGUAGES)}")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise UsageError(
            f"{name!r} cannot be the name of a package; use lower-case letters, digits and single hyphens, a letter"
            " first"
        )
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists and is never overwritten; choose another name")
    try:
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=parent))
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}") from None
    try:
        for path, content in _files(language, name).items():
            (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(unfinished / path, content.encode())
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(unfinished)
    return folder


def _files(language: str, name: str) -> dict[str, str]:
    """Return the content of each file by its path in the starter."""
    source = TEMPLATES / language
    return {
        path.relative_to(source).as_posix().removesuffix(_SUFFIX).replace(_PLACE, name): path.read_text(
            encoding="utf-8"
        ).replace(_PLACE, name)
        for path in sorted(source.rglob(f"*{_SUFFIX}"))
    }
