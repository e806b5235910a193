"""Detached signatures by a public key that was handed in, of the algorithms that updates and provenance use."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pqvalidate.algorithms import nearest
from pqvalidate.claims.file import Update
from pqvalidate.claims.found import Found, Seen, look_at
from pqvalidate.documents import read_bytes
from pqvalidate.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

Family: TypeAlias = Literal["classical", "pq"]
ALGORITHMS: dict[str, Family] = {
    "ML-DSA-44": "pq", "ML-DSA-65": "pq", "ML-DSA-87": "pq", "Ed25519": "classical", "ECDSA-P256-SHA256": "classical",
    "ECDSA-P384-SHA384": "classical", "RSA-PSS-SHA256": "classical", "RSA-PKCS1-SHA256": "classical",
}  # fmt: skip
"""Signature algorithms that can be checked here, and whether a quantum computer is not known to break them (pq)."""

_LEAST_RSA_BITS = 2048  # shorter keys are disallowed (NIST SP 800-131A rev. 2, section 3)


def read_key(path: Path, place: str) -> tuple[PublicKeyTypes, Seen]:
    """Return a public key in PEM, and the key as something that was looked at, by the SHA-256 of its SPKI.

    Raises:
        InputError: the file is no public key.

    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  (needed by those who check signatures)
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    data = read_bytes(path, "a public key (PEM)")
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError(path, place, "is no public key in PEM", "Give the public key alone, in PEM") from None
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key, Seen(name=f"{path.name} (SPKI)", sha256=hashlib.sha256(spki).hexdigest())


def algorithm_of(key: PublicKeyTypes) -> str | None:
    """Return the algorithm that a key of provenance signs with, or None where it is not one of ours."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa  # noqa: PLC0415

    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"secp256r1": "ECDSA-P256-SHA256", "secp384r1": "ECDSA-P384-SHA384"}.get(key.curve.name)
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA-PKCS1-SHA256" if key.key_size >= _LEAST_RSA_BITS else None
    kinds: dict[str, type] = {
        "ML-DSA-44": mldsa.MLDSA44PublicKey, "ML-DSA-65": mldsa.MLDSA65PublicKey, "ML-DSA-87": mldsa.MLDSA87PublicKey,
        "Ed25519": ed25519.Ed25519PublicKey,
    }  # fmt: skip
    return next((name for name, kind in kinds.items() if isinstance(key, kind)), None)


def verifies(algorithm: str, key: PublicKeyTypes, signature: bytes, message: bytes, context: str = "") -> bool:
    """Return whether a signature over a message is good; a key of another algorithm verifies nothing."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    own = algorithm_of(key)
    if own is None or (own != algorithm and {own, algorithm} != {"RSA-PKCS1-SHA256", "RSA-PSS-SHA256"}):
        return False
    public: Any = key
    try:
        public.verify(signature, message, *_parameters(algorithm, context))
    except (InvalidSignature, ValueError):
        return False
    return True


def _parameters(algorithm: str, context: str) -> tuple[Any, ...]:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, padding  # noqa: PLC0415

    match algorithm:
        case "ECDSA-P256-SHA256":
            return (ec.ECDSA(hashes.SHA256()),)
        case "ECDSA-P384-SHA384":
            return (ec.ECDSA(hashes.SHA384()),)
        case "RSA-PKCS1-SHA256":
            return padding.PKCS1v15(), hashes.SHA256()
        case "RSA-PSS-SHA256":
            return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), hashes.SHA256()
        case "Ed25519":
            return ()
        case _:
            return (context.encode(),) if context else ()


def update(check: Update, folder: Path, claim: str, value: object, place: str) -> Found:
    """Verify the signatures over an update file, and tell whether they show what is claimed of its algorithms.

    Raises:
        InputError: a file is missing or no key, or an algorithm is unknown.

    """
    seen = [look_at(folder / check.file, f"{place}.file")]
    message = read_bytes(folder / check.file, "an update file")
    good: list[str] = []
    for index, row in enumerate(check.signatures):
        here = f"{place}.signatures[{index}]"
        if row.algorithm not in ALGORITHMS:
            near = nearest(row.algorithm, list(ALGORITHMS))
            problem = f"unknown algorithm {row.algorithm!r}{near}"
            raise InputError(folder / check.file, f"{here}.algorithm", problem, f"Name one of {', '.join(ALGORITHMS)}")
        if row.context and not row.algorithm.startswith("ML-DSA"):
            problem = f"{row.algorithm} signs without a context"
            raise InputError(folder / check.file, f"{here}.context", problem, "Leave the context out")
        key, shown = read_key(folder / row.key, f"{here}.key")
        seen += [look_at(folder / row.signature, f"{here}.signature"), shown]
        signature = read_bytes(folder / row.signature, "a detached signature")
        if not verifies(row.algorithm, key, signature, message, row.context):
            says = f"the signature {Path(row.signature).name} by {row.algorithm} over {seen[0].name} is not good"
            return Found(outcome="contradicted", says=says, seen=tuple(seen))
        good.append(row.algorithm)
    families = {ALGORITHMS[name] for name in good}
    nature = "quantum-safe" if "pq" in families else "not quantum-safe"
    by = f"{seen[0].name} is signed by {', '.join(good)}, which is {nature}"
    if claim == "update.quantumSafeDefault":
        holds = ("pq" in families) == value
        says = f"{by}; one update shows nothing about others" if holds else f"{by}; claimed is {_said(value)}"
        return Found(outcome="shown" if holds else "contradicted", says=says, seen=tuple(seen))
    wanted = value if isinstance(value, tuple) else ()
    missing = [name for name in wanted if name not in good]
    if missing:
        says = f"{by}; no signature was given by {', '.join(missing)}"
        return Found(outcome="not-shown", says=says, seen=tuple(seen))
    strange = [name for name in good if name not in wanted]
    if strange:
        says = f"{by}; {', '.join(strange)} is not among what is claimed"
        return Found(outcome="contradicted", says=says, seen=tuple(seen))
    return Found(outcome="shown", says=by, seen=tuple(seen))


def _said(value: object) -> str:
    return "that it is quantum-safe" if value else "that it is not quantum-safe"
