"""The steps of the oracle, each against a second and slower way of saying what the standard says."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqvalidate.algorithms import PREHASH_OID_BYTE
from pqvalidate.errors import UsageError
from pqvalidate.oracle import dsa_steps, kem_steps, messages, rounding, sampling
from pqvalidate.oracle.batches import Ints, RefusedError, check_columns, check_lengths, distinct, rows, slices, stack
from pqvalidate.oracle.bits import pack, unpack
from pqvalidate.oracle.ring import N, Ring

RINGS = {"FIPS 203": kem_steps.RING, "FIPS 204": dsa_steps.RING}
SEEDS = st.integers(0, 2**64 - 1)
KEM_Q, DSA_Q = kem_steps.Q, rounding.Q


def polynomials(seed: int, q: int, *shape: int) -> Ints:
    return np.random.default_rng(seed).integers(0, q, (*shape, N))


def schoolbook(f: Ints, g: Ints, q: int) -> Ints:
    product = np.zeros(2 * N, dtype=np.int64)
    for i in range(N):
        product[i : i + N] = (product[i : i + N] + f[i] * g) % q
    return (product[:N] - product[N:]) % q


@given(st.integers(1, 24), SEEDS)
def test_packing_stores_numbers_as_one_little_endian_bit_string(width: int, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, 1 << width, (2, 3, 16))
    data = pack(numbers, width)
    for row in range(2):
        for column in range(3):
            whole = sum(int(x) << i * width for i, x in enumerate(numbers[row, column]))
            assert data[row, column].tobytes() == whole.to_bytes(2 * width, "little")
    assert (unpack(data, width) == numbers).all()


@pytest.mark.parametrize("ring", RINGS.values(), ids=RINGS)
@given(seed=SEEDS)
@settings(max_examples=20)
def test_the_inverse_transform_undoes_the_transform(ring: Ring, seed: int) -> None:
    f = polynomials(seed, ring.q, 2, 3)
    assert (ring.inverse_ntt(ring.ntt(f)) == f).all()


def remainders(f: Ints, q: int, root: int, smallest: int) -> list[int]:
    """Return f modulo the factors X^smallest - root^(2 BitRev(i) + 1) of X^256 + 1, in the order of i."""
    bits = (N // smallest).bit_length() - 1
    values: list[int] = []
    for i in range(N // smallest):
        point = pow(root, 2 * int(f"{i:0{bits}b}"[::-1], 2) + 1, q)
        powers = [pow(point, n, q) for n in range(N // smallest)]
        values += [sum(int(a) * b for a, b in zip(f[r::smallest], powers, strict=True)) % q for r in range(smallest)]
    return values


@pytest.mark.parametrize("kind", ["random", "all q - 1", "all 0 but one", "far beyond q"])
def test_the_transform_is_the_list_of_remainders_that_defines_it(kind: str) -> None:
    # FIPS 203 equation 4.12 with zeta = 17; FIPS 204 section 2.5 with zeta = 1753.
    for ring, root, smallest in ((RINGS["FIPS 203"], 17, 2), (RINGS["FIPS 204"], 1753, 1)):
        f = {
            "random": polynomials(1, ring.q),
            "all q - 1": np.full(N, ring.q - 1),
            "all 0 but one": np.eye(1, N, 7, dtype=np.int64)[0],
            "far beyond q": polynomials(2, 2**49) - 2**48,
        }[kind]
        assert ring.ntt(f).tolist() == remainders(f, ring.q, root, smallest)
        assert (ring.inverse_ntt(ring.ntt(f)) == f % ring.q).all()


@given(SEEDS)
@settings(max_examples=5, deadline=None)
def test_products_of_transformed_polynomials_are_products_modulo_x256_plus_1(seed: int) -> None:
    f, g = polynomials(seed, KEM_Q, 2)
    kem = kem_steps.RING.inverse_ntt(kem_steps.multiply(kem_steps.RING.ntt(f), kem_steps.RING.ntt(g)))
    assert (kem == schoolbook(f, g, KEM_Q)).all()
    f, g = polynomials(seed, DSA_Q, 2)
    dsa = dsa_steps.RING.inverse_ntt(dsa_steps.RING.ntt(f) * dsa_steps.RING.ntt(g))
    assert (dsa == schoolbook(f, g, DSA_Q)).all()


def test_the_tables_of_zetas_begin_as_the_standards_print_them() -> None:
    assert kem_steps.RING.zetas[:8] == (1, 1729, 2580, 3289, 2642, 630, 1897, 848)  # FIPS 203 appendix A
    assert dsa_steps.RING.zetas[1:5] == (4808194, 3765607, 3761513, 5178923)  # FIPS 204 appendix B


@given(st.integers(-(2**40), 2**40))
def test_residues_are_those_of_the_standards(x: int) -> None:
    for ring in RINGS.values():
        assert ring.reduced(np.array([x])).tolist() == [x % ring.q]
        centred = int(ring.centred(np.array([x]))[0])
        assert (centred - x) % ring.q == 0
        assert abs(centred) <= ring.q // 2


@pytest.mark.parametrize("d", [1, 4, 5, 10, 11])
def test_compression_rounds_every_value_as_equations_4_7_and_4_8_say(d: int) -> None:
    half = Fraction(1, 2)
    x, y = np.arange(KEM_Q), np.arange(1 << d)
    rounded = [int(Fraction(v << d, KEM_Q) + half) % (1 << d) for v in range(KEM_Q)]
    assert kem_steps.compress(x, d).tolist() == rounded
    back = kem_steps.decompress(y, d)
    assert back.tolist() == [int(Fraction(KEM_Q * v, 1 << d) + half) for v in range(1 << d)]
    assert (kem_steps.compress(back, d) == y).all()
    distance = kem_steps.RING.centred(x - kem_steps.decompress(kem_steps.compress(x, d), d))
    assert abs(distance).max() <= -(-KEM_Q // (1 << (d + 1)))


def test_a_message_bit_is_1_exactly_from_833_to_2496() -> None:
    assert np.flatnonzero(kem_steps.compress(np.arange(KEM_Q), 1)).tolist() == list(range(833, 2497))


@pytest.mark.parametrize("gamma2", sorted({p.gamma2 for p in dsa_steps.PARAMETERS.values()}))
@given(seed=SEEDS)
def test_high_and_low_parts_make_up_the_coefficient(gamma2: int, seed: int) -> None:
    edges = np.array([0, 1, gamma2, gamma2 + 1, 2 * gamma2, DSA_Q - 1, DSA_Q - gamma2 - 1, DSA_Q - gamma2])
    r = np.concatenate([edges, polynomials(seed, DSA_Q)])
    r1, r0 = rounding.decompose(r, gamma2)
    assert ((r1 * 2 * gamma2 + r0 - r) % DSA_Q == 0).all()
    assert (abs(r0) <= gamma2).all()
    assert r1.min() >= 0
    assert r1.max() < (DSA_Q - 1) // (2 * gamma2)
    t1, t0 = rounding.power2round(r)
    assert (t1 * 8192 + t0 == r).all()
    assert t0.min() > -4096
    assert t0.max() <= 4096


@pytest.mark.parametrize("gamma2", sorted({p.gamma2 for p in dsa_steps.PARAMETERS.values()}))
@given(seed=SEEDS)
def test_a_hint_recovers_the_high_part_before_a_small_change(gamma2: int, seed: int) -> None:
    r, change = polynomials(seed, DSA_Q), np.random.default_rng(seed).integers(-gamma2, gamma2 + 1, N)
    before, _ = rounding.decompose((r + change) % DSA_Q, gamma2)
    h = rounding.make_hint(rounding.decompose(r, gamma2)[0], before)
    assert (rounding.use_hint(h, r, gamma2) == before).all()  # FIPS 204 section 7.4


@given(st.sampled_from(sorted(dsa_steps.PARAMETERS)), st.data())
def test_a_hint_is_read_as_it_was_written_and_in_no_second_way(name: str, data: st.DataObject) -> None:
    p = dsa_steps.PARAMETERS[name]
    places = data.draw(st.sets(st.integers(0, p.k * N - 1), max_size=p.omega))
    h = np.zeros(p.k * N, dtype=np.bool_)
    h[sorted(places)] = True
    encoded = dsa_steps.encode_hint(p, h.reshape(p.k, N))
    decoded = dsa_steps.decode_hint(p, encoded)
    assert decoded is not None
    assert (decoded.ravel() == h).all()
    at, change = data.draw(st.integers(0, len(encoded) - 1)), data.draw(st.integers(1, 255))
    other = bytearray(encoded)
    other[at] ^= change
    reading = dsa_steps.decode_hint(p, bytes(other))
    assert reading is None or dsa_steps.encode_hint(p, reading) == bytes(other)


@pytest.mark.parametrize("first_squeeze", [12, 168, 504, 672])
def test_a_sample_is_the_same_however_often_the_stream_must_be_read_again(first_squeeze: int) -> None:
    streams = [hashlib.shake_128(bytes([i])) for i in range(20)]
    sample = sampling.sample_ntt(streams, first_squeeze=first_squeeze)
    for stream, polynomial in zip(streams, sample, strict=True):
        data = stream.digest(1200)
        numbers = [data[i] | (data[i + 1] & 15) << 8 for i in range(0, 1200, 3)]
        seconds = [data[i + 1] >> 4 | data[i + 2] << 4 for i in range(0, 1200, 3)]
        both = [x for pair in zip(numbers, seconds, strict=True) for x in pair if x < KEM_Q]
        assert polynomial.tolist() == both[:N]


def test_noise_is_the_difference_of_two_sums_of_bits() -> None:
    for eta in (2, 3):
        noise = sampling.sample_noise([b"\x07" * 32], [9], eta)[0, 0]
        number = int.from_bytes(hashlib.shake_256(b"\x07" * 32 + b"\x09").digest(64 * eta), "little")
        bits = [number >> i & 1 for i in range(512 * eta)]
        pairs = [(bits[2 * i * eta : (2 * i + 1) * eta], bits[(2 * i + 1) * eta : 2 * (i + 1) * eta]) for i in range(N)]
        assert noise.tolist() == [sum(x) - sum(y) for x, y in pairs]  # FIPS 203 algorithm 8


@pytest.mark.parametrize("tau", [39, 49, 60])
def test_a_challenge_has_tau_coefficients_of_1_or_minus_1(tau: int) -> None:
    for i in range(50):
        c = sampling.sample_in_ball(bytes([i]) * 32, tau)
        assert abs(c).sum() == tau
        assert abs(c).max() == 1


def test_a_challenge_does_not_depend_on_how_much_is_squeezed_at_first() -> None:
    for i in range(20):
        seed = bytes([i]) * 32
        assert (sampling.sample_in_ball(seed, 60, first=9) == sampling.sample_in_ball(seed, 60)).all()


def test_a_seed_that_occurs_twice_is_expanded_once_and_served_twice() -> None:
    a, b = bytes(32), bytes([1]) * 32
    assert distinct([b, a, b])[0] == [b, a]
    matrices = sampling.sample_matrix([b, a, b], 2)
    assert (matrices[0] == matrices[2]).all()
    assert (matrices[1] == sampling.sample_matrix([a], 2)[0]).all()
    assert (sampling.expand_a([b, a, b], 2, 2)[2] == sampling.expand_a([b], 2, 2)[0]).all()


@pytest.mark.parametrize("hash_name", PREHASH_OID_BYTE)
def test_a_pre_hashed_message_carries_domain_context_oid_and_digest(hash_name: str) -> None:
    m_prime = messages.prehash_message_prime(b"abc", hash_name, b"ctx")
    assert m_prime[:5] == b"\x01\x03ctx"
    assert m_prime[5:16] == bytes.fromhex("06096086480165030402") + bytes([PREHASH_OID_BYTE[hash_name]])
    bits = {"SHAKE-128": 256, "SHAKE-256": 512}.get(hash_name) or int(hash_name.replace("/", "-").split("-")[-1])
    assert len(m_prime) == 16 + bits // 8


def test_known_digests_of_abc() -> None:
    assert messages.prehash(b"abc", "SHA2-256").hex().startswith("ba7816bf")
    assert messages.prehash(b"abc", "SHA2-512/256").hex().startswith("53048e26")
    assert messages.prehash(b"abc", "SHA2-512/224").hex().startswith("4634270f")
    assert messages.prehash(b"abc", "SHA3-384").hex().startswith("ec01498288516fc9")
    assert messages.prehash(b"abc", "SHAKE-128").hex().startswith("5881092dd818bf5c")


def test_a_message_carries_its_context_and_refuses_one_of_256_bytes() -> None:
    assert messages.message_prime(b"m") == b"\0\0m"
    assert messages.message_prime(b"m", b"c" * 255) == b"\0\xff" + b"c" * 255 + b"m"
    with pytest.raises(UsageError, match="256 bytes"):
        messages.message_prime(b"m", b"c" * 256)
    with pytest.raises(UsageError, match=r"SHA-256.*nearest: SHA3-256"):
        messages.prehash(b"m", "SHA-256")


def test_batches_are_cut_into_slices_that_cover_them() -> None:
    assert list(slices([])) == []
    assert [i for part in slices(range(150)) for i in range(150)[part]] == list(range(150))
    assert rows(stack([b"ab", b"cd"])) == [b"ab", b"cd"]


def test_a_batch_with_uneven_columns_or_a_wrong_length_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"\[1, 2\]"):
        check_columns([b""], [b"", b""])
    with pytest.raises(RefusedError, match="input 1: seed of 3 bytes instead of 2") as refused:
        check_lengths("seed", [b"ab", b"abc"], 2, "clause")
    assert refused.value.index == 1
