"""Places in machine code: which instruction memcheck complains about, and what it is (``objdump``)."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_ERROR = re.compile(r"<error>(.*?)</error>|<text>pqvalidate (begin|end)\s*</text>", re.DOTALL)
_KIND = re.compile(r"<kind>(UninitCondition|UninitValue)</kind>")
_FRAME = re.compile(r"<frame>(.*?)</frame>", re.DOTALL)
_FIELD = re.compile(r"<(ip|obj|fn)>([^<]*)</\1>")
_MOST_FRAMES = 12
_LIBRARY_CODE = ("libc.so", "libc-", "ld-linux", "ld-musl", "ld64.so", "vgpreload_", "libgcc_s.so")
"""Files whose code works for whoever called it, such as memcmp."""
_INTERPRETER = ("python", "libpython", "libffi", "_cffi_backend", "tainting")
_LABEL = re.compile(r"^[0-9a-f]+ <([^>]+)>:$", re.MULTILINE)
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*?)\s*$", re.MULTILINE)
_LONGEST = 16
WHAT = {"UninitCondition": "branch", "UninitValue": "address"}
"""Memcheck's names for what depends on undefined bits, in ours."""


@dataclass(frozen=True, slots=True)
class Site:
    """An instruction whose branch, or address, depends on a secret.

    Attributes:
        what: ``branch`` or ``address``.
        file: the file whose code it is; empty where memcheck knows none.
        address: in memory.
        through: the function of the C library that was called from there and has the instruction, if it was so.
        interpreter: whether it is code of the Python interpreter and not of the implementation.

    """

    what: str
    file: str
    address: int
    through: str = ""
    interpreter: bool = False


def sites(report: str) -> list[Site]:
    """Return the places that memcheck's XML report names between our marks, each once, in order.

    A place inside the C library counts for the code that called it. The report may break off: the worker is killed.
    """
    found: dict[Site, None] = {}
    watching = False
    for match in _ERROR.finditer(report):
        if match[2]:
            watching = match[2] == "begin"
        elif watching and (kind := _KIND.search(match[1])):
            found[_site(WHAT[kind[1]], list(_frames(match[1])))] = None
    return list(found)


def _frames(error: str) -> Iterator[Mapping[str, str]]:
    for frame in list(_FRAME.finditer(error))[:_MOST_FRAMES]:
        yield {name: html.unescape(value) for name, value in _FIELD.findall(frame[1])}


def _site(what: str, frames: list[Mapping[str, str]]) -> Site:
    inner = ""
    for frame in frames:
        file = frame.get("obj", "")
        if Path(file).name.startswith(_LIBRARY_CODE):
            inner = frame.get("fn", "") or Path(file).name
            continue
        name = Path(file).name
        interpreter = name.startswith(_INTERPRETER) or "/lib-dynload/" in file
        return Site(what, file, int(frame.get("ip", "0"), 16), inner, interpreter)
    return Site(what, "", 0, inner)


def place(file: str, offset: int, *, within: bool = False) -> str:
    """Return ``file function (offset): instruction`` for the instruction at ``offset`` of a file, as far as known.

    Where the offset lies ``within`` an instruction, as that of a call whose end is known, the place alone is told.
    """
    name, objdump = Path(file).name or "code without a file", shutil.which("objdump")
    if objdump is None or not file:
        return f"{name} at 0x{offset:x}"
    command = [
        objdump, "--disassemble", "--no-show-raw-insn", "--wide", f"--start-address=0x{offset:x}",
        f"--stop-address=0x{offset + _LONGEST:x}", file,
    ]  # fmt: skip
    made = subprocess.run(command, check=False, capture_output=True, timeout=300)  # noqa: S603  (our own words)
    listing = made.stdout.decode("utf-8", "replace")
    label, found = _LABEL.search(listing), _INSTRUCTION.search(listing)
    where = f"{label[1]} (0x{offset:x})" if label else f"0x{offset:x}"
    if within:
        return f"{name} {where}"
    instruction = " ".join(found[2].split()) if found and int(found[1], 16) == offset else "not disassembled"
    return f"{name} {where}: {instruction}"
