"""House rules on the documentation: each page can be reached, each link and picture is there, each command is real.

A block of commands is run by tests/cli/test_documentation.py (``console``), or a comment right above it says which test
runs it or why none does. Run or not, the flags of every command must exist.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]  # myst-parser brings it; its types are a package of their own

from pqvalidate.cli import parser
from tests.house_rules.tree import FILES, PROSE, ROOT, name

DOCS = ROOT / "docs"
IMAGES = tuple(path for path in FILES if path.is_relative_to(DOCS / "images"))
PAGES = tuple(path for path in PROSE if path.suffix == ".md")
MOST_BYTES = 200_000

FENCE = re.compile(
    r"(?:^<!-- (?P<mark>run by|not run): (?P<what>[^>]+) -->\n+)?^```(?P<kind>[\w-]+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(
    r"!?\[[^\]]*\]\((?P<to>[^)\s]+)\)|<img [^>]*src=\"(?P<image>[^\"]+)\"|^:::\{image\} (?P<shown>\S+)", re.MULTILINE
)
TOCTREE = re.compile(r"^```\{toctree\}\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = {"console", "sh", "shell", "shell-session", "bash"}
SUBSTITUTION = re.compile(r"\$\([^()]*\)")
ENDS = {"|", "||", "&&", ";", ">", ">>", "<", "&"}


class Command(NamedTuple):
    """A command of ours in a page, as its words."""

    page: str
    words: list[str]


def targets(page: Path) -> Iterator[Path]:
    """Return the files to which a page links, shows or has below it."""
    content = page.read_text(encoding="utf-8")
    code_is_no_link = re.sub(r"^```(?!\{toctree\}).*?^```$|`[^`\n]*`", "", content, flags=re.MULTILINE | re.DOTALL)
    for link in LINK.finditer(code_is_no_link):
        to = (link["to"] or link["image"] or link["shown"]).partition("#")[0]
        if to and ":" not in to:
            yield (page.parent / to).resolve()
    for tree in TOCTREE.finditer(content):
        for line in tree["text"].splitlines():
            if line and not line.startswith(":"):
                yield (page.parent / f"{line}.md").resolve()


def test_every_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.is_file():
            reached.add(page)
            waiting += targets(page)
    assert [name(page) for page in PAGES if page.is_relative_to(DOCS) and page not in reached] == []


def test_every_link_and_picture_is_there() -> None:
    made = DOCS / "reference" / "_generated"
    missing = [
        (name(page), str(to)) for page in PAGES for to in targets(page)
        if not to.exists() and not to.is_relative_to(made)
    ]  # fmt: skip
    assert missing == []


def words_of(line: str) -> Iterator[list[str]]:
    """Return the words of each command of ours in a line for a shell."""
    splitter = shlex.shlex(SUBSTITUTION.sub("X", line), posix=True, punctuation_chars="|&;<>")
    splitter.whitespace_split = True
    found: list[str] | None = None
    for word in [*splitter, ";"]:
        if word in ENDS:
            if found is not None:
                yield found
            found = None
        elif word == "pqvalidate":
            found = []
        elif found is not None:
            found.append(word)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner)


def lines_of(kind: str, text: str) -> Iterator[str]:
    """Return the lines that somebody would type, or a build would run."""
    joined = text.replace("\\\n", " ")
    if kind == "yaml":
        yield from (line for script in strings(yaml.safe_load(text)) for line in script.splitlines())
    elif kind in {"console", "shell-session"}:
        yield from (line[2:] for line in joined.splitlines() if line.startswith("$ "))
    elif kind in SHELL:
        yield from joined.splitlines()


def commands(page: Path) -> Iterator[Command]:
    for fence in FENCE.finditer(page.read_text(encoding="utf-8")):
        for line in lines_of(fence["kind"], fence["text"]):
            if "pqvalidate " in line:
                yield from (Command(name(page), words) for words in words_of(line))


COMMANDS = [command for page in PAGES for command in commands(page)]


def objection(words: list[str]) -> str:
    """Return what the command line says against a command, or the empty string."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            parser().parse_args(words)
        except SystemExit as end:
            return said.getvalue() if end.code else ""
    return ""


def test_the_flags_of_every_command_in_the_documentation_exist() -> None:
    assert len(COMMANDS) > 100
    wrong = [
        (command.page, " ".join(command.words), said) for command in COMMANDS if (said := objection(command.words))
    ]
    assert wrong == []


def test_a_command_with_a_wrong_flag_is_found() -> None:
    (found,) = words_of("FOO=1 pqvalidate judge $(ls) --polcy x > out.txt")
    assert "--polcy" in objection(found)


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    silent = []
    for page in PAGES:
        for fence in FENCE.finditer(page.read_text(encoding="utf-8")):
            ours = any("pqvalidate " in line for line in lines_of(fence["kind"], fence["text"]))
            if ours and fence["kind"] != "console" and not fence["mark"]:
                silent.append((name(page), fence["text"].splitlines()[0]))
            if fence["mark"] == "run by":
                test = ROOT / fence["what"]
                assert test.is_file(), (name(page), fence["what"])
                assert page.name in test.read_text(encoding="utf-8"), (name(page), fence["what"])
    assert silent == []


def verbs(of: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    """Return every verb, and every action of a verb, that can be typed."""
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                inner = list(verbs(below, f"{before}{word} "))
                yield from inner or [f"{before}{word}"]


def test_the_reference_has_the_help_of_every_verb() -> None:
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert [verb for verb in verbs(parser()) if f"$ pqvalidate {verb} --help\n" not in page] == []


def test_there_are_pictures_and_they_are_small() -> None:
    assert {path.name for path in IMAGES} >= {"terminal.svg", "certificate.png"}
    assert [name(path) for path in IMAGES if path.stat().st_size > MOST_BYTES] == []


@pytest.mark.parametrize("picture", [path for path in IMAGES if path.suffix == ".svg"], ids=name)
def test_a_drawing_loads_nothing_and_has_a_text_for_those_who_do_not_see_it(picture: Path) -> None:
    content = picture.read_text(encoding="utf-8")
    assert not re.search(r"href|url\(|@import|@font-face|<script|<image|<foreignObject", content)
    root = ET.fromstring(content)
    texts = {child.tag.rpartition("}")[2]: child.text for child in root}
    assert texts["title"]
    assert texts["desc"]
