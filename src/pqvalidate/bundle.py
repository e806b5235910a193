"""The bundle on disk: ``plan.json`` first, ``cases.jsonl`` while it runs, ``evidence.json`` last; crash-safe.

A campaign in shards has one line for each finished shard in ``shards.jsonl``, on the disk before the next one counts.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

import msgspec

from pqvalidate.documents import Record, parse_json, read_bytes, to_json, to_record, write_atomically
from pqvalidate.errors import InputError, UsageError
from pqvalidate.evidence import CaseRecord, Evidence, Plan, Subject, check_evidence, summarise
from pqvalidate.shards import ShardRecord
from pqvalidate.shards import result as in_shards

_WHAT = "a bundle folder that `pqvalidate run` has written"
_INLINE_HEX = 16 * 1024
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_REMEDY = "Use the bundle as it was written; do not edit it"
SHARDS = "shards.jsonl"
"""Name of the journal of campaigns in shards; a bundle without them has none."""
Line = TypeVar("Line", bound=Record)


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
        self.shards: dict[int, list[ShardRecord]] = {}
        self._encode = msgspec.json.Encoder().encode
        begun = resume and (folder / "plan.json").exists()
        if not begun:
            self._make_folder(empty_will_do=resume)
        self._cases = self._open_alone()
        try:
            for torn in [*folder.glob(".*.json.*"), *folder.glob("samples/.*")]:  # what a kill left half written
                torn.unlink()
            if begun:
                self._continue(opening)
            else:
                write_atomically(folder / "plan.json", to_json(opening))
        except BaseException:
            self._cases.close()
            raise

    def _make_folder(self, *, empty_will_do: bool) -> None:
        try:
            if not (empty_will_do and is_unbegun(self.folder)):
                self.folder.mkdir(parents=True)
        except FileExistsError:
            why = "exists and is never overwritten; choose another --out or --resume"
            raise UsageError(f"{self.folder} {why}") from None
        except OSError as error:
            raise UsageError(f"cannot make {self.folder}: {error.strerror}") from None

    def _open_alone(self) -> BinaryIO:
        """Open the list of cases for appending; the lock ends with this process, however that ends."""
        path = self.folder / "cases.jsonl"
        try:
            stream = path.open("ab")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            why = "another run is writing to it; wait for its end, or choose another --out"
            raise UsageError(f"{self.folder}: {why}") from None
        except OSError:
            return stream  # a file system without locks
        return stream

    def _continue(self, opening: Opening) -> None:
        earlier = read_opening(self.folder)
        for name in ("tool", "subject", "plan"):
            if getattr(earlier, name) != getattr(opening, name):
                raise UsageError(
                    f"{self.folder} was begun with another {name}; to resume it, repeat the flags of its first command"
                    " on the same implementation and version"
                )
        finished = self.folder / "evidence.json"
        if finished.exists():
            if read_evidence(self.folder).status == "complete":
                raise UsageError(f"{self.folder} is complete; judge it with `pqvalidate judge {self.folder}`")
            finished.unlink()
        whole = 0
        path = self.folder / "cases.jsonl"
        for case, end in _lines(path, CaseRecord):
            self.done.setdefault(case.step, []).append(case)
            whole = end
        os.truncate(path, whole)
        path, whole = self.folder / SHARDS, 0
        if path.exists():
            for shard, end in _lines(path, ShardRecord):
                self.shards.setdefault(shard.step, []).append(shard)
                whole = end
            os.truncate(path, whole)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._cases.close()
        except OSError as failed:  # what could not be written before cannot be written on closing either
            if error is None:
                raise UsageError(f"cannot write {self.folder / 'cases.jsonl'}: {failed.strerror}") from None

    def add(self, case: CaseRecord) -> None:
        """Append one case; long values of failures go to ``samples/`` by digest, those in hex at least."""
        try:
            self._cases.write(self._encode(self._shortened(case)) + b"\n")
        except OSError as error:
            raise UsageError(f"cannot write {self.folder / 'cases.jsonl'}: {error.strerror}") from None

    def add_shard(self, shard: ShardRecord) -> None:
        """Append one finished shard and hand it to the disk, so that nothing that comes later can lose it."""
        short = msgspec.structs.replace(shard, cases=tuple(map(self._shortened, shard.cases)))
        path = self.folder / SHARDS
        try:
            new = not path.exists()
            with path.open("ab", buffering=0) as stream:
                line = self._encode(short) + b"\n"
                while line:
                    line = line[stream.write(line) :]
                os.fsync(stream.fileno())
            if new:
                _sync_folder(self.folder)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None

    def _shortened(self, case: CaseRecord) -> CaseRecord:
        if case.data and any(len(value) > _INLINE_HEX for value in case.data.values()):
            return msgspec.structs.replace(case, data={k: self._sample(v) for k, v in case.data.items()})
        return case

    def _sample(self, value: str) -> str:
        if len(value) <= _INLINE_HEX or not _HEX.fullmatch(value):
            return value
        data = bytes.fromhex(value)
        digest = hashlib.sha256(data).hexdigest()
        folder = self.folder / "samples"
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make {folder}: {error.strerror}") from None
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


def _sync_folder(folder: Path) -> None:
    """Hand the names in a folder to the disk, so that a new file is still there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_unbegun(folder: Path) -> bool:
    """Return whether a run was cut off between making its folder and writing its plan, so that nothing is lost."""
    files = {path.name for path in folder.iterdir()} if folder.is_dir() else {"no such folder"}
    return all(name == "cases.jsonl" or name.startswith(".plan.") for name in files)


