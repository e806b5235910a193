"""A page for the terminal or a log: width-aware tables and paragraphs, coloured only where a person reads along."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Container, Iterable, Sequence
from typing import Literal, TypeAlias

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pqvalidate.report.words import printable

Justify: TypeAlias = Literal["left", "right"]
Cell: TypeAlias = str | tuple[str, str]
"""Text of a table cell, or (text, style)."""

_NARROWEST, _WIDEST, _IN_A_PIPE = 60, 120, 100
_BOLD, _DIM = "bold", "dim"


class Page:
    """Collects the lines of one page.

    Args:
        width: characters on a line; None for the terminal's (60 to 120), or 100 where output goes elsewhere.
        colour: whether to colour; None for: on a terminal, unless NO_COLOR is set or TERM is ``dumb``.

    """

    def __init__(self, *, width: int | None = None, colour: bool | None = None) -> None:
        self._colour = _wants_colour() if colour is None else colour
        self._stream = io.StringIO()
        self.width = _width() if width is None else width
        self._console = Console(
            file=self._stream, width=self.width, force_terminal=self._colour, legacy_windows=False, highlight=False,
            color_system="standard" if self._colour else None, no_color=not self._colour, markup=False, emoji=False,
        )  # fmt: skip

    def gap(self) -> None:
        """Add an empty line."""
        self._console.print()

    def heading(self, title: str, note: str = "") -> None:
        """Add an empty line and a heading, with a remark behind it."""
        self.gap()
        self._console.print(Text.assemble((title, _BOLD), (f"  {printable(note)}" if note else "", _DIM)))

    def line(self, *parts: Cell, indent: int = 0) -> None:
        """Add one line that is never wrapped or cut, so that a digest, path or command can be copied from it."""
        self._console.print(Text(" " * indent).append_text(_text(parts)), soft_wrap=True)

    def paragraph(self, *parts: Cell, indent: int = 0) -> None:
        """Add text that is wrapped to the width."""
        self._print(_text(parts), indent)

    def labelled(self, label: str, value: Cell, *, at: int, indent: int = 0) -> None:
        """Add a label and, from column ``at`` on, text that is wrapped to the width."""
        grid = Table.grid(padding=0)
        grid.add_column(width=at, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(label, _DIM), _text([value]))
        self._print(grid, indent)

    def table(
        self,
        head: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        *,
        numbers: Container[int] = (),
        wrap: Container[int] = (),
        indent: int = 0,
    ) -> None:
        """Add a table without rules; columns in ``numbers`` are set right, those in ``wrap`` wrap if they must.

        A column that does not wrap loses the ends of what is too long for the page: ask ``fits`` before.
        """
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=any(head), header_style=_DIM)
        for number, title in enumerate(head):
            side: Justify = "right" if number in numbers else "left"
            table.add_column(title, justify=side, no_wrap=number not in wrap, vertical="top", overflow="fold")
        for row in rows:
            table.add_row(*(_text([cell]) for cell in row))
        self._print(table, indent)

    def fits(self, head: Sequence[str], rows: Iterable[Sequence[Cell]], *, indent: int = 0) -> bool:
        """Return whether a table of which no column wraps is no wider than the page."""
        columns = zip(head, *([_text([cell]).plain for cell in row] for row in rows), strict=True)
        widths = [max(cell_len(line) for text in column for line in text.split("\n")) for column in columns]
        return indent + sum(widths) + 2 * (len(widths) - 1) <= self.width

    def _print(self, what: RenderableType, indent: int) -> None:
        self._console.print(Padding(what, (0, 0, 0, indent)))

    def __str__(self) -> str:
        """Return the page with no blanks at the ends of lines and one line feed at the end."""
        lines = self._stream.getvalue().splitlines()
        return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def _text(parts: Iterable[Cell]) -> Text:
    text = Text()
    for part in parts:
        words, style = (part, "") if isinstance(part, str) else part
        text.append(printable(words), style)
    return text


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _width() -> int:
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return _IN_A_PIPE
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_IN_A_PIPE, 24)).columns))
