"""Implementations to time: sound ones by OpenSSL's package, with a load of known size on top of each call."""

from __future__ import annotations

from pathlib import Path

ADAPTER = """
import hashlib

import pqvalidate.vendors.openssl as sound

LOAD = bytes(4000)


def implementation(parameter_set):
    inner = sound.implementation(parameter_set)

    class Kem:
        def keygen(self):
            return inner.keygen()

        def encapsulate(self, ek):
            self.work()
            return inner.encapsulate(ek)

        def decapsulate_from_seed(self, seed, c):
            self.work()
            k = inner.decapsulate_from_seed(seed, c)
            return {answer}

        def work(self):
            for _ in range({turns}):
                hashlib.sha3_512(LOAD).digest()
            {more}

    return Kem()
"""
SETS = '["ML-KEM-768"]'


def manifest(
    folder: Path, name: str, turns: int, *, more: str = "pass", answer: str = "k", performance: str = ""
) -> Path:  # fmt: skip
    """Write an adapter that does ``turns`` hashes on top of each call, and its manifest; return the manifest."""
    module = name.replace("-", "_")
    code = ADAPTER.replace("{turns}", str(turns)).replace("{more}", more).replace("{answer}", answer)
    (folder / f"{module}.py").write_text(code)
    file = folder / f"{name}.toml"
    file.write_text(
        'schema = "pqvalidate/manifest/1"\n'
        f'[product]\nvendor = "Example BV"\nname = "{name}"\nversion = "1"\n'
        f'[attach]\nkind = "python"\ntarget = "{module}:implementation"\n'
        f"[claims]\nconformance = {SETS}\n{performance}"
    )
    return file


def claim(at_least: float, of: str, operation: str = "decapsulate") -> str:
    """Return the part of a manifest that claims a speed."""
    return (
        f'[[claims.performance]]\noperation = "{operation}"\nparameter_set = "ML-KEM-768"\n'
        f'at_least = {at_least}\nof = "{of}"\n'
    )
