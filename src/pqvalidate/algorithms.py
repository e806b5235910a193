"""Algorithms and parameter sets: the one table of names, sizes, object identifiers and clauses.

Sizes are bytes. A test re-derives every size by formula from k, l, eta, du, dv and the bit widths of the standard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pqvalidate.errors import UsageError

KindName: TypeAlias = Literal["kem", "signature"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSet:
    """One parameter set of one version of an algorithm.

    Attributes:
        name: e.g. ``ML-KEM-768``.
        algorithm: family whose checks apply: ``ML-KEM``, ``ML-DSA``, ``Kyber`` or ``Dilithium``.
        kind: ``kem`` or ``signature``.
        version: ``final``, ``round 3`` or ``round 3.1``; pre-standard versions interoperate with nothing else.
        standard: document that defines it.
        sizes_from: the table or section that states the sizes.
        oid: object identifier (NIST CSOR), or None where none was assigned.
        category: NIST security category, 1 to 5.
        public_key, private_key, output: lengths in bytes of ek/pk, expanded dk/sk, and ciphertext/signature.
        seed: length in bytes of the key generation seed (d‖z for a KEM, xi for a signature).

    """

    name: str
    algorithm: str
    kind: KindName
    version: str
    standard: str
    sizes_from: str
    oid: str | None
    category: int
    public_key: int
    private_key: int
    output: int
    seed: int


def _kem(
    name: str, oid: str | None, category: int, sizes: tuple[int, int, int], *, kyber: bool = False
) -> ParameterSet:
    standard = "CRYSTALS-Kyber specification 3.02" if kyber else "FIPS 203"
    return ParameterSet(
        name=name, algorithm="Kyber" if kyber else "ML-KEM", kind="kem", version="round 3" if kyber else "final",
        standard=standard, sizes_from=f"{standard} {'section 1.4' if kyber else 'table 3'}", oid=oid, category=category,
        public_key=sizes[0], private_key=sizes[1], output=sizes[2], seed=64,
    )  # fmt: skip


def _dsa(
    name: str, oid: str | None, category: int, sizes: tuple[int, int, int], *, dilithium: bool = False
) -> ParameterSet:
    standard = "CRYSTALS-Dilithium specification 3.1" if dilithium else "FIPS 204"
    return ParameterSet(
        name=name, algorithm="Dilithium" if dilithium else "ML-DSA", kind="signature",
        version="round 3.1" if dilithium else "final", standard=standard, sizes_from=f"{standard} table 2", oid=oid,
        category=category, public_key=sizes[0], private_key=sizes[1], output=sizes[2], seed=32,
    )  # fmt: skip


_NIST_KEM, _NIST_DSA = "2.16.840.1.101.3.4.4", "2.16.840.1.101.3.4.3"

PARAMETER_SETS: dict[str, ParameterSet] = {
    row.name: row
    for row in (
        _kem("ML-KEM-512", f"{_NIST_KEM}.1", 1, (800, 1632, 768)),
        _kem("ML-KEM-768", f"{_NIST_KEM}.2", 3, (1184, 2400, 1088)),
        _kem("ML-KEM-1024", f"{_NIST_KEM}.3", 5, (1568, 3168, 1568)),
        _dsa("ML-DSA-44", f"{_NIST_DSA}.17", 2, (1312, 2560, 2420)),
        _dsa("ML-DSA-65", f"{_NIST_DSA}.18", 3, (1952, 4032, 3309)),
        _dsa("ML-DSA-87", f"{_NIST_DSA}.19", 5, (2592, 4896, 4627)),
        _kem("Kyber-512", None, 1, (800, 1632, 768), kyber=True),
        _kem("Kyber-768", None, 3, (1184, 2400, 1088), kyber=True),
        _kem("Kyber-1024", None, 5, (1568, 3168, 1568), kyber=True),
        _dsa("Dilithium2", None, 2, (1312, 2528, 2420), dilithium=True),
        _dsa("Dilithium3", None, 3, (1952, 4000, 3293), dilithium=True),
        _dsa("Dilithium5", None, 5, (2592, 4864, 4595), dilithium=True),
    )
}

ML_KEM = tuple(n for n, p in PARAMETER_SETS.items() if p.algorithm == "ML-KEM")
ML_DSA = tuple(n for n, p in PARAMETER_SETS.items() if p.algorithm == "ML-DSA")
KYBER = tuple(n for n, p in PARAMETER_SETS.items() if p.algorithm == "Kyber")
DILITHIUM = tuple(n for n, p in PARAMETER_SETS.items() if p.algorithm == "Dilithium")

# FIPS 204 section 5.4.1: hash functions that HashML-DSA may use; last byte of the OID 2.16.840.1.101.3.4.2.x.
PREHASH_OID_BYTE: dict[str, int] = {
    "SHA2-256": 0x01, "SHA2-384": 0x02, "SHA2-512": 0x03, "SHA2-224": 0x04, "SHA2-512/224": 0x05, "SHA2-512/256": 0x06,
    "SHA3-224": 0x07, "SHA3-256": 0x08, "SHA3-384": 0x09, "SHA3-512": 0x0A, "SHAKE-128": 0x0B, "SHAKE-256": 0x0C,
}  # fmt: skip


def lengths(name: str) -> dict[str, int]:
    """Return the length in bytes of every input and output that has only one, by its name in the common interface.

    Sources: FIPS 203 section 4 and table 3, FIPS 204 section 3.7 and table 2, and the round 3 specifications.

    Raises:
        UsageError: no such parameter set.

    """
    row = parameter_set(name)
    return {
        "ek": row.public_key, "pk": row.public_key, "dk": row.private_key, "sk": row.private_key, "c": row.output,
        "signature": row.output, "k": 32, "seed": row.seed, "m": 32, "rnd": 32, "mu": 64,
    }  # fmt: skip


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return `` (nearest: X)`` for the known name most like ``word``, or the empty string."""
    from difflib import get_close_matches  # noqa: PLC0415  (only mistakes need it)

    found = get_close_matches(word.lower(), [k.lower() for k in known], n=1, cutoff=0.5)
    originals = {k.lower(): k for k in known}
    return f" (nearest: {originals[found[0]]})" if found else ""


def parameter_set(name: str) -> ParameterSet:
    """Return the row for ``name``.

    Raises:
        UsageError: no such parameter set; the message names the nearest known one.

    """
    try:
        return PARAMETER_SETS[name]
    except KeyError:
        raise UsageError(f"unknown parameter set {name!r}{nearest(name, list(PARAMETER_SETS))}") from None
