"""One catalogue of messages: English texts are the keys, ``messages_nl.toml`` holds what stands for each in Dutch.

Texts of ours are said through ``Messages``. Texts that a bundle or certificate carries are in English; ``recorded``
finds the Dutch for those that the catalogue knows, and tells which language a text is in, so that a page can mark what
stays English (WCAG 2.2, success criterion 3.1.2).
"""

from __future__ import annotations

import re
import string
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

from pqvalidate.report import words

Language: TypeAlias = Literal["en", "nl"]
LANGUAGES: tuple[Language, ...] = ("en", "nl")
"""The languages of pages for people; documents for machines are always in English."""

_SEPARATORS = ("; ", ", ")


class Messages:
    """Says what a page says in one language; called with an English text and the values of its {placeholders}."""

    def __init__(self, language: Language = "en") -> None:
        self.language: Language = language
        self._own, self._recorded, self._patterns = _catalogue(language)

    def __call__(self, text: str, /, **values: object) -> str:
        """Return a text of ours in the language, with its placeholders filled."""
        found = self._own.get(text, text)
        return found.format(**values) if values else found

    def recorded(self, text: str) -> tuple[str, Language]:
        """Return a text from a bundle or certificate in the language if the catalogue knows it, and its language."""
        if self.language == "en" or text in self._recorded:
            return self._recorded.get(text, text), self.language
        for pattern, template in self._patterns:
            match = pattern.fullmatch(text)
            if match:
                return template.format(**{name: self._parts(value) for name, value in match.groupdict().items()}), (
                    self.language
                )
        return text, "en"

    def known(self, text: str) -> str:
        """Return a recorded text in the language if the catalogue knows it, and as it is otherwise."""
        return self.recorded(text)[0]

    def _parts(self, text: str) -> str:
        """Return a list in a recorded text, with every part in the language that the catalogue knows."""
        for separator in _SEPARATORS:
            if separator in text and text not in self._recorded:
                return separator.join(self._parts(part) for part in text.split(separator))
        return self.known(text)

    def number(self, value: int) -> str:
        """Return a whole number with its thousands apart: 1,204 in English and 1.204 in Dutch."""
        return f"{value:,}" if self.language == "en" else f"{value:,}".replace(",", ".")

    def counted(self, value: int, noun: str, plural: str = "") -> str:
        """Return e.g. ``1 check`` or ``1,204 checks``."""
        return f"{self.number(value)} {self(noun if value == 1 else plural or noun + 's')}"

    def duration(self, nanoseconds: int) -> str:
        """Return a duration as a person says it: ``0.8 s``, ``3 min 20 s``; in Dutch ``0,8 s`` and ``2 u 5 min``."""
        said = words.duration(nanoseconds)
        return said if self.language == "en" else said.replace(".", ",").replace(" h ", " u ")


Pattern: TypeAlias = tuple[re.Pattern[str], str]


@cache
def _catalogue(language: Language) -> tuple[dict[str, str], dict[str, str], tuple[Pattern, ...]]:
    """Return texts of ours, recorded texts, and recorded texts with placeholders as patterns."""
    if language == "en":
        return {}, {}, ()
    path = Path(__file__).with_name(f"messages_{language}.toml")
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    plain = {text: said for text, said in tables["recorded"].items() if "{" not in text}
    patterns = tuple((_pattern(text), said) for text, said in tables["recorded"].items() if "{" in text)
    return tables["own"], plain, patterns


def _pattern(text: str) -> re.Pattern[str]:
    parts = [
        re.escape(literal) + (f"(?P<{field}>.+?)" if field else "")
        for literal, field, _, _ in string.Formatter().parse(text)
    ]
    return re.compile("".join(parts), re.DOTALL)


ENGLISH = Messages()
"""The language of the records, and of every page unless another is asked for."""
