"""What runs inside the child: the objects of an adapter, the shape of what they return, and how they fail."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from pqvalidate.adapters.worker import AdapterError, Subject, answer, load

KEM, SIGNATURE = "ML-KEM-768", "ML-DSA-44"


class Loaded:
    """A key whose decapsulation tells which key it is."""

    def __init__(self, dk: bytes) -> None:
        self.dk = dk

    def decapsulate(self, c: bytes) -> bytes:
        return self.dk + c


class Returning:
    """A KEM whose decapsulation returns, or raises, what the test gives."""

    def __init__(self, result: object) -> None:
        self.result = result

    def decapsulate(self, dk: bytes, c: bytes) -> object:
        del dk, c
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def encapsulate(self, ek: bytes) -> object:
        del ek
        return self.result

    def check_encapsulation_key(self, ek: bytes) -> object:
        del ek
        return self.result

    def load_decapsulation_key(self, dk: bytes) -> Loaded:
        return Loaded(dk)


def asked(implementation: object, op: str, parameter_set: str = KEM, **inputs: object) -> dict[str, Any]:
    subject = Subject(lambda _: implementation, [parameter_set])
    return answer(subject, {"id": 7, "op": op, "set": parameter_set, "in": inputs})


decapsulated = partial(asked, op="decapsulate", dk=b"dk", c=b"c")


class Sized(bytes):
    """Bytes with a mind of their own."""

    def __bytes__(self) -> bytes:
        raise ValueError("no bytes today")


@pytest.mark.parametrize("value", [b"k", bytearray(b"k"), memoryview(b"k"), Sized(b"k")])
def test_bytes_of_any_kind_become_plain_bytes(value: object) -> None:
    reply = decapsulated(Returning(value))
    assert reply == {"id": 7, "ok": {"k": b"k"}}
    assert type(reply["ok"]["k"]) is bytes


def released() -> memoryview:
    view = memoryview(b"k")
    view.release()
    return view


WRONG = {
    "nothing": (None, "a value of type NoneType for k"),
    "text": ("k", "a value of type str for k"),
    "a number": (7, "a value of type int for k"),
    "True": (True, "a value of type bool for k"),
    "a pair": ((b"k", b"c"), "a tuple of 2 for k"),
    "a list": ([b"k"], "a value of type list for k"),
    "a view that was released": (released(), "for k that cannot be read"),
}


@pytest.mark.parametrize(("value", "said"), WRONG.values(), ids=WRONG)
def test_what_is_no_bytes_is_an_error_and_never_a_refusal(value: object, said: str) -> None:
    reply = decapsulated(Returning(value))
    assert "rejected" not in reply
    assert said in reply["error"]


@pytest.mark.parametrize("value", [b"k", (b"k",), (b"k", b"c", b"x"), [b"k", b"c"], None])
def test_a_pair_is_a_tuple_of_two(value: object) -> None:
    assert "where (k, c) is expected" in asked(Returning(value), "encapsulate", ek=b"")["error"]


@pytest.mark.parametrize("value", [1, 0, None, b"", "yes"])
def test_an_answer_is_true_or_false_and_nothing_like_it(value: object) -> None:
    said = asked(Returning(value), "check_encapsulation_key", ek=b"")["error"]
    assert "for valid; the interface asks for bool" in said


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("raised", "reply"),
    [
        (ValueError("too short"), {"rejected": "too short"}),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), None),
        (RuntimeError("broken"), {"error": "RuntimeError: broken"}),
        (RuntimeError(), {"error": "RuntimeError"}),
        (NotImplementedError("later"), {"error": "NotImplementedError: later"}),
        (AssertionError("x" * 600), {"error": "AssertionError: " + "x" * 500}),
        (RuntimeError("\udcff"), {"error": "RuntimeError: \\udcff"}),
        (UnspeakableError(), {"error": "UnspeakableError: UnspeakableError"}),
        (GeneratorExit(), {"error": "GeneratorExit"}),
        (StopIteration(), {"error": "StopIteration"}),
    ],
)
def test_a_value_error_refuses_and_anything_else_is_an_error(
    raised: BaseException, reply: dict[str, str] | None
) -> None:
    seen = decapsulated(Returning(raised))
    assert "rejected" in seen if reply is None else seen == {"id": 7, **reply}


@pytest.mark.parametrize("ending", [SystemExit(0), KeyboardInterrupt(), MemoryError()])
def test_what_leaves_the_process_unfit_is_not_answered(ending: BaseException) -> None:
    with pytest.raises(type(ending)):
        decapsulated(Returning(ending))


def test_a_new_key_never_takes_the_number_of_a_loaded_one() -> None:
    subject = Subject(lambda _: Returning(b""), [KEM])

    def call(op: str, **inputs: object) -> dict[str, Any]:
        reply = answer(subject, {"id": 1, "op": op, "set": KEM, "in": inputs})["ok"]
        assert isinstance(reply, dict)
        return reply

    first, second = (call("load_decapsulation_key", dk=dk)["handle"] for dk in (b"1", b"2"))
    call("release", handle=first)
    third = call("load_decapsulation_key", dk=b"3")["handle"]
    assert [call("decapsulate", handle=handle, c=b"")["k"] for handle in (second, third)] == [b"2", b"3"]


class Signer:
    """Takes each optional input under another of its names."""

    hash_names = ("SHA2-512", "SHAKE-128", "MD5")

    def sign(self, sk: bytes, message: bytes, ctx: bytes = b"") -> bytes:
        return sk + b"|" + message + b"|" + ctx

    def sign_mu(self, sk: bytes, mu: bytes) -> bytes:
        return sk + mu

    def sign_prehash(
        self, sk: bytes, message: bytes, hash_name: str, context: bytes = b"", rnd32: bytes | None = None
    ) -> bytes:
        return b"|".join((sk, message, hash_name.encode(), context, rnd32 or b"-"))


def test_the_hello_names_operations_lacking_options_and_hashes() -> None:
    hello = Subject(lambda _: Signer(), [SIGNATURE]).hello()
    assert hello["operations"] == {SIGNATURE: ["sign", "sign_mu", "sign_prehash"]}
    assert hello["without"] == {SIGNATURE: ["sign_mu.rnd"]}
    assert hello["hashes"] == {SIGNATURE: ["SHA2-512", "SHAKE-128"]}


def test_an_object_without_hash_names_is_taken_to_have_all_twelve() -> None:
    assert len(Subject(lambda _: Returning(b""), [KEM]).hello()["hashes"][KEM]) == 12


@pytest.mark.parametrize(
    ("op", "inputs", "signature"),
    [
        ("sign", {"sk": b"s", "message": b"m"}, b"s|m|"),
        ("sign", {"sk": b"s", "message": b"m", "context": b"c"}, b"s|m|c"),
        ("sign_prehash", {"sk": b"s", "message": b"m", "hash": "H", "rnd": b"r"}, b"s|m|H||r"),
        ("sign_prehash", {"sk": b"s", "message": b"m", "hash": "H", "context": b"c"}, b"s|m|H|c|-"),
    ],
)
def test_optional_inputs_find_their_parameter_by_name(op: str, inputs: dict[str, object], signature: bytes) -> None:
    assert asked(Signer(), op, SIGNATURE, **inputs)["ok"] == {"signature": signature}


def failing(error: Exception) -> Callable[[str], object]:
    def factory(_name: str) -> object:
        raise error

    return factory


@pytest.mark.parametrize("error", [ValueError("not built in"), NotImplementedError("not built in")])
def test_a_refused_parameter_set_is_kept_with_its_reason(error: Exception) -> None:
    hello = Subject(failing(error), [KEM]).hello()
    assert (hello["operations"], hello["refused"]) == ({}, {KEM: "not built in"})


@pytest.mark.parametrize(
    ("factory", "problem"),
    [
        (failing(RuntimeError("boom")), "asked for ML-KEM-768, the adapter raised RuntimeError: boom"),
        (lambda _: None, "asked for ML-KEM-768, the adapter returned None"),
    ],
)
def test_an_adapter_that_breaks_the_contract_is_told_for_which_parameter_set(
    factory: Callable[[str], object], problem: str
) -> None:
    with pytest.raises(AdapterError, match=problem):
        Subject(factory, [KEM])


def test_a_target_must_be_callable() -> None:
    with pytest.raises(AdapterError, match="sep is no function but a value of type str"):
        load("os:sep", [])


def test_a_measurement_times_each_round_of_both_calls() -> None:
    call = {"op": "decapsulate", "set": KEM, "in": {"dk": b"", "c": b""}}
    subject = Subject(lambda _: Returning(b"k"), [KEM])
    reply = answer(subject, {"id": 1, "op": "measure", "call": call, "alternate": call, "rounds": 5})
    times = reply["ok"]["ns"]
    assert len(times) == 5
    assert all(isinstance(time, int) and time >= 0 for time in times)


def test_limits_hold_and_are_named() -> None:
    code = (
        "import resource\nfrom pqvalidate.adapters.worker import limit_resources\n"
        "print(*limit_resources({'memory_bytes': 1 << 40, 'file_bytes': 4096, 'descriptors': 64}))\n"
        "print(*[resource.getrlimit(n)[0] for n in "
        "(resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)])"
    )
    bound = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = 1 << 40 if bound == resource.RLIM_INFINITY else min(1 << 40, bound)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["rlimit-as rlimit-fsize rlimit-core rlimit-nofile", f"{memory} 4096 0 64"]
