"""Find, check and read the packed vector files: only those that are asked for, and only bytes that match."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Container
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.algorithms import parameter_set as known_parameter_set
from pqvalidate.errors import InputError
from pqvalidate.vectors.mapping import MAPPERS, make_cases
from pqvalidate.vectors.packed import (
    MANIFEST_SCHEMA,
    PACKED_SCHEMA,
    Case,
    Fingerprint,
    PackedFile,
    VectorFile,
    VectorManifest,
    VectorSet,
)

REMEDY = "Reinstall pqvalidate, or run make vectors"
OTHER_FORMS = frozenset({"accumulated", "fingerprints"})
_DECODER = msgspec.msgpack.Decoder(PackedFile)


def default_folder() -> Path:
    """Return the folder of the packed vectors: inside the installed package, else in the source tree."""
    installed = Path(__file__).parents[1] / "_vectors"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "vectors"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InputError(path, "", f"the file cannot be read ({exc.strerror or exc})", REMEDY) from exc


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"duplicate key {next(n for n in names if names.count(n) > 1)!r}")
    return dict(pairs)


def manifest(folder: Path | None = None) -> VectorManifest:
    """Return the list of the vector sets that ship, with source, licence, digests and counts.

    Raises:
        InputError: the manifest is missing or malformed.

    """
    return _manifest(folder or default_folder())


@functools.lru_cache(maxsize=8)
def _manifest(folder: Path) -> VectorManifest:
    path = folder / "manifest.json"
    data = _read(path)
    try:
        json.loads(data, object_pairs_hook=_unique)  # msgspec would let the last of two equal keys win
        found = msgspec.json.decode(data, type=VectorManifest)
    except (ValueError, RecursionError) as exc:  # msgspec's and json's decoding errors are ValueErrors
        raise InputError(path, "", f"malformed manifest: {exc}", REMEDY) from exc
    for index, entry in enumerate(found.sets):
        place = f"sets[{index}]"
        if entry.form not in MAPPERS and entry.form not in OTHER_FORMS:
            raise InputError(path, f"{place}.form", f"unknown form {entry.form!r}", REMEDY)
        for file in entry.files:
            parts = PurePosixPath(file.path)
            if parts.is_absolute() or ".." in parts.parts or "\x00" in file.path:
                raise InputError(path, f"{place}.files", f"path {file.path!r} leaves the folder", REMEDY)
            if file.parameter_set not in PARAMETER_SETS:
                raise InputError(path, f"{place}.files", f"unknown parameter set {file.parameter_set!r}", REMEDY)
    if found.schema != MANIFEST_SCHEMA:
        raise InputError(path, "schema", f"{found.schema!r} instead of {MANIFEST_SCHEMA!r}", REMEDY)
    return found


def _checked(path: Path, file: VectorFile) -> bytes:
    data = _read(path)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise InputError(path, "", "the bytes do not match the SHA-256 in manifest.json", REMEDY)
    return data


def _unpack(folder: Path, set_id: str, file: VectorFile) -> PackedFile:
    path = folder / file.path
    data = _checked(path, file)
    try:
        document = _DECODER.decode(gzip.decompress(data) if path.suffix == ".gz" else data)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as exc:
        raise InputError(path, "", f"malformed vector file: {exc}", REMEDY) from exc
    if (document.schema, document.set, document.parameter_set) != (PACKED_SCHEMA, set_id, file.parameter_set):
        raise InputError(path, "", "schema, set or parameter set differ from manifest.json", REMEDY)
    if sum(len(group.tests) for group in document.groups) != file.cases:
        raise InputError(path, "", f"holds another number of tests than the {file.cases} of manifest.json", REMEDY)
    return document


@functools.lru_cache(maxsize=256)
def _cases(folder: Path, set_id: str, form: str, file: VectorFile) -> tuple[Case, ...]:
    document = _unpack(folder, set_id, file)
    cases: list[Case] = []
    for group in document.groups:
        for test in group.tests:
            try:
                cases += make_cases(form, document, group, test)
            except (KeyError, ValueError) as exc:
                place = f"group {group.id}, test {test.id}"
                raise InputError(folder / file.path, place, f"cannot be mapped to an operation: {exc}", REMEDY) from exc
    return tuple(cases)


def load(
    parameter_set: str,
    *,
    operations: Container[str] | None = None,
    sets: Container[str] | None = None,
    folder: Path | None = None,
) -> list[Case]:
    """Return the published test cases of one parameter set, in the order of the manifest.

    Only files of that parameter set are opened; each is checked against its SHA-256 before it is decoded, and kept.

    Args:
        parameter_set: e.g. ``ML-KEM-768``.
        operations: keep only cases of these operations.
        sets: read only these sets, by their id in the manifest.
        folder: where the vectors are; the ones that ship, unless given.

    Raises:
        UsageError: no such parameter set.
        InputError: a file is missing, malformed or does not match its digest.

    """
    known_parameter_set(parameter_set)
    root = folder or default_folder()
    cases = [
        case
        for entry, file in _files(root, parameter_set, lambda entry: entry.form not in OTHER_FORMS)
        if sets is None or entry.id in sets
        for case in _cases(root, entry.id, entry.form, file)
    ]
    return cases if operations is None else [case for case in cases if case.operation in operations]


def _files(root: Path, parameter_set: str, wanted: Callable[[VectorSet], bool]) -> list[tuple[VectorSet, VectorFile]]:
    return [
        (entry, file)
        for entry in manifest(root).sets
        if wanted(entry)
        for file in entry.files
        if file.parameter_set == parameter_set
    ]


def accumulated(parameter_set: str, *, folder: Path | None = None) -> dict[int, bytes]:
    """Return the 32-byte digest over many random tests, by the number of iterations; empty where none is published.

    ML-KEM: inputs are read from SHAKE128 of the empty string, per iteration d, z and m (32 bytes each) and a random
    ciphertext; ek, dk, ct, k and the decapsulation of the random ciphertext go into a second SHAKE128.
    ML-DSA: per iteration a seed of 32 bytes; pk and the deterministic signature of the empty message go in.
    Source: C2SP CCTV.

    Raises:
        UsageError: no such parameter set.
        InputError: a file is missing, malformed or does not match its digest.

    """
    known_parameter_set(parameter_set)
    root = folder or default_folder()
    digests: dict[int, bytes] = {}
    for entry, file in _files(root, parameter_set, lambda entry: entry.form == "accumulated"):
        for group in _unpack(root, entry.id, file).groups:
            for test in group.tests:
                try:
                    digests[int(test.id)] = test.values["digest"]
                except (KeyError, ValueError) as exc:
                    raise InputError(root / file.path, f"test {test.id}", f"no usable digest: {exc}", REMEDY) from exc
    return digests


def fingerprints(parameter_set: str, *, folder: Path | None = None) -> list[Fingerprint]:
    """Return what each version of an algorithm gives for known seeds: final, draft, and round 3 or 3.1.

    The rows of ``Kyber-768`` are those of ``ML-KEM-768``, and so on: the question is which version answered.

    Raises:
        UsageError: no such parameter set.
        InputError: a file is missing, malformed or does not match its digest.

    """
    row = known_parameter_set(parameter_set)
    alike = (p.name for p in PARAMETER_SETS.values() if p.kind == row.kind and p.public_key == row.public_key)
    name = next(alike)  # final parameter sets come first, and keep the public key length of their forerunner
    root = folder or default_folder()
    rows = []
    for entry, file in _files(root, name, lambda entry: entry.form == "fingerprints"):
        for group in _unpack(root, entry.id, file).groups:
            for test in group.tests:
                if not test.id.isdecimal():
                    raise InputError(root / file.path, f"group {group.id}", f"test {test.id!r} has no number", REMEDY)
                inputs = {n: v for n, v in test.values.items() if n in {"seed", "m", "message", "rnd"}}
                expect = {n: v for n, v in test.values.items() if n not in inputs}
                rows.append(Fingerprint(version=group.id, count=int(test.id), inputs=inputs, expect=expect))
    return rows


def digest_all(folder: Path | None = None) -> list[tuple[str, bool]]:
    """Return each packed file, by its path in the folder, and whether its bytes match the manifest.

    Raises:
        InputError: the manifest itself is missing or malformed.

    """
    root = folder or default_folder()
    return [(file.path, _intact(root / file.path, file)) for entry in manifest(root).sets for file in entry.files]


def _intact(path: Path, file: VectorFile) -> bool:
    try:
        _checked(path, file)
    except InputError:
        return False
    return True
