"""A sheet as PDF/A-3a and PDF/UA-1, with the signed file inside; the same input gives the same bytes.

PDF/A-3 (ISO 19005-3) allows attached files; level A of it, and PDF/UA-1 (ISO 14289-1), ask for tags that a screen
reader follows. Only the fonts inside the typst package are used, so a page looks the same on every machine.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pqvalidate.errors import UsageError
from pqvalidate.report import qr, words
from pqvalidate.report.messages import Messages
from pqvalidate.report.sheet import Sheet

if TYPE_CHECKING:
    import typst

STANDARDS: tuple[Any, ...] = ("a-3a", "ua-1")
_LONGEST = 4000  # characters of one text; a signed text may have millions, and stays whole in the attached file
_BREAK_AFTER = 24  # characters of a word that is longer than a line
_LONG_WORD = 64  # a SHA-256 in hex
_STATUS = 100  # characters of a status on one line, which is printed smaller
# A mark that could not be composed (Mn, Me) is drawn by neither font on every letter.
_NEVER_DRAWN = {"Cc", "Cf", "Cn", "Co", "Cs", "Me", "Mn"}
_ZERO_WIDTH_SPACE = "\u200b"
# What both fonts of the package have; a glyph that is missing would break PDF/A (ISO 19005-3 section 6.2.11.8).
_DRAWABLE = ((0x20, 0x4FF), (0x1E00, 0x1FFF), (0x2010, 0x2027), (0x2030, 0x203E), (0x20A0, 0x20BF), (0x2190, 0x22FF),
             (0x2713, 0x2713), (0x2717, 0x2717), (0xFFFD, 0xFFFD))  # fmt: skip


def render(sheet: Sheet, *, attached: bytes = b"", name: str = "") -> bytes:
    """Return the sheet as a PDF of A4 pages.

    Args:
        sheet: what it says.
        attached: the signed file as it is on disk (UTF-8), or nothing.
        name: name of the attached file inside the PDF.

    Raises:
        UsageError: the package typst is missing.

    """
    say = Messages(sheet.lang)
    tree = msgspec.to_builtins(sheet)
    tree["short"] = f"{sheet.kind}: {sheet.title}"
    tree["attachment"] = say("The file that this document was made from")
    inputs = {
        "sheet": msgspec.json.encode(_drawn(tree) | {"status": drawable(sheet.status, whole=_STATUS)}).decode("utf-8"),
        "code": qr.svg(sheet.status),
        "file": attached.decode("utf-8"),
        "attached": _file_name(name) if attached else "",
    }
    source = Path(__file__).with_name("pages") / "sheet.typ"
    library = _typst()
    compiler = library.Compiler(
        source.read_bytes(), font_paths=_fonts(), ignore_system_fonts=True, sys_inputs=inputs
    )  # fmt: skip
    made = compiler.compile(format="pdf", pdf_standards=list(STANDARDS), timestamp=_moment(sheet.made))
    if not isinstance(made, bytes):
        raise TypeError("typst gave no single document")
    return made


def drawable(text: str, whole: int = _LONG_WORD) -> str:
    r"""Return the text with every character that the fonts lack written out, e.g. ``\u534e``; very long ones cut.

    The attached file has every text as it was signed. A word of more than ``whole`` characters may be broken.
    """
    composed = unicodedata.normalize("NFC", text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [...]")
    plain = words.printable(composed)
    shown = "".join(c if _has_glyph(c) else c.encode("unicode_escape").decode("ascii") for c in plain)
    return " ".join(word if len(word) <= whole else _breakable(word) for word in shown.split(" "))


def _has_glyph(character: str) -> bool:
    if " " <= character <= "~":
        return True
    known = any(first <= ord(character) <= last for first, last in _DRAWABLE)
    return known and unicodedata.category(character) not in _NEVER_DRAWN


def _breakable(word: str) -> str:
    """Let a word that is longer than a line end somewhere."""
    return _ZERO_WIDTH_SPACE.join(word[at : at + _BREAK_AFTER] for at in range(0, len(word), _BREAK_AFTER))


def _file_name(name: str) -> str:
    """Return a name that every reader of PDF can save under; typst refuses paths that leave the folder."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name[-100:]).lstrip(".-") or "signed.json"


def _drawn(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    match value:
        case str():
            return drawable(value)
        case dict():
            return {key: _drawn(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_drawn(inner) for inner in value]
        case _:
            return value


def _moment(made: str) -> int:
    """Return a UTC moment, or the start of a day, as seconds since 1970."""
    form = "%Y-%m-%dT%H:%M:%SZ" if "T" in made else "%Y-%m-%d"
    return int(datetime.strptime(made, form).replace(tzinfo=UTC).timestamp())


def available() -> None:
    """Refuse to go on where a PDF cannot be made.

    Raises:
        UsageError: the package typst is missing; names the remedy.

    """
    _typst()


def _typst() -> Any:  # noqa: ANN401  (a module that may be absent)
    try:
        import typst  # noqa: PLC0415  (an extra, and 20 MB: loaded for PDF only)
    except ImportError:
        raise UsageError(
            "--format pdf needs the package typst; install it with: pip install 'pqvalidate[pdf]'"
        ) from None
    return typst


@cache
def _fonts() -> typst.Fonts:
    fonts: typst.Fonts = _typst().Fonts(include_system_fonts=False)
    return fonts
