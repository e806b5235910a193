"""Which files are the implementation under test: resolves what the manifest names and digests the bytes."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from pqvalidate.digests import directory_digests, file_digests, tree_digests
from pqvalidate.errors import InputError
from pqvalidate.evidence import Artefact
from pqvalidate.manifest import ArtefactSource, Manifest

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
        for index, source in enumerate(manifest.artefacts):
            found += _resolve(source, file, f"artefacts[{index}]")
        return tuple(found), ()
    module = module_file(manifest, file)
    if module is None:
        raise InputError(
            file, "artefacts", "nothing identifies the files of the implementation", "Add [[artefacts]] with path or distribution"
        )  # fmt: skip
    note = "the manifest names no artefacts: only the adapter file is identified, not the library behind it"
    return (_file(module, module.name),), (note,)


def module_file(manifest: Manifest, file: Path) -> Path | None:
    """Return the file of the target module below the manifest's import path, if it is there."""
    relative = Path(*manifest.attach.target.partition(":")[0].split("."))
    for entry in manifest.attach.path:
        for candidate in (relative.with_suffix(".py"), relative / "__init__.py"):
            path = file.parent / entry / candidate
            if path.is_file():
                return path
    return None


def _resolve(source: ArtefactSource, file: Path, place: str) -> list[Artefact]:
    if source.distribution:
        return _distribution(source.distribution, file, place)
    path = file.parent / source.path
    if path.is_dir():
        sha256, sha512, size = directory_digests(path)
        return [Artefact(path=f"{source.path.rstrip('/')}/", kind="tree", sha256=sha256, sha512=sha512, bytes=size)]
    if not path.is_file():
        raise InputError(file, place, f"there is no file {path}", "Correct the path; it is relative to the manifest")
    return [_file(path, source.path)]


def _file(path: Path, name: str) -> Artefact:
    sha256, sha512, size = file_digests(path)
    return Artefact(path=name, kind="file", sha256=sha256, sha512=sha512, bytes=size)


def _distribution(name: str, file: Path, place: str) -> list[Artefact]:
    """Digest an installed distribution: its whole tree without installer files, and its few native libraries."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise InputError(file, place, f"the distribution {name!r} is not installed here", f"pip install {name}") from None
    root = Path(str(distribution.locate_file(""))).resolve()
    files = [Path(str(distribution.locate_file(entry))).resolve() for entry in distribution.files or ()]
    code = [
        path
        for path in files
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
    return [tree, *(_file(path, path.relative_to(root).as_posix()) for path in sorted(native))]
