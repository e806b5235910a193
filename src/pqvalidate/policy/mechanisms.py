"""Every mechanism that a policy profile may name: its primitive, its mathematical family, and what a hybrid is made of.

Profiles list more than this program can test: a name that is known here can be allowed or denied, and a name that is
not is a mistake in the profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pqvalidate.algorithms import PARAMETER_SETS

Primitive: TypeAlias = Literal["kem", "signature"]
Family: TypeAlias = Literal["lattice", "code-based", "hash-based", "classical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One mechanism: ``components`` names the parts of a hybrid, and is empty for everything else."""

    name: str
    primitive: Primitive
    family: Family
    components: tuple[str, ...] = ()


def _rows(primitive: Primitive, family: Family, *names: str) -> list[Mechanism]:
    return [Mechanism(name=name, primitive=primitive, family=family) for name in names]


_OURS = [Mechanism(name=row.name, primitive=row.kind, family="lattice") for row in PARAMETER_SETS.values()]
_SLH_DSA = [
    f"SLH-DSA-{function}-{bits}{speed}"
    for function in ("SHA2", "SHAKE")
    for bits in ("128", "192", "256")
    for speed in ("s", "f")
]
# Groups of TLS 1.3 and the general-purpose hybrid KEM; both partners must be broken to break one.
_HYBRIDS = [
    Mechanism(name=name, primitive="kem", family="lattice", components=parts)
    for name, parts in {
        "X25519MLKEM768": ("X25519", "ML-KEM-768"),
        "SecP256r1MLKEM768": ("ECDH", "ML-KEM-768"),
        "SecP384r1MLKEM1024": ("ECDH", "ML-KEM-1024"),
        "X-Wing": ("X25519", "ML-KEM-768"),
    }.items()
]
MECHANISMS: dict[str, Mechanism] = {
    row.name: row
    for row in (
        *_OURS,
        *_rows("kem", "lattice", "FrodoKEM-640", "FrodoKEM-976", "FrodoKEM-1344"),
        *_rows("kem", "code-based", "mceliece460896", "mceliece460896f", "mceliece6688128", "mceliece6688128f",
               "mceliece8192128", "mceliece8192128f"),
        *_rows("signature", "hash-based", *_SLH_DSA, "LMS", "HSS", "XMSS", "XMSS^MT"),
        *_rows("signature", "lattice", "FN-DSA-512", "FN-DSA-1024"),
        *_rows("kem", "classical", "RSA-KEM", "DH", "ECDH", "X25519", "X448"),
        *_rows("signature", "classical", "RSA", "ECDSA", "EdDSA"),
        *_HYBRIDS,
    )
}  # fmt: skip
