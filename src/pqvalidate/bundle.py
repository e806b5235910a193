"""The bundle on disk: ``plan.json`` first, ``cases.jsonl`` while it runs, ``evidence.json`` last; crash-safe."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from pqvalidate.documents import Record, parse_json, read_bytes, to_json, to_record, write_atomically
from pqvalidate.errors import InputError, UsageError
from pqvalidate.evidence import CaseRecord, Evidence, Plan, Subject, check_evidence

_WHAT = "a bundle folder that `pqvalidate run` has written"
_INLINE_HEX = 16 * 1024
_REMEDY = "Use the bundle as it was written; do not edit it"


class Opening(Record):
    """What ``plan.json`` holds: enough to resume a run that was killed."""

    tool: str
    subject: Subject
    plan: Plan
    started: str


class BundleWriter:
    """Writes a new bundle, or goes on with one that was interrupted.

    Raises:
        UsageError: the folder exists (without ``resume``), cannot be written, or belongs to another run.

    """

    def __init__(self, folder: Path, opening: Opening, *, resume: bool = False) -> None:
        self.folder = folder
        self.done: dict[int, list[CaseRecord]] = {}
        self._encode = msgspec.json.Encoder().encode
        if resume and folder.exists():
            self._continue(opening)
        else:
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                raise UsageError(f"{folder} exists and is never overwritten; choose another --out or --resume") from None
            except OSError as error:
                raise UsageError(f"cannot make {folder}: {error.strerror}") from None
            write_atomically(folder / "plan.json", to_json(opening))
        try:
            self._cases: BinaryIO = (folder / "cases.jsonl").open("ab")
        except OSError as error:
            raise UsageError(f"cannot write {folder / 'cases.jsonl'}: {error.strerror}") from None

    def _continue(self, opening: Opening) -> None:
        earlier = read_opening(self.folder)
        for name in ("tool", "subject", "plan"):
            if getattr(earlier, name) != getattr(opening, name):
                raise UsageError(f"{self.folder} was begun with another {name}; it cannot be resumed by this command")
        finished = self.folder / "evidence.json"
        if finished.exists():
            if read_evidence(self.folder).status == "complete":
                raise UsageError(f"{self.folder} is complete; judge it with `pqvalidate judge {self.folder}`")
            finished.unlink()
        whole = 0
        path = self.folder / "cases.jsonl"
        for case, end in _cases(path) if path.exists() else ():
            self.done.setdefault(case.step, []).append(case)
            whole = end
        if path.exists():
            os.truncate(path, whole)

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._cases.close()

    def add(self, case: CaseRecord) -> None:
        """Append one case; long values of failures go to ``samples/`` by digest."""
        if case.data and any(len(value) > _INLINE_HEX for value in case.data.values()):
            case = msgspec.structs.replace(case, data={k: self._sample(v) for k, v in case.data.items()})
        self._write(self._encode(case) + b"\n")

    def _write(self, line: bytes) -> None:
        try:
            self._cases.write(line)
        except OSError as error:
            raise UsageError(f"cannot write {self.folder / 'cases.jsonl'}: {error.strerror}") from None

    def _sample(self, value: str) -> str:
        if len(value) <= _INLINE_HEX:
            return value
        data = bytes.fromhex(value)
        digest = hashlib.sha256(data).hexdigest()
        folder = self.folder / "samples"
        folder.mkdir(exist_ok=True)
        write_atomically(folder / f"{digest}.bin", data)
        return f"samples/{digest}.bin"

    def flush(self) -> None:
        """Hand what was added to the operating system and the disk."""
        try:
            self._cases.flush()
            os.fsync(self._cases.fileno())
        except OSError as error:
            raise UsageError(f"cannot write {self.folder / 'cases.jsonl'}: {error.strerror}") from None

    def finish(self, evidence: Evidence) -> None:
        """Write ``evidence.json``, whole or not at all."""
        self.flush()
        write_atomically(self.folder / "evidence.json", to_json(evidence))


def read_opening(folder: Path) -> Opening:
    """Return the plan of a bundle.

    Raises:
        InputError: the folder or its plan.json is missing or malformed.

    """
    path = folder / "plan.json"
    return to_record(parse_json(read_bytes(path, _WHAT), path, _WHAT), Opening, path, _REMEDY)


def read_evidence(folder: Path) -> Evidence:
    """Return the evidence of a bundle after checking that its records agree with each other.

    Raises:
        InputError: the bundle is missing, unfinished, malformed or inconsistent.

    """
    path = folder / "evidence.json"
    if folder.is_dir() and not path.exists() and (folder / "plan.json").exists():
        raise InputError(folder, "", "the run was cut off before evidence.json was written", "Finish it with --resume")
    evidence = to_record(parse_json(read_bytes(path, _WHAT), path, _WHAT), Evidence, path, _REMEDY)
    problem = check_evidence(evidence)
    if problem:
        raise InputError(path, "", problem, _REMEDY)
    return evidence


def read_cases(folder: Path) -> Iterator[CaseRecord]:
    """Yield every case of a bundle, in the order of the run.

    Raises:
        InputError: a line before the last is malformed.

    """
    for case, _ in _cases(folder / "cases.jsonl"):
        yield case


def _cases(path: Path) -> Iterator[tuple[CaseRecord, int]]:
    """Yield (case, offset behind its line); a torn last line, as a crash leaves it, is left out."""
    decode = msgspec.json.Decoder(CaseRecord).decode
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(path, "", f"cannot be read: {error.strerror}", f"Give {_WHAT}") from None
    end = 0
    with stream:
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):
                return
            end += len(line)
            try:
                case = decode(line)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                raise InputError(path, f"line {number}", f"is no case record: {error}", _REMEDY) from None
            yield case, end
