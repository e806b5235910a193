"""The help texts in the documentation are what the command prints; `make golden` rewrites them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.house_rules.tree import PROSE, ROOT, name

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = re.compile(
    r"^```console\n\$ pqvalidate (?P<arguments>[a-z -]*--help)\n(?P<help>.*?)^```$", re.MULTILINE | re.DOTALL
)
PAGES = [path for path in PROSE if path.suffix == ".md" and BLOCK.search(path.read_text(encoding="utf-8"))]


def printed(arguments: str) -> str:
    """Return what `pqvalidate ARGUMENTS` prints, on a terminal of 100 columns without colours."""
    code = "import sys; from pqvalidate.cli import main; sys.argv[0] = 'pqvalidate'; sys.exit(main())"
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code, *arguments.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_printed_help(content: str) -> str:
    return BLOCK.sub(lambda m: f"```console\n$ pqvalidate {m['arguments']}\n{printed(m['arguments'])}```", content)


def test_the_readme_shows_the_help_of_the_command() -> None:
    assert ROOT / "README.md" in PAGES


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_help_text_in_the_documentation_is_what_the_command_prints(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    expected = with_printed_help(content)
    if os.environ.get("PQV_UPDATE_GOLDEN") == "1":
        page.write_text(expected, encoding="utf-8")
    else:
        assert content == expected
