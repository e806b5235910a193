"""The documentation is true: every command in it is run as typed, and every line of output that it shows comes out.

PQV_UPDATE_GOLDEN=1 writes the present output into the pages; numbers, digests, times and seeds may differ otherwise.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.command import environment, succeeded
from tests.cli.conftest import Bench
from tests.flow.test_certificate_flow import library_that_was_run
from tests.house_rules.tree import PROSE, ROOT, name

BLOCK = re.compile(r"^```console\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(
    r"^`(?P<name>[\w.-]+\.(?:py|toml))`[^\n]*:\n\n```(?:python|toml)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL
)
PYTHON = re.compile(
    r"^```python\n(?P<code>import pqvalidate.*?)^```\n(?:\n```text\n(?P<text>.*?)^```$)?", re.MULTILINE | re.DOTALL
)
EXIT = re.compile(r"  # exit (?P<code>\d+)$")
PAGES = [path for path in PROSE if path.suffix == ".md" and "$ pqvalidate " in path.read_text(encoding="utf-8")]
REQUIRED = {
    "README.md", "docs/tutorial/first-run.md", "docs/howto/attach-python.md", "docs/howto/verify-a-certificate.md",
    "docs/howto/ci.md", "docs/reference/cli.md", "docs/tutorial/laboratory.md", "docs/tutorial/vendor.md",
    "docs/tutorial/buyer.md", "docs/tutorial/library.md",
}  # fmt: skip


@dataclass
class Typed:
    """One command of a page, with the lines of output that the page shows below it."""

    command: str
    code: int = 0
    shown: list[str] = field(default_factory=list)


def commands(block: str) -> list[Typed]:
    found: list[Typed] = []
    for line in block.splitlines():
        code = EXIT.search(line)
        if line.startswith("$ "):
            found.append(Typed(line[2:], int(code["code"]) if code else 0))
        elif found and found[-1].command.endswith("\\"):
            found[-1].command += f"\n{line}"
            found[-1].code = int(code["code"]) if code else 0
        else:
            found[-1].shown.append(line)
    return found


def comparable(line: str) -> str:
    """Return a line without what differs between runs and versions: digests, seeds, numbers, times, widths."""
    line = re.sub(r"--seed [0-9a-f]+", "--seed S", line)
    line = re.sub(r"\b[0-9a-f]{12,}\b", "H", line)
    return re.sub(r"\s+", " ", re.sub(r"\d[\d,.]*", "N", line)).strip()


def matched(shown: list[str], output: str) -> list[str]:
    """Return the lines of the output that stand in the page's places; fail where one does not come out, in order."""
    printed = output.splitlines()
    place, found, gap = 0, [], False
    for line in shown:
        if line == "...":
            gap = True
            found.append(line)
            continue
        while place < len(printed) and comparable(printed[place]) != comparable(line):
            assert gap, f"the page shows {line!r} where {printed[place]!r} comes out"
            place += 1
        assert place < len(printed), f"the page shows {line!r}, which does not come out:\n{output}"
        found.append(printed[place])
        place, gap = place + 1, False
    if shown:
        assert gap or place == len(printed), f"the page does not say that more comes out: {printed[place:]}"
    return found


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """Return a folder in which ``pqvalidate`` is a command."""
    command = tmp_path / ".bin" / "pqvalidate"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pqvalidate "$@"\n')
    command.chmod(0o755)
    return tmp_path


def prepare(page: str, folder: Path, bench: Bench) -> None:
    """Put beside the reader what the page says that he has."""
    if page == "docs/howto/verify-a-certificate.md":
        shutil.copy(bench.certificate("openssl"), folder / "certificate.json")
        shutil.copy(bench.trust, folder / "trust.json")
        shutil.copy(library_that_was_run(), folder / "the-file-you-run.so")
        (folder / "another-file.so").write_bytes(b"another")
    if page == "docs/tutorial/buyer.md":
        a_laboratory_has_published(bench.bundle("openssl"), folder)
        shutil.copy(library_that_was_run(), folder / "product.so")
        (folder / "newer.so").write_bytes(b"newer")


