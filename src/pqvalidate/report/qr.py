"""A QR code as SVG (ISO/IEC 18004), drawn as one path: in the page itself, for nothing is loaded from elsewhere."""

from __future__ import annotations

import io
from functools import cache

_MOST = 1200  # bytes; a code of more has cells too small for a printed page
_ERROR = "m"  # about 15 % of a code may be lost on paper, ISO/IEC 18004 section 6.5.1


@cache
def svg(says: str) -> str:
    """Return the code of a text as an SVG element of 100 % width, or nothing if the text is too long for one."""
    import segno  # noqa: PLC0415  (only pages for people need it)

    if not says or len(says.encode("utf-8", "replace")) > _MOST:
        return ""
    drawn = io.BytesIO()
    code = segno.make(says.encode("utf-8", "replace").decode(), error=_ERROR, micro=False)
    # omitsize: the page decides how large it is; border 4: the quiet zone, ISO/IEC 18004 section 6.3.8.
    code.save(drawn, kind="svg", border=4, xmldecl=False, omitsize=True, nl=False, svgclass=None, lineclass=None)
    return drawn.getvalue().decode("utf-8")
