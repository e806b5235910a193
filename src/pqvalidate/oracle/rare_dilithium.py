"""Keys and messages of Dilithium round 3.1 that meet what drawn ones meet once in a hundred to 100,000 cases.

They are numbers of candidates, each of which is a hash of its number; ``vectors/search_round3.py`` finds them again.
NEVER USE THIS AS CRYPTOGRAPHY; see ``pqvalidate.oracle``.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import shake_256

from pqvalidate.oracle.dsa_steps import hash_h

RARE_KEYS: Mapping[str, Mapping[str, int]] = {
    "Dilithium2": {"candidate-q": 3059, "candidate-q-1": 7869, "long-matrix": 11756, "long-secret": 6925},
    "Dilithium3": {"candidate-q": 743, "candidate-q-1": 332, "long-matrix": 5658, "long-secret": 9951},
    "Dilithium5": {"candidate-q": 111, "candidate-q-1": 422, "long-matrix": 2300, "long-secret": 4212},
}
"""By set and event, the number of a key seed: its matrix meets the candidate q or q - 1, or a sample reads far."""
RARE_MESSAGES: Mapping[str, Mapping[str, int]] = {
    "Dilithium2": {
        "z-at-bound": 46, "z-below-bound": 174, "r0-at-bound": 215, "r0-below-bound": 33, "many-attempts": 2686,
    },
    "Dilithium3": {
        "z-at-bound": 660, "z-below-bound": 47, "r0-at-bound": 370, "r0-below-bound": 15, "many-attempts": 1571,
    },
    "Dilithium5": {
        "z-at-bound": 398, "z-below-bound": 79, "r0-at-bound": 137, "r0-below-bound": 62, "many-attempts": 13040,
    },
}  # fmt: skip
"""By set and event, the number of a message that meets it when it is signed with the key of seed 0.

A coefficient of z, or of r0, stands on its bound or one below it where that alone decides what comes out; with
``many-attempts`` at least 33 attempts are thrown away.
"""


def candidate(name: str, what: str, number: int) -> bytes:
    """Return the 32 bytes of a numbered ``key`` seed or ``message`` of a parameter set."""
    return shake_256(f"pqvalidate round 3.1 {what} {name} {number}".encode()).digest(32)


def representative(sk: bytes, message: bytes) -> bytes:
    """Return mu = CRH(tr‖M), 64 bytes (Dilithium 3.1 figure 4): no domain byte, no context, and a tr of 32 bytes."""
    return hash_h(sk[64:96] + message)
