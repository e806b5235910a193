"""Manifests for the test programs of this folder, and Go's own wrapper built from its toolchain."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from pqvalidate.adapters.attach import Implementation, attach

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[1] / "examples" / "modulewrapper-go"
MANIFEST = """
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "Example"
version = "1"
[attach]
kind = {kind}
dialect = {dialect}
command = {command}
environment = {{ PYTHONPATH = {root} }}
[claims]
conformance = {sets}
[[artefacts]]
path = {artefact}
[limits]
call_seconds = {seconds}
"""

Attach: TypeAlias = Callable[..., Implementation]


@pytest.fixture
def attached(tmp_path: Path) -> Attach:
    """Attach a test program of this folder: kind, dialect, program, arguments, parameter sets."""

    def attach_program(
        kind: str, dialect: str, program: str, *arguments: str, sets: Sequence[str] = ("ML-KEM-768",), seconds: int = 20
    ) -> Implementation:
        words = {
            "kind": kind, "dialect": dialect, "command": [sys.executable, str(HERE / program), *arguments],
            "sets": list(sets), "artefact": str(HERE / program), "seconds": seconds,
            "root": str(HERE.parents[1]),
        }  # fmt: skip
        path = tmp_path / "vendor.toml"
        path.write_text(MANIFEST.format(**{key: json.dumps(value) for key, value in words.items()}), encoding="utf-8")
        return attach(path)

    return attach_program


@pytest.fixture(scope="session")
def go_manifest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the example with Go's wrapper, in a folder of its own."""
    folder = tmp_path_factory.mktemp("modulewrapper-go")
    for name in ("Makefile", "go-wrapper.toml"):
        (folder / name).write_bytes((EXAMPLE / name).read_bytes())
    subprocess.run(["make", "--silent", "-C", str(folder)], check=True, timeout=600)
    yield folder / "go-wrapper.toml"
    (folder / "wrapper").unlink()
