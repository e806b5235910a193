"""Manifests for the harness programs of these tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).resolve().parents[2]


def manifest(
    folder: Path, *words: str, program: str = "honest.py", sets: tuple[str, ...] = ("ML-KEM-768",),
    framing: str = "jsonl", environment: dict[str, str] | None = None, seconds: int = 20, start_seconds: int = 20,
) -> Path:  # fmt: skip
    """Write a manifest of a program of these tests and return its path."""
    command = [sys.executable, str(PROGRAMS / program), framing, *words]
    table = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **(environment or {})}
    variables = ", ".join(f"{name} = {json.dumps(value)}" for name, value in table.items())
    return written(folder, command, sets, framing, f"environment = {{{variables}}}", seconds, start_seconds)


def written(
    folder: Path, command: list[str], sets: tuple[str, ...], framing: str, more: str = "", seconds: int = 20,
    start_seconds: int = 20,
) -> Path:  # fmt: skip
    """Write a manifest with a command and return its path."""
    file = folder / "vendor.toml"
    (folder / "artefact").write_text("what is tested")
    file.write_text(
        'schema = "pqvalidate/manifest/1"\n[product]\nvendor = "Example BV"\nname = "X-Crypto"\nversion = "1"\n'
        f'[attach]\nkind = "harness"\nframing = "{framing}"\ncommand = {json.dumps(command)}\n{more}\n'
        f"[claims]\nconformance = {json.dumps(sets)}\n[limits]\ncall_seconds = {seconds}\n"
        f'start_seconds = {start_seconds}\n[[artefacts]]\npath = "artefact"\n'
    )
    return file
