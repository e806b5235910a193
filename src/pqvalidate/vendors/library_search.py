"""Where the C library liboqs is, found by looking at files only.

Importing liboqs-python without the C library counts down, clones a repository and ends the process, so nobody may
import it to find out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_NAMES = {"darwin": ("liboqs.dylib",), "win32": ("oqs.dll", "liboqs.dll")}.get(sys.platform, ("liboqs.so",))
_FOLDERS = ("bin",) if sys.platform == "win32" else ("lib", "lib64")
_PREFIXES = ("/usr/local", "/usr", "/opt/homebrew", "/opt/local")
_LOADER_CACHE = Path("/etc/ld.so.cache")


def find_liboqs(environment: Mapping[str, str], loader_cache: Path = _LOADER_CACHE) -> Path | None:
    """Return the file of the liboqs shared library, or None where there is none.

    Args:
        environment: variables to read OQS_INSTALL_PATH and LD_LIBRARY_PATH from.
        loader_cache: the list of installed libraries of the system's loader (Linux).

    """
    return next((path for path in _candidates(environment, loader_cache) if path.is_file()), None)


def _candidates(environment: Mapping[str, str], loader_cache: Path) -> Iterator[Path]:
    """Yield candidates in the order of liboqs-python: where the user said, the user's folder, then the system."""
    said = environment.get("OQS_INSTALL_PATH")
    for prefix in [Path(said)] if said else [home / "_oqs" for home in _homes()]:
        yield from _below(prefix)
    for entry in environment.get("LD_LIBRARY_PATH", "").split(":"):
        if entry:
            yield from (Path(entry) / name for name in _NAMES)
    if loader_cache.is_file():
        for found in re.findall(rb"(/[^\0]*/liboqs\.so[.0-9]*)\0", loader_cache.read_bytes()):
            yield Path(found.decode("utf-8", "surrogateescape"))
    for system in _PREFIXES:
        yield from _below(Path(system))


def _below(prefix: Path) -> Iterator[Path]:
    return (prefix / folder / name for folder in _FOLDERS for name in _NAMES)


def _homes() -> set[Path]:
    """Return the home folder of the environment and of the account: the worker runs with another HOME."""
    homes = {Path.home()}
    if sys.platform != "win32":
        import os
        import pwd

        try:
            homes.add(Path(pwd.getpwuid(os.getuid()).pw_dir))
        except KeyError:  # an account without an entry, as in some containers
            return homes
    return homes
