"""The shapes in which ACVP vector sets travel as files; all are read, the one asked for is written."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from pqvalidate.documents import canonical, parse_json, read_bytes
from pqvalidate.errors import InputError

Json: TypeAlias = dict[str, Any]

SHAPES: Final = ("nist", "bare", "session")
"""As the NIST server sends it, as the NIST samples are published, and as a laboratory's session file holds it."""

_WHAT = "an ACVP file: a vector set, or a list of a header and vector sets"
_AS_SENT = "Give the file as it was sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSet:
    """One vector set, with the file and the place in it that it was read from."""

    file: Path
    place: str
    content: Json

    def refuse(self, place: str, problem: str, remedy: str = _AS_SENT) -> InputError:
        """Return the error that something in this vector set is wrong; ``place`` is relative to the set."""
        return InputError(self.file, ".".join(part for part in (self.place, place) if part), problem, remedy)

    @property
    def title(self) -> str:
        """The names that the set carries, e.g. ``ML-KEM keyGen FIPS203, vsId 42``."""
        names = [self.content[name] for name in ("algorithm", "mode", "revision") if name in self.content]
        return f"{' '.join(map(str, names)) or 'vector set'}, vsId {self.content.get('vsId', 'missing')}"

    def groups(self) -> list[tuple[str, int, Json]]:
        """Return (place, tgId, group) of each test group.

        Raises:
            InputError: the groups are malformed.

        """
        return self._numbered(self.content.get("testGroups"), "testGroups", "tgId")

    def tests(self, place: str, group: Json) -> list[tuple[str, int, Json]]:
        """Return (place, tcId, test) of each test of a group.

        Raises:
            InputError: the tests are malformed.

        """
        return self._numbered(group.get("tests"), f"{place}.tests", "tcId")

    def _numbered(self, found: Any, place: str, name: str) -> list[tuple[str, int, Json]]:  # noqa: ANN401
        if not isinstance(found, list):
            raise self.refuse(place, "is missing or no list")
        rows = []
        for index, row in enumerate(found):
            if not isinstance(row, dict):
                raise self.refuse(f"{place}[{index}]", "is no object")
            rows.append((f"{place}[{index}]", self._whole(row, name, f"{place}[{index}]."), row))
        return rows

    def _whole(self, row: Json, name: str, place: str) -> int:
        number = row.get(name)
        if not isinstance(number, int) or isinstance(number, bool):
            raise self.refuse(f"{place}{name}", "is missing or no whole number")
        return number

    def vs_id(self) -> int:
        """Return the number of the set.

        Raises:
            InputError: it is missing or no whole number.

        """
        return self._whole(self.content, "vsId", "")

    def digest(self) -> str:
        """Return the SHA-256, in hex, of the set's RFC 8785 bytes: the same whatever envelope it travels in."""
        return hashlib.sha256(canonical(self.content)).hexdigest()


def read_vector_sets(path: Path) -> list[VectorSet]:
    """Return the vector sets of a file in any of the three shapes; a leading header is passed over.

    Raises:
        InputError: the file cannot be read, or holds no vector set.

    """
    content = read_bytes(path, _WHAT).removeprefix(codecs.BOM_UTF8)  # some editors and shells put one in front
    document = parse_json(content, path, _WHAT)
    if isinstance(document, dict):
        rows = [("", document)]
    elif isinstance(document, list):
        rows = [(f"[{index}]", row) for index, row in enumerate(document)]
    else:
        raise InputError(path, "", "is neither an object nor a list", f"Give {_WHAT}")
    sets = []
    for index, (place, row) in enumerate(rows):
        if not isinstance(row, dict):
            raise InputError(path, place, "is no object", f"Give {_WHAT}")
        if "testGroups" in row:
            sets.append(VectorSet(file=path, place=place, content=row))
        elif index or len(rows) == 1:  # only the first entry of a list may be a header
            raise InputError(path, place, "has no testGroups", _AS_SENT)
    if not sets:
        raise InputError(path, "", "holds no vector set", f"Give {_WHAT}")
    return sets


def written(sets: Sequence[Json], shape: str) -> bytes:
    """Return the bytes of a file in one of ``SHAPES``; ``bare`` holds exactly one set."""
    document: Any = sets[0]
    if shape == "nist":
        document = [{"acvVersion": "1.0"}, *sets]
    elif shape == "session":
        # libacvp reads url and jwt of a session even where it will not speak to a server.
        urls = [f"/acvp/v1/testSessions/0/vectorSets/{row['vsId']}" for row in sets]
        header = {"url": "/acvp/v1/testSessions/0", "jwt": "none", "isSample": False, "vectorSetUrls": urls}
        document = [header, *sets]
    return json.dumps(document, indent=1).encode() + b"\n"
