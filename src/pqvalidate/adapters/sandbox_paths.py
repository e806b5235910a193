"""Which files vendor code may read: the system's, Python's and its own; never a signing key that lies among them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pqvalidate.adapters.artefacts import command_files
from pqvalidate.errors import InputError
from pqvalidate.manifest import Manifest
from pqvalidate.vendors.library_search import find_liboqs

SandboxMode: TypeAlias = Literal["auto", "require", "off"]
"""``auto``: the layers that the host allows; ``require``: refuse to run without them; ``off``: none."""
MODES: tuple[SandboxMode, ...] = ("auto", "require", "off")

_DEMANDED = ("netns", "landlock")
_LIBRARY_KINDS = ("c-abi", "liboqs")
_PACKAGES = {"site-packages", "dist-packages"}

_SYSTEM = (
    "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store", "/gnu/store", "/run/current-system",
    "/proc", "/sys",
)  # fmt: skip
_SETTINGS = (
    "ld.so.*", "alternatives", "localtime", "timezone", "locale*", "nsswitch.conf", "passwd", "group", "hosts",
    "host.conf", "resolv.conf", "gai.conf", "protocols", "services", "os-release", "lsb-release", "system-fips",
    "ssl/openssl.cnf", "ssl/*.cnf", "ssl/certs", "pki/tls/*.cnf", "pki/tls/certs", "pki/java", "pki/ca-trust",
    "crypto-policies", "ca-certificates*", "java*", "python3*", "terminfo", "gcrypt", "gnutls", "mime.types", "static",
)  # fmt: skip
"""Below /etc; private keys of the host and lists of passwords are not among them."""
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_KEY_NAME = "signing-key.json"
_KEY_MARK = b'"pqvalidate/signing-key/'
_MOST_KEY_BYTES = 1 << 20
_KEY_HEAD = 4096
_DEEPEST = 200
"""Folders below folders; what is nested more deeply is not searched, so it stays closed."""


def wanted(mode: SandboxMode, manifest: Manifest, file: Path, extra: Sequence[Path] = ()) -> dict[str, Any]:
    """Return what ``sandbox.apply`` is to be told for the implementation of a manifest; nothing for ``off``.

    Args:
        mode: ``auto``, ``require`` or ``off``.
        manifest: what the vendor says; its import path, files, programs and variables name what it may read.
        file: where the manifest is.
        extra: further files that belong to what is tested.

    Raises:
        InputError: the import path names the folder of all files.

    """
    if mode == "off":
        return {}
    network = manifest.limits.network
    demanded = [name for name in _DEMANDED if not (network and name == "netns")]
    readable = Readable()
    for folder in (*_own(manifest, file), *(path.resolve().parent for path in extra), *_installed()):
        readable.add(folder)
    system = [*_SYSTEM, *(found for pattern in _SETTINGS for found in glob(f"/etc/{pattern}"))]  # noqa: PTH207
    return {
        "read": [*system, *_python(), *readable.whole], "list": readable.listed, "devices": list(_DEVICES),
        "network": network, "library": manifest.attach.kind in _LIBRARY_KINDS, "forks": False,
        "required": demanded if mode == "require" else [],
    }  # fmt: skip


def without_vendor(*, library: bool) -> dict[str, Any]:
    """Return what ``sandbox.apply`` is to be told where no vendor code is loaded, to learn which layers hold."""
    places = [*_SYSTEM, *_python(), str(Path(__file__).resolve().parents[2])]
    return {"read": places, "list": [], "write": [], "devices": list(_DEVICES), "network": False, "library": library,
            "forks": False, "required": []}  # fmt: skip


def _own(manifest: Manifest, file: Path) -> Iterator[Path]:
    """Yield the files and folders that the manifest names, and those beside its programs and libraries."""
    attach, base = manifest.attach, file.parent
    for index, entry in enumerate(attach.path):
        folder = (base / entry).resolve()
        if folder == Path(folder.root):
            problem = "is the folder of all files, which the sandbox would have to open"
            raise InputError(file, f"attach.path[{index}]", problem, "Name the folder that holds the implementation")
        yield folder
    yield from ((base / source.path).resolve() for source in manifest.artefacts if source.path)
    library = base / attach.library if attach.library else find_liboqs(os.environ) if attach.kind == "liboqs" else None
    yield from _beside(library) if library else ()
    yield from _program(manifest, file)
    passed = (os.environ.get(name, "") for name in attach.pass_environment)
    for value in (*attach.environment.values(), *passed):
        yield from _absolute(value)


def _program(manifest: Manifest, file: Path) -> Iterator[Path]:
    """Yield what the command names: its program, and files and folders among its words."""
    attach = manifest.attach
    for _, path in command_files(manifest, file):
        if path:
            yield from _beside(path)
    if attach.command and (found := shutil.which(attach.command[0])):
        yield from _beside(Path(found))
    for word in attach.command:
        for path in _absolute(word):
            yield from [path] if path.is_dir() else _beside(path)


def _absolute(text: str) -> list[Path]:
    """Return the files and folders that a word or a variable names by absolute paths, such as a list of libraries."""
    parts = re.split(r"[:=,;]", text)
    return [Path(part) for part in parts if part.startswith("/") and os.path.exists(part)]  # noqa: PTH110


def _beside(program: Path) -> Iterator[Path]:
    """Yield the folder of a program or library, and of what a link to it means; for ``bin`` what that belongs to."""
    for path in dict.fromkeys((program.absolute(), program.resolve())):
        folder = path.parent
        above = folder.parent
        whole = folder.name in ("bin", "sbin") and not _holds(str(above), _home())
        yield above if whole else folder


def _python() -> list[str]:
    """Return the folders of this Python, its environment and its packages; no key is looked for in them."""
    executable = Path(sys.executable)
    places = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix), executable.parent]
    places += [executable.resolve().parent, *(Path(entry) for entry in sys.path if Path(entry).name in _PACKAGES)]
    return list(dict.fromkeys(str(place) for place in places if place != Path(place.root)))


def _installed() -> Iterator[Path]:
    """Yield the folders that this Python imports packages from, also those that are installed by a pointer only."""
    yield Path(__file__).resolve().parents[2]
    for entry in map(Path, sys.path):
        if entry.name not in _PACKAGES:
            continue
        for pointer in (*entry.glob("*.pth"), *entry.glob("*.egg-link")):
            with contextlib.suppress(OSError, ValueError):
                lines = pointer.read_text(encoding="utf-8").splitlines()
                yield from (
                    Path(line.strip()) for line in lines if line.startswith("/") and Path(line.strip()).is_dir()
                )
        if any(entry.glob("__editable__*")):
            for origin in entry.glob("*.dist-info/direct_url.json"):
                yield from _editable(origin)


def _editable(origin: Path) -> Iterator[Path]:
    """Yield the folder of a distribution in editable mode (PEP 610)."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        said = json.loads(origin.read_text(encoding="utf-8"))
        if said.get("dir_info", {}).get("editable") and said["url"].startswith("file:///"):
            yield Path(said["url"].removeprefix("file://"))


