"""The mutants that no present check notices, and what would notice them: the work that is left, pinned by a test."""

from __future__ import annotations

_BOUNDARY = "crafted keys with large noise, which bring decryption to the rounding boundary"
_FOLDED = "targeted edits: the same bit changed in two bytes of a ciphertext"
_EDGE = "seeds and messages searched for with the oracle, so that the rare path is taken"

WOULD_BE_NOTICED_BY: dict[str, str] = {
    "message decoding boundary off by one: 833 decodes to 0": _BOUNDARY,
    "differences folded with XOR: two equal ones cancel": _FOLDED,
    "encapsulation key of another parameter set is accepted": "keys of the other parameter sets, as inputs",
    "an external mu of another length is accepted": "mu of 0, 63 and 65 bytes",
    "message length kept in 16 bits": "messages of more than 64 KiB",
    "verification: the empty signature is valid": "empty inputs in every place",
    "Decompose: top edge not folded to 0 when r = q - 1": _EDGE,
    "matrix sampling reads 780 bytes, then starts the buffer again": _EDGE,
}
"""On ML-KEM and ML-DSA: every survivor by its name."""

GOOD_CASES_ONLY: dict[str, int] = {"Kyber-768": 18, "Dilithium2": 27}
"""On the pre-standard sets, whose published cases are good ones only: how many survive (the matrix names them)."""
