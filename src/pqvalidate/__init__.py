"""pqvalidate: does a post-quantum implementation do what its vendor claims?

Use any attached implementation through one interface; it runs in a process of its own::

    import pqvalidate as pqv

    with pqv.attach("openssl") as iut:
        kem = iut.kem("ML-KEM-768")
        ek, dk = kem.keygen()
        shared_secret, c = kem.encapsulate(ek)

A refused input raises ``Rejected`` (a ValueError), broken vendor code raises ``Fault``; neither can end this process.
The whole job, from manifest to signed certificate, is on the command line: ``pqvalidate run openssl``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pqvalidate.adapters.attach import Implementation, attach
    from pqvalidate.adapters.interface import Call, Fault, Kem, Ok, Rejected, Signature
    from pqvalidate.algorithms import PARAMETER_SETS, ParameterSet
    from pqvalidate.bundle import read_cases, read_evidence
    from pqvalidate.errors import AttachError, InputError, PqvalidateError, UsageError
    from pqvalidate.evidence import Evidence
    from pqvalidate.verdict import Verdict, judge

__version__ = "0.1.0"

_HOME = {
    "adapters.attach": ("Implementation", "attach"),
    "adapters.interface": ("Call", "Fault", "Kem", "Ok", "Rejected", "Signature"),
    "algorithms": ("PARAMETER_SETS", "ParameterSet"),
    "bundle": ("read_cases", "read_evidence"),
    "errors": ("AttachError", "InputError", "PqvalidateError", "UsageError"),
    "evidence": ("Evidence",),
    "verdict": ("Verdict", "judge"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "PARAMETER_SETS", "AttachError", "Call", "Evidence", "Fault", "Implementation", "InputError", "Kem", "Ok",
    "ParameterSet", "PqvalidateError", "Rejected", "Signature", "UsageError", "Verdict", "attach", "judge",
    "read_cases", "read_evidence",
]  # fmt: skip


def __getattr__(name: str) -> Any:  # noqa: ANN401  (a public name of any type)
    """Import a public name when it is first used, so that `pqvalidate --help` and verifying stay light."""
    if name not in _MODULE:
        msg = f"module 'pqvalidate' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"pqvalidate.{_MODULE[name]}"), name)
