"""What the worker costs a C library: decapsulations through the session against a bare ctypes loop of the same calls.

Both loops hand in ``bytes`` and get ``bytes``. The ratios are those of wall time, and of processor time of the worker
alone: on a busy machine the two processes of the session wait for each other's processor.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pqvalidate.adapters.attach import Implementation, attach
from pqvalidate.adapters.interface import Call, Ok
from pqvalidate.vendors.library_search import find_liboqs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    Source = tuple[Path | None, str, Callable[[ctypes.CDLL], Callable[[bytes, bytes], bytes]]]

COUNT = 2000
AIM = 0.85
LEVEL_FIRST = """
[symbols]
family = "none"
[symbols.functions.keygen_from_seed]
symbol = "mlkem_keypair"
arguments = ["768", "ek!", "ek_length", "dk!", "dk_length", "seed", "seed_length"]
[symbols.functions.decapsulate]
symbol = "mlkem_decaps"
arguments = ["768", "k!", "k_length", "c", "c_length", "dk", "dk_length"]
"""


def liboqs() -> Source:
    def loop_body(library: ctypes.CDLL) -> Callable[[bytes, bytes], bytes]:
        function = library.OQS_KEM_ml_kem_768_decaps
        function.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p)

        def decapsulate(dk: bytes, c: bytes) -> bytes:
            k = ctypes.create_string_buffer(32)
            assert function(k, c, dk) == 0
            return k.raw

        return decapsulate

    return find_liboqs(os.environ), '[symbols]\nfamily = "liboqs"\n', loop_body


def pycryptodome() -> Source:
    def loop_body(library: ctypes.CDLL) -> Callable[[bytes, bytes], bytes]:
        function = library.mlkem_decaps
        pair = (ctypes.c_char_p, ctypes.c_size_t)
        function.argtypes = (ctypes.c_uint, *pair, *pair, *pair)

        def decapsulate(dk: bytes, c: bytes) -> bytes:
            k = ctypes.create_string_buffer(32)
            assert function(768, k, 32, c, 1088, dk, 2400) == 0
            return k.raw

        return decapsulate

    found = importlib.util.find_spec("Crypto")
    places = list(found.submodule_search_locations or []) if found else []
    path = next((p for place in places for p in Path(place).glob("PublicKey/_mlkem.abi3.so")), None)
    return path, LEVEL_FIRST, loop_body


def worker_nanoseconds(iut: Implementation) -> int:
    """Return the processor time of the worker so far (Linux)."""
    child = iut._session._child
    assert child is not None
    return int(Path(f"/proc/{child._child.pid}/schedstat").read_text(encoding="ascii").split()[0])


@pytest.mark.parametrize("source", [liboqs, pycryptodome])
def test_decapsulations_through_the_worker(
    benchmark: BenchmarkFixture, tmp_path: Path, source: Callable[[], Source]
) -> None:
    path, symbols, loop_body = source()
    if path is None:
        pytest.skip(f"the library of {source.__name__} is not here")
    manifest = tmp_path / "x.toml"
    manifest.write_text(
        f'schema = "pqvalidate/manifest/1"\nproduct = {{vendor = "x", name = "x", version = "1"}}\n'
        f'attach = {{kind = "c-abi", library = "{path}"}}\nclaims = {{conformance = ["ML-KEM-768"]}}\n{symbols}',
        encoding="utf-8",
    )
    decapsulate = loop_body(ctypes.CDLL(str(path)))
    cs = [n.to_bytes(4, "big") * 272 for n in range(COUNT)]
    with attach(manifest) as iut:
        seed = bytes(range(64))
        (made,) = iut.ask([Call(operation="keygen_from_seed", parameter_set="ML-KEM-768", inputs={"seed": seed})])
        assert isinstance(made, Ok)
        dk: bytes = made.values["dk"]
        calls = [Call(operation="decapsulate", parameter_set="ML-KEM-768", inputs={"dk": dk, "c": c}) for c in cs]
        expected = [decapsulate(dk, c) for c in cs]
        assert [reply.values["k"] for reply in iut.ask(calls) if isinstance(reply, Ok)] == expected
        bare, bare_work, work = [], [], []

        def both() -> None:
            began, cpu = time.perf_counter_ns(), time.process_time_ns()
            for c in cs:
                decapsulate(dk, c)
            bare.append(time.perf_counter_ns() - began)
            bare_work.append(time.process_time_ns() - cpu)

        def through() -> None:
            before = worker_nanoseconds(iut)
            iut.ask(calls)
            work.append(worker_nanoseconds(iut) - before)

        benchmark.pedantic(through, setup=both, rounds=7)  # type: ignore[no-untyped-call]
    assert benchmark.stats is not None
    ratio = min(bare_work) / min(work)
    benchmark.extra_info |= {
        "bare us": round(min(bare) / COUNT / 1e3, 2), "worker us of processor time": round(min(work) / COUNT / 1e3, 2),
        "ratio of wall time": round(min(bare) / 1e9 / benchmark.stats.stats.min, 3),
        "ratio of processor time": round(ratio, 3), "aim": AIM,
    }  # fmt: skip
