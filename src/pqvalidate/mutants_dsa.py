"""Planted faults of ML-DSA that only crafted signatures, long inputs and rare paths of the signing loop show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.mutants import Make, Mutant, OracleSignature, dsa_with, fit
from pqvalidate.oracle import mldsa
from pqvalidate.oracle.batches import Bits, Ints
from pqvalidate.oracle.dsa_steps import Parameters, Rules, decode_signatures, hash_h, norms
from pqvalidate.oracle.messages import message_prime, prehash_message_prime
from pqvalidate.oracle.rounding import Decompose, use_hint
from pqvalidate.suites.validation_dsa import ROUND_3_1

Honest = Callable[[bytes, bytes], bool]
_LIMIT, _WORD, _MEGA = 255, 1 << 16, 1 << 20
_IDENTIFIER = 11  # bytes of the object identifier of a hash function, DER


class _Verifier(OracleSignature):
    """A verifier whose faults lie in how it reads a signature."""

    def __init__(self, name: str) -> None:
        """Take the steps of the fault."""
        super().__init__(name, self.without(mldsa.rules_for(name)))

    def without(self, rules: Rules) -> Rules:
        """Return the rules that this verifier leaves out."""
        return rules

    @property
    def p(self) -> Parameters:
        """Numbers of the parameter set."""
        return self.rules.parameters[self.name]

    def fits(self, pk: bytes, signature: bytes) -> bool:
        """Return whether the lengths are right, so that the signature can be taken apart."""
        row = PARAMETER_SETS[self.name]
        return len(pk) == row.public_key and len(signature) == row.output

    def hints(self, signature: bytes) -> tuple[bytes, list[int]]:
        """Return the positions and the counts of the encoded hint, the counts with a zero before them."""
        counts = len(signature) - self.p.k
        return signature[counts - self.p.omega : counts], [0, *signature[counts:]]


class ForgetsLastPolynomial(_Verifier):
    """The bound on z is checked in all polynomials but the last."""

    def without(self, rules: Rules) -> Rules:
        """Leave out the bound."""
        return replace(rules, verify_z_bound=_unbounded)

    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        """Check the bound on the first polynomials."""
        if not self.fits(pk, signature):
            return False
        z = decode_signatures(self.p, [signature]).z[:, :-1]
        return bool(norms(z)[0] < self.p.gamma1 - self.p.beta) and honest(pk, signature)


class TightBelow(_Verifier):
    """The bound on z is too tight by one, on the negative side."""

    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        """Refuse the smallest z allowed."""
        if not self.fits(pk, signature):
            return False
        smallest = decode_signatures(self.p, [signature]).z.min()
        return bool(smallest > self.p.beta + 1 - self.p.gamma1) and honest(pk, signature)


class RefusesZeroRho(_Verifier):
    """A public key whose rho is all zeros is taken for an empty one."""

    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        """Look at the first 32 bytes."""
        return any(pk[:32]) and honest(pk, signature)


class ZeroIsPadding(_Verifier):
    """A hint at position 0 is taken for padding."""

    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        """Refuse a polynomial whose hints begin at position 0."""
        if not self.fits(pk, signature):
            return False
        positions, counts = self.hints(signature)
        begins = [positions[a] for a, b in pairwise(counts) if a < b and a < len(positions)]
        return all(begins) and honest(pk, signature)


class ForgetsLastPadding(_Verifier):
    """The last byte of the hint's padding is not checked."""

    def without(self, rules: Rules) -> Rules:
        """Leave out the check of the padding."""
        return replace(rules, hint_padding_checked=False)

    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        """Check all but the last byte."""
        if not self.fits(pk, signature):
            return False
        positions, counts = self.hints(signature)
        return not any(positions[counts[-1] : -1]) and honest(pk, signature)


class RefusesFirstZero(_Verifier):
    """A signature that begins with a zero byte is refused."""

    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        """Look at the first byte."""
        return signature[:1] != b"\0" and honest(pk, signature)


