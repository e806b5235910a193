"""The command ``bench``: its flags, and what they mean."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pqvalidate.bench.benchmark import Wanted, benchmark, exit_code
from pqvalidate.bench.formats import FORMATS
from pqvalidate.bench.plots import draw, ready_to_draw
from pqvalidate.bench.records import read_report
from pqvalidate.bench.rules import parse_rule
from pqvalidate.documents import to_json, write_atomically
from pqvalidate.errors import UsageError


def bench(given: argparse.Namespace) -> tuple[str, int]:
    """Time implementations beside each other; return what to print and the exit code.

    Raises:
        UsageError: a flag cannot be carried out.
        InputError: a manifest or a saved result is malformed.
        AttachError: an implementation cannot be started here.

    """
    rules = tuple(parse_rule(text) for text in given.fail_if)
    if any(rule.compares for rule in rules) and not given.compare:
        raise UsageError("--fail-if '... change > ...' needs --compare FILE with the saved result")
    if given.plots:
        ready_to_draw(Path(given.plots))
    saved = read_report(Path(given.compare)) if given.compare else None
    if given.save and not Path(given.save).parent.is_dir():
        raise UsageError(f"cannot write {given.save}: there is no such folder")
    report = benchmark(
        Wanted(
            named=tuple(given.iut), against=given.against, parameter_sets=tuple(dict.fromkeys(given.parameter_set)),
            operations=tuple(name.replace("-", "_") for name in given.only), seconds=given.seconds, rules=rules,
            saved=saved, sandbox=given.sandbox, memory=given.memory,
            instructions=given.instructions or any(rule.counts for rule in rules),
        ), _tell,
    )  # fmt: skip
    if given.save:
        write_atomically(Path(given.save), to_json(report))
    if given.plots:
        draw(report, Path(given.plots))
    return FORMATS[given.format](report), exit_code(report)


def _tell(what: str) -> None:
    """Show on a terminal what is being timed; elsewhere say nothing."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what}" if what else "\r\x1b[K")
        sys.stderr.flush()
