"""What the tests of C libraries share: compiling one, a manifest for it, and attaching it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pqvalidate.adapters.attach import Implementation, attach
from pqvalidate.adapters.interface import Call, Reply

HERE = Path(__file__).parent
DK, CT, EK = bytes(range(240)) * 10, 1088, bytes(1184)
MARK = 0xEE
"""A ciphertext whose byte 7 is this one makes a planted fault happen."""


def compiled(folder: Path, source: str, *flags: str) -> Path:
    """Return a shared library that gcc made of a C file of this folder."""
    gcc = shutil.which("gcc") or "gcc"
    made = folder / "libtoy.so"
    command = [gcc, "-std=c99", "-Wall", "-O1", "-fPIC", "-shared", "-Wl,-z,lazy", *flags]
    subprocess.run([*command, "-o", str(made), str(HERE / source)], check=True, capture_output=True, timeout=60)
    return made


def manifest(folder: Path, symbols: str, sets: str = '"ML-KEM-768"', kind: str = "c-abi", extra: str = "") -> Path:
    """Return a manifest for ``libtoy.so`` beside it."""
    path = folder / "toy.toml"
    path.write_text(
        f"""
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "toy"
version = "1"
[attach]
kind = "{kind}"
library = "libtoy.so"
[claims]
conformance = [{sets}]
[limits]
call_seconds = 3
{extra}
[symbols]
{symbols}
""",
        encoding="utf-8",
    )
    return path


TOY = 'family = "mlkem-native"\n[symbols.sets.ML-KEM-768]\nprefix = "toy_"\n'


def toy(folder: Path, *flags: str, symbols: str = TOY) -> Implementation:
    """Compile the KEM with some flags and attach it."""
    compiled(folder, "kem.c", *flags)
    return attach(manifest(folder, symbols))


def decapsulation(c: bytes, dk: bytes = DK) -> Call:
    """Return a call."""
    return Call(operation="decapsulate", parameter_set="ML-KEM-768", inputs={"dk": dk, "c": c})


def ciphertexts(count: int, *, marked: int = -1) -> list[bytes]:
    """Return different ciphertexts, one of which makes the planted fault happen."""
    made = [bytes([n % 200]) * CT for n in range(count)]
    if marked >= 0:
        made[marked] = made[marked][:7] + bytes([MARK]) + made[marked][8:]
    return made


def secret(c: bytes, dk: bytes = DK) -> bytes:
    """Return what the toy KEM makes of a ciphertext."""
    return bytes(a ^ b for a, b in zip(c[:32], dk[:32], strict=True))


def ask_one(iut: Implementation, operation: str, name: str = "ML-KEM-768", **inputs: bytes) -> Reply:
    """Make one call."""
    (reply,) = iut.ask([Call(operation=operation, parameter_set=name, inputs=inputs)])
    return reply


needs_gcc = pytest.mark.needs("gcc")
