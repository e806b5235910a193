"""The mutants that no present check notices, and what would notice them: the work that is left, pinned by a test."""

from __future__ import annotations

_BOUNDARY = "crafted keys with large noise, which bring decryption to the rounding boundary"
_FOLDED = "targeted edits: the same bit changed in two bytes of a ciphertext"
_MANY_DRAWS = "more than 256 draws of one instance, compared with each other and with other instances"
_ONE_BYTE = "ciphertexts, keys and messages passed in other buffer types"
_EDGE = "seeds and messages searched for with the oracle, so that the rare path is taken"
_REPEATS = "the same calls again, and in another order"

WOULD_BE_NOTICED_BY: dict[str, str] = {
    "message decoding boundary off by one: 833 decodes to 0": _BOUNDARY,
    "16-bit overflow in the product of 3328 and 3328": "10,000 and more cases compared with the oracle",
    "differences folded with XOR: two equal ones cancel": _FOLDED,
    "encapsulation key of another parameter set is accepted": "keys of the other parameter sets, as inputs",
    "m is a counter": _MANY_DRAWS,
    "m is always zero": _MANY_DRAWS,
    "randomness repeats every 256 draws": _MANY_DRAWS,
    "key generation draws once: z equals d": "implicit rejection under drawn keys, with z set to each candidate",
    "the generator of a KEM starts from the same seed in every process": "draws of fresh processes, compared",
    "a KEM goes on with zeros when the kernel gives no randomness": "a process whose kernel refuses randomness",
    "shared secrets are returned in a buffer that the next call overwrites": "two results kept at once",
    "a ciphertext that is no bytes object is taken for zeros": _ONE_BYTE,
    "an external mu of another length is accepted": "mu of 0, 63 and 65 bytes",
    "message length kept in 16 bits": "messages of more than 64 KiB",
    "hedged signing is deterministic": _MANY_DRAWS,
    "verification: the empty signature is valid": "empty inputs in every place",
    "Decompose: top edge not folded to 0 when r = q - 1": _EDGE,
    "matrix sampling reads 780 bytes, then starts the buffer again": _EDGE,
    "key seed xi comes from 16 bits of entropy": _MANY_DRAWS,
    "the generator of a signer repeats after 256 draws": _MANY_DRAWS,
    "the generator of a signer starts from the same seed in every process": "draws of fresh processes, compared",
    "a signer goes on with zeros when the kernel gives no randomness": "a process whose kernel refuses randomness",
    "verification remembers what it has accepted, without the message": _REPEATS,
    "signatures are returned in a buffer that the next call overwrites": "two results kept at once",
    "a message that is no bytes object is taken for the empty one": _ONE_BYTE,
}
"""On ML-KEM and ML-DSA: every survivor by its name."""

GOOD_CASES_ONLY: dict[str, int] = {"Kyber-768": 18, "Dilithium2": 27}
"""On the pre-standard sets, whose published cases are good ones only: how many survive (the matrix names them)."""
