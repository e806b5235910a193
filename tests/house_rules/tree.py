"""The files of the project as the house rules see them: found by walking the folder, so git is not needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "pqvalidate"

_MADE_BY_TOOLS = {"__pycache__", "_build", "_generated", "build", "dist", "pqvalidate-runs"}
_KEPT_DOT_NAMES = {".ci", ".gitignore"}


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") and entry.name not in _KEPT_DOT_NAMES:
            continue
        if entry.is_file():
            yield entry
        elif entry.name not in _MADE_BY_TOOLS and not entry.name.endswith(".egg-info"):
            yield from _walk(entry)


FILES = tuple(_walk(ROOT))
PYTHON = tuple(path for path in FILES if path.suffix == ".py")
SOURCES = tuple(path for path in PYTHON if path.is_relative_to(SOURCE))
PROSE = tuple(path for path in FILES if path.suffix in {".md", ".toml"} or path.name == "Makefile")


def name(path: Path) -> str:
    """Return the path relative to the project, for messages and test ids."""
    return path.relative_to(ROOT).as_posix()


def text(path: Path) -> str | None:
    """Return the text of a file, or None for a binary one."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
