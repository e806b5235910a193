"""Which files are the implementation under test: resolves what the manifest names and digests the bytes."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path

from pqvalidate.digests import BYTECODE, directory_digests, file_digests, shortened, tree_digests, uncovered
from pqvalidate.errors import AttachError, InputError
from pqvalidate.evidence import Artefact
from pqvalidate.manifest import ArtefactSource, Manifest
from pqvalidate.vendors.library_search import find_liboqs

_NATIVE = {".so", ".pyd", ".dylib"}
_MOST_NATIVE = 4
"""A distribution with more native libraries than this is named by its tree digest alone, which covers them."""


def artefacts_of(manifest: Manifest, file: Path) -> tuple[tuple[Artefact, ...], tuple[str, ...]]:
    """Return the artefacts by digest, and notes on what the digests do not bind.

    Raises:
        InputError: a named file, folder or distribution is not there, or nothing identifies the implementation.

    """
    if manifest.artefacts:
        found: list[Artefact] = []
        notes: list[str] = []
        for index, source in enumerate(manifest.artefacts):
            place = f"artefacts[{index}]"
            found += _resolve(source, file, place)
            notes += _left_out(file.parent / source.path, source.path, file, place) if source.path else []
        return tuple(found), tuple(notes)
    if manifest.attach.kind != "python":
        return _attached_files(manifest, file)
    module = module_file(manifest, file)
    if module is None:
        name = manifest.attach.target.partition(":")[0]
        problem = f"the module {name} is not in a folder of attach.path, and no [[artefacts]] name other files"
        remedy = "Correct target or path; for an installed module, add [[artefacts]] with its distribution"
        raise InputError(file, "attach.target", problem, remedy)
    note = "the manifest names no artefacts: only the adapter file is identified, not the library behind it"
    return (artefact_of(module, module.name),), (note,)


def artefact_folders(manifest: Manifest, file: Path) -> tuple[Path, ...]:
    """Return the real paths of the folders that the manifest names as artefacts, of which every file counts."""
    named = [(file.parent / source.path).resolve() for source in manifest.artefacts if source.path]
    return tuple(path for path in named if path.is_dir())


def module_file(manifest: Manifest, file: Path) -> Path | None:
    """Return the file of the target module below the manifest's import path, if it is there and is what is imported.

    A module of this package is never looked for there: the worker has imported the package before.
    """
    relative = Path(*manifest.attach.target.partition(":")[0].split("."))
    if relative.parts[:1] == (__name__.partition(".")[0],):
        return None
    for entry in manifest.attach.path:
        for candidate in (relative.with_suffix(".py"), relative / "__init__.py"):
            path = file.parent / entry / candidate
            if path.is_file():
                return path
    return None


def _attached_files(manifest: Manifest, file: Path) -> tuple[tuple[Artefact, ...], tuple[str, ...]]:
    """Return the library, or the files that the command names below the manifest."""
    attach = manifest.attach
    place = "attach.library" if attach.library else "attach.command"
    named = [path for _, path in command_files(manifest, file) if path]
    if library := library_file(manifest, file):
        named = [library]
    found = []
    for path in named:
        if not path.is_file():
            problem = f"there is no file {path}"
            raise InputError(file, place, problem, "Correct the path; it is relative to the manifest")
        below = attach.library or path.is_relative_to(file.parent.resolve())
        found.append(artefact_of(path, os.path.relpath(path, file.parent.resolve()) if below else str(path)))
    if not found:
        problem = "nothing identifies the files of the implementation"
        raise InputError(file, "artefacts", problem, "Add [[artefacts]] with path or distribution")
    return tuple(found), ()


def library_file(manifest: Manifest, file: Path) -> Path | None:
    """Return the shared library that a manifest names or, for kind liboqs, that is found here; None for other kinds.

    Raises:
        AttachError: no liboqs is found.

    """
    attach = manifest.attach
    if attach.library:
        return (file.parent / attach.library).resolve()
    if attach.kind != "liboqs":
        return None
    if found := find_liboqs(os.environ):
        return found.resolve()
    raise AttachError(
        "the C library liboqs was not found: set OQS_INSTALL_PATH to its folder, or attach.library to its file"
    )


def command_files(manifest: Manifest, file: Path) -> list[tuple[str, Path | None]]:
    """Return each word of the command, with the absolute path that it means if it begins with ``./`` or ``../``."""
    return [
        (word, (file.parent / word).resolve() if word.startswith(("./", "../")) else None)
        for word in manifest.attach.command
    ]


def _resolve(source: ArtefactSource, file: Path, place: str) -> list[Artefact]:
    try:
        if source.distribution:
            return _distribution(source.distribution, file, place)
        return [_from_path(source.path, file, place)]
    except OSError as error:
        problem = f"{error.filename or source.path} cannot be read: {error.strerror}"
        raise InputError(file, place, problem, "Let the account that runs pqvalidate read it") from None


def _from_path(given: str, file: Path, place: str) -> Artefact:
    path = file.parent / given
    if path.is_dir():
        sha256, sha512, size = directory_digests(path)
        if not size:
            raise InputError(file, place, f"the folder {path} holds nothing", "Name the folder with the tested files")
        return Artefact(path=f"{given.rstrip('/')}/", kind="tree", sha256=sha256, sha512=sha512, bytes=size)
    if not path.is_file():
        raise InputError(file, place, f"there is no file {path}", "Correct the path; it is relative to the manifest")
    return artefact_of(path, given)


def _left_out(path: Path, given: str, file: Path, place: str) -> list[str]:
    """Return notes on what the digest of a folder does not bind.

    Bytecode is named whether there is any or not: it comes and goes while the product runs, and the record of one
    product must stay the same.

    Raises:
        InputError: something in the folder is neither a file nor a folder, or leads out of it.

    """
    if not path.is_dir():
        return []
    missing = uncovered(path)
    if missing.strange:
        problem = f"the folder {path} holds what no digest of it can bind: {shortened(missing.strange)}"
        remedy = (
            "Take links that lead elsewhere, devices and pipes out of it, or put copies of the files in their place"
        )
        raise InputError(file, place, problem, remedy)
    links = f", and the links to folders {shortened(missing.links)}" if missing.links else ""
    return [f"the digest of the folder {given.rstrip('/')}/ leaves out folders called {BYTECODE}{links}"]


def artefact_of(path: Path, name: str) -> Artefact:
    """Return one file as an artefact called ``name``.

    Raises:
        OSError: the file cannot be read.

    """
    sha256, sha512, size = file_digests(path)
    return Artefact(path=name, kind="file", sha256=sha256, sha512=sha512, bytes=size)


def _distribution(name: str, file: Path, place: str) -> list[Artefact]:
    """Digest an installed distribution: its whole tree without installer files, and its few native libraries."""
    try:
        distribution = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        problem = f"the distribution {name!r} is not installed here"
        raise InputError(file, place, problem, f"pip install {name}") from None
    if _is_editable(distribution):
        problem = f"the distribution {name!r} is installed in editable mode, so its files are elsewhere"
        raise InputError(file, place, problem, "Install it the usual way, or name the folder of its files by path")
    root = _plain(distribution.locate_file(""))
    code = [
        path
        for path in (_plain(distribution.locate_file(entry)) for entry in distribution.files or ())
        if path.is_relative_to(root)
        and path.suffix != ".pyc"
        and not path.relative_to(root).parts[0].endswith(".dist-info")
        and path.is_file()
    ]
    if not code:
        raise InputError(file, place, f"the distribution {name!r} lists no files", "Reinstall it with pip")
    sha256, sha512, size = tree_digests(root, code)
    tree = Artefact(path=f"{name}-{distribution.version}/", kind="tree", sha256=sha256, sha512=sha512, bytes=size)
    native = [path for path in code if path.suffix in _NATIVE]
    if len(native) > _MOST_NATIVE:
        return [tree]
    return [tree, *(artefact_of(path, path.relative_to(root).as_posix()) for path in sorted(native))]


def _is_editable(distribution: metadata.Distribution) -> bool:
    """Tell whether only a pointer to the files is installed (PEP 610, ``dir_info.editable``)."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        return False
    return isinstance(origin, dict) and bool((origin.get("dir_info") or {}).get("editable"))


def _plain(path: object) -> Path:
    """Return an absolute path without ``..``; links stay, since an installer may link every file into place."""
    return Path(os.path.normpath(os.path.abspath(str(path))))  # noqa: PTH100  (resolve() would follow links)
