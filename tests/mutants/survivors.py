"""The mutants that the matrix shows as survivors, and what notices them or would: pinned by a test."""

from __future__ import annotations

_AT_STANDARD = "the same checks with the cases of depth standard"

WOULD_BE_NOTICED_BY: dict[str, str] = {
    "block 7 of 32 bytes of the ciphertext is not compared": _AT_STANDARD,
    "block 15 of 32 bytes of the ciphertext is not compared": _AT_STANDARD,
    "messages of more than a mebibyte are refused": _AT_STANDARD,
}
"""On ML-KEM and ML-DSA: every survivor by its name."""

GOOD_CASES_ONLY: dict[str, int] = {"Kyber-768": 8, "Dilithium2": 23}
"""On the pre-standard sets, whose published cases are good ones only: how many survive (the matrix names them)."""
