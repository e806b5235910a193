"""What the host makes of the replies of a vendor's program."""

from __future__ import annotations

import pytest

from pqvalidate.adapters.interface import Call, Fault, Ok
from pqvalidate.adapters.replies import fitting

KEYGEN = Call(operation="keygen", parameter_set="ML-KEM-768", inputs={})
ENCAPSULATE = Call(operation="encapsulate", parameter_set="ML-KEM-768", inputs={"ek": b"e"})


@pytest.mark.parametrize(("call", "names"), [(KEYGEN, ["ek", "dk"]), (ENCAPSULATE, ["k", "c"])])
def test_the_values_of_a_reply_come_in_the_order_of_the_operation_whatever_order_the_program_wrote(
    call: Call, names: list[str]
) -> None:
    for written in (names, names[::-1]):
        reply = fitting({"ok": {name: name.encode() for name in written}}, call)
        assert isinstance(reply, Ok)
        assert list(reply.values.items()) == [(name, name.encode()) for name in names]


@pytest.mark.parametrize("values", [{"ek": b"e"}, {"ek": b"e", "dk": b"d", "seed": b"s"}, {"ek": b"e", "dk": "d"}])
def test_a_reply_with_other_outputs_is_a_protocol_fault(values: dict[str, object]) -> None:
    reply = fitting({"ok": values}, KEYGEN)
    assert isinstance(reply, Fault)
    assert reply.kind == "protocol"