@dataclass(slots=True)
class Readable:
    """Files and folders that may be read with all below, and folders of which only the names may be read.

    A folder in which a signing key lies, however deep, is taken apart: its other entries are allowed one by one. Links
    are not followed: a vendor's files would otherwise decide what of the lab's may be read.
    """

    whole: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _common: tuple[str, ...] = field(default_factory=lambda: (*_SYSTEM, *_python()))

    def add(self, place: Path) -> None:
        """Allow reading a file, or a folder with all below, but no signing key."""
        path = os.path.realpath(place)
        if path in self._seen or path == "/" or self._is_common(path):
            return
        self._seen.add(path)
        if Path(path).is_dir():
            parts = self._search(path)
            self.whole += [path] if parts is None else parts
        elif Path(path).exists() and not is_signing_key(path):
            self.whole.append(path)

    def _search(self, folder: str, depth: int = 0) -> list[str] | None:
        """Return the entries to allow one by one, or None if nothing speaks against the whole."""
        if depth > _DEEPEST:
            return []
        parts: list[str] = []
        apart = folder == _home()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:  # what we cannot list, vendor code of the same account cannot list either
            return None
        for entry in entries:
            if folder == _home() and entry.name.startswith("."):  # settings and keys of the person who runs this
                continue
            below: list[str] | None = None
            if entry.is_dir(follow_symlinks=False) and not self._is_common(entry.path):
                below = self._search(entry.path, depth + 1)
                apart = apart or below is not None
            elif entry.is_file(follow_symlinks=False) and is_signing_key(entry.path):
                below, apart = [], True
            elif entry.is_symlink():
                below = []
            parts += [entry.path] if below is None else below
        if apart:
            self.listed.append(folder)
        return parts if apart else None

    def _is_common(self, path: str) -> bool:
        """Return whether a place is allowed in any case."""
        return any(_holds(folder, path) for folder in self._common)


def is_signing_key(path: str) -> bool:
    """Return whether a file is a signing key of ``pqvalidate keygen``: by its name, or by how it begins.

    Only files that nobody but their owner may read are opened, since no other is accepted as a signing key.
    """
    if path.endswith(f"/{_KEY_NAME}"):
        return True
    with contextlib.suppress(OSError):
        found = os.stat(path)  # noqa: PTH116  (many files; a Path each would double the time)
        private = not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or os.name == "nt"
        if private and stat.S_ISREG(found.st_mode) and found.st_size < _MOST_KEY_BYTES:
            with open(path, "rb") as stream:  # noqa: PTH123
                return _KEY_MARK in stream.read(_KEY_HEAD)
    return False


def _home() -> str:
    return os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111  (never raises; an account may have no home)


def _holds(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
