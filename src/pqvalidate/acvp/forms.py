"""The modes of ACVP for ML-KEM and ML-DSA: revisions, what a test gives and what it asks for, and its kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One mode of an algorithm; ``form`` names the mapping of its tests to operations (``vectors.mapping``)."""

    algorithm: str
    mode: str
    form: str
    revisions: tuple[str, ...]


MODES: Final[tuple[Mode, ...]] = (
    Mode(algorithm="ML-KEM", mode="keyGen", form="acvp-ml-kem-keygen", revisions=("FIPS203",)),
    Mode(algorithm="ML-KEM", mode="encapDecap", form="acvp-ml-kem-encap-decap", revisions=("FIPS203", "FIPS203-tr1")),
    Mode(algorithm="ML-DSA", mode="keyGen", form="acvp-ml-dsa-keygen", revisions=("FIPS204",)),
    Mode(algorithm="ML-DSA", mode="sigGen", form="acvp-ml-dsa-siggen", revisions=("FIPS204", "FIPS204-tr1")),
    Mode(algorithm="ML-DSA", mode="sigVer", form="acvp-ml-dsa-sigver", revisions=("FIPS204",)),
)
REVISIONS: Final = tuple(dict.fromkeys(revision for row in MODES for revision in row.revisions))
BASE_REVISIONS: Final = ("FIPS203", "FIPS204")

HEX: Final = frozenset({"z", "d", "seed", "ek", "dk", "c", "k", "m", "pk", "sk", "signature", "message", "mu", "rnd",
                        "context"})  # fmt: skip
"""Fields of a test that hold bytes in hex."""

KINDS: Final = (
    "encapsulation", "decapsulation", "encapsulationKeyCheck", "decapsulationKeyCheck", "pure", "preHash", "internal",
    "externalMu", "deterministic", "hedged", "seed", "expanded",
)  # fmt: skip
"""Words for the groups that a device may lack: functions, ML-DSA interfaces, kinds of signing, formats of a key."""


def find_mode(algorithm: object, mode: object) -> Mode | None:
    """Return the row of a mode, or None."""
    return next((row for row in MODES if (row.algorithm, row.mode) == (algorithm, mode)), None)


def with_defaults(mode: str, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a group; those that older files leave out have the meaning that the standard gives."""
    attributes = {name: value for name, value in group.items() if name != "tests"}
    if mode in ("sigGen", "sigVer"):
        attributes = {"signatureInterface": "external", "preHash": "pure", "externalMu": False} | attributes
    if mode == "sigGen":
        attributes = {"deterministic": False} | attributes
    return attributes


def kinds(mode: str, group: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of ``KINDS`` that a group answers to."""
    row = with_defaults(mode, group)
    if mode == "encapDecap":
        function = str(row.get("function"))
        formats = {_format(row)} if function == "decapsulation" else set()
        return frozenset({function} | formats)
    if mode not in ("sigGen", "sigVer"):
        return frozenset()
    if row["signatureInterface"] == "internal":
        words = {"externalMu" if row["externalMu"] else "internal"}
    else:
        words = {"preHash" if row["preHash"] == "preHash" else "pure"}
    if mode == "sigGen":
        words |= {"deterministic" if row["deterministic"] else "hedged", _format(row)}
    return frozenset(words)


def _format(row: Mapping[str, Any]) -> str:
    return "seed" if row.get("keyFormat") == "seed" else "expanded"


def outputs(row: Mode, group: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields that a test of a group asks for; ``testPassed`` is a truth value, all others are hex."""
    if row.mode == "keyGen":
        return ("ek", "dk") if row.algorithm == "ML-KEM" else ("pk", "sk")
    if row.mode == "encapDecap":
        return {"encapsulation": ("c", "k"), "decapsulation": ("k",)}.get(str(group.get("function")), ("testPassed",))
    return ("signature",) if row.mode == "sigGen" else ("testPassed",)
