"""Words that every report shares: what reasons and severities mean, and how foreign text is made harmless."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.evidence import Reason, Severity

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "advisory")
"""From what matters most to what matters least; an advisory miss is no failure."""

REASONS: dict[Reason, str] = {
    "operation-missing": "the implementation, or its adapter, does not offer it",
    "interface-has-no-length": "the interface takes no length, so a wrong one cannot be asked; its caller must check",
    "not-claimed": "the vendor does not claim it",
    "tool-missing": "a tool is missing on this host",
    "not-at-this-depth": "left out at this depth, or cut off by an interruption or a time limit",
    "excluded": "left out by the operator",
}
"""Why a check was not asked, in plain words, in the order in which reports list them."""

GAP_REASONS: dict[str, str] = {
    **{str(reason): meaning for reason, meaning in REASONS.items()},
    "error": "an error of ours; it says nothing about the product",
}
"""The same of a certificate, which lists errors of ours among what was not tested."""

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return the text on one line with control and direction characters written out, e.g. ``\x1b``.

    A vendor's message may hold anything; on a terminal it must not move the cursor, recolour or reorder what we say.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode("ascii"), text)


def shell_line(words: Sequence[str]) -> str:
    """Return one line that a POSIX shell splits into exactly these words."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if printable(word) == word:
        return shlex.quote(word)
    # A file name may hold a line feed: POSIX.1-2024 section 2.2.4 dollar-single-quotes keep the line whole.
    octal = (f"\\{byte:03o}" if byte < 0x20 or byte > 0x7E or byte in b"\\'" else chr(byte) for byte in _raw(word))
    return "$'" + "".join(octal) + "'"


def _raw(word: str) -> bytes:
    return word.encode("utf-8", "surrogateescape")


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return e.g. ``1 check`` or ``1,204 checks``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(nanoseconds: int) -> str:
    """Return a duration as a person says it: ``0.8 s``, ``41 s``, ``3 min 20 s``, ``2 h 5 min``."""
    tenths = nanoseconds // 100_000_000
    seconds = tenths // 10
    if seconds < 10:
        return f"{seconds}.{tenths % 10} s"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def algorithm_of(parameter_set: str) -> str:
    """Return the algorithm of a parameter set, e.g. ``ML-KEM``; an unknown one is its own."""
    row = PARAMETER_SETS.get(parameter_set)
    return row.algorithm if row else parameter_set


def short_name(parameter_set: str) -> str:
    """Return what tells a parameter set from its siblings: ``768`` for ``ML-KEM-768``, ``3`` for ``Dilithium3``."""
    return parameter_set.removeprefix(algorithm_of(parameter_set)).lstrip("-") or parameter_set


def short_names(parameter_sets: Sequence[str]) -> str:
    """Return sibling sets as ``ML-KEM-512 768 1024``, several algorithms one after the other."""
    families: dict[str, list[str]] = {}
    for name in parameter_sets:
        families.setdefault(algorithm_of(name), []).append(name)
    return ", ".join(" ".join([first, *map(short_name, rest)]) for first, *rest in families.values())


def sentence(text: str) -> str:
    """Return the text with a capital first letter and a full stop, unless it has them."""
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")
