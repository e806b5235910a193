"""Other versions and readings of the standards, as sets of rules, so that a wrong version can be called by its name.

NEVER USE THIS AS CRYPTOGRAPHY; see ``pqvalidate.oracle``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pqvalidate.algorithms import PREHASH_OID_BYTE
from pqvalidate.oracle import dsa_steps, kem_steps, mldsa, mlkem
from pqvalidate.oracle.dsa_steps import hash_h
from pqvalidate.oracle.messages import message_prime, prehash, prehash_message_prime
from pqvalidate.oracle.sampling import sample_in_ball, sample_matrix

ML_KEM, KYBER = "ML-KEM (FIPS 203)", "Kyber round 3"
ML_DSA, DILITHIUM = "ML-DSA (FIPS 204)", "Dilithium round 3.1"


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# As printed, the draft gave the two indices of A-hat to the hash in the other order.
_IPD_AS_PRINTED = replace(kem_steps.IPD, expand_matrix=partial(sample_matrix, transposed=True))

KEM_VERSIONS: dict[str, kem_steps.Rules] = {
    ML_KEM: kem_steps.FINAL,
    KYBER: kem_steps.ROUND_3,
    "the ML-KEM draft of 2023 (FIPS 203 ipd)": kem_steps.IPD,
    "the ML-KEM draft of 2023 (FIPS 203 ipd) with the indices of A as printed": _IPD_AS_PRINTED,
    "ML-KEM with SHA-256 as H, as in Kyber-90s": replace(kem_steps.FINAL, hash_h=_sha256),
}
"""Versions of the KEM by name; all have keys and ciphertexts of the same lengths."""

TRUNCATED = {"512": 16, "768": 24, "1024": 32}
"""Bytes of the Kyber round 3 secret that a widespread Java library of 2022 gave, by the number in the set's name."""


def cut_secret(name: str) -> int:
    """Return to how many bytes some implementations cut the round 3 secret of the parameter set ``name``."""
    return TRUNCATED[name.rpartition("-")[2]]


def rekeyed(rules: kem_steps.Rules, dk: bytes, ek: bytes) -> bytes:
    """Return a decapsulation key with H(ek) as these rules compute it (FIPS 203 algorithm 16 line 3)."""
    return dk[:-64] + rules.hash_h(ek) + dk[-32:]


def secret_of(name: str, rules: kem_steps.Rules, dk: bytes, c: bytes) -> bytes:
    """Return the shared secret that decapsulation under these rules gives, without the checks of the key's hash."""
    return mlkem.decapsulate(name, [dk], [c], rules=replace(rules, dk_hash_checked=False))[0]


@dataclass(frozen=True, slots=True)
class Reading:
    """One way in which a signature algorithm may understand a message.

    Attributes:
        rules: the steps of the algorithm.
        mu: from tr, message and context to the message representative; tr has the length that ``rules`` gives it.
        old: whether keys and signatures have the lengths of Dilithium round 3.1.

    """

    rules: dsa_steps.Rules
    mu: Callable[[bytes, bytes, bytes], bytes]
    old: bool = False

    def name(self, parameter_set: str) -> str:
        """Return the parameter set whose lengths apply: ML-DSA-65 for Dilithium3 and the other way round."""
        return (_OLD if self.old else _NEW).get(parameter_set, parameter_set)

    def keypair(self, parameter_set: str, seed: bytes) -> tuple[bytes, bytes]:
        """Return the key pair of a seed."""
        return mldsa.keygen(self.name(parameter_set), [seed], rules=self.rules)[0]

    def converted(self, parameter_set: str, pk: bytes, sk: bytes, tr: int) -> bytes:
        """Return the private key ``sk``, which holds ``tr`` bytes of tr, in the format of this reading."""
        return sk[:64] + hash_h(pk, self._tr(parameter_set)) + sk[64 + tr :]

    def sign(self, parameter_set: str, pk: bytes, sk: bytes, message: bytes, context: bytes, rnd: bytes) -> bytes:
        """Return the signature under a private key in the format of this reading."""
        mu = self.mu(hash_h(pk, self._tr(parameter_set)), message, context)
        return mldsa.sign_mu(self.name(parameter_set), [sk], [mu], [rnd], rules=self.rules)[0]

    def verify(
        self, parameter_set: str, pk: bytes, message: bytes, context: bytes, signatures: Sequence[bytes]
    ) -> list[bool]:
        """Return which signatures of the message are valid; one of another length is not."""
        mu, count = self.mu(hash_h(pk, self._tr(parameter_set)), message, context), len(signatures)
        return mldsa.verify_mu(self.name(parameter_set), [pk] * count, [mu] * count, signatures, rules=self.rules)

    def _tr(self, parameter_set: str) -> int:
        return self.rules.parameters[self.name(parameter_set)].tr


_OLD = {"ML-DSA-44": "Dilithium2", "ML-DSA-65": "Dilithium3", "ML-DSA-87": "Dilithium5"}
_NEW = {old: new for new, old in _OLD.items()}

# The draft of August 2023: no k and l in the key seed, no context (FIPS 204 appendix D). As printed, the challenge came
# from the first 32 bytes of c~; the reference code of the time took all of it, and published answers follow that code.
IPD = replace(dsa_steps.FINAL, seed_domain=lambda _k, _l: b"", message_prime=lambda message, _context: message)
IPD_AS_PRINTED = replace(IPD, sample_in_ball=lambda seed, tau: sample_in_ball(seed[:32], tau))
_WITHOUT_RND = replace(dsa_steps.FINAL, mask_seed=lambda key, _rnd, mu: hash_h(key + mu))


