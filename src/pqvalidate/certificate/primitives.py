"""The two kinds of key that sign: making, reading, writing and using them, by a package that is loaded when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from pqvalidate.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey, MLDSA87PublicKey

    PublicKey: TypeAlias = EllipticCurvePublicKey | MLDSA87PublicKey
    SecretKey: TypeAlias = EllipticCurvePrivateKey | MLDSA87PrivateKey

Family: TypeAlias = Literal["classical", "pq"]


def new_keys() -> dict[Family, SecretKey]:
    """Return a fresh private key of each family.

    Raises:
        UsageError: this OpenSSL has no ML-DSA.

    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, mldsa  # noqa: PLC0415

    try:
        return {"classical": ec.generate_private_key(ec.SECP384R1()), "pq": mldsa.MLDSA87PrivateKey.generate()}
    except UnsupportedAlgorithm:
        raise UsageError("this build of the cryptography package has no ML-DSA; install it from a wheel") from None


def family_of(der: bytes) -> Family | None:
    """Return the family of a SubjectPublicKeyInfo; None unless it is a key of ours in plain DER."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  (heavy; reading a manifest needs no keys)
    from cryptography.hazmat.primitives.asymmetric import ec, mldsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    family: Family
    if isinstance(key, mldsa.MLDSA87PublicKey):
        family = "pq"
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1):
        family = "classical"
    else:
        return None
    return family if spki(key) == der else None


def secret_key(text: str) -> SecretKey | None:
    """Return the private key in an unencrypted PKCS#8 PEM; None if it is no such thing, or is of another kind."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, mldsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # whose texts might quote the key
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey | mldsa.MLDSA87PrivateKey) else None


def sign_message(key: SecretKey, message: bytes) -> bytes:
    """Return ECDSA with SHA-384 in DER (FIPS 186-5, 6.4), or ML-DSA with an empty context (FIPS 204, 5.2)."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA384  # noqa: PLC0415

    return key.sign(message, ECDSA(SHA384())) if isinstance(key, EllipticCurvePrivateKey) else key.sign(message)


def spki(key: PublicKey) -> bytes:
    """Return the SubjectPublicKeyInfo of a public key in DER."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(key: SecretKey) -> str:
    """Return a private key as unencrypted PKCS#8 in PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: PLC0415

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
