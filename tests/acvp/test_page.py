"""The how-to page on devices behind an air gap is true: its program runs, and its commands do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.cli.command import environment
from tests.house_rules.tree import ROOT

PAGE = (ROOT / "docs" / "howto" / "air-gapped.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`(?P<name>[\w.-]+)`[^\n]*:\n\n```(?:python|toml)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(?:console|shell-session)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"^\$ (?P<command>.*?[^\\])(?:  # exit (?P<code>\d))?\n", re.MULTILINE | re.DOTALL)


def test_the_page_is_true_from_its_first_command_to_its_last(tmp_path: Path) -> None:
    commands = tmp_path / ".bin"
    commands.mkdir()
    for name, words in {"pqvalidate": "-m pqvalidate", "python3": ""}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (commands / name).chmod(0o755)
    for file in FILE.finditer(PAGE):
        (tmp_path / file["name"]).write_text(file["content"])
    (tmp_path / "firmware.bin").write_bytes(b"firmware")
    typed = [found for block in BLOCK.finditer(PAGE) for found in TYPED.finditer(block["text"])]
    assert [found["command"].split()[0] for found in typed] == ["pqvalidate", "python3", "pqvalidate", "pqvalidate"]
    for found in typed:
        done = subprocess.run(
            ["bash", "-c", found["command"]], cwd=tmp_path, env=environment(PATH=f"{commands}:{os.environ['PATH']}"),
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == int(found["code"] or 0), found["command"] + done.stdout + done.stderr
    assert (tmp_path / "bundle-2" / "evidence.json").exists()
