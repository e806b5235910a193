"""Draw the pictures of the documentation from a real run: a terminal as SVG, the first page of a certificate as PNG.

``make pictures`` writes them to docs/images. What the terminal shows is what the command printed, with its colours;
lines that are left out are marked. The SVG loads no font and nothing else.
"""

from __future__ import annotations

import argparse
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import pypdfium2
from PIL import Image, ImageChops, ImageOps

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
COLUMNS = 100
GAP = "..."
RUN = ("run", "pqcrypto", "--depth", "quick", "--parameter-set", "ML-DSA-44", "--seed", "5eed", "--out", "evidence")
SHOWN = (
    (r"^(DOES NOT )?CONFORM", r"^Refuted"),
    (r"^Coverage", r"^  ML-DSA-44"),
    (r"^Questions", r"^  Does HashML-DSA"),
    (r"^Findings", r"^Findings"),
    (r"^  2  critical", r"Refused what is valid"),
    (r"input.context", r"^       pqvalidate run .* --case "),
    (r"^Not asked", r"^Not asked"),
    (r"^Controls", r"^Controls"),
    (r"^  facts", r"^  facts"),
)
"""Which lines are shown: from the first line that fits one pattern to the next that fits the other."""

_SGR = re.compile(r"\x1b\[(?P<codes>[\d;]*)m")
_WORDS = re.compile(r"\S+(?: \S+)*")
_COLOURS = {31: "#ff7b72", 32: "#7ee787", 33: "#f2cc60", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea", 90: "#8b949e"}
_PLAIN, _PAPER, _FAINT = "#e6edf3", "#0d1117", "#9198a1"
_WIDTH, _HEIGHT, _SIZE, _EDGE = 8.4, 18, 14, 16
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
_PAGE_WIDTH, _PALETTE, _MARGIN, _FOOT = 900, 64, 30, 0.94
_FRAME = "#c8ccd0"


@dataclass(frozen=True)
class Span:
    """Some text of a line in one style."""

    text: str
    colour: str = _PLAIN
    bold: bool = False


def printed(words: Sequence[str], folder: Path) -> str:
    """Run the command with standard output on a terminal of its own and return what it shows there."""
    host, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    environment |= {"PYTHONPATH": str(ROOT / "src"), "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    with subprocess.Popen(
        [sys.executable, "-m", "pqvalidate", *words], cwd=folder, env=environment, stdout=terminal,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.close(terminal)
        shown = b"".join(_read(host))
        errors = process.stderr.read() if process.stderr else ""
    os.close(host)
    if process.returncode not in {0, 1}:
        raise SystemExit(f"pqvalidate {' '.join(words)} ended with {process.returncode}: {errors}")
    return shown.decode().replace("\r\n", "\n")


def _read(host: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(host, 65536)
        except OSError:  # Linux reports the end of a terminal as an input error
            return
        if not data:
            return
        yield data


def plain(line: str) -> str:
    """Return a line without its colours."""
    return _SGR.sub("", line)


def cut(lines: Sequence[str], shown: Sequence[tuple[str, str]]) -> list[str]:
    """Return the lines that are to be shown, with a mark where others are left out."""
    kept: list[str] = []
    place = 0
    for first, last in shown:
        start = next(n for n in range(place, len(lines)) if re.search(first, plain(lines[n])))
        end = next(n for n in range(start, len(lines)) if re.search(last, plain(lines[n])))
        if start > place and any(plain(line).strip() for line in lines[place:start]):
            kept.append(GAP)
        elif kept and start > place:
            kept.append("")
        kept += lines[start : end + 1]
        place = end + 1
    return [*kept, GAP] if place < len(lines) else kept


def spans(line: str) -> list[Span]:
    """Return the parts of a line with the colours and the weight that its escape sequences give them."""
    found, colour, bold, place = [], _PLAIN, False, 0
    for match in [*_SGR.finditer(line), None]:
        text = line[place : match.start() if match else None]
        if text:
            found.append(Span(text, colour, bold))
        if match:
            place = match.end()
            for code in map(int, (match["codes"] or "0").split(";")):
                colour, bold = _after(code, colour, bold=bold)
    return found


def _after(code: int, colour: str, *, bold: bool) -> tuple[str, bool]:
    if code == 0:
        return _PLAIN, False
    if code == 1:
        return colour, True
    if code == 2:
        return _FAINT, bold
    return _COLOURS.get(code, _PLAIN if code == 39 else colour), bold and code != 22


def svg(command: str, lines: Sequence[str], title: str, describes: str) -> str:
    """Return a terminal as SVG: each character has its place, whatever font the reader has."""
    prompt = [Span("$ ", _COLOURS[32], True), Span(command, _PLAIN, True)]
    rows = [prompt, *([Span(GAP, _FAINT)] if line == GAP else spans(line) for line in lines)]
    width, height = COLUMNS * _WIDTH + 2 * _EDGE, len(rows) * _HEIGHT + 2 * _EDGE
    drawn = "".join(_row(row, _EDGE + (number + 1) * _HEIGHT - 4) for number, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}"'
        f' viewBox="0 0 {width:.0f} {height}" role="img" aria-labelledby="title desc">\n'
        f'<title id="title">{escape(title)}</title>\n<desc id="desc">{escape(describes)}</desc>\n'
        f'<rect width="100%" height="100%" rx="8" fill="{_PAPER}"/>\n'
        f'<g font-family="{_FONTS}" font-size="{_SIZE}">\n{drawn}</g>\n</svg>\n'
    )


def _row(row: Sequence[Span], y: int) -> str:
    parts, column = [], 0
    for span in row:
        weight = ' font-weight="bold"' if span.bold else ""
        for words in _WORDS.finditer(span.text):  # browsers fold runs of spaces, so each group of words has its place
            x, length = _EDGE + (column + words.start()) * _WIDTH, len(words[0]) * _WIDTH
            parts.append(
                f'<tspan x="{x:.1f}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs" fill="{span.colour}"'
                f"{weight}>{escape(words[0])}</tspan>"
            )
        column += len(span.text)
    return f'<text y="{y}">{"".join(parts)}</text>\n' if parts else ""


def terminal(folder: Path) -> str:
    """Return the picture of a run that finds something."""
    shown = cut(printed(RUN, folder).rstrip("\n").split("\n"), SHOWN)
    title = "A terminal: pqvalidate finds that an implementation of ML-DSA-44 does not conform"
    describes = "\n".join(plain(line) for line in shown)
    return svg(f"pqvalidate {' '.join(RUN)}", [_fitting(line) for line in shown], title, describes)


def _fitting(line: str) -> str:
    """Return a line that ends within the picture; the report itself never folds a command that is to be copied."""
    return line if len(plain(line)) <= COLUMNS else plain(line)[: COLUMNS - 1] + "\u2026"


def certificate(folder: Path) -> bytes:
    """Return the first page of a certificate's PDF as PNG."""
    steps = (
        ("run", "openssl", "--depth", "quick", "--seed", "5eed", "--out", "bundle"),
        ("keygen", "--out", "key", "--name", "Example laboratory", "--role", "lab"),
        ("certify", "bundle", "--key", "key/signing-key.json", "--out", "certificate.json"),
        ("verify", "certificate.json", "--trust", "key/trust.json", "--format", "pdf", "--out", "certificate.pdf"),
    )
    for step in steps:
        printed(step, folder)
    page = pypdfium2.PdfDocument(folder / "certificate.pdf")[0]  # type: ignore[no-untyped-call]
    drawn = _without_foot(page.render(scale=_PAGE_WIDTH / page.get_width()).to_pil().convert("RGB"))
    stream = io.BytesIO()
    drawn.quantize(_PALETTE).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _without_foot(page: Image.Image) -> Image.Image:
    """Return a page without the empty part above its foot line, in a thin frame."""
    upper = page.crop((0, 0, page.width, round(page.height * _FOOT)))
    box = ImageChops.difference(upper, Image.new("RGB", upper.size, "white")).getbbox()
    assert box is not None
    left, top, right, bottom = box
    edges = (left - _MARGIN, top - _MARGIN, right + _MARGIN, bottom + _MARGIN)
    return ImageOps.expand(upper.crop(edges), border=1, fill=_FRAME)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the pictures of the documentation from a real run.")
    parser.add_argument("--out", type=Path, default=IMAGES, metavar="DIR", help="default: docs/images")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        (out / "terminal.svg").write_text(terminal(Path(folder)), encoding="utf-8")
        (out / "certificate.png").write_bytes(certificate(Path(folder)))
    for name in ("terminal.svg", "certificate.png"):
        sys.stdout.write(f"{out / name}: {(out / name).stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
