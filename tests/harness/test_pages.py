"""The pages about harnesses are true: the example runs as printed, and the bytes are those that travel."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from pqvalidate.adapters.framing import FrameBuffer, pack
from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS
from pqvalidate.adapters.replies import _LONGEST_OUTPUT
from pqvalidate.algorithms import PREHASH_OID_BYTE
from tests.cli.command import document, succeeded
from tests.harness.harnesses import ROOT

HOWTO = (ROOT / "docs/howto/attach-program.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs/reference/harness-protocol.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w.-]+)`[^\n]*:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_example_of_the_how_to_page_keeps_the_protocol_and_conforms(tmp_path: Path) -> None:
    files = dict(FILE.findall(HOWTO))
    assert set(files) == {"x_harness.py", "x-crypto.toml"}
    for name, content in files.items():
        (tmp_path / name).write_text(content.replace('"python3"', json.dumps(sys.executable)))
    commands = re.findall(r"^pqvalidate (.*)$", HOWTO, re.MULTILINE)
    assert len(commands) == 2
    checked = document(succeeded(*commands[0].split(), "--format", "json", cwd=tmp_path))
    assert {row["outcome"] for row in checked["checks"]} <= {"pass", "not-asked"}
    assert "Every claim is confirmed" in succeeded(*commands[1].split(), cwd=tmp_path).stdout


def frames() -> list[bytes]:
    """Return the frames of the worked example: an arrow, then hex, over one or more lines."""
    block = PROTOCOL.partition("## The same conversation in bytes")[2]
    found: list[str] = []
    for fence in re.findall(r"^```text\n(.*?)^```$", block, re.MULTILINE | re.DOTALL):
        for line in fence.splitlines():
            if line.startswith(("->", "<-")):
                found.append("")
            found[-1] += line.removeprefix("->").removeprefix("<-")
    return [bytes.fromhex(text) for text in found]


def test_the_bytes_of_the_protocol_page_are_those_that_travel() -> None:
    hello = {"protocol": 1, "operations": {"ML-KEM-768": ["decapsulate"]}}
    call = {"id": 2, "op": "decapsulate", "set": "ML-KEM-768", "in": {"dk": b"\1\2\3", "c": b""}}
    expected: list[dict[str, Any]] = [
        {"id": 1, "op": "hello"}, {"id": 1, "ok": hello}, call, {"id": 2, "rejected": "length"},
    ]  # fmt: skip
    assert [shown.hex(" ") for shown in frames()] == [pack(message).hex(" ") for message in expected]
    buffer = FrameBuffer()
    for frame in frames():
        buffer.feed(frame)
        assert buffer.next() == expected.pop(0)


def test_the_protocol_page_describes_every_field_and_hash_and_the_limits() -> None:
    fields = {
        field
        for table in (KEM_OPERATIONS, SIGNATURE_OPERATIONS)
        for shape in table.values()
        for field in (*shape.inputs, *shape.outputs)
    } - {"handle"}
    described = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", PROTOCOL, re.MULTILINE))))
    assert fields <= described
    assert all(name in PROTOCOL for name in PREHASH_OID_BYTE)
    assert "67,108,864" in PROTOCOL
    assert f"{_LONGEST_OUTPUT >> 20} MiB is a fault" in PROTOCOL
