"""Signers: whatever can sign with both keys of one holder; a key file is one, a program of the holder's is another.

An HSM, a smart card or a signing service is added by an object with the three members of ``Signer``, or, without any
code of ours, by a program that ``CommandSigner`` starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pqvalidate.certificate.keys import SCHEMES, TrustedValidator, load_trust, validator_of
from pqvalidate.errors import InputError, UsageError

if TYPE_CHECKING:
    from pqvalidate.certificate.keys import Family, VendorRelation
    from pqvalidate.certificate.predicate import Validator

SIGNER_SECONDS = 60.0
_MOST_SIGNATURE_BYTES = 16 * 1024  # an ML-DSA-87 signature has 4,627 bytes, FIPS 204 table 2


class Signer(Protocol):
    """Signs for one holder of a role with a key of each family; ``keys.SigningKey`` is the one that reads a file."""

    @property
    def public(self) -> TrustedValidator:
        """The holder's entry in a trust file, with the public keys by family."""

    @property
    def validator(self) -> Validator:
        """What a certificate says about the holder."""

    def sign(self, family: Family, message: bytes) -> bytes:
        """Sign ``message`` as it is, by the key of one family.

        classical: ECDSA on P-384 with SHA-384, the signature in DER (FIPS 186-5 section 6.4, RFC 3279 section 2.2.3).
        pq: ML-DSA-87 with an empty context (FIPS 204 algorithm 2), a signature of 4,627 bytes.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSigner:
    """Signs by a program of the holder's: the family as its last argument, the message on its standard input.

    The program writes the signature, nothing else, to its standard output and ends with exit code 0 within ``seconds``.
    It is started without a shell. What it returns is verified with the public key before it is used (``envelope``).
    """

    command: tuple[str, ...]
    public: TrustedValidator
    validator: Validator
    seconds: float = SIGNER_SECONDS

    def sign(self, family: Family, message: bytes) -> bytes:
        """Run the program and return the signature that it gave.

        Raises:
            UsageError: it cannot be started, takes too long, fails, or gives nothing or too much.

        """
        import subprocess  # noqa: PLC0415  (reading certificates needs none)

        name = self.command[0]
        try:
            done = subprocess.run(  # noqa: S603  (the holder's own program; no shell)
                [*self.command, family], input=message, capture_output=True, check=False, timeout=self.seconds
            )
        except subprocess.TimeoutExpired:
            raise UsageError(f"the signer {name} gave no {family} signature within {self.seconds:g} s") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"the signer {name} cannot be started: {reason}") from None
        if done.returncode != 0:
            told = done.stderr.decode("utf-8", "replace").strip()[-200:]
            raise UsageError(f"the signer {name} ended with exit code {done.returncode}: {told or 'it said nothing'}")
        if not 0 < len(done.stdout) <= _MOST_SIGNATURE_BYTES:
            raise UsageError(f"the signer {name} gave {len(done.stdout)} bytes, which are no {family} signature")
        return done.stdout


def command_signer(
    command: Sequence[str], public: Path, *, vendor_relation: VendorRelation = "not-stated"
) -> CommandSigner:
    """Return a signer that runs ``command``, for the one holder in the trust file ``public``.

    Raises:
        UsageError: the command is empty.
        InputError: the file is malformed, or is not about one holder with one key of each family.

    """
    if not command:
        raise UsageError("the signer command is empty; name a program")
    rows = load_trust(public).validators
    if len(rows) != 1 or sorted(key.family for key in rows[0].keys) != sorted(SCHEMES):
        problem = "must name one holder, with one classical and one pq key"
        raise InputError(public, "validators", problem, "Give the trust file that belongs to the signer's keys")
    return CommandSigner(command=tuple(command), public=rows[0], validator=validator_of(rows[0], vendor_relation))