def _plain(tr: bytes, message: bytes, context: bytes) -> bytes:
    return hash_h(tr + message_prime(message, context))


def _bare(tr: bytes, message: bytes, _context: bytes) -> bytes:
    return hash_h(tr + message)


def _framed(frame: Callable[[bytes, bytes], bytes]) -> Reading:
    return Reading(dsa_steps.FINAL, lambda tr, message, context: hash_h(tr + frame(message, context)))


AS_INTERNAL = "the internal interface of ML-DSA (FIPS 204 algorithms 7 and 8: neither domain byte nor context)"
_IPD = "the ML-DSA draft of 2023 (FIPS 204 ipd)"
_IPD_PRINTED = "the ML-DSA draft of 2023 (FIPS 204 ipd) with the challenge as printed"
_NO_RND = "ML-DSA whose mask seed leaves out rnd, as in Dilithium"
_TR_32 = "ML-DSA with the 32-byte tr of Dilithium"

PURE: Mapping[str, Reading] = {
    ML_DSA: Reading(dsa_steps.FINAL, _plain),
    DILITHIUM: Reading(dsa_steps.ROUND_3_1, _bare, old=True),
    _IPD: Reading(IPD, _bare),
    _IPD_PRINTED: Reading(IPD_AS_PRINTED, _bare),
    AS_INTERNAL: Reading(dsa_steps.FINAL, _bare),
    _TR_32: Reading(dsa_steps.FINAL, lambda tr, m, ctx: hash_h(tr[:32] + message_prime(m, ctx))),
    _NO_RND: Reading(_WITHOUT_RND, _plain),
    "ML-DSA that ignores the context": _framed(lambda m, _ctx: message_prime(m)),
    "ML-DSA without the length byte of the context": _framed(lambda m, ctx: b"\0" + ctx + m),
    "ML-DSA with the domain byte of HashML-DSA": _framed(lambda m, ctx: b"\1" + message_prime(m, ctx)[1:]),
}
"""Readings of an ordinary message, by name."""

INTERNAL: Mapping[str, Reading] = {
    ML_DSA: Reading(dsa_steps.FINAL, _bare),
    DILITHIUM: Reading(dsa_steps.ROUND_3_1, _bare, old=True),
    _IPD: Reading(IPD, _bare),
    _IPD_PRINTED: Reading(IPD_AS_PRINTED, _bare),
    "the external interface of ML-DSA offered as the internal one": Reading(dsa_steps.FINAL, _plain),
    _TR_32: Reading(dsa_steps.FINAL, lambda tr, m, _ctx: hash_h(tr[:32] + m)),
    _NO_RND: Reading(_WITHOUT_RND, _bare),
}
"""Readings of a formatted message M', by name."""


def _given(_tr: bytes, mu: bytes, _context: bytes) -> bytes:
    return mu


MU: Mapping[str, Reading] = {
    ML_DSA: Reading(dsa_steps.FINAL, _given),
    DILITHIUM: Reading(dsa_steps.ROUND_3_1, _given, old=True),
    _IPD: Reading(IPD, _given),
    _IPD_PRINTED: Reading(IPD_AS_PRINTED, _given),
    "ML-DSA that takes mu as an ordinary message": Reading(dsa_steps.FINAL, _plain),
    "ML-DSA that takes mu as a formatted message": Reading(dsa_steps.FINAL, _bare),
    _NO_RND: Reading(_WITHOUT_RND, _given),
}
"""Readings of a message representative mu, by name."""


def prehash_readings(hash_name: str) -> dict[str, Reading]:
    """Return the readings of a message that is to be signed through the hash function ``hash_name``."""
    start = len(prehash_message_prime(b"", hash_name)) - len(prehash(b"", hash_name))

    def head(domain: int, context: bytes) -> bytes:
        return prehash_message_prime(b"", hash_name, context, domain=domain)[: start + len(context)]

    def signed(content: Callable[[bytes], bytes], domain: int = 1) -> Reading:
        return _framed(lambda m, ctx: head(domain, ctx) + content(m))

    def digest(message: bytes) -> bytes:
        return prehash(message, hash_name)

    def crossed(other: str) -> Reading:
        oid = bytes([PREHASH_OID_BYTE[other]])
        return _framed(lambda m, ctx: head(1, ctx)[:-1] + oid + digest(m))

    others = {
        f"HashML-DSA with the identifier of {other} for a digest of {hash_name}": crossed(other)
        for other in PREHASH_OID_BYTE
        if other != hash_name
    }
    return {
        ML_DSA: signed(digest),
        "HashML-DSA that signs the message itself where its digest belongs": signed(lambda m: m),
        "pure ML-DSA of the message: the pre-hash is missing": _framed(message_prime),
        "pure ML-DSA of the digest": _framed(lambda m, ctx: message_prime(digest(m), ctx)),
        "the internal interface of ML-DSA on the digest": _framed(lambda m, _ctx: digest(m)),
        "the internal interface of ML-DSA on the message": _framed(lambda m, _ctx: m),
        "HashML-DSA with the domain byte of pure ML-DSA": signed(digest, domain=0),
        "HashML-DSA without the identifier of the hash function": _framed(
            lambda m, ctx: b"\1" + message_prime(digest(m), ctx)[1:]
        ),
        "HashML-DSA that hashes the message twice": signed(lambda m: digest(digest(m))),
        **others,
    }
