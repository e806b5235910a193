"""Comparing a reply with what the standard says: exact values, exact answers, refusals. Faults never pass."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pqvalidate.adapters.interface import Fault, Ok, Rejected, Reply, Value
from pqvalidate.suites import CaseResult

_DIGEST = "_sha256"
PASS = CaseResult(outcome="pass")


def expect_values(reply: Reply, inputs: Mapping[str, Value], expected: Mapping[str, bytes]) -> CaseResult:
    """Pass if every expected output is there to the byte; ``name_sha256`` compares a digest of the output."""
    if type(reply) is Ok and reply.values == expected:  # what nearly every reply of a campaign is
        return PASS
    match reply:
        case Ok(values):
            for name, wanted in expected.items():
                plain = name.removesuffix(_DIGEST)
                seen = values.get(plain)
                if _keeps_seed(plain, seen, inputs):
                    continue
                if not isinstance(seen, bytes):
                    return _failed(f"returned no {plain}", inputs, expected, {})
                if (hashlib.sha256(seen).digest() if name.endswith(_DIGEST) else seen) != wanted:
                    return _failed(f"{plain} differs from the expected value", inputs, expected, values)
            return PASS
        case Rejected():
            return _failed(f"refused an input that must be accepted: {reply.why}", inputs, expected, {})
        case Fault():
            return faulted(reply, "broke where a value is expected", inputs, expected)


def _keeps_seed(name: str, seen: Value | None, inputs: Mapping[str, Value]) -> bool:
    """Return whether a private key comes back as the seed it was made from, which FIPS 203 and 204 allow."""
    return name in ("dk", "sk") and seen is not None and seen == inputs.get("seed")


def expect_answer(reply: Reply, inputs: Mapping[str, Value], expected: bool) -> CaseResult:  # noqa: FBT001
    """Pass if a checking operation gives the expected answer; a refusal counts as the answer False."""
    match reply:
        case Ok(values) if values.get("valid") is expected:
            return PASS
        case Ok():
            what = "refused what is valid" if expected else "accepted what is invalid"
            return _failed(what, inputs, {}, {})
        case Rejected() if not expected:
            return PASS
        case Rejected():
            return _failed(f"refused what is valid: {reply.why}", inputs, {}, {})
        case Fault():
            return faulted(reply, "broke where an answer is expected", inputs, {})


def expect_refusal(reply: Reply, inputs: Mapping[str, Value]) -> CaseResult:
    """Pass if the input is refused cleanly."""
    match reply:
        case Rejected():
            return PASS
        case Ok(values):
            return _failed("accepted an input that must be refused", inputs, {}, values)
        case Fault():
            return faulted(reply, "did not refuse cleanly", inputs, {})


def expect_acceptance(reply: Reply, inputs: Mapping[str, Value]) -> CaseResult:
    """Pass if the input is accepted, whatever the value."""
    match reply:
        case Ok():
            return PASS
        case Rejected():
            return _failed(f"refused an input that must be accepted: {reply.why}", inputs, {}, {})
        case Fault():
            return faulted(reply, "broke where a value is expected", inputs, {})


def faulted(fault: Fault, what: str, inputs: Mapping[str, Value], expected: Mapping[str, bytes]) -> CaseResult:
    """Return the failure that a fault is."""
    return CaseResult(outcome="fail", why=f"{what}: {fault.why}", fault=fault.kind, data=_data(inputs, expected, {}))


def failed(why: str, inputs: Mapping[str, Value], observed: Mapping[str, Value]) -> CaseResult:
    """Return a failure found by computing, with what was given and seen."""
    return _failed(why, inputs, {}, observed)


def _failed(
    why: str, inputs: Mapping[str, Value], expected: Mapping[str, bytes], observed: Mapping[str, Value]
) -> CaseResult:
    return CaseResult(outcome="fail", why=why, data=_data(inputs, expected, observed))


def _data(
    inputs: Mapping[str, Value], expected: Mapping[str, bytes], observed: Mapping[str, Value]
) -> dict[str, bytes | str]:
    groups = {"input": inputs, "expected": expected, "observed": observed}
    return {
        f"{group}.{name}": value if isinstance(value, bytes) else str(value)
        for group, values in groups.items()
        for name, value in values.items()
    }
