"""What is timed, in which form an implementation can be asked it, and whether its answer is worth timing at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply
from pqvalidate.algorithms import KindName, lengths
from pqvalidate.oracle import mldsa, mlkem

KeyForm: TypeAlias = Literal["none", "expanded", "seed", "loaded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way of asking for an operation: by which call, with which inputs, and the private key in which form.

    Forms of one operation with the same ``key`` do the same work, so their times may be compared.
    """

    call: str
    inputs: tuple[str, ...] = ()
    key: KeyForm = "none"
    loader: str = ""

    @property
    def needs(self) -> set[str]:
        """The operations that an implementation must offer."""
        return {self.loader} if self.loader else {self.call}


_LOAD_DK = {"load_decapsulation_key": "dk", "load_decapsulation_key_from_seed": "seed"}
_KEM: dict[str, tuple[Form, ...]] = {
    "keygen": (Form(call="keygen"),),
    "load_encapsulation_key": (Form(call="load_encapsulation_key", inputs=("ek",)),),
    "load_decapsulation_key": (
        Form(call="load_decapsulation_key", inputs=("dk",), key="expanded"),
        Form(call="load_decapsulation_key_from_seed", inputs=("seed",), key="seed"),
    ),
    "encapsulate": (Form(call="encapsulate", inputs=("ek",)), Form(call="encapsulate_derand", inputs=("ek", "m"))),
    "encapsulate_loaded": (Form(call="encapsulate", key="loaded", loader="load_encapsulation_key"),),
    "decapsulate": (
        Form(call="decapsulate", inputs=("dk", "c"), key="expanded"),
        Form(call="decapsulate_from_seed", inputs=("seed", "c"), key="seed"),
    ),
    "decapsulate_loaded": tuple(
        Form(call="decapsulate", inputs=("c",), key="loaded", loader=loader) for loader in _LOAD_DK
    ),
}  # fmt: skip
_SIGNATURE: dict[str, tuple[Form, ...]] = {
    "keygen": (Form(call="keygen"),),
    "sign_deterministic": (
        Form(call="sign_deterministic", inputs=("sk", "message"), key="expanded"),
        Form(call="sign_with_rnd", inputs=("sk", "message", "rnd"), key="expanded"),
        Form(call="sign_deterministic_from_seed", inputs=("seed", "message"), key="seed"),
        Form(call="sign_with_rnd_from_seed", inputs=("seed", "message", "rnd"), key="seed"),
    ),
    "sign": (
        Form(call="sign", inputs=("sk", "message"), key="expanded"),
        Form(call="sign_from_seed", inputs=("seed", "message"), key="seed"),
    ),
    "verify": (Form(call="verify", inputs=("pk", "message", "signature")),),
}
OPERATIONS: dict[KindName, dict[str, tuple[Form, ...]]] = {"kem": _KEM, "signature": _SIGNATURE}
"""Per kind, what is timed and in which forms, the preferred one first. Loading a key is an operation of its own."""

HEDGED = "sign"
"""Signing draws randomness here, so its time is a matter of luck: it is described by means over many calls."""


def all_operations() -> tuple[str, ...]:
    """Return the names of everything that is timed, each once."""
    return tuple(dict.fromkeys(name for table in OPERATIONS.values() for name in table))


def choose(forms: Sequence[Form], offered: Mapping[str, Iterable[str]]) -> dict[str, Form]:
    """Return the form in which each is asked: one that all share, or else that of the first where it has it.

    Args:
        forms: those of one operation.
        offered: by implementation, the operations that it has; one that has none of the forms is left out.

    """
    able = {name: [form for form in forms if form.needs <= set(has)] for name, has in offered.items()}
    able = {name: found for name, found in able.items() if found}
    for key in dict.fromkeys(form.key for form in forms):
        if able and all(any(form.key == key for form in found) for found in able.values()):
            return {name: next(form for form in found if form.key == key) for name, found in able.items()}
    lead = next(iter(able.values()))[0].key if able else "none"
    return {name: next((form for form in found if form.key == lead), found[0]) for name, found in able.items()}


def call_of(form: Form, parameter_set: str, values: Mapping[str, Any], handle: int | None = None) -> Call:
    """Return the call that asks for a form; ``handle`` is the number of the loaded key where it uses one."""
    inputs = {name: values[name] for name in form.inputs}
    return Call(
        operation=form.call, parameter_set=parameter_set,
        inputs=inputs if handle is None else {"handle": handle, **inputs},
    )  # fmt: skip


def loading(form: Form, parameter_set: str, values: Mapping[str, Any]) -> Call:
    """Return the call that loads the key which a form uses."""
    field = _LOAD_DK.get(form.loader, "ek")
    return Call(operation=form.loader, parameter_set=parameter_set, inputs={field: values[field]})


def problem(operation: str, parameter_set: str, values: Mapping[str, Any], reply: Reply) -> str:
    """Return why the time of an answer says nothing, or the empty string: what is wrong may be as fast as it likes.

    Args:
        operation: what was asked, by its name in ``OPERATIONS``.
        parameter_set: of which parameter set.
        values: the inputs, and outputs of the oracle.
        reply: the answer.

    """
    if isinstance(reply, Rejected):
        return f"refused an honest input: {reply.why}" if reply.why else "refused an honest input"
    if isinstance(reply, Fault):
        return f"broke on an honest input: {reply}"
    return _mistake(operation, parameter_set, values, reply.values)


def _mistake(operation: str, name: str, values: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    known = lengths(name)
    for field, value in found.items():
        if isinstance(value, bytes) and field not in ("dk", "sk") and len(value) != known.get(field, len(value)):
            return f"answered with {len(value)} bytes as {field} instead of {known[field]}"
    right = True
    if operation.startswith("decapsulate"):
        right = found.get("k") == values["k"]
    elif operation.startswith("encapsulate"):
        right = mlkem.decapsulate(name, [values["dk"]], [found["c"]]) == [found["k"]]
    elif operation == "sign_deterministic":
        right = found.get("signature") == values["signature"]
    elif operation == HEDGED:
        right = mldsa.verify(name, [values["pk"]], [values["message"]], [found["signature"]]) == [True]
    elif operation == "verify":
        right = found.get("valid") is True
    return "" if right else "gave a wrong answer to an honest input"


def sizes(found: Iterable[Reply]) -> dict[str, int]:
    """Return the lengths in bytes of keys, ciphertexts, secrets and signatures as the implementation made them."""
    made = [reply.values for reply in found if isinstance(reply, Ok)]
    return {name: len(value) for values in made for name, value in values.items() if isinstance(value, bytes)}
