"""Controls of the checks that follow secrets through machine code: a C library of ours, sound or with a planted leak.

It is compiled when it is needed, and attached like a vendor's library.
"""

from __future__ import annotations

from dataclasses import dataclass

from pqvalidate.adapters.compiling import compiled
from pqvalidate.adapters.session import Target
from pqvalidate.algorithms import lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A control in C: what it is, and the words for the compiler that make it so."""

    what: str
    flags: tuple[str, ...] = ()
    operations: frozenset[str] = frozenset({"decapsulate", "env:taint", "env:count", "env:trace"})
    """What it offers beside the operations of the implementation for which it stands."""

    def target(self, parameter_set: str) -> Target:
        """Return what a worker is told to start it.

        Raises:
            AttachError: it cannot be compiled here.

        """
        sizes = lengths(parameter_set)
        library = compiled("planted.c", "-shared", f"-DDK={sizes['dk']}", f"-DCT={sizes['c']}", *self.flags)
        function = {"symbol": "control_dec", "arguments": ["k!", "c", "dk"], "returns": "zero", "hashes": []}
        symbols = {
            "functions": {parameter_set: {"decapsulate": [function]}}, "length_type": "size_t", "randomness": "none",
            "version": "",
        }  # fmt: skip
        settings = {"library": str(library), "symbols": symbols}
        return Target(
            target="pqvalidate.adapters.c_abi:bridge", sets=(parameter_set,), settings=settings, counted=True
        )  # fmt: skip


_CHECKS = ("ml-kem/timing-taint", "ml-kem/timing-addresses")
SOUND = {name: Planted(what="reference: a C library whose way and addresses are always the same") for name in _CHECKS}
"""For every check that follows secrets, a library that it must pass."""
LEAKY = {name: Planted(what="mutant: a table at places that a secret chooses", flags=("-DLEAKY",)) for name in _CHECKS}
"""For every check that follows secrets, a library that it must not pass."""
