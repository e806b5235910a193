"""The ML-DSA and Dilithium oracle: against independent implementations, published digests, and planted faults."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from pqvalidate.algorithms import DILITHIUM, ML_DSA, PREHASH_OID_BYTE, parameter_set
from pqvalidate.errors import UsageError
from pqvalidate.oracle import dsa_steps, mldsa
from pqvalidate.oracle.batches import Bits, Ints, RefusedError
from pqvalidate.oracle.crafting import signature_under_zero_t1, zero_t1_public_key
from pqvalidate.oracle.dsa_steps import FINAL, Rules, hash_h
from pqvalidate.oracle.messages import message_prime, prehash_message_prime
from pqvalidate.oracle.ring import N
from pqvalidate.oracle.rounding import Decompose, Q, decompose
from pqvalidate.oracle.sampling import expand_a, sample_in_ball
from pqvalidate.vendors import dilithium_py, pycryptodome

RANDOM = random.Random(204)
NAME = "ML-DSA-44"
P = FINAL.parameters[NAME]

# C2SP/CCTV, ML-DSA, accumulated: 100 keys and deterministic signatures of the empty message each.
DIGESTS = {
    "ML-DSA-44": "d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4",
    "ML-DSA-65": "8358a1843220194417cadbc2651295cd8fc65125b5a5c1a239a16dc8b57ca199",
    "ML-DSA-87": "8c3ad714777622b8f21ce31bb35f71394f23bc0fcf3c78ace5d608990f3b061b",
}


@pytest.mark.parametrize("name", ML_DSA)
def test_it_agrees_with_independent_implementations(name: str) -> None:
    seeds, messages = [RANDOM.randbytes(32) for _ in range(3)], [b"", b"abc", RANDOM.randbytes(5000)]
    contexts, rnds = [b"", b"c" * 255, b"context"], [RANDOM.randbytes(32) for _ in range(3)]
    pairs = mldsa.keygen(name, seeds)
    pks, sks = [pk for pk, _ in pairs], [sk for _, sk in pairs]
    hedged = mldsa.sign(name, sks, messages, contexts, rnds)
    plain = mldsa.sign(name, sks, messages, contexts)
    internal = mldsa.sign_internal(name, sks, messages, rnds)
    mus = [RANDOM.randbytes(64) for _ in range(3)]
    over_mu = mldsa.sign_mu(name, sks, mus, rnds)
    assert mldsa.verify(name, pks * 2, messages * 2, hedged + plain, contexts * 2) == [True] * 6
    assert mldsa.verify_internal(name, pks, messages, internal) == [True] * 3
    assert mldsa.verify_mu(name, pks, mus, over_mu) == [True] * 3
    others: list[Any] = [pycryptodome.implementation(name), dilithium_py.implementation(name)]
    for iut in others:
        for i in range(3):
            assert iut.keygen_from_seed(seeds[i]) == pairs[i]
            assert iut.sign_with_rnd(sks[i], messages[i], rnds[i], contexts[i]) == hedged[i]
            assert iut.sign_deterministic(sks[i], messages[i], contexts[i]) == plain[i]
            assert iut.sign_internal(sks[i], messages[i], rnds[i]) == internal[i]
            assert iut.sign_mu(sks[i], mus[i], rnds[i]) == over_mu[i]


@pytest.mark.parametrize("hash_name", PREHASH_OID_BYTE)
def test_pre_hashed_signatures_agree_with_an_independent_implementation(hash_name: str) -> None:
    iut: Any = pycryptodome.implementation(NAME)
    ((pk, sk),) = mldsa.keygen(NAME, [RANDOM.randbytes(32)])
    rnd = RANDOM.randbytes(32)
    (signature,) = mldsa.sign_prehash(NAME, [sk], [b"message"], hash_name, [b"context"], [rnd])
    assert signature == iut.sign_prehash(sk, b"message", hash_name, b"context", rnd)
    assert mldsa.verify_prehash(NAME, [pk], [b"message"], [signature], hash_name, [b"context"]) == [True]
    assert mldsa.verify_prehash(NAME, [pk], [b"message"], [signature], hash_name) == [False]
    assert mldsa.verify(NAME, [pk], [b"message"], [signature], [b"context"]) == [False]


@pytest.mark.parametrize("name", DILITHIUM)
def test_round_3_1_agrees_with_an_independent_implementation(name: str) -> None:
    iut: Any = dilithium_py.implementation(name)
    seed = RANDOM.randbytes(32)
    ((pk, sk),) = mldsa.keygen(name, [seed])
    assert iut.keygen_from_seed(seed) == (pk, sk)
    signatures = mldsa.sign(name, [sk, sk], [b"a", b"b"], None, [bytes(32), b"\x01" * 32])
    assert signatures == [iut.sign_deterministic(sk, b"a"), iut.sign_deterministic(sk, b"b")]
    assert mldsa.verify(name, [pk] * 2, [b"a", b"a"], signatures) == [True, False]
    assert mldsa.keypair_consistent(name, pk, sk) is None


@pytest.mark.parametrize("name", ML_DSA)
def test_a_hundred_keys_and_signatures_have_the_published_digest(name: str) -> None:
    source, digest = hashlib.shake_128(b"").digest(3200), hashlib.shake_128()
    pairs = mldsa.keygen(name, [source[i : i + 32] for i in range(0, 3200, 32)])
    signatures = mldsa.sign(name, [sk for _, sk in pairs], [b""] * 100)
    for (pk, _), signature in zip(pairs, signatures, strict=True):
        digest.update(pk + signature)
    assert digest.digest(32).hex() == DIGESTS[name]


@pytest.mark.parametrize("name", ML_DSA)
def test_a_changed_key_message_context_or_signature_does_not_verify(name: str) -> None:
    ((pk, sk),) = mldsa.keygen(name, [RANDOM.randbytes(32)])
    (signature,) = mldsa.sign(name, [sk], [b"message"], [b"context"])

    def valid(*, k: bytes = pk, m: bytes = b"message", s: bytes = signature, c: bytes = b"context") -> bool:
        return mldsa.verify(name, [k], [m], [s], [c])[0]

    assert valid()
    for place in (0, 31, 32, len(pk) - 1):
        assert not valid(k=pk[:place] + bytes([pk[place] ^ 1]) + pk[place + 1 :])
    for place in (0, dsa_steps.PARAMETERS[name].challenge, len(signature) - 1):
        assert not valid(s=signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :])
    assert not valid(m=b"massage")
    assert not valid(c=b"")
    for wrong in (b"", signature[:-1], signature + b"\0"):
        assert not valid(s=wrong)
    assert not valid(k=pk + b"\0")
    assert mldsa.verify_mu(name, [pk], [bytes(63)], [signature]) == [False]


def test_wrong_inputs_of_a_signer_are_refused_by_name() -> None:
    ((pk, sk),) = mldsa.keygen(NAME, [bytes(32)])
    calls: dict[str, Callable[[], object]] = {
        "input 0: seed of 31 bytes": lambda: mldsa.keygen(NAME, [bytes(31)]),
        "input 1: private key of 0 bytes": lambda: mldsa.sign(NAME, [sk, b""], [b"", b""]),
        "input 0: rnd of 31 bytes": lambda: mldsa.sign(NAME, [sk], [b""], None, [bytes(31)]),
        "input 0: mu of 63 bytes": lambda: mldsa.sign_mu(NAME, [sk], [bytes(63)], [bytes(32)]),
        "input 0: context of 256 bytes": lambda: mldsa.verify(NAME, [pk], [b""], [b""], [bytes(256)]),
    }
    for why, call in calls.items():
        with pytest.raises(RefusedError, match=why):
            call()
    uneven: list[Callable[[], object]] = [
        lambda: mldsa.sign(NAME, [sk], [b"", b""]),
        lambda: mldsa.sign(NAME, [sk], [b""], [b"", b""]),
        lambda: mldsa.sign_mu(NAME, [sk], [bytes(64)], []),
        lambda: mldsa.verify_mu(NAME, [pk], [bytes(64)], []),
        lambda: mldsa.verify_internal(NAME, [pk], [], [b""]),
    ]
    for call in uneven:
        with pytest.raises(UsageError, match="column"):
            call()
    with pytest.raises(UsageError, match="ML-KEM-512 is not a parameter set of ML-DSA"):
        mldsa.keygen("ML-KEM-512", [bytes(32)])
    assert mldsa.sign(NAME, [], []) == []


def test_the_history_of_a_signature_tells_every_bound_that_was_broken() -> None:
    ((_, sk),) = mldsa.keygen(NAME, [bytes(32)])
    mus = [i.to_bytes(64, "big") for i in range(300)]
    signed = mldsa.sign_mu_with_history(NAME, [sk] * 300, mus, [bytes(32)] * 300)
    reasons = [reason for one in signed for reason in one.thrown_away]
    assert {"z", "r0"} <= set(reasons)
    assert 2.6 < len(reasons) / 300 < 4  # FIPS 204 table 1: 4.25 attempts on average
    longest = max(range(300), key=lambda i: len(signed[i].thrown_away))
    attempts = len(signed[longest].thrown_away) + 1
    alone, enough = [[sk], [mus[longest]], [bytes(32)]], replace(FINAL, max_attempts=attempts)
    assert mldsa.sign_mu(NAME, *alone, rules=enough) == [signed[longest].signature]
    with pytest.raises(RefusedError, match=f"no signature within {attempts - 1} attempts") as refused:
        mldsa.sign_mu(NAME, [sk] * 300, mus, [bytes(32)] * 300, rules=replace(FINAL, max_attempts=attempts - 1))
    assert refused.value.index == longest


@pytest.mark.parametrize("name", ML_DSA)
def test_a_pair_that_key_generation_cannot_have_made_is_told_why(name: str) -> None:
    (pk, sk), (other_pk, other_sk) = mldsa.keygen(name, [RANDOM.randbytes(32), RANDOM.randbytes(32)])
    assert mldsa.keypair_consistent(name, pk, sk) is None
    p = dsa_steps.PARAMETERS[name]
    s1, t0_length = 64 + p.tr, 416 * p.k
    s2 = s1 + 32 * (2 * p.eta).bit_length() * p.l
    foreign_t1 = pk[:32] + other_pk[32:]
    faults = {
        "lengths": (pk, sk + b"\0"),
        "another rho": (pk, other_sk),
        "tr in sk": (pk, sk[:64] + bytes(64) + sk[128:]),
        "s1 has a coefficient": (pk, sk[:s1] + b"\xff" + sk[s1 + 1 :]),
        "s2 has a coefficient": (pk, sk[:s2] + b"\xff" + sk[s2 + 1 :]),
        "t1 in pk": (foreign_t1, sk[:64] + hash_h(foreign_t1) + sk[128:]),
        "t0 in sk": (pk, sk[:-t0_length] + other_sk[-t0_length:]),
    }
    for why, pair in faults.items():
        reply = mldsa.keypair_consistent(name, *pair)
        assert reply is not None
        assert why in reply


@pytest.mark.parametrize("name", [*ML_DSA, *DILITHIUM])
def test_inner_values_are_read_as_they_were_written(name: str) -> None:
    p = dsa_steps.PARAMETERS[name]
    pairs = mldsa.keygen(name, [RANDOM.randbytes(32) for _ in range(2)])
    pks, sks = [pk for pk, _ in pairs], [sk for _, sk in pairs]
    assert dsa_steps.encode_public_keys(dsa_steps.decode_public_keys(pks)) == pks
    assert dsa_steps.encode_private_keys(p, dsa_steps.decode_private_keys(p, sks)) == sks
    signatures = mldsa.sign(name, sks, [b"", b"m"])
    assert dsa_steps.encode_signatures(p, dsa_steps.decode_signatures(p, signatures)) == signatures
    assert [len(signature) for signature in signatures] == [parameter_set(name).output] * 2


# What follows plants faults: under a public key with t1 = 0 a signature can be made that breaks one rule only.

PK0 = zero_t1_public_key(NAME, bytes(range(32)))
SMALL = np.arange(P.l * N).reshape(P.l, N) % 1000
NO_HINT = bytes(P.omega + P.k)


def crafted(z: Ints = SMALL, hint: bytes = NO_HINT) -> bytes:
    return signature_under_zero_t1(NAME, PK0, bytes(64), z, hint)


def hint_of(positions: bytes, counts: bytes) -> bytes:
    return positions.ljust(P.omega, b"\0") + counts


def z_with(value: int) -> Ints:
    z = SMALL.copy()
    z[1, 2] = value
    return z


def changed(signature: bytes, place: int) -> bytes:
    return signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]


BROKEN = {
    "z at its bound": crafted(z_with(P.gamma1 - P.beta)),
    "positions fall": crafted(hint=hint_of(b"\x09\x05", b"\2\2\2\2")),
    "a position repeats": crafted(hint=hint_of(b"\x05\x05", b"\2\2\2\2")),
    "a position is used and not counted": crafted(hint=hint_of(b"\x05\x06", b"\1\1\1\1")),
    "counts fall": crafted(hint=hint_of(b"\x05", b"\1\0\1\1")),
    "the last byte of c~ is wrong": changed(crafted(), P.challenge - 1),
}
SOUND = {
    "plain": crafted(),
    "z just below its bound": crafted(z_with(P.gamma1 - P.beta - 1)),
    "z just above its negative bound": crafted(z_with(-(P.gamma1 - P.beta - 1))),
    "two hints": crafted(hint=hint_of(b"\x05\x09", b"\0\2\2\2")),
    "the same position in two polynomials": crafted(hint=hint_of(b"\x05\x05", b"\1\2\2\2")),
}
IUTS: list[Any] = [pycryptodome.implementation(NAME)]


@pytest.mark.parametrize("signature", SOUND.values(), ids=SOUND)
def test_a_crafted_signature_that_breaks_no_rule_is_valid(signature: bytes) -> None:
    assert mldsa.verify_mu(NAME, [PK0], [bytes(64)], [signature]) == [True]
    assert all(iut.verify_mu(PK0, bytes(64), signature) for iut in IUTS)


@pytest.mark.parametrize("signature", BROKEN.values(), ids=BROKEN)
def test_a_crafted_signature_that_breaks_one_rule_is_not_valid(signature: bytes) -> None:
    assert mldsa.verify_mu(NAME, [PK0], [bytes(64)], [signature]) == [False]
    assert not any(iut.verify_mu(PK0, bytes(64), signature) for iut in IUTS)


def test_a_hint_that_counts_beyond_its_room_cannot_be_crafted_and_is_not_valid() -> None:
    beyond = hint_of(b"", b"\0\0\0" + bytes([P.omega + 1]))
    with pytest.raises(ValueError, match="exceeds omega = 80"):
        crafted(hint=beyond)
    assert dsa_steps.decode_hint(P, beyond) is None


VERIFIERS: dict[str, tuple[Rules, set[str]]] = {
    "z is not bounded": (replace(FINAL, verify_z_bound=lambda p: p.gamma1 + 1), {"z at its bound"}),
    "the order of positions is not checked": (
        replace(FINAL, hint_order_checked=False),
        {"positions fall", "a position repeats"},
    ),
    "the padding is not checked": (replace(FINAL, hint_padding_checked=False), {"a position is used and not counted"}),
    "falling counts are taken": (replace(FINAL, hint_cuts_checked=False), {"counts fall"}),
    "eight bytes of c~ are compared": (
        replace(FINAL, commitment_equal=lambda c, again: c[:8] == again[:8]),
        {"the last byte of c~ is wrong"},
    ),
}


@pytest.mark.parametrize(("rules", "fooled_by"), VERIFIERS.values(), ids=VERIFIERS)
def test_each_faulty_verifier_is_fooled_by_just_the_signatures_made_for_it(rules: Rules, fooled_by: set[str]) -> None:
    count = len(BROKEN)
    answers = mldsa.verify_mu(NAME, [PK0] * count, [bytes(64)] * count, list(BROKEN.values()), rules=rules)
    assert {what for what, answer in zip(BROKEN, answers, strict=True) if answer} == fooled_by


def top_edge_kept(r: Ints, gamma2: int) -> tuple[Ints, Ints]:
    r1 = (r + gamma2 - 1) // (2 * gamma2)
    return r1, r - r1 * 2 * gamma2


def up_at_zero(h: Bits, r: Ints, gamma2: int, split: Decompose) -> Ints:
    r1, r0 = split(r, gamma2)
    return np.where(h, (r1 + np.where(r0 >= 0, 1, -1)) % ((Q - 1) // (2 * gamma2)), r1)


SIGNERS: dict[str, Rules] = {
    "tr has 32 bytes": replace(FINAL, message_digest=lambda tr, m: hash_h(tr[:32] + m)),
    "only 16 bits of the length count": replace(FINAL, message_digest=lambda tr, m: hash_h(tr + m[: len(m) % 65536])),
    "rnd has no effect": replace(FINAL, mask_seed=lambda key, _rnd, mu: hash_h(key + mu)),
    "masks are used again": replace(FINAL, mask_nonces=lambda attempt, count: range(attempt, attempt + count)),
    "context is ignored": replace(FINAL, message_prime=lambda m, _c: message_prime(m)),
    "no domain byte": replace(FINAL, message_prime=lambda m, _c: m),
    "pre-hash in the domain of pure": replace(FINAL, prehash_message_prime=partial(prehash_message_prime, domain=0)),
    "only 32 sign bits": replace(FINAL, sample_in_ball=partial(sample_in_ball, sign_bits=32)),
    "z is not checked": replace(FINAL, sign_z_bound=lambda p: 2 * p.gamma1),
    "r0 may reach gamma2": replace(FINAL, sign_r0_bound=lambda p: p.gamma2),
    "ct0 bound is tight": replace(FINAL, sign_ct0_bound=lambda p: p.gamma2 // 3, max_attempts=30),
    "gives up after 3 attempts": replace(FINAL, max_attempts=3),
    "no k and l in key generation": replace(FINAL, seed_domain=lambda _k, _l: b""),
    "tau is 40": replace(FINAL, parameters={**FINAL.parameters, NAME: replace(P, tau=40)}),
    "one constant of the transform is wrong": replace(
        FINAL, ring=replace(FINAL.ring, zetas=(*FINAL.ring.zetas[:77], 1, *FINAL.ring.zetas[78:])), max_attempts=30
    ),
}


def answers(rules: Rules) -> list[str]:
    """Return what a signer with these rules makes of keys, contexts, pre-hashes and long messages."""
    ((_, sk),) = mldsa.keygen(NAME, [b"\x09" * 32])
    long = [bytes(65536) + bytes([i]) for i in range(24)]
    calls: list[Callable[[], object]] = [
        lambda: mldsa.keygen(NAME, [bytes(32)], rules=rules),
        lambda: mldsa.sign(NAME, [sk] * 24, long, [b"c"] * 24, [b"\x01" * 32] * 24, rules=rules),
        lambda: mldsa.sign_prehash(NAME, [sk], [b"m"], "SHA2-256", rules=rules),
    ]
    replies: list[str] = []
    for call in calls:
        try:
            replies.append(repr(call()))
        except RefusedError as refused:
            replies.append(str(refused))
    return replies


@pytest.mark.parametrize("rules", SIGNERS.values(), ids=SIGNERS)
def test_each_planted_fault_of_a_signer_shows_in_its_answers(rules: Rules) -> None:
    assert answers(rules) != answers(FINAL)


def test_rare_faults_of_single_steps_show_at_their_edges() -> None:
    gamma2 = P.gamma2
    edge = np.array([Q - 1, 0, 5])
    assert [x.tolist() for x in decompose(edge, gamma2)] == [[0, 0, 0], [-1, 0, 5]]
    assert [x.tolist() for x in top_edge_kept(edge, gamma2)] == [[44, 0, 0], [0, 0, 5]]
    h = np.ones(3, dtype=np.bool_)
    assert FINAL.use_hint(h, edge, gamma2, decompose).tolist() == [43, 43, 1]
    assert up_at_zero(h, edge, gamma2, decompose).tolist() == [43, 1, 1]
    # A crafted signature whose hint sits where w' has r0 = 0: z = 0 gives w' = 0 everywhere.
    on_zero = crafted(np.zeros_like(SMALL), hint_of(b"\x05", b"\1\1\1\1"))
    for rules, expected in ((FINAL, True), (replace(FINAL, use_hint=up_at_zero), False)):
        assert mldsa.verify_mu(NAME, [PK0], [bytes(64)], [on_zero], rules=rules) == [expected]
    kept = replace(FINAL, decompose=top_edge_kept)
    assert kept.use_hint(~h, edge, gamma2, kept.decompose).tolist() == [44, 0, 0]


def test_a_matrix_that_accepts_q_differs_in_some_rare_key() -> None:
    # 2^-11 per key (16 polynomials of 256 candidates out of 2^23), so 6400 fixed seeds hold about three.
    for number in range(400):
        seeds = [number.to_bytes(16, "big") + i.to_bytes(16, "big") for i in range(16)]
        if (expand_a(seeds, 4, 4) != expand_a(seeds, 4, 4, bound=Q + 1)).any():
            return
    pytest.fail("no seed among 6400 shows the value q")


def test_the_default_is_the_standard() -> None:
    assert mldsa.DEFAULT is mldsa.rules_for(NAME) is FINAL
    assert mldsa.rules_for("Dilithium3") is dsa_steps.ROUND_3_1
