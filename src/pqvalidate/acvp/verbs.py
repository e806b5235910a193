"""What the two actions of `pqvalidate acvp` do, short of printing the verdict."""

from __future__ import annotations

import argparse
import hashlib
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from pqvalidate.acvp.emit import PROMPTS, SECRET, Wanted, emit
from pqvalidate.acvp.forms import BASE_REVISIONS
from pqvalidate.acvp.importing import Device, Files, judge_files
from pqvalidate.documents import read_bytes
from pqvalidate.errors import UsageError
from pqvalidate.evidence import CaseRecord, Evidence

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


def make_files(given: argparse.Namespace) -> str:
    """Make prompt files and return what to tell the operator.

    Raises:
        UsageError: as ``emit.emit``, or the seed is not hex.

    """
    text = secrets.token_hex(32) if given.seed is None else given.seed
    if not _HEX.fullmatch(text):
        raise UsageError(f"--seed {text!r} is not hex: 32 to 128 digits, an even number of them")
    wanted = Wanted(
        parameter_sets=tuple(dict.fromkeys(given.parameter_set)), modes=tuple(given.mode),
        revisions=tuple(given.revision) or BASE_REVISIONS, without=tuple(given.without), shape=given.envelope,
    )  # fmt: skip
    folder = Path(given.out)
    made = emit(wanted, bytes.fromhex(text), folder)
    lines = [
        f"{made.tests} tests written; confirmed by {', '.join(made.confirmed_by)}",
        f"  send to the vendor:        {folder / PROMPTS}",
        f"  keep from the vendor:      {folder / SECRET}",
        f"  SHA-256 of the seed:       {made.seed_sha256}",
        "Judge what comes back with: pqvalidate acvp import RESPONSE --prompt FILE --expected FILE --vendor ... ",
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def judge_answers(given: argparse.Namespace, command: Sequence[str]) -> tuple[Evidence, list[CaseRecord], Path]:
    """Judge response files; return the evidence, the failed cases and the folder of the bundle.

    Raises:
        UsageError: as ``importing.judge_files``.
        InputError: as ``importing.judge_files``.

    """
    files = Files(
        prompts=tuple(map(Path, given.prompt)), expected=tuple(map(Path, given.expected)),
        responses=tuple(map(Path, given.response)),
    )  # fmt: skip
    device = Device(
        vendor=given.vendor, name=given.name, version=given.version, parameter_sets=tuple(given.parameter_set),
        manifest=Path(given.manifest) if given.manifest else None,
    )  # fmt: skip
    folder = Path(given.out) if given.out else _default_folder(given, files)
    if folder.exists():
        raise UsageError(f"{folder} exists and is never overwritten; choose another --out")
    evidence, failures = judge_files(
        files, device, folder, without=tuple(given.without), case=given.case, command=command
    )
    return evidence, failures, folder


def _default_folder(given: argparse.Namespace, files: Files) -> Path:
    """Return ./pqvalidate-runs/NAME-acvp-DIGEST of the responses; a replay of one case takes the next free folder."""
    name = given.name or (Path(given.manifest).stem if given.manifest else "device")
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name) or "device"
    content = b"".join(hashlib.sha256(read_bytes(path, "a response file")).digest() for path in files.responses)
    first = Path("pqvalidate-runs", f"{slug}-acvp-{hashlib.sha256(content).hexdigest()[:16]}")
    folder, number = first, 1
    while given.case and folder.exists():
        number += 1
        folder = first.with_name(f"{first.name}-replay-{number}")
    return folder
