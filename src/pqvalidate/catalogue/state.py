"""What a reader remembers of a catalogue between two visits, so that an older copy is noticed: a small local file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from pqvalidate.certificate.predicate import Sha256
from pqvalidate.documents import Record, parse_json, read_bytes, to_json, to_record, write_atomically

_WHAT = "a state file that `pqvalidate verify --state` has written (schema pqvalidate/catalogue-state/1)"
_REMEDY = "Use the file as it was written, or begin a new one under another name"
_Version = Annotated[int, Meta(ge=1)]


class State(Record):
    """The newest versions of a catalogue that were seen, how many lines its status list had, and its last hash."""

    schema: Literal["pqvalidate/catalogue-state/1"]
    root: _Version
    timestamp: _Version
    snapshot: _Version
    targets: _Version
    status_lines: Annotated[int, Meta(ge=0)]
    status_head: Sha256


def read(path: Path) -> State | None:
    """Return what is remembered; None where the file is not there yet.

    Raises:
        InputError: it is no state file.

    """
    if not path.exists():
        return None
    return to_record(parse_json(read_bytes(path, _WHAT), path, _WHAT), State, path, _REMEDY)


def write(path: Path, state: State) -> None:
    """Remember a newer state.

    Raises:
        UsageError: the file cannot be written.

    """
    write_atomically(path, to_json(state))
