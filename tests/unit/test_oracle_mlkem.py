"""The ML-KEM and Kyber oracle: against independent implementations, published digests, and its own planted faults."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from pqvalidate.algorithms import KYBER, ML_KEM, parameter_set
from pqvalidate.errors import UsageError
from pqvalidate.oracle import kem_steps, mlkem
from pqvalidate.oracle.batches import Ints, RefusedError, stack
from pqvalidate.oracle.bits import unpack
from pqvalidate.oracle.kem_steps import FINAL, RING, Q, Rules
from pqvalidate.oracle.ring import Ring
from pqvalidate.oracle.sampling import sample_matrix
from pqvalidate.vendors import kyber_py, pycryptodome

RANDOM = random.Random(203)
Outcome = list[bytes | str]

# C2SP/CCTV pull request 13: 10,000 keys, ciphertexts and implicit rejections each.
DIGESTS = {
    "ML-KEM-512": "705dcffc87f4e67e35a09dcaa31772e86f3341bd3ccf1e78a5fef99ae6a35a13",
    "ML-KEM-768": "f959d18d3d1180121433bf0e05f11e7908cf9d03edc150b2b07cb90bef5bc1c1",
    "ML-KEM-1024": "e3bf82b013307b2e9d47dde791ff6dfc82e694e6382404abdb948b908b75bad5",
}

# C2SP/CCTV pull request 13 (CC0): d, z, m of keys whose matrix takes over 573 bytes of SHAKE128 for one polynomial,
# and SHA-256 of ek, dk, c and K.
UNLUCKY = {
    "ML-KEM-512": (
        "2d391adbf4f7e004b09449c48dca574e590c59bd1c8e8095c942b7dd99f7b5da",
        "8476013560151d986dc7834dcb57c75f845f8d7ee71558d0955f3f4feb723cf2",
        "e48f74ad416e99631003ded1478aec62a02c245d88ed7f2fae92aedf13ca03b3",
        "8a8c1401477097b1d7905291ea75d8fa8672b779b2c84018e72230513a6f5003",
    ),
    "ML-KEM-768": (
        "82c4a361586b9715c2375a45fb85c32d04be7fe6e26acd820ec5d4080093afe1",
        "8476013560151d986dc7834dcb57c75f845f8d7ee71558d0955f3f4feb723cf2",
        "e48f74ad416e99631003ded1478aec62a02c245d88ed7f2fae92aedf13ca03b3",
        "fad280856876987ef02cb061d5db2b4db8176d2ed8fc2c8309002c40d752937c",
    ),
    "ML-KEM-1024": (
        "9526e27d918ae2379c067c81c59eca33fcd7045ea098c6ea6ed7d8aaea511cb6",
        "8476013560151d986dc7834dcb57c75f845f8d7ee71558d0955f3f4feb723cf2",
        "e48f74ad416e99631003ded1478aec62a02c245d88ed7f2fae92aedf13ca03b3",
        "8530d5abb93503aa5abc99004e6613f98fb9112644c4b7ef9cd8464b7498b8ae",
    ),
}


def other(name: str) -> list[Any]:
    others: list[Any] = [kyber_py.implementation(name)]
    return others if name in KYBER else [*others, pycryptodome.implementation(name)]


@pytest.mark.parametrize("name", [*ML_KEM, *KYBER])
def test_it_agrees_with_independent_implementations(name: str) -> None:
    count = 4
    seeds, ms = [RANDOM.randbytes(64) for _ in range(count)], [RANDOM.randbytes(32) for _ in range(count)]
    pairs = mlkem.keygen(name, seeds)
    eks, dks = [ek for ek, _ in pairs], [dk for _, dk in pairs]
    replies = mlkem.encapsulate(name, eks, ms)
    honest = [c for _, c in replies]
    changed = [c[:-1] + bytes([c[-1] ^ 1]) for c in honest]
    noise = [RANDOM.randbytes(len(c)) for c in honest]
    secrets = [mlkem.decapsulate(name, dks, cs) for cs in (honest, changed, noise)]
    assert secrets[0] == [secret for secret, _ in replies]
    for iut in other(name):
        for i in range(count):
            assert iut.keygen_from_seed(seeds[i]) == pairs[i]
            assert iut.encapsulate_derand(eks[i], ms[i]) == replies[i]
            seen = [iut.decapsulate(dks[i], cs[i]) for cs in (honest, changed, noise)]
            assert seen == [column[i] for column in secrets]


@pytest.mark.parametrize("name", ML_KEM)
def test_ten_thousand_keys_ciphertexts_and_rejections_have_the_published_digest(name: str) -> None:
    # SHAKE128 of nothing yields d, z, m and a random ciphertext; everything that follows is hashed (CCTV, ML-KEM).
    tests, block = 10_000, 500
    stride = 96 + parameter_set(name).output
    source = hashlib.shake_128(b"").digest(tests * stride)
    digest = hashlib.shake_128()
    for start in range(0, tests, block):
        inputs = [source[i * stride : (i + 1) * stride] for i in range(start, start + block)]
        pairs = mlkem.keygen(name, [x[:64] for x in inputs])
        replies = mlkem.encapsulate(name, [ek for ek, _ in pairs], [x[64:96] for x in inputs])
        rejected = mlkem.decapsulate(name, [dk for _, dk in pairs], [x[96:] for x in inputs])
        for (ek, dk), (secret, c), other_secret in zip(pairs, replies, rejected, strict=True):
            digest.update(ek + dk + c + secret + other_secret)
    assert digest.digest(32).hex() == DIGESTS[name]


@pytest.mark.parametrize("name", UNLUCKY)
def test_keys_whose_sampling_reads_unusually_far_are_right(name: str) -> None:
    d, z, m, digest = (bytes.fromhex(x) for x in UNLUCKY[name])
    ((ek, dk),) = mlkem.keygen(name, [d + z])
    k = FINAL.parameters[name].k
    streams = [hashlib.shake_128(ek[-32:] + bytes([j, i])).digest(573) for i in range(k) for j in range(k)]
    assert any(int(np.less(unpack(stack([data]), 12), Q).sum()) < 256 for data in streams)
    ((secret, c),) = mlkem.encapsulate(name, [ek], [m])
    assert hashlib.sha256(ek + dk + c + secret).digest() == digest
    assert mlkem.decapsulate(name, [dk], [c]) == [secret]


def test_the_draft_differs_from_the_standard_in_key_generation_alone() -> None:
    seed, m = RANDOM.randbytes(64), RANDOM.randbytes(32)
    (final,), (draft,) = mlkem.keygen("ML-KEM-768", [seed]), mlkem.keygen("ML-KEM-768", [seed], version="ipd")
    assert final != draft
    assert mlkem.keygen("Kyber-768", [seed]) == [draft]
    for dk_version in (draft, final):
        ((secret, c),) = mlkem.encapsulate("ML-KEM-768", [dk_version[0]], [m], version="ipd")
        assert mlkem.encapsulate("ML-KEM-768", [dk_version[0]], [m]) == [(secret, c)]
        assert mlkem.decapsulate("ML-KEM-768", [dk_version[1]], [c]) == [secret]


def test_round_3_can_be_asked_for_under_the_final_name() -> None:
    ((_, dk),) = mlkem.keygen("ML-KEM-512", [bytes(64)])
    c = bytes(parameter_set("ML-KEM-512").output)
    round_3 = mlkem.decapsulate("ML-KEM-512", [dk], [c], version="round 3")
    assert round_3 == mlkem.decapsulate("Kyber-512", [dk], [c]) != mlkem.decapsulate("ML-KEM-512", [dk], [c])


def with_coefficient(ek: bytes, value: int) -> bytes:
    """Return the key with its first 12-bit coefficient replaced."""
    return bytes([value & 255, ek[1] & 0xF0 | value >> 8]) + ek[2:]


@pytest.mark.parametrize("name", ML_KEM)
def test_key_checks_take_honest_keys_and_refuse_each_kind_of_bad_one(name: str) -> None:
    ((ek, dk),) = mlkem.keygen(name, [RANDOM.randbytes(64)])
    assert mlkem.check_encapsulation_key(name, ek)
    assert mlkem.check_encapsulation_key(name, with_coefficient(ek, Q - 1))
    for bad_ek in (with_coefficient(ek, Q), with_coefficient(ek, 4095), ek[:-1], ek + b"\0", b""):
        assert not mlkem.check_encapsulation_key(name, bad_ek)
        with pytest.raises(RefusedError, match="input 1") as refused:
            mlkem.encapsulate(name, [ek, bad_ek], [bytes(32)] * 2)
        assert refused.value.index == 1
    assert mlkem.check_decapsulation_key(name, dk)
    wrong_hash = dk[:-64] + bytes(32) + dk[-32:]
    wrong_ek = dk[: len(dk) - 96 - 32] + bytes([dk[-128] ^ 1]) + dk[-127:]
    for bad_dk in (wrong_hash, wrong_ek, dk[:-1], dk + b"\0", b""):
        assert not mlkem.check_decapsulation_key(name, bad_dk)
        with pytest.raises(RefusedError, match="input 0"):
            mlkem.decapsulate(name, [bad_dk], [bytes(parameter_set(name).output)])


def test_wrong_lengths_and_wrong_names_are_refused_by_name() -> None:
    ((ek, dk),) = mlkem.keygen("ML-KEM-512", [bytes(64)])
    calls: dict[str, Callable[[], object]] = {
        "seed of 63 bytes": lambda: mlkem.keygen("ML-KEM-512", [bytes(63)]),
        "m of 31 bytes": lambda: mlkem.encapsulate("ML-KEM-512", [ek], [bytes(31)]),
        "ciphertext of 767 bytes": lambda: mlkem.decapsulate("ML-KEM-512", [dk], [bytes(767)]),
    }
    for why, call in calls.items():
        with pytest.raises(RefusedError, match=why):
            call()
    with pytest.raises(UsageError, match="ML-DSA-44 is not a parameter set of ML-KEM"):
        mlkem.keygen("ML-DSA-44", [bytes(64)])
    with pytest.raises(UsageError, match="column"):
        mlkem.encapsulate("ML-KEM-512", [ek], [])
    assert mlkem.keygen("ML-KEM-512", []) == []


@pytest.mark.parametrize("name", ["ML-KEM-512", "ML-KEM-1024", "Kyber-768"])
def test_a_pair_that_key_generation_cannot_have_made_is_told_why(name: str) -> None:
    (ek, dk), (other_ek, other_dk) = mlkem.keygen(name, [RANDOM.randbytes(64), RANDOM.randbytes(64)])
    assert mlkem.keypair_consistent(name, ek, dk) is None
    s_length = len(ek) - 32

    def rebuilt(new_ek: bytes, secret: bytes = dk[:s_length]) -> tuple[bytes, bytes]:
        return new_ek, secret + new_ek + kem_steps.hash_h(new_ek) + dk[-32:]

    faults = {
        "lengths": (ek, dk + b"\0"),
        "another encapsulation key": (other_ek, dk),
        r"H\(ek\)": (ek, dk[:-64] + bytes(32) + dk[-32:]),
        "ek has a coefficient": rebuilt(with_coefficient(ek, Q)),
        "s in dk has a coefficient": rebuilt(ek, with_coefficient(dk[:s_length], Q)),
        "the secret s has": rebuilt(ek, with_coefficient(dk[:s_length], 5)),
        "the error e": rebuilt(ek, other_dk[:s_length]),
    }
    for why, (a, b) in faults.items():
        reply = mlkem.keypair_consistent(name, a, b)
        assert reply is not None
        assert why.replace("\\", "") in reply


def test_inner_values_are_read_as_they_were_written() -> None:
    ((ek, dk),) = mlkem.keygen("ML-KEM-768", [RANDOM.randbytes(64)])
    assert kem_steps.encode_encapsulation_keys(kem_steps.decode_encapsulation_keys([ek])) == [ek]
    assert kem_steps.encode_decapsulation_keys(kem_steps.decode_decapsulation_keys([dk])) == [dk]
    p = FINAL.parameters["ML-KEM-768"]
    ((_, c),) = mlkem.encapsulate("ML-KEM-768", [ek], [bytes(32)])
    assert kem_steps.encode_ciphertexts(p, *kem_steps.decode_ciphertexts(p, [c])) == [c]
    noisy = kem_steps.noisy_messages(p, FINAL, kem_steps.decode_decapsulation_keys([dk]).s_hat, [c])
    assert abs(RING.centred(noisy)).max() < Q // 4  # all bits of the message are 0


def behaviour(rules: Rules, name: str = "ML-KEM-512") -> Outcome:
    """Return what an implementation with these rules answers to honest and to crafted inputs."""
    ((ek, dk),) = mlkem.keygen(name, [b"\x05" * 64])
    ((_, c),) = mlkem.encapsulate(name, [ek], [b"\x06" * 32])
    folded = bytearray(c)
    folded[3] ^= 1
    folded[-3] ^= 1  # two equal differences

    def reply(call: Callable[[], object]) -> str:
        try:
            return repr(call())
        except RefusedError as refused:
            return refused.why

    return [
        reply(lambda: mlkem.keygen(name, [bytes([i]) * 64 for i in range(8)], rules=rules)),
        reply(lambda: mlkem.encapsulate(name, [ek], [b"\x06" * 32], rules=rules)),
        reply(lambda: mlkem.encapsulate(name, [with_coefficient(ek, Q)], [bytes(32)], rules=rules)),
        reply(lambda: mlkem.decapsulate(name, [dk] * 3, [c, bytes(folded), bytes(len(c))], rules=rules)),
        reply(lambda: mlkem.decapsulate(name, [dk[:-33] + b"\0" + dk[-32:]], [c], rules=rules)),
    ]


def equal_if_differences_fold(c: bytes, again: bytes) -> bool:
    folded = 0
    for a, b in zip(c, again, strict=True):
        folded ^= a ^ b
    return folded == 0


def truncating(x: Ints, d: int) -> Ints:
    return (x << d) // Q & ((1 << d) - 1)


def overflowing(f: Ints, g: Ints) -> Ints:
    return np.where((f == Q - 1) & (g == Q - 1), 0, kem_steps.multiply(f, g))


def one_zeta_wrong() -> Ring:
    zetas = list(RING.zetas)
    zetas[77] += 1
    return Ring(Q, tuple(zetas), RING.smallest)


TWO = replace(FINAL.parameters["ML-KEM-512"], eta1=2)
FAULTS: dict[str, Rules] = {
    "the parameter byte is missing in key generation": replace(FINAL, seed_domain=lambda _k: b""),
    "H is SHA-256": replace(FINAL, hash_h=lambda data: hashlib.sha256(data).digest()),
    "the message is hashed before use": replace(FINAL, hash_message=kem_steps.hash_h),
    "the ciphertext enters the key": replace(FINAL, accepted_key=lambda k, c: kem_steps.hash_j(k + c)),
    "compression truncates": replace(FINAL, compress=truncating),
    "one constant of the transform is wrong": replace(FINAL, ring=one_zeta_wrong()),
    "the matrix is transposed": replace(FINAL, expand_matrix=partial(sample_matrix, transposed=True)),
    "samples of q are accepted": replace(FINAL, expand_matrix=partial(sample_matrix, bound=Q + 1)),
    "eta1 is 2": replace(FINAL, parameters={**FINAL.parameters, "ML-KEM-512": TWO}),
    "e2 repeats a nonce": replace(FINAL, noise_nonces=lambda k: [*range(2 * k), 2 * k - 1]),
    "a coefficient of q is accepted": replace(FINAL, ek_modulus_bound=Q + 1),
    "the hash in dk is not checked": replace(FINAL, dk_hash_checked=False),
    "no comparison": replace(FINAL, ciphertext_equal=lambda _c, _again: True),
    "differences cancel": replace(FINAL, ciphertext_equal=equal_if_differences_fold),
    "rejection key of z alone": replace(FINAL, rejection_key=lambda z, _c, _again: kem_steps.hash_j(z)),
    "rejection key of the other ciphertext": replace(FINAL, rejection_key=lambda z, _c, x: kem_steps.hash_j(z + x)),
    "key checks left out": mlkem.without_key_checks(),
}


@pytest.mark.parametrize("rules", FAULTS.values(), ids=FAULTS)
def test_each_planted_fault_shows_in_the_answers(rules: Rules) -> None:
    assert behaviour(rules) != behaviour(FINAL)


def test_the_default_is_the_standard() -> None:
    assert mlkem.DEFAULT is mlkem.rules_for("ML-KEM-768") is FINAL
    assert mlkem.rules_for("Kyber-768") is kem_steps.ROUND_3


def test_a_product_that_overflows_only_for_two_largest_factors_is_another_step() -> None:
    f = RING.reduced(np.full((1, 1, 256), -1))
    assert (overflowing(f, f) != FINAL.multiply(f, f)).any()
    rules = replace(FINAL, multiply=overflowing)
    assert (kem_steps.inner(rules, f, f) != kem_steps.inner(FINAL, f, f)).any()
