"""Crafted signatures of ML-DSA: independent implementations answer as the recipes say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from Crypto.PublicKey import MLDSA
from dilithium_py.ml_dsa import ML_DSA_44, ML_DSA_65, ML_DSA_87

from pqvalidate.oracle import mldsa
from pqvalidate.oracle.crafting_dsa import (
    Body,
    Recipe,
    bodies,
    hard_messages,
    hint_section,
    read_hints,
    steep_private_key,
    zero_t1_public_key,
)
from pqvalidate.oracle.dsa_steps import FINAL, decode_private_keys, decode_signatures, encode_hint, norms
from pqvalidate.oracle.rounding import Q

SETS = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
DILITHIUM_PY: dict[str, Any] = {"ML-DSA-44": ML_DSA_44, "ML-DSA-65": ML_DSA_65, "ML-DSA-87": ML_DSA_87}
RHO, MESSAGE = bytes(range(32)), b"a crafted message"
M_PRIME = b"\0\0" + MESSAGE


def others_accept(name: str, pk: bytes, signature: bytes) -> tuple[bool, bool]:
    """Ask pycryptodome and dilithium-py."""
    param_set = next(member for member in MLDSA.ParamSet if member.value == name)
    theirs = bool(MLDSA.construct(param_set=param_set, pk=pk)._verify(M_PRIME, signature))
    return theirs, bool(DILITHIUM_PY[name].verify(pk, MESSAGE, signature))


def made(name: str, recipe: Recipe) -> tuple[bytes, bytes, Body]:
    """Return the key, the signature and its body for one recipe."""
    pk = zero_t1_public_key(name, recipe.rho)
    (body,) = bodies(name, [recipe])
    mu = hashlib.shake_256(hashlib.shake_256(pk).digest(64) + M_PRIME).digest(64)
    return pk, body.signed(mu), body


def plain(label: bytes = b"plain") -> Recipe:
    return Recipe(rho=RHO, label=label)


def bound(name: str) -> int:
    p = FINAL.parameters[name]
    return p.gamma1 - p.beta


def with_z(value: Callable[[int], int]) -> Callable[[str], Recipe]:
    return lambda name: replace(plain(), places=((1, 200, value(bound(name))),))


def with_hint(positions: Callable[[int, int], list[list[int]]]) -> Callable[[str], Recipe]:
    def recipe(name: str) -> Recipe:
        p = FINAL.parameters[name]
        return replace(plain(), hint=hint_section(p, positions(p.k, p.omega)))

    return recipe


def padded(name: str) -> Recipe:
    p = FINAL.parameters[name]
    return replace(plain(), hint=bytes(p.omega - 1) + b"\1" + bytes(p.k))


def one_over(name: str) -> Recipe:
    p = FINAL.parameters[name]
    return replace(plain(), hint=bytes(range(p.omega)) + bytes([p.omega + 1] * p.k))


def falling(name: str) -> Recipe:
    p = FINAL.parameters[name]
    return replace(plain(), hint=b"\5".ljust(p.omega, b"\0") + bytes([1, 0] + [1] * (p.k - 2)))


RECIPES: dict[str, tuple[Callable[[str], Recipe], bool]] = {
    "an ordinary z": (lambda _name: plain(), True),
    "a coefficient one below the bound": (with_z(lambda b: b - 1), True),
    "a coefficient one above minus the bound": (with_z(lambda b: 1 - b), True),
    "a coefficient at the bound": (with_z(lambda b: b), False),
    "a coefficient at minus the bound": (with_z(lambda b: -b), False),
    "z of zeros": (lambda _name: replace(plain(), fill="zero"), True),
    "z of largest coefficients": (lambda _name: replace(plain(), fill="highest"), True),
    "z of extreme coefficients": (lambda _name: replace(plain(), fill="extremes"), True),
    "omega hints in the first polynomial": (
        with_hint(lambda k, w: [list(range(w)), *([] for _ in range(k - 1))]),
        True,
    ),
    "hints in the last polynomial alone": (with_hint(lambda k, _w: [*([] for _ in range(k - 1)), [0, 255]]), True),
    "positions out of order": (with_hint(lambda k, _w: [[9, 3], *([] for _ in range(k - 1))]), False),
    "a position twice": (with_hint(lambda k, _w: [[9, 9], *([] for _ in range(k - 1))]), False),
    "padding that is not zero": (padded, False),
    "one count above omega": (one_over, False),
    "counts that fall and rise": (falling, False),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("sentence", RECIPES)
def test_independent_implementations_answer_as_the_recipe_says(sentence: str, name: str) -> None:
    recipe, valid = RECIPES[sentence]
    pk, signature, _ = made(name, recipe(name))
    assert others_accept(name, pk, signature) == (valid, valid)
    assert mldsa.verify(name, [pk], [MESSAGE], [signature]) == [valid]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("value", [0, 1, Q - 1, Q // 2])
def test_a_coefficient_of_w_can_be_brought_to_any_value(name: str, value: int) -> None:
    row, position = 2, 77
    pk, signature, _ = made(name, replace(plain(), target=(row, position, value)))
    p = FINAL.parameters[name]
    z = decode_signatures(p, [signature]).z
    matrix = FINAL.expand_a([RHO], p.k, p.l)
    w = FINAL.ring.inverse_ntt(np.einsum("bijn,bjn->bin", matrix, FINAL.ring.ntt(z)))
    assert (int(w[0, row, position]), bool(norms(z)[0] < p.gamma1 - p.beta)) == (value, True)
    assert others_accept(name, pk, signature) == (True, True)


def test_every_target_is_reached_whatever_the_matrix_is() -> None:
    name, values = "ML-DSA-44", [Q * i // 256 for i in range(256)]
    wanted = [
        replace(plain(bytes([i])), rho=bytes([i]) * 32, target=(i % 4, i, value)) for i, value in enumerate(values)
    ]
    assert len(bodies(name, wanted)) == len(values)


def test_a_wrong_byte_of_the_challenge_is_refused_under_a_key_without_t1() -> None:
    pk, signature, _ = made("ML-DSA-44", plain())
    changed = signature[:31] + bytes([signature[31] ^ 1]) + signature[32:]
    assert others_accept("ML-DSA-44", pk, changed) == (False, False)


def test_a_hint_is_read_as_a_verifier_without_checks_reads_it() -> None:
    p = FINAL.parameters["ML-DSA-44"]
    rising = read_hints(p, hint_section(p, [[3], [], [5, 9], []]))
    assert encode_hint(p, rising) == hint_section(p, [[3], [], [5, 9], []])
    again = read_hints(p, b"\5".ljust(p.omega, b"\0") + bytes([1, 0, 1, 1]))
    assert [np.flatnonzero(row).tolist() for row in again] == [[5], [], [5], []]
    past = read_hints(p, bytes(range(p.omega)) + bytes([p.omega + 1] * p.k))
    assert np.flatnonzero(past[0]).tolist() == [*range(p.omega), p.omega + 1]


@pytest.mark.parametrize("name", SETS)
def test_signing_under_a_steep_key_is_what_an_independent_implementation_makes_of_it(name: str) -> None:
    sk = steep_private_key(name, bytes(32), 3000, FINAL.parameters[name].k)
    (hard,) = hard_messages(name, [sk], [b"label"], ["hints"])
    assert DILITHIUM_PY[name].sign(sk, hard.message, deterministic=True) == hard.signature
    assert "hints" in hard.thrown_away


def test_an_implementation_may_refuse_a_steep_key_because_it_fits_no_public_key() -> None:
    param_set = next(member for member in MLDSA.ParamSet if member.value == "ML-DSA-44")
    with pytest.raises(ValueError, match="Invalid ML-DSA private key"):
        MLDSA.construct(param_set=param_set, sk=steep_private_key("ML-DSA-44", bytes(32), 3000, 4))


def test_a_steep_key_is_well_formed() -> None:
    p = FINAL.parameters["ML-DSA-65"]
    keys = decode_private_keys(p, [steep_private_key("ML-DSA-65", bytes(32), 4095, 2)])
    assert (norms(keys.s1)[0] <= p.eta, norms(keys.s2)[0] <= p.eta) == (True, True)
    assert set(np.unique(keys.t0[:, :2])) == {-4095, 4095}
    assert not keys.t0[:, 2:].any()


def test_very_many_attempts_carry_the_counter_past_one_byte() -> None:
    sk = steep_private_key("ML-DSA-87", b"\3" * 32, 3550, 8)
    (hard,) = hard_messages("ML-DSA-87", [sk], [b"label"], ["long"])
    assert len(hard.thrown_away) * 7 > 255
