"""Runs of a long proof, kept in a file after each, so that it can be stopped at any time and gone on with.

A proof is asked with certain words; runs that were made with other words are not mixed with them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pqvalidate.documents import write_atomically

UNDECIDED = 3


class Kept:
    """The runs of one proof.

    Args:
        file: where they are kept, and read from if it is there; None keeps them in memory alone.
        asked: what was asked for, by name: runs of another question are refused.
        minutes: after so many no further run begins; 0 for no limit.

    """

    def __init__(self, file: Path | None, asked: dict[str, Any], minutes: float = 0.0) -> None:
        self.file, self.asked, self.runs = file, asked, list[dict[str, Any]]()
        self._until = time.monotonic() + 60 * minutes if minutes else float("inf")
        if file is not None and file.is_file():
            found = json.loads(file.read_text("utf-8"))
            if found["asked"] != asked:
                sys.exit(f"{file} holds runs of another question, {found['asked']}; name another file")
            self.runs = found["runs"]

    def wants(self, what: str, times: int) -> bool:
        """Return whether a run of a part of the proof is still to be made, and there is time for it."""
        return len(self.of(what)) < times and time.monotonic() < self._until

    def of(self, what: str) -> list[dict[str, Any]]:
        """Return the runs of a part of the proof."""
        return [run for run in self.runs if run["what"] == what]

    def add(self, what: str, **seen: Any) -> None:  # noqa: ANN401  (whatever JSON knows)
        """Keep a run."""
        self.runs.append({"what": what, **seen})
        if self.file is not None:
            document = json.dumps({"asked": self.asked, "runs": self.runs}, indent=1)
            write_atomically(self.file, document.encode() + b"\n")


def told(rows: Sequence[dict[str, Any]], *, form: str, more: dict[str, Any]) -> None:
    """Print the rows of a verdict on standard output: as a table, or as one JSON document that holds ``more``, too."""
    if form == "json":
        sys.stdout.write(json.dumps({**more, "parts": list(rows)}, indent=1) + "\n")
        return
    head = list(rows[0])
    cells = [head, *([str(row[name]) for name in head] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{line.rstrip()}\n")
