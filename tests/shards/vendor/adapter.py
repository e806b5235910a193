"""ML-KEM-768 of OpenSSL, sound but for the seeds that the environment names (hex, comma between them).

PQV_WRONG: a wrong secret. PQV_SLOW: no answer for a minute. PQV_CRASH: the process ends. PQV_DEADLY: the process that
started this one is killed, as lack of memory would do it.
"""

from __future__ import annotations

import os
import signal
import time

from pqvalidate.vendors import openssl


def _seeds(name: str) -> frozenset[bytes]:
    return frozenset(bytes.fromhex(word) for word in os.environ.get(name, "").split(",") if word)


WRONG, CRASH, DEADLY = _seeds("PQV_WRONG"), _seeds("PQV_CRASH"), _seeds("PQV_DEADLY")
SLOW = _seeds("PQV_SLOW")


class Kem:
    """Decapsulation goes wrong for the chosen seeds; all else is passed on."""

    def __init__(self, sound: openssl.OpensslKem) -> None:
        self._sound = sound
        self.keygen_from_seed = sound.keygen_from_seed

    def decapsulate_from_seed(self, seed: bytes, c: bytes) -> bytes:
        if seed in DEADLY:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        if seed in SLOW:
            time.sleep(60)
        if seed in CRASH:
            os._exit(1)
        secret = self._sound.decapsulate_from_seed(seed, c)
        return bytes(32) if seed in WRONG else secret


def implementation(name: str) -> Kem:
    """Return the implementation of ML-KEM-768."""
    sound = openssl.implementation(name)
    assert isinstance(sound, openssl.OpensslKem)
    return Kem(sound)
