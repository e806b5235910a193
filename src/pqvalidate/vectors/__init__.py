"""The published test vectors that ship with pqvalidate, as test cases of the common interface.

Each case says what to ask, what must come back, and from which published test it is taken.
"""

from __future__ import annotations

from pqvalidate.vectors.packed import Case, Fingerprint, FlagNote, VectorFile, VectorManifest, VectorSet
from pqvalidate.vectors.reader import accumulated, digest_all, fingerprints, load, manifest

__all__ = [
    "Case",
    "Fingerprint",
    "FlagNote",
    "VectorFile",
    "VectorManifest",
    "VectorSet",
    "accumulated",
    "digest_all",
    "fingerprints",
    "load",
    "manifest",
]
