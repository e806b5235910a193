"""Known random bytes for a C library: by replacing what it calls, or through a function that takes a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from pqvalidate.adapters.interface import Ok
from tests.c_abi.libraries import EK, ask_one, needs_gcc, toy

pytestmark = needs_gcc
# Without the functions that take seeds, so that only known random bytes can stand in for them.
ONLY_DRAWING = """
family = "none"
randomness = "{how}"
[symbols.functions.keygen]
symbol = "toy_keypair"
arguments = ["ek!", "dk!"]
[symbols.functions.encapsulate]
symbol = "toy_enc"
arguments = ["c!", "k!", "ek"]
"""
WAYS = {
    "one that the library lacks": ("symbol:randombytes", ()),
    "one of its own, called through a slot": ("symbol:randombytes", ("-DOWN_RANDOMNESS",)),
    "a setter": ("setter:set_source", ("-DSETTER",)),
}


@pytest.mark.parametrize("way", WAYS)
def test_known_bytes_reach_the_library_and_its_own_come_back(tmp_path: Path, way: str) -> None:
    how, flags = WAYS[way]
    with toy(tmp_path, *flags, symbols=ONLY_DRAWING.format(how=how)) as iut:
        seed = bytes([7]) + bytes(62) + bytes([9])
        assert ask_one(iut, "keygen_from_seed", seed=seed) == Ok({"ek": b"\7" * 1184, "dk": b"\11" * 2400})
        known = ask_one(iut, "encapsulate_derand", ek=EK, m=bytes(range(32)))
        own = ask_one(iut, "encapsulate", ek=EK)
        again = ask_one(iut, "encapsulate_derand", ek=EK, m=bytes(range(32)))
        assert {"fixed:keygen_from_seed.seed", "fixed:encapsulate_derand.m"} <= iut.operations["ML-KEM-768"]
    assert isinstance(known, Ok)
    assert known.values["k"] == bytes(range(32))
    assert again == known
    assert isinstance(own, Ok)
    if flags:
        assert own.values["k"] == b"\x42" * 32  # what the library's own source gives
    else:
        assert own.values["k"] not in (b"\x42" * 32, known.values["k"])  # the system's, as the library has none


@pytest.mark.parametrize(
    ("how", "flags"),
    [
        ("none", ("-DOWN_RANDOMNESS",)),
        ("setter:absent", ("-DSETTER",)),
        ("symbol:randombytes", ("-DOWN_RANDOMNESS", "-Wl,-Bsymbolic")),
        ("symbol:other", ("-DOWN_RANDOMNESS",)),
    ],
)
def test_without_a_way_in_nothing_known_is_offered(tmp_path: Path, how: str, flags: tuple[str, ...]) -> None:
    with toy(tmp_path, *flags, symbols=ONLY_DRAWING.format(how=how)) as iut:
        offered = {op for op in iut.operations["ML-KEM-768"] if op.isidentifier()}
    assert offered == {"keygen", "encapsulate"}


def test_a_library_that_draws_another_number_of_bytes_is_not_asked_with_known_ones(tmp_path: Path) -> None:
    symbols = ONLY_DRAWING.format(how="setter:set_source").replace('"toy_enc"', '"toy_enc_of_two"')
    with toy(tmp_path, "-DSETTER", symbols=symbols) as iut:
        offered = {op for op in iut.operations["ML-KEM-768"] if op.isidentifier()}
    assert offered == {"keygen", "keygen_from_seed", "encapsulate"}
