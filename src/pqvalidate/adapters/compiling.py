"""Small C programs of ours, compiled when they are needed: what speaks to valgrind cannot be written in Python."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from pqvalidate.errors import AttachError

COMPILER = "cc"
"""The C compiler that must be there; its name on every system that has one."""
_SOURCES = Path(__file__).parent / "native"
_SECONDS = 120


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pqvalidate-native-", ignore_cleanup_errors=True)


@functools.cache
def compiled(source: str, *flags: str) -> Path:
    """Return a program made from one of this package's C sources; the file goes when this process ends.

    Args:
        source: name of a file in ``adapters/native``.
        flags: further words for the compiler, such as ``-shared``.

    Raises:
        AttachError: there is no compiler here, or it refuses; valgrind's headers may be missing.

    """
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise AttachError(f"no C compiler ({COMPILER}) was found; install one")
    made = Path(tempfile.mkdtemp(dir=_folder().name)) / Path(source).stem
    command = [compiler, "-std=gnu11", "-O1", "-fPIC", *flags, "-o", str(made), str(_SOURCES / source), "-ldl"]
    done = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS)  # noqa: S603  (our own words)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = next((line for line in said if "error" in line), "no reason given")
        raise AttachError(f"{compiler} does not compile {source}: {why}; are valgrind's headers installed?")
    return made