class PadsSignatures(_Verifier):
    """A signature that is too short is padded with zeros."""

    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        """Pad first."""
        return honest(pk, signature.ljust(PARAMETER_SETS[self.name].output, b"\0"))


class RemembersChallenges(_Verifier):
    """What was accepted is remembered by key and c~, and accepted again."""

    def __init__(self, name: str) -> None:
        """Remember nothing yet."""
        super().__init__(name)
        self._accepted: set[bytes] = set()

    def judged(self, pk: bytes, signature: bytes, honest: Honest) -> bool:
        """Look at key and c~ first."""
        known = pk + signature[: self.p.challenge]
        if known not in self._accepted and honest(pk, signature):
            self._accepted.add(known)
        return known in self._accepted


class RemembersKeysByRho(OracleSignature):
    """Expanded public keys are remembered by their rho alone."""

    def __init__(self, name: str) -> None:
        """Remember nothing yet."""
        super().__init__(name)
        self._expanded: dict[bytes, bytes] = {}

    def verify_mu(self, pk: bytes, mu: bytes, signature: bytes) -> bool:
        """Take the key first seen with this rho."""
        return super().verify_mu(self._expanded.setdefault(pk[:32], pk), mu, signature)

    def verify_internal(self, pk: bytes, m_prime: bytes, signature: bytes) -> bool:
        """Hash the key that was given."""
        return self.verify_mu(pk, self.rules.message_digest(hash_h(pk), m_prime), signature)

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Verify internally."""
        if len(context) > _LIMIT:
            raise ValueError("context too long")
        return self.verify_internal(pk, message_prime(message, context), signature)


class TriesWithoutContext(OracleSignature):
    """Verification that fails under a context is tried again without."""

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Try twice."""
        return super().verify(pk, message, signature, context) or super().verify(pk, message, signature)

    def verify_prehash(self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b"") -> bool:
        """Try twice."""
        given = super().verify_prehash(pk, message, signature, hash_name, context)
        return given or super().verify_prehash(pk, message, signature, hash_name)


class WrapsContexts(OracleSignature):
    """The verifier writes the length of the context into one byte without looking at it."""

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Frame the message without a limit."""
        return self.verify_internal(pk, bytes([0, len(context) % 256]) + context + message, signature)

    def verify_prehash(self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b"") -> bool:
        """Frame the digest without a limit."""
        content = prehash_message_prime(message, hash_name)[2:]
        return self.verify_internal(pk, bytes([1, len(context) % 256]) + context + content, signature)


class TriesOtherForms(OracleSignature):
    """Verification that fails is tried again as the internal form, and HashML-DSA again as the pure one."""

    def verify(self, pk: bytes, message: bytes, signature: bytes, context: bytes = b"") -> bool:
        """Try the raw message, too."""
        return super().verify(pk, message, signature, context) or self.verify_internal(pk, message, signature)

    def verify_prehash(self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b"") -> bool:
        """Try the pure form, too."""
        given = super().verify_prehash(pk, message, signature, hash_name, context)
        return given or super().verify(pk, message, signature, context)


class PrehashWithoutBound(OracleSignature):
    """HashML-DSA has its own verification, without a bound on z."""

    def verify_prehash(self, pk: bytes, message: bytes, signature: bytes, hash_name: str, context: bytes = b"") -> bool:
        """Verify under rules without the bound."""
        rules = replace(self.rules, verify_z_bound=_unbounded)
        return mldsa.verify_prehash(self.name, [pk], [message], [signature], hash_name, [context], rules=rules)[0]


class CompletesKeys(OracleSignature):
    """A private key, seed or mu that lacks its last byte is completed with a zero."""

    def signing_key(self, sk: bytes) -> bytes:
        """Complete the key."""
        row = PARAMETER_SETS[self.name]
        return super().signing_key(fit(sk, row.private_key) if len(sk) == row.private_key - 1 else sk)

    def keygen_from_seed(self, seed: bytes) -> tuple[bytes, bytes]:
        """Complete the seed."""
        whole = PARAMETER_SETS[self.name].seed
        return super().keygen_from_seed(fit(seed, whole) if len(seed) == whole - 1 else seed)


class CutsContexts(OracleSignature):
    """A context is cut to 255 bytes by every operation that signs."""

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Cut it."""
        return super().sign_with_rnd(sk, message, rnd, context[:_LIMIT])

    def sign_prehash(
        self, sk: bytes, message: bytes, hash_name: str, context: bytes = b"", rnd: bytes = bytes(32)
    ) -> bytes:
        """Cut it."""
        return super().sign_prehash(sk, message, hash_name, context[:_LIMIT], rnd)