def opening_to_resume(folder: Path) -> Opening | None:
    """Return the plan of the run to go on with, or None where it was cut off before its plan was written.

    Raises:
        UsageError: there is no such folder.
        InputError: its plan.json is malformed.

    """
    if not folder.exists():
        raise UsageError(f"{folder} is not there, so there is nothing to go on with; leave out --resume to begin")
    return None if is_unbegun(folder) else read_opening(folder)


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


def read_recounted(folder: Path) -> Evidence:
    """Return the evidence of a bundle whose cases and shards are those of its results.

    Raises:
        InputError: as ``read_evidence``, or a case or shard was lost, added or changed.

    """
    evidence = read_evidence(folder)
    problem = _recount(evidence, read_cases(folder), read_shards(folder))
    if problem:
        raise InputError(folder, "cases.jsonl or shards.jsonl", problem, _REMEDY)
    return evidence


def _recount(evidence: Evidence, cases: Iterable[CaseRecord], parts: Sequence[ShardRecord]) -> str | None:
    """Return how the single cases contradict the results, or None."""
    steps, results = evidence.facts.plan.steps, evidence.facts.results
    by_step: list[list[CaseRecord]] = [[] for _ in steps]
    for case in cases:
        if not 0 <= case.step < len(steps):
            return f"case {case.case!r} belongs to step {case.step}, which is not planned"
        by_step[case.step].append(case)
    for step, result, own in zip(steps, results, by_step, strict=True):
        mine = [shard for shard in parts if shard.step == result.step]
        seen = in_shards(result.step, step.cases, mine) if mine else summarise(result.step, step.cases, own)
        counts = [(r.passed, r.failed, r.errors, r.faults) for r in (seen, result)]
        # A step that was never begun carries no digest.
        digest = seen.cases_digest if own or mine or result.cases_digest else ""
        if counts[0] != counts[1] or digest != result.cases_digest:
            return f"the cases of step {result.step} ({step.check}, {step.parameter_set}) are not those of its result"
    return None


def read_cases(folder: Path) -> Iterator[CaseRecord]:
    """Yield every case of a bundle, in the order of the run; of a campaign in shards, the cases that are kept whole.

    Raises:
        InputError: a line before the last is malformed.

    """
    for case, _ in _lines(folder / "cases.jsonl", CaseRecord):
        yield case
    for shard in read_shards(folder):
        yield from shard.cases


def read_shards(folder: Path) -> list[ShardRecord]:
    """Return the shards of a bundle's campaigns, in the order of steps and case numbers; none where none is in shards.

    Raises:
        InputError: a line before the last is malformed.

    """
    path = folder / SHARDS
    found = [shard for shard, _ in _lines(path, ShardRecord)] if path.exists() else []
    return sorted(found, key=lambda shard: (shard.step, shard.lo))


def _lines(path: Path, kind: type[Line]) -> Iterator[tuple[Line, int]]:
    """Yield (record, offset behind its line); a torn last line, as a crash leaves it, is left out."""
    decode = msgspec.json.Decoder(kind).decode
    what = "case" if kind is CaseRecord else "shard"
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
                found = decode(line)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                raise InputError(path, f"line {number}", f"is no {what} record: {error}", _REMEDY) from None
            yield found, end
