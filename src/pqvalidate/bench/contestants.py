"""Who is timed: the implementations that were named, and those that they are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pqvalidate.vendors as built_in
from pqvalidate.adapters.attach import Implementation, attach
from pqvalidate.adapters.sandbox_paths import SandboxMode
from pqvalidate.bench.records import Artefact, Contestant
from pqvalidate.bench.rules import SpeedClaim
from pqvalidate.bench.timing import Where
from pqvalidate.manifest import DIALECTS, find_manifest, read_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One implementation before it is started: its name here, and its manifest."""

    label: str
    argument: str
    file: Path

    def where(self, iut: Implementation) -> Where:
        """Return where its calls are timed, once it was started."""
        attached = read_manifest(self.file).attach
        if attached.kind == "harness" and attached.dialect in ("", "pqvalidate"):
            return "program" if iut.measures else "outside"
        return "outside" if attached.kind in DIALECTS else "inside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Everybody, the references first; what is compared with what; and the claims of those that were named."""

    entries: tuple[Entry, ...]
    named: tuple[str, ...]
    references: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    claims: tuple[SpeedClaim, ...]


def line_up(named: Sequence[str], against: str | None) -> Field:
    """Return who is timed.

    Args:
        named: implementations as the user typed them; without ``against`` the first is the reference of the others.
        against: the reference, which may be one of those named once more: then its own noise shows.

    Raises:
        UsageError: a name means nothing.
        InputError: a manifest is malformed.

    """
    entries: list[Entry] = []
    reference = _entry(against, entries).label if against else ""
    wanted = [_entry(name, entries) for name in named]
    if not against and len(wanted) > 1:
        reference = wanted[0].label
    pairs = [(entry.label, reference) for entry in wanted if reference and entry.label != reference]
    claims: list[SpeedClaim] = []
    for entry in wanted:
        for speed in read_manifest(entry.file).claims.performance:
            other = _reference(speed.of, entry, entries)
            claims.append(SpeedClaim(
                label=entry.label, operation=speed.operation, parameter_set=speed.parameter_set,
                at_least=speed.at_least, reference=other.label,
            ))  # fmt: skip
            pairs.append((entry.label, other.label))
    pairs = list(dict.fromkeys(pairs))
    references = {label for _, label in pairs}
    return Field(
        entries=tuple(sorted(entries, key=lambda entry: entry.label not in references)),
        named=tuple(entry.label for entry in wanted), references=tuple(dict.fromkeys(b for _, b in pairs)),
        pairs=tuple(pairs), claims=tuple(claims),
    )  # fmt: skip


def _names() -> dict[str, Path]:
    return {vendor: built_in.manifest_path(vendor) for vendor in built_in.BUILT_IN}


def _entry(argument: str, entries: list[Entry]) -> Entry:
    file = find_manifest(argument, _names())
    stem, labels = Path(argument).stem, {entry.label for entry in entries}
    label = next(name for n in range(1, len(entries) + 2) if (name := f"{stem}-{n}" if n > 1 else stem) not in labels)
    entries.append(Entry(label=label, argument=argument, file=file))
    return entries[-1]


def _reference(of: str, claimant: Entry, entries: list[Entry]) -> Entry:
    """Return what a claim compares with: a built-in vendor, or a manifest beside the claimant's."""
    argument = of if of in built_in.BUILT_IN else str(claimant.file.parent / of)
    file = find_manifest(argument, _names())
    there = next((e for e in entries if e.file.resolve() == file.resolve() and e is not claimant), None)
    return there or _entry(argument, entries)


@contextmanager
def started(field: Field, sandbox: SandboxMode) -> Iterator[dict[str, Implementation]]:
    """Start everybody, in the order of the field, and end them afterwards.

    Raises:
        AttachError: one of them cannot be started here.

    """
    with ExitStack() as stack:
        yield {
            entry.label: stack.enter_context(attach(entry.file, sandbox=sandbox)) for entry in field.entries
        }  # fmt: skip


def described(label: str, iut: Implementation) -> Contestant:
    """Return an implementation as the report names it."""
    subject = iut.subject
    return Contestant(
        label=label, vendor=subject.vendor, name=subject.name, version=subject.version, adapter=subject.adapter,
        artefacts=tuple(Artefact(path=row.path, sha256=row.sha256) for row in subject.artefacts),
    )  # fmt: skip
