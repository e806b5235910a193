"""Crafted ML-KEM keys and ciphertexts are what they claim to be, and independent implementations take them as meant."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from Crypto.PublicKey import MLKEM
from kyber_py.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024

from pqvalidate.algorithms import ML_KEM as SETS
from pqvalidate.algorithms import parameter_set
from pqvalidate.oracle import crafting_kem as crafting
from pqvalidate.oracle import mlkem
from pqvalidate.oracle.crafting_kem import EDGES, NOISY_MESSAGES, Exchange, Pattern
from pqvalidate.oracle.kem_steps import (
    FINAL,
    RING,
    compress,
    decode_ciphertexts,
    decode_encapsulation_keys,
    hash_g,
    hash_h,
    multiply,
)
from pqvalidate.oracle.sampling import sample_noise

KYBER_PY: dict[str, Any] = {"ML-KEM-512": ML_KEM_512, "ML-KEM-768": ML_KEM_768, "ML-KEM-1024": ML_KEM_1024}
PATTERNS: tuple[Pattern, ...] = (("edges", 0, 0), ("values", 768, 0), ("one", 833, 17), ("one", 2497, 255))


def drawn(label: str) -> bytes:
    return hashlib.shake_256(label.encode()).digest(crafting.DRAWN)


def tuned(name: str, pattern: Pattern, label: str = "tuned") -> Exchange:
    return crafting.tuned_exchanges(name, [drawn(label)], [pattern])[0]


@pytest.mark.parametrize("name", SETS)
def test_an_honest_exchange_is_the_standards(name: str) -> None:
    (exchange,) = crafting.exchanges(name, [drawn("honest")])
    assert mlkem.keypair_consistent(name, exchange.ek, exchange.dk) is None
    assert KYBER_PY[name]._decaps_internal(exchange.dk, exchange.c) == exchange.k
    bad = exchange.c[:-1] + bytes([exchange.c[-1] ^ 1])
    assert KYBER_PY[name]._decaps_internal(exchange.dk, bad) == exchange.secret_for(bad) != exchange.k


@pytest.mark.parametrize("name", SETS)
def test_a_silent_key_is_a_sound_pair_under_which_c1_has_no_part_in_decryption(name: str) -> None:
    (exchange,) = crafting.silent_exchanges(name, [drawn("silent")])
    assert mlkem.keypair_consistent(name, exchange.ek, exchange.dk) is None
    end = 32 * FINAL.parameters[name].du * FINAL.parameters[name].k
    bad = bytes(255 - byte for byte in exchange.c[:end]) + exchange.c[end:]
    assert crafting.keeps_message(name, exchange, bad)
    assert KYBER_PY[name]._decaps_internal(exchange.dk, exchange.c) == exchange.k
    assert KYBER_PY[name]._decaps_internal(exchange.dk, bad) == exchange.secret_for(bad)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_decryption_under_a_tuned_key_sees_the_pattern_and_gives_the_secret(name: str, pattern: Pattern) -> None:
    exchange = tuned(name, pattern)
    w = crafting.seen_before_rounding(name, exchange, exchange.c)
    kind, first, place = pattern
    if kind == "edges":
        assert set(w.tolist()) == set(EDGES)
    elif kind == "values":
        assert w.tolist() == list(range(first, first + 256))
    else:
        assert w[place] == first
        assert set(np.delete(w, place).tolist()) <= {0, 1665}
    assert crafting.keeps_message(name, exchange, exchange.c)
    assert KYBER_PY[name]._decaps_internal(exchange.dk, exchange.c) == exchange.k


@pytest.mark.parametrize("name", SETS)
def test_the_tuned_keys_of_depth_standard_bring_up_every_code_of_u_and_v(name: str) -> None:
    p = FINAL.parameters[name]
    sent = [tuned(name, ("edges", 0, 0), f"codes {number}").c for number in range(24)]
    u, v = decode_ciphertexts(p, sent)
    assert len(np.unique(v)) == 1 << p.dv
    assert len(np.unique(u)) >= (1 << p.du) * 0.999  # 24 ciphertexts alone; a run has three times as many


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("edge", EDGES)
def test_every_searched_message_meets_its_edge_and_decrypts(name: str, edge: int) -> None:
    for exchange in crafting.noisy_exchanges(name, NOISY_MESSAGES[name][edge]):
        w = crafting.seen_before_rounding(name, exchange, exchange.c)
        assert edge in w.tolist()
        assert crafting.keeps_message(name, exchange, exchange.c)
        assert KYBER_PY[name]._decaps_internal(exchange.dk, exchange.c) == exchange.k


@pytest.mark.parametrize("name", SETS)
def test_an_import_that_tries_a_pair_out_takes_the_noisy_one_nearly_always(name: str) -> None:
    _, dk = crafting.noisy_key(name)
    param_set = next(member for member in MLKEM.ParamSet if member.value == name)
    taken = 0
    for _ in range(40):
        try:
            MLKEM.construct(param_set=param_set, expanded_dk=dk)
        except ValueError:
            continue
        taken += 1
    assert taken >= 30  # at most 3 % are refused, so that fewer come up once in 10^9 runs


@pytest.mark.parametrize("name", SETS)
def test_extreme_exchanges_multiply_3328_by_3328_and_independent_code_agrees(name: str) -> None:
    (exchange,) = crafting.extreme_exchanges(name, [drawn("extreme")], [bytes(32)])
    p = FINAL.parameters[name]
    assert set(decode_encapsulation_keys([exchange.ek]).t_hat.reshape(-1).tolist()) == {3328}
    r = hash_g(exchange.m + hash_h(exchange.ek))[1]
    y_hat = RING.ntt(sample_noise([r], range(p.k), p.eta1))[0]
    assert (y_hat == 3328).any()
    assert KYBER_PY[name]._encaps_internal(exchange.ek, exchange.m) == (exchange.k, exchange.c)
    assert KYBER_PY[name]._decaps_internal(exchange.dk, exchange.c) == exchange.k


def test_the_inverse_of_a_transformed_polynomial_is_its_inverse() -> None:
    f = np.arange(1, 257, dtype=np.int64) * 13 % 3329
    one = np.zeros(256, dtype=np.int64)
    one[0] = 1
    assert RING.inverse_ntt(multiply(f, crafting.inverse(f))).tolist() == one.tolist()


def test_a_ciphertext_whose_u_cannot_be_divided_by_is_named() -> None:
    name = "ML-KEM-512"
    p = FINAL.parameters[name]
    with pytest.raises(ValueError, match="inverse"):
        crafting.tuned_key(
            name, bytes(parameter_set(name).public_key), bytes(parameter_set(name).output),
            np.zeros((p.k - 1, 256), dtype=np.int64), np.zeros(256, dtype=np.int64), bytes(32),
        )  # fmt: skip


@pytest.mark.parametrize(("index", "value"), [(0, 3329), (1, 4095), (255, 0), (511, 3328)])
def test_one_coefficient_is_replaced_and_no_other(index: int, value: int) -> None:
    (exchange,) = crafting.exchanges("ML-KEM-512", [drawn("honest")])
    key = crafting.with_coefficients(exchange.ek, {index: value})
    before, after = (decode_encapsulation_keys([k]) for k in (exchange.ek, key))
    assert crafting.coefficient(key, index) == after.t_hat.reshape(-1)[index] == value
    assert np.delete(before.t_hat.reshape(-1), index).tolist() == np.delete(after.t_hat.reshape(-1), index).tolist()
    assert (after.rho, len(key)) == (before.rho, len(exchange.ek))


def test_the_edges_lie_on_both_sides_of_where_decoding_turns() -> None:
    assert compress(np.array(EDGES, dtype=np.int64), 1).tolist() == [0, 1, 1, 0]