class FitsRnd(OracleSignature):
    """rnd is cut or padded to 32 bytes."""

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Fit it."""
        return super().sign_with_rnd(sk, message, fit(rnd, 32), context)

    def sign_mu(self, sk: bytes, mu: bytes, rnd: bytes = bytes(32)) -> bytes:
        """Fit it."""
        return super().sign_mu(sk, mu, fit(rnd, 32))

    def sign_internal(self, sk: bytes, m_prime: bytes, rnd: bytes) -> bytes:
        """Fit it."""
        return super().sign_internal(sk, m_prime, fit(rnd, 32))

    def sign_prehash(
        self, sk: bytes, message: bytes, hash_name: str, context: bytes = b"", rnd: bytes = bytes(32)
    ) -> bytes:
        """Fit it."""
        return super().sign_prehash(sk, message, hash_name, context, fit(rnd, 32))


class SignsTheBeginning(OracleSignature):
    """Only the first 65,536 bytes are signed; verification takes the whole message."""

    def sign_with_rnd(self, sk: bytes, message: bytes, rnd: bytes, context: bytes = b"") -> bytes:
        """Cut the message."""
        return super().sign_with_rnd(sk, message[:_WORD], rnd, context)

    def sign_internal(self, sk: bytes, m_prime: bytes, rnd: bytes) -> bytes:
        """Cut the message."""
        return super().sign_internal(sk, m_prime[:_WORD], rnd)


def _unbounded(p: Parameters) -> int:
    return 4 * p.gamma1


def _hint_up_at_none(h: Bits, r: Ints, gamma2: int, decompose: Decompose) -> Ints:
    """Move up, not down to the highest value, for a hint on the coefficient 0."""
    return np.where(h & (r == 0), 1, use_hint(h, r, gamma2, decompose))


def _message_instead(message: bytes, hash_name: str, context: bytes) -> bytes:
    begin = 2 + len(context) + _IDENTIFIER
    return prehash_message_prime(message, hash_name, context)[:begin] + message


def _beginning(message: bytes, context: bytes) -> bytes:
    return message_prime(message[:_WORD], context)


def _short(message: bytes, context: bytes) -> bytes:
    if len(message) > _MEGA:
        raise ValueError("message too long")
    return message_prime(message, context)


def _one_byte_nonces(attempt: int, l: int) -> list[int]:  # noqa: E741  (FIPS 204 name)
    return [(attempt * l + i) % 256 for i in range(l)]


def _row(what: str, bug_class: str, imitates: str, make: Make, *proves: str, sets: tuple[str, ...] = ()) -> Mutant:
    old = [f"dilithium/{name}" for name in proves if name in ROUND_3_1]
    return Mutant(
        what=what, bug_class=bug_class, imitates=imitates, make=make, sets=sets,
        algorithms=("ML-DSA", "Dilithium") if old else ("ML-DSA",),
        proves=" ".join([*(f"ml-dsa/{name}" for name in proves), *old]),
    )  # fmt: skip


PLANTED: tuple[Mutant, ...] = (
    _row("the bound on z is checked in all polynomials but the last", "DV1",
         "libcrux PR #1347, where no coefficient was bound", ForgetsLastPolynomial, "z-bound"),
    _row("the bound on z is too tight by one on the negative side", "DV14", "ACVP-Server #470, last item", TightBelow,
         "z-limit"),
    _row("a public key whose rho is all zeros is refused", "DV13", "RustCrypto #1183, for t1", RefusesZeroRho,
         "zero-t1-key"),
    _row("a hint at position 0 is taken for padding and refused", "DV7", "Caliptra #2042: a zero tail was a failure",
         ZeroIsPadding, "hint-shapes"),
    _row("the last byte of the hint's padding is not checked", "DV4", "Crucible's test of it, which could not fail",
         ForgetsLastPadding, "hint-encoding"),
    _row("UseHint moves up where the coefficient is 0", "DV8", "GHSA-h37v-hp6w-2pp8, at one value alone",
         dsa_with(use_hint=_hint_up_at_none), "use-hint"),
    _row("HashML-DSA verification has no bound on z", "DV1", "made up: two copies of one verification",
         PrehashWithoutBound, "prehash-rules"),
    _row("the last byte of c~ is not compared", "DV9", "Wycheproof #244: one byte at a time",
         dsa_with(commitment_equal=lambda c, again: c[:-1] == again[:-1]), "challenge-bytes"),
    _row("a signature that begins with a zero byte is refused", "DV9", "made up: a big-integer conversion",
         RefusesFirstZero, "challenge-first-byte"),
    _row("a signature that is too short is padded with zeros", "DV11", "liboqs-python, which pads ciphertexts",
         PadsSignatures, "verify-input-lengths", "prehash-input-lengths"),
    _row("accepted signatures are remembered by key and c~", "E7", "made up: a cache in front of verification",
         RemembersChallenges, "signature-tampered"),
    _row("expanded public keys are remembered by rho", "E7", "made up: a cache of the matrix that keeps t1, too",
         RemembersKeysByRho, "public-key-bound"),
    _row("only the first 65,536 bytes of a message count", "DS5", "made up: a message buffer that is too short",
         dsa_with(message_prime=_beginning), "message-binding"),
    _row("messages of more than a mebibyte are refused", "DS5", "a limit that pqcrypto has",
         dsa_with(message_prime=_short), "large-message"),
    _row("verification is tried again without the context", "DS5",
         "Wycheproof PR 255, where a library bound contexts in two ways", TriesWithoutContext, "context-binding",
         "prehash-context"),
    _row("the verifier takes the length of a context modulo 256", "DS5", "Wycheproof's flag InvalidContext",
         WrapsContexts, "context-limit", "prehash-context-limit"),
    _row("verification is tried again in the other form", "DS7", "made up: compatibility with older signatures",
         TriesOtherForms, "domain-separation", "prehash-binding"),
    _row("a private key or seed without its last byte is completed", "DS8", "made up: lengths compared with <=",
         CompletesKeys, "sign-input-lengths"),
    _row("contexts are cut to 255 bytes before signing", "DS5", "Wycheproof's flag InvalidContext", CutsContexts,
         "sign-context-limit"),
    _row("rnd is cut or padded to 32 bytes", "DS4", "dilithium-py; the standard leaves the point open", FitsRnd,
         "rnd-length"),
    _row("only the first 65,536 bytes of a message are signed", "DS5", "made up: a message buffer that is too short",
         SignsTheBeginning, "sign-messages"),
    _row("HashML-DSA signs the message in place of its digest", "DS7", "made up: one hashing too few",
         dsa_with(prehash_message_prime=_message_instead), "sign-prehash-oracle"),
    _row("the counter kappa of the masks has one byte", "DS1", "Bernstein (2026): masks that repeat betray the key",
         dsa_with(mask_nonces=_one_byte_nonces), "sign-rejections"),
    _row("signing gives up after 16 attempts", "DS3", "ACVP table 2: cases with 64 to 100 rejections",
         dsa_with(max_attempts=16), "sign-rejections"),
    _row("signing: no check of c t0", "DS2", "AWS-LC #3545: self-tests reached two of four branches",
         dsa_with(sign_ct0_bound=_unbounded), "sign-rejections", sets=("ML-DSA-44",)),
)  # fmt: skip
"""The faults that the controls use for the crafted checks of ML-DSA and Dilithium."""
