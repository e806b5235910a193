"""The mutants that the matrix shows as survivors, and what notices them or would: pinned by a test."""

from __future__ import annotations

NOTICED_AT_STANDARD_BY: dict[str, str] = {
    "block 7 of 32 bytes of the ciphertext is not compared": "ml-kem/rejection-regions",
    "block 15 of 32 bytes of the ciphertext is not compared": "ml-kem/rejection-regions",
    "messages of more than a mebibyte are refused": "ml-dsa/large-message",
}
"""On ML-KEM and ML-DSA: every survivor by its name, and the check that notices it with the cases of standard."""

ON_OLD_SETS: dict[str, int] = {"Kyber-768": 0, "Dilithium2": 0}
"""On the pre-standard sets, of which fewer checks are asked: how many survive (the matrix names them)."""