def a_laboratory_has_published(bundle: Path, folder: Path) -> None:
    """Leave in a folder what a buyer gets: certificate, trust file, a copy of the catalogue, and its first root."""
    lab = folder.with_name(f"{folder.name}-laboratory")
    lab.mkdir()
    for role in ("lab", "catalogue"):
        succeeded("keygen", "--role", role, "--name", "Example laboratory", "--out", role, cwd=lab)
    key = lab / "lab" / "signing-key.json"
    succeeded("certify", bundle, "--key", key, "--out", folder / "certificate.json")
    shutil.copy(lab / "lab" / "trust.json", folder / "trust.json")
    catalogue, publisher = folder / "catalogue", lab / "catalogue" / "signing-key.json"
    trust = folder / "trust.json"
    succeeded("publish", folder / "certificate.json", "--catalogue", catalogue, "--trust", trust, "--key", publisher)
    shutil.copy(catalogue / "metadata" / "1.root.json", folder / "root.json")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_a_page_does_what_the_page_shows(page: Path, shell: Path, bench: Bench) -> None:
    content = page.read_text(encoding="utf-8")
    prepare(name(page), shell, bench)
    for file in FILE.finditer(content):
        (shell / file["name"]).write_text(file["content"], encoding="utf-8")
    path = f"{shell / '.bin'}:{os.environ['PATH']}"
    blocks = [*BLOCK.finditer(content), *PYTHON.finditer(content)]
    for block in sorted(blocks, key=lambda found: found.start()):
        show = run_python if block.re is PYTHON else run_commands
        content = content.replace(block[0], show(block[0], shell, environment(PATH=path)))
    if os.environ.get("PQV_UPDATE_GOLDEN") == "1":
        page.write_text(content, encoding="utf-8")


def run_commands(block: str, shell: Path, env: dict[str, str]) -> str:
    """Run the commands of a block as typed; return it with the output of today in the places of the page's lines."""
    for typed in commands(block.partition("\n")[2].removesuffix("```")):
        if not typed.command.startswith("pqvalidate ") or "--help" in typed.command:
            continue  # targets of make and help texts have their own tests, in house_rules
        done = subprocess.run(
            ["bash", "-c", typed.command], cwd=shell, env=env, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == typed.code, f"{typed.command}\n{done.stdout}{done.stderr}"
        assert done.stderr == ""
        lines = matched(typed.shown, done.stdout)
        if typed.shown:
            block = block.replace("\n".join(typed.shown), "\n".join(lines))
    return block


def run_python(block: str, shell: Path, env: dict[str, str]) -> str:
    """Run an example; return it with the output of today in the place of the text below it."""
    found = PYTHON.fullmatch(block)
    assert found is not None
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", found["code"]], cwd=shell, env=env, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert found["text"], f"the page does not say what comes out:\n{done.stdout}"
    lines = matched(found["text"].splitlines(), done.stdout)
    return block.replace(found["text"], "".join(f"{line}\n" for line in lines))


def test_the_pages_that_a_newcomer_needs_all_have_commands() -> None:
    assert {name(path) for path in PAGES} >= REQUIRED


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/library.md"])
def test_the_pages_about_the_library_have_examples(page: str) -> None:
    assert PYTHON.search((ROOT / page).read_text(encoding="utf-8"))


def test_a_line_that_does_not_come_out_is_found() -> None:
    with pytest.raises(AssertionError, match="does not come out"):
        matched(["...", "conforms"], "DOES NOT CONFORM\n")
    with pytest.raises(AssertionError, match="where 'a' comes out"):
        matched(["b"], "a\nb\n")
    with pytest.raises(AssertionError, match="more comes out"):
        matched(["a"], "a\nb\n")
    assert matched(["a 1,234", "..."], "a  7\nb\n") == ["a  7", "..."]
