"""House rules on the source: length of files, facts held once, every public name documented."""

from __future__ import annotations

import ast
import io
import tokenize
from typing import TYPE_CHECKING

import pytest

from pqvalidate.algorithms import PARAMETER_SETS
from tests.house_rules.tree import SOURCE, SOURCES, name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_LINES = 400

# Lengths that are round enough to mean something else somewhere (a count, a time, 3 x 256).
AMBIGUOUS = {768, 800, 2400, 2560, 4000}
LENGTHS = {
    size for row in PARAMETER_SETS.values() for size in (row.public_key, row.private_key, row.output)
} - AMBIGUOUS

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_is_at_most_400_lines_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def numbers(path: Path) -> Iterator[tuple[int, int]]:
    """Yield (line, value) of each whole number written in a file."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.NUMBER and token.string.replace("_", "").isdecimal():
            yield token.start[0], int(token.string)


def test_the_lengths_of_keys_and_outputs_are_written_in_algorithms_only() -> None:
    others = [path for path in SOURCES if path != SOURCE / "algorithms.py"]
    found = [f"{name(path)}:{line}: {value}" for path in others for line, value in numbers(path) if value in LENGTHS]
    assert found == []


def test_the_table_itself_holds_every_length() -> None:
    assert {value for _, value in numbers(SOURCE / "algorithms.py")} >= LENGTHS


def public(node: Documented, where: str) -> Iterator[tuple[str, Documented]]:
    """Yield a node and its public members, each with its dotted name; the inside of functions is private."""
    yield where, node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            yield from public(child, f"{where}.{child.name}")


def is_override(node: Documented) -> bool:
    """Tell whether a method takes its documentation from the class that it overrides, or is one of its overloads."""
    decorators = getattr(node, "decorator_list", [])
    return any(isinstance(d, ast.Name) and d.id in {"override", "overload"} for d in decorators)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_every_public_name_says_in_one_sentence_what_it_is(path: Path) -> None:
    undocumented = []
    for where, node in public(ast.parse(path.read_text(encoding="utf-8")), name(path)):
        first = (ast.get_docstring(node) or "").partition("\n\n")[0].strip()
        if not first.endswith((".", "?")) and not is_override(node):
            undocumented.append(where)
    assert undocumented == []
