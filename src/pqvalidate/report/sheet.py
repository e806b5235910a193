"""A document for people as data: boxes, facts, lists and tables, in one language; HTML and PDF are made from it.

What others wrote stays text in it. Whatever shows it escapes it or passes it on as data; nothing of it is markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from pqvalidate.documents import Record
from pqvalidate.report.messages import Language, Messages
from pqvalidate.report.words import sentence

Mood: TypeAlias = Literal["", "good", "bad", "open"]
Kind: TypeAlias = Literal["facts", "heading", "subheading", "items", "text", "note", "table"]


class Line(Record):
    """A text; ``code`` is a digest or a name to be copied, ``mood`` a judgement, ``lang`` a language of its own."""

    text: str
    code: bool = False
    mood: Mood = ""
    lang: str = ""


class Fact(Record):
    """A label and what stands beside it, line by line."""

    label: str
    lines: tuple[Line, ...]


class Block(Record):
    """One piece of a page; ``kind`` says which of the members it has. ``figures`` are the columns with numbers."""

    kind: Kind
    title: str = ""
    lines: tuple[Line, ...] = ()
    facts: tuple[Fact, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[Line, ...], ...] = ()
    figures: tuple[int, ...] = ()


class Box(Record):
    """A decision in a frame, with a sentence about it."""

    mood: Mood
    word: str
    note: str


class Sheet(Record):
    """A whole document: its first page, then its details.

    ``status`` is what the QR code says: where the status of a certificate can be asked, or a urn with the SHA-256 of
    the signed body, or of the judged facts. ``made`` is the moment that the PDF gives as its date (UTC).
    """

    lang: Language
    kind: str
    title: str
    boxes: tuple[Box, ...]
    first: tuple[Block, ...]
    details: tuple[Block, ...]
    footer: str
    status: str
    status_label: str
    made: str


def line(text: object, mood: Mood = "", *, code: bool = False) -> Line:
    """Return a text of the language of the sheet."""
    return Line(text=str(text), code=code, mood=mood)


def recorded(say: Messages, text: str, *, whole: bool = True) -> Line:
    """Return a text of a bundle or certificate, in the language of the sheet if known; as a sentence if ``whole``."""
    said, lang = say.recorded(text)
    return Line(text=sentence(said) if whole else said, lang="" if lang == say.language else lang)


def facts(rows: Iterable[tuple[str, object]]) -> Block:
    """Return a list of labels; each with a text, a line or several lines."""
    return Block(kind="facts", facts=tuple(Fact(label=label, lines=_lines(value)) for label, value in rows))


def heading(title: str) -> Block:
    """Return a heading."""
    return Block(kind="heading", title=title)


def subheading(title: str) -> Block:
    """Return a heading under a heading."""
    return Block(kind="subheading", title=title)


def items(rows: Iterable[object]) -> Block:
    """Return a list of texts."""
    return Block(kind="items", lines=tuple(found for row in rows for found in _lines(row)))


def text(*said: object) -> Block:
    """Return a paragraph."""
    return Block(kind="text", lines=tuple(found for row in said for found in _lines(row)))


def note(said: object) -> Block:
    """Return a paragraph that is set apart."""
    return Block(kind="note", lines=_lines(said))


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], figures: Sequence[int] = ()) -> Block:
    """Return a table; the first cell of a row is its heading."""
    cells = tuple(tuple(_lines(cell)[0] for cell in row) for row in rows)
    return Block(kind="table", title=title, head=tuple(head), rows=cells, figures=tuple(figures))


def _lines(value: object) -> tuple[Line, ...]:
    match value:
        case Line():
            return (value,)
        case list() | tuple():
            return tuple(found for row in value for found in _lines(row))
        case _:
            return (line(value),)
