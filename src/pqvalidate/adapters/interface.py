"""The common interface: what an implementation can be asked, and the three ways in which it can answer.

This module knows no expectation, no evidence and no policy: the worker that runs vendor code imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from pqvalidate.algorithms import PARAMETER_SETS

Value: TypeAlias = bytes | bool | str
FaultKind: TypeAlias = Literal["crash", "timeout", "exception", "protocol"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One question to an implementation: an operation of a parameter set with its named inputs.

    Two operations are about the process: ``restart`` starts a new one, ``together`` makes several calls in one of the
    ways of ``adapters.together`` (inputs ``how`` and ``calls``).
    """

    operation: str
    parameter_set: str
    inputs: Mapping[str, Any]


class Ok(msgspec.Struct, frozen=True):
    """The operation succeeded; ``values`` holds its named outputs (``valid`` for the checking operations)."""

    values: Mapping[str, Any]


class Rejected(ValueError):  # noqa: N818  (a reply, not an error of ours)
    """A legitimate refusal of an input. An adapter may raise it (or any ValueError) to refuse."""

    @property
    def why(self) -> str:
        """What the implementation said when it refused."""
        return str(self.args[0]) if self.args else ""


class Fault(Exception):  # noqa: N818  (a reply, not an error of ours: the vocabulary of docs/explanation)
    """The implementation broke instead of answering: it crashed, hung, raised or broke the protocol."""

    def __init__(self, kind: FaultKind, why: str) -> None:
        self.kind: FaultKind = kind
        self.why = why
        super().__init__(f"{kind}: {why}")


class CannotAsk(Exception):  # noqa: N818  (a limit of ours, not a misfortune)
    """This way of attaching cannot carry an input, so the implementation was not asked.

    Only the bridges of this package may say so. A case that meets it is recorded as not applicable: it is neither an
    accusation nor a pass.
    """


class NotOffered(NotImplementedError):  # noqa: N818  (it says what it is to the host, by its name)
    """A bridge found out, by asking, that a program lacks an operation which it seemed to have."""


class Unasked(Fault):
    """The reply to a call that the way of attaching cannot carry; it never comes from vendor code."""


def unasked(reply: Reply) -> Reply:
    """Return the reply of a bridge, with a CannotAsk that it reported as an exception told apart from faults."""
    mark = f"{CannotAsk.__name__}: "
    if isinstance(reply, Fault) and reply.kind == "exception" and reply.why.startswith(mark):
        return Unasked("exception", reply.why.removeprefix(mark))
    return reply


Reply: TypeAlias = Ok | Rejected | Fault


@dataclass(frozen=True, slots=True)
class Operation:
    """Shape of one operation: input names in call order, which of them may be left out, and output names."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    optional: tuple[str, ...] = ()


KEM_OPERATIONS: dict[str, Operation] = {
    "keygen": Operation((), ("ek", "dk")),
    "keygen_from_seed": Operation(("seed",), ("ek", "dk")),
    "encapsulate": Operation(("ek",), ("k", "c")),
    "encapsulate_derand": Operation(("ek", "m"), ("k", "c")),
    "decapsulate": Operation(("dk", "c"), ("k",)),
    "decapsulate_from_seed": Operation(("seed", "c"), ("k",)),
    "check_encapsulation_key": Operation(("ek",), ("valid",)),
    "check_decapsulation_key": Operation(("dk",), ("valid",)),
    "load_decapsulation_key": Operation(("dk",), ("handle",)),
    "load_decapsulation_key_from_seed": Operation(("seed",), ("handle",)),
    "load_encapsulation_key": Operation(("ek",), ("handle",)),
}
"""Operations of a KEM: FIPS 203 algorithms 16-21, with lengths as in ``algorithms.ParameterSet``."""

_SIGN = {
    "sign": Operation(("sk", "message", "context"), ("signature",), ("context",)),
    "sign_deterministic": Operation(("sk", "message", "context"), ("signature",), ("context",)),
    "sign_with_rnd": Operation(("sk", "message", "rnd", "context"), ("signature",), ("context",)),
    "sign_mu": Operation(("sk", "mu", "rnd"), ("signature",), ("rnd",)),
    "sign_prehash": Operation(("sk", "message", "hash", "context", "rnd"), ("signature",), ("context", "rnd")),
    "sign_internal": Operation(("sk", "m_prime", "rnd"), ("signature",)),
}

SIGNATURE_OPERATIONS: dict[str, Operation] = {
    "keygen": Operation((), ("pk", "sk")),
    "keygen_from_seed": Operation(("seed",), ("pk", "sk")),
    **_SIGN,
    **{f"{name}_from_seed": Operation(("seed", *op.inputs[1:]), op.outputs, op.optional) for name, op in _SIGN.items()},
    "verify": Operation(("pk", "message", "signature", "context"), ("valid",), ("context",)),
    "verify_mu": Operation(("pk", "mu", "signature"), ("valid",)),
    "verify_prehash": Operation(("pk", "message", "signature", "hash", "context"), ("valid",), ("context",)),
    "verify_internal": Operation(("pk", "m_prime", "signature"), ("valid",)),
}
"""Operations of a signature algorithm: FIPS 204 algorithms 1-8; ``_from_seed`` takes the 32-byte seed xi as key."""


def table_for(parameter_set: str) -> dict[str, Operation]:
    """Return the operations that a parameter set can have."""
    return KEM_OPERATIONS if PARAMETER_SETS[parameter_set].kind == "kem" else SIGNATURE_OPERATIONS


class LoadedDecapsulationKey(Protocol):
    """A decapsulation key that was loaded once, so that repeated use does not pay for the import again."""

    def decapsulate(self, c: bytes) -> bytes:
        """Return the 32-byte shared secret for ciphertext ``c``."""


class LoadedEncapsulationKey(Protocol):
    """An encapsulation key that was loaded once."""

    def encapsulate(self) -> tuple[bytes, bytes]:
        """Return (32-byte shared secret, ciphertext)."""


class Kem(Protocol):
    """What every KEM can be asked; optional operations are further methods named in ``KEM_OPERATIONS``."""

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (encapsulation key, decapsulation key), FIPS 203 algorithm 19."""

    def encapsulate(self, ek: bytes) -> tuple[bytes, bytes]:
        """Return (32-byte shared secret, ciphertext), FIPS 203 algorithm 20; refuse a bad ``ek`` by ValueError."""

    def decapsulate(self, dk: bytes, c: bytes) -> bytes:
        """Return the 32-byte shared secret, FIPS 203 algorithm 21; refuse a bad ``dk`` or length by ValueError."""


class Signature(Protocol):
    """What every signature scheme can be asked; optional operations are named in ``SIGNATURE_OPERATIONS``."""

    def keygen(self) -> tuple[bytes, bytes]:
        """Return (public key, private key), FIPS 204 algorithm 1."""

    def sign(self, sk: bytes, message: bytes, context: bytes = b"") -> bytes:
        """Return a hedged signature, FIPS 204 algorithm 2; refuse a context over 255 bytes by ValueError."""

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Return whether the signature is valid, FIPS 204 algorithm 3."""
