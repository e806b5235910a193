"""Comparing files by their digests: a rebuilt tree with the shipped one, published digests, a source tree."""

from __future__ import annotations

from pathlib import Path

from pqvalidate.claims.file import Rebuild, SourceTree
from pqvalidate.claims.found import Found, Tested, look_at
from pqvalidate.digests import file_digests
from pqvalidate.errors import InputError

_FIRST = 5
"""Differences that are named; the rest is counted."""


def digests_of(root: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder by its relative path, or of one file under an empty path.

    A symbolic link counts by where it points to, not by what is there; a device or pipe, by being one. Modes and times
    of files are not looked at.

    Raises:
        OSError: a file cannot be read.

    """
    if not root.is_dir():
        return {"": file_digests(root)[0]}
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = file_digests(path)[0]
        elif not path.is_dir():
            found[name] = "no file"
    return found


def differences(shipped: dict[str, str], rebuilt: dict[str, str]) -> list[str]:
    """Return what differs between two trees, one sentence for each file, in the order of their names."""
    rows = []
    for name in sorted(shipped.keys() | rebuilt.keys()):
        shown = name or "the file"
        if name not in rebuilt:
            rows.append(f"{shown} is shipped and was not rebuilt")
        elif name not in shipped:
            rows.append(f"{shown} was rebuilt and is not shipped")
        elif shipped[name] != rebuilt[name]:
            rows.append(f"{shown} has other bytes")
    return rows


def rebuild(check: Rebuild, folder: Path, value: object, tested: Tested | None, place: str) -> Found:
    """Compare what is shipped with what was built again, byte for byte.

    Raises:
        InputError: a file or folder is missing or unreadable.

    """
    paths = folder / check.shipped, folder / check.rebuilt
    seen = tuple(look_at(path, f"{place}.{name}") for path, name in zip(paths, ("shipped", "rebuilt"), strict=True))
    if paths[0].samefile(paths[1]):
        raise InputError(paths[1], f"{place}.rebuilt", "is what is shipped itself", "Give what was built again")
    try:
        shipped, rebuilt = (digests_of(path) for path in paths)
    except OSError as error:
        raise InputError(paths[0], place, f"cannot be read: {error.strerror}", "Make it readable") from None
    if not shipped:
        return Found(outcome="not-shown", says="the shipped folder holds no file", seen=seen)
    unbound = _unbound(shipped, tested)
    if unbound:
        return Found(outcome="not-shown", says=unbound, seen=seen)
    differing = differences(shipped, rebuilt)
    if value is False:
        known = "and it is claimed that it is not reproducible"
        says = f"{len(differing)} files differ, {known}" if differing else f"the two are equal, {known}"
        return Found(outcome="shown" if differing else "contradicted", says=says, seen=seen)
    if differing:
        more = f"; and {len(differing) - _FIRST} more" if len(differing) > _FIRST else ""
        return Found(outcome="contradicted", says="; ".join(differing[:_FIRST]) + more, seen=seen)
    bound = "the tested files among them" if tested else "not compared with tested files"
    return Found(outcome="shown", says=f"{len(shipped)} files equal byte for byte, {bound}", seen=seen)


def _unbound(shipped: dict[str, str], tested: Tested | None) -> str:
    """Return why the shipped files are not those that were tested, or nothing."""
    if tested is None:
        return ""
    missing = [row.path for row in tested.files if row.sha256 not in shipped.values()]
    if missing:
        return f"not among the shipped files: the tested {', '.join(missing[:_FIRST])}"
    if tested.folders:
        return f"a folder was tested ({', '.join(tested.folders)}); name its files as artefacts to compare them"
    return ""


def published(value: object, tested: Tested | None) -> Found:
    """Tell whether every tested file is among the digests that the vendor publishes."""
    if tested is None:
        return Found(outcome="not-shown", says="no run was given to compare with")
    listed = set(value) if isinstance(value, tuple) else set()
    strange = [row.path for row in tested.artefacts if row.sha256 not in listed]
    if strange:
        says = f"tested, and not among the published digests: {', '.join(strange[:_FIRST])}"
        return Found(outcome="contradicted", says=says)
    if not tested.artefacts:
        return Found(outcome="not-shown", says="the run names no tested file")
    return Found(outcome="shown", says=f"{len(tested.artefacts)} tested files are among the published digests")


def source_tree(check: SourceTree, folder: Path, value: object, place: str) -> Found:
    """Tell whether a folder of source code is the published one, with its licence.

    Raises:
        InputError: it is missing, or has another digest than the claims file states.

    """
    tree = folder / check.tree
    seen = look_at(tree, f"{place}.tree")
    if not tree.is_dir():
        raise InputError(tree, f"{place}.tree", "is no folder", "Give the unpacked source code")
    if seen.sha256 != check.sha256:
        problem = f"has SHA-256 {seen.sha256}, not the one that is stated"
        raise InputError(tree, f"{place}.sha256", problem, "Give the tree that was published, or correct the digest")
    if value != "open":
        return Found(outcome="not-shown", says=f"a source tree does not show {value}", seen=(seen,))
    licence = tree / check.licence
    inside = licence.resolve().is_relative_to(tree.resolve())
    if not inside or not licence.is_file() or not licence.stat().st_size:
        return Found(outcome="contradicted", says=f"no licence {check.licence} inside the tree", seen=(seen,))
    licensed = look_at(licence, f"{place}.licence")
    return Found(
        outcome="shown", says="the source tree has the published digest and holds a licence", seen=(seen, licensed)
    )
