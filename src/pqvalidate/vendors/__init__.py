"""Well-known implementations that pqvalidate can attach by name: a manifest and an adapter for each.

The adapters are imported in the worker process only; this module never imports a vendor's package.
"""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pqvalidate.algorithms import nearest
from pqvalidate.errors import UsageError
from pqvalidate.vendors.library_search import find_liboqs


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an implementation comes from: its distribution, a file it must own, how to get it, and a C library."""

    distribution: str
    file: str
    install: str = "pip install 'pqvalidate[vendors]'"
    needs_liboqs: bool = False


_SOURCES = {
    "openssl": _Source("cryptography", "cryptography/__init__.py", "pip install cryptography"),
    "pycryptodome": _Source("pycryptodome", "Crypto/__init__.py"),
    "pqcrypto": _Source("pqcrypto", "pqcrypto/__init__.py"),
    "kyber-py": _Source("kyber-py", "kyber_py/ml_kem/__init__.py"),
    "dilithium-py": _Source("dilithium-py", "dilithium_py/ml_dsa/__init__.py"),
    "mlkem": _Source("mlkem", "mlkem/__init__.py"),
    "ml-kem-rs": _Source("ml-kem-rs", "ml_kem_rs/__init__.py"),
    "liboqs": _Source("liboqs-python", "oqs/__init__.py", "pip install liboqs-python", needs_liboqs=True),
}

BUILT_IN: tuple[str, ...] = tuple(_SOURCES)
"""Names of the built-in implementations, the reference of the main job first."""


def manifest_path(name: str) -> Path:
    """Return the manifest of a built-in implementation; the file is ``NAME.toml``.

    Raises:
        UsageError: there is no built-in implementation of that name.

    """
    _source(name)
    return Path(__file__).with_name(f"{name}.toml")


def availability(name: str) -> tuple[bool, str]:
    """Return whether a built-in implementation can run here, with its version or the reason and remedy.

    Looks at files and package metadata only: no vendor code is imported.

    Raises:
        UsageError: there is no built-in implementation of that name.

    """
    source = _source(name)
    try:
        found = metadata.distribution(source.distribution)
    except metadata.PackageNotFoundError:
        return False, f"distribution {source.distribution!r} is not installed: {source.install}"
    version = f"{source.distribution} {found.version}"
    if not _owns(found, source.file):
        return False, (
            f"{source.file} is not the file that {version} installed; another distribution may have replaced it: "
            f"install {source.distribution} in an environment of its own"
        )
    if source.needs_liboqs:
        library = find_liboqs(os.environ)
        if library is None:
            return False, "the C library liboqs was not found: install it and set OQS_INSTALL_PATH to its folder"
        return True, f"{version}, {library}"
    return True, version


def extra_artefacts(name: str) -> tuple[Path, ...]:
    """Return files outside the distribution that belong to what is tested: for ``liboqs`` the C library.

    Raises:
        UsageError: there is no built-in implementation of that name.

    """
    library = find_liboqs(os.environ) if _source(name).needs_liboqs else None
    return (library.resolve(),) if library else ()


def _source(name: str) -> _Source:
    try:
        return _SOURCES[name]
    except KeyError:
        raise UsageError(f"no built-in vendor {name!r}{nearest(name, BUILT_IN)}") from None


def _owns(distribution: metadata.Distribution, file: str) -> bool:
    """Compare a file with the digest that was recorded when the distribution was installed.

    Two distributions on the public index install an import package ``mlkem``, and three an ``oqs``.
    """
    entry = next((entry for entry in distribution.files or () if entry.as_posix() == file), None)
    if entry is None:
        return False
    path = Path(str(distribution.locate_file(entry)))
    if not path.is_file():
        return False
    if entry.hash is None:  # an installer may leave digests out; then there is nothing to compare
        return True
    digest = hashlib.new(entry.hash.mode, path.read_bytes()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode() == entry.hash.value
