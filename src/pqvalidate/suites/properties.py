"""Property campaigns: many drawn cases per operation, every answer compared with what the standard gives.

One case asks for everything that one key pair can show: key generation, encapsulation or signing, the way back, and
the refusal of a changed input, with repeats and with other keys in between. Rare faults need many cases: n cases show a
fault of probability 3/n per operation with 95 %.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply, Value
from pqvalidate.algorithms import parameter_set
from pqvalidate.oracle import mldsa, mlkem
from pqvalidate.oracle.messages import message_prime
from pqvalidate.suites import Asking, CaseResult, Check, Compute, Script
from pqvalidate.suites.expectations import PASS, expect_answer, expect_values, failed, faulted
from pqvalidate.suites.tape import Drawn, Tape, campaign

COUNTS = {"quick": 8, "standard": 12_288, "full": 1_048_576}
"""12,288 cases show a fault of probability 2^-12 with 95 %, 1,048,576 one of 2^-18."""

_HASH_BLOCK_EDGES = (0, 1, 7, 8, 63, 64, 65, 135, 136, 137, 271, 272, 273)
_ROUND_TRIPS = 16


@dataclass(frozen=True, slots=True)
class _Expected:
    """A call and how its reply is judged."""

    operation: str
    inputs: dict[str, Value]
    judge: Callable[[Reply, dict[str, Value]], CaseResult]


def _exactly(**values: bytes) -> Callable[[Reply, dict[str, Value]], CaseResult]:
    return lambda reply, inputs: expect_values(reply, inputs, values)


def _answer(valid: bool) -> Callable[[Reply, dict[str, Value]], CaseResult]:  # noqa: FBT001
    return lambda reply, inputs: expect_answer(reply, inputs, valid)


def _ask(asking: Asking, asked: Sequence[_Expected]) -> Script:
    """Make the calls in order and return the first failure, named by its operation."""
    replies = yield [Call(operation=e.operation, parameter_set=asking.parameter_set, inputs=e.inputs) for e in asked]
    for expected, reply in zip(asked, replies, strict=True):
        result = expected.judge(reply, expected.inputs)
        if result.outcome != "pass":
            return _named(result, expected.operation)
    return PASS


def _named(result: CaseResult, operation: str) -> CaseResult:
    return CaseResult(outcome=result.outcome, why=f"{operation}: {result.why}", fault=result.fault, data=result.data)


def changed(value: bytes, tape: Tape, *, simplest: bool = False) -> bytes:
    """Return ``value`` with a change drawn from the tape: a bit, a byte, two bytes alike, a run, or everything."""
    position, way = tape.below(len(value)), 0 if simplest else tape.below(8)
    out = bytearray(value)
    if way <= 3:
        out[position] ^= 1 << tape.below(8)
    elif way == 4:
        out[position] ^= 1 + tape.below(255)
    elif way == 5 and len(value) > 1:
        other = (position + 1 + tape.below(len(value) - 1)) % len(value)
        difference = 1 + tape.below(255)
        out[position] ^= difference
        out[other] ^= difference
    elif way == 6:
        length = min(len(value) - position, 1 + tape.below(64))
        out[position : position + length] = tape.read(length)
    else:
        out[:] = tape.read(len(value))
    made = bytes(out)
    return made if made != value else bytes([value[0] ^ 1]) + value[1:]


def _kem(case: Drawn, asking: Asking) -> Script:
    """Keys, secrets, ciphertexts and rejections of drawn seeds must be those of the standard.

    Everything that the implementation offers is asked: key generation from a seed, encapsulation (exactly, or by
    decapsulating what it made), decapsulation of a good ciphertext, of a changed one, and of the good one again.
    """
    name, tape, operations = asking.parameter_set, Tape(asking, "kem campaign", case.number), asking.operations
    seed, m = tape.read(64), tape.read(32)
    if case.simpler:
        seed, m = _simpler(seed, case.simpler), _simpler(m, case.simpler)
    ((ek, dk),) = yield [Compute(mlkem.keygen, name, (seed,))]
    ((k, c),) = yield [Compute(mlkem.encapsulate, name, (ek, m))]
    bad = changed(c, tape, simplest=bool(case.simpler))
    if parameter_set(name).algorithm == "Kyber":
        (rejected,) = yield [Compute(mlkem.decapsulate, name, (dk, bad))]
    else:
        rejected = hashlib.shake_256(seed[32:] + bad).digest(32)  # FIPS 203 algorithm 18: J(z‖c)
    asked: list[_Expected] = []
    if "keygen_from_seed" in operations:
        asked.append(_Expected("keygen_from_seed", {"seed": seed}, _exactly(ek=ek, dk=dk)))
    if "encapsulate_derand" in operations:
        asked.append(_Expected("encapsulate_derand", {"ek": ek, "m": m}, _exactly(k=k, c=c)))
    for operation, key, value in (("decapsulate", "dk", dk), ("decapsulate_from_seed", "seed", seed)):
        if operation in operations:
            asked.append(_Expected(operation, {key: value, "c": c}, _exactly(k=k)))
            asked.append(_Expected(operation, {key: value, "c": bad}, _exactly(k=rejected)))
            if case.number % _ROUND_TRIPS == 0:
                asked.append(_Expected(operation, {key: value, "c": c}, _exactly(k=k)))
            break
    result = yield from _ask(asking, asked)
    if result.outcome != "pass" or "encapsulate" not in operations or "encapsulate_derand" in operations:
        return result
    return (yield from _own_encapsulation(asking, ek, dk))


def _own_encapsulation(asking: Asking, ek: bytes, dk: bytes) -> Script:
    """What the implementation encapsulates with its own randomness must decapsulate to the same secret."""
    name, inputs = asking.parameter_set, {"ek": ek}
    (reply,) = yield [Call(operation="encapsulate", parameter_set=name, inputs=inputs)]
    if not isinstance(reply, Ok):
        return _named(_no_value(reply, inputs), "encapsulate")
    k, c = reply.values["k"], reply.values["c"]
    if not isinstance(c, bytes) or len(c) != parameter_set(name).output:
        return failed("encapsulate: the ciphertext has the wrong length", inputs, reply.values)
    (wanted,) = yield [Compute(mlkem.decapsulate, name, (dk, c))]
    return (
        PASS if wanted == k else failed("encapsulate: the secret is not what decapsulation gives", inputs, reply.values)
    )


def _no_value(reply: Reply, inputs: Mapping[str, Value]) -> CaseResult:
    match reply:
        case Fault():
            return faulted(reply, "broke where a value is expected", inputs, {})
        case Rejected():
            return failed(f"refused an input that must be accepted: {reply.why}", inputs, {})
        case Ok():
            return PASS


def _simpler(value: bytes, level: int) -> bytes:
    """Return a value with its end set to zero; the higher the level, the more of it."""
    kept = len(value) * max(0, 4 - level) // 4
    return value[:kept] + bytes(len(value) - kept)


@dataclass(frozen=True, slots=True)
class _Signing:
    """The signing operation that a campaign uses, and what it must give: exact bytes for a given rnd, or any."""

    operation: str
    key: str
    exact: bool
    takes_rnd: bool


_SIGNING = tuple(
    _Signing(f"{what}{end}", "seed" if end else "sk", exact, rnd)
    for what, exact, rnd in (("sign_with_rnd", True, True), ("sign_deterministic", True, False), ("sign", False, False))
    for end in ("", "_from_seed")
)


def _signature(case: Drawn, asking: Asking) -> Script:
    """Keys and signatures of drawn seeds and messages must be those of the standard; changed ones must be refused.

    Signatures are compared to the byte where rnd can be given or signing is deterministic, else verified. Verification
    is asked with the good signature, then with one change to signature, message, context or key.
    """
    name, tape, operations = asking.parameter_set, Tape(asking, "signature campaign", case.number), asking.operations
    seed, rnd, message, context = tape.read(32), tape.read(32), _message(tape), _context(tape, asking)
    if case.simpler:
        message, context = message[: len(message) >> case.simpler], context[: len(context) >> case.simpler]
    ((pk, sk),) = yield [Compute(mldsa.keygen, name, (seed,))]
    framed = message if parameter_set(name).algorithm == "Dilithium" else message_prime(message, context)
    asked: list[_Expected] = []
    if "keygen_from_seed" in operations:
        asked.append(_Expected("keygen_from_seed", {"seed": seed}, _exactly(pk=pk, sk=sk)))
    how = next((row for row in _SIGNING if row.operation in operations), None)
    signature = b""
    if how is None or how.exact:
        drawn = rnd if how and how.takes_rnd else bytes(32)
        (signature,) = yield [Compute(mldsa.sign_internal, name, (sk, framed, drawn))]
        if how:
            inputs = _with(context, {how.key: sk if how.key == "sk" else seed, "message": message})
            inputs |= {"rnd": drawn} if how.takes_rnd else {}
            asked.append(_Expected(how.operation, inputs, _exactly(signature=signature)))
    else:
        inputs = _with(context, {how.key: sk if how.key == "sk" else seed, "message": message})
        (reply,) = yield [Call(operation=how.operation, parameter_set=name, inputs=inputs)]
        if not isinstance(reply, Ok):
            return _named(_no_value(reply, inputs), how.operation)
        value = reply.values["signature"]
        signature = value if isinstance(value, bytes) else b""
        (good,) = yield [Compute(mldsa.verify_internal, name, (pk, framed, signature))]
        if not good:
            return failed(f"{how.operation}: the signature does not verify", inputs, reply.values)
    if "verify" in operations:
        asked += _verifications(tape, pk, message, signature, context, simplest=bool(case.simpler))
    return (yield from _ask(asking, asked))


def _verifications(
    tape: Tape, pk: bytes, message: bytes, signature: bytes, context: bytes, *, simplest: bool
) -> list[_Expected]:
    """Return the good signature, then one with a single change; the order makes a remembered answer show."""
    good: dict[str, Value] = {"pk": pk, "message": message, "signature": signature}
    what = tape.below(8)
    if what == 0:
        bad: dict[str, Value] = {**good, "message": changed(message, tape) if message else b"\0"}
    elif what == 1:
        bad = {**good, "message": message + b"\0"}
    elif what == 2 and context:
        return [
            _Expected("verify", _with(context, good), _answer(True)),
            _Expected("verify", _with(changed(context, tape) if len(context) > 1 else b"", good), _answer(False)),
        ]  # fmt: skip
    elif what == 3:
        bad = {**good, "pk": changed(pk, tape)}
    else:
        bad = {**good, "signature": changed(signature, tape, simplest=simplest)}
    return [
        _Expected("verify", _with(context, good), _answer(True)),
        _Expected("verify", _with(context, bad), _answer(False)),
    ]


def _with(context: bytes, inputs: dict[str, Value]) -> dict[str, Value]:
    return {**inputs, "context": context} if context else inputs


def _message(tape: Tape) -> bytes:
    """Return a message: mostly short, often at an edge of the hash's blocks, sometimes of several kilobytes."""
    way = tape.below(16)
    if way == 0:
        return tape.read(_HASH_BLOCK_EDGES[tape.below(len(_HASH_BLOCK_EDGES))])
    if way == 1:
        return tape.read(1024 + tape.below(3072))
    return tape.read(tape.below(300))


def _context(tape: Tape, asking: Asking) -> bytes:
    takes = "verify.context" in asking.operations or "verify" not in asking.operations
    takes = takes and parameter_set(asking.parameter_set).algorithm != "Dilithium"  # round 3.1 knows no context
    return tape.read(tape.below(256)) if takes and tape.below(2) else b""


def _check(
    name: str, algorithm: str, clause: str, needs: str, script: Callable[[Drawn, Asking], Script], effect: str
) -> Check:
    return Check(
        name=name, suite="property", algorithm=algorithm, clause=clause, explain=(script.__doc__ or "").strip(),
        effect=effect, needs=tuple(frozenset({operation}) for operation in needs.split()), cases=campaign(COUNTS),
        script=script, detects=_detects,
    )  # fmt: skip


def _detects(cases: int) -> str:
    """Say it: n cases miss a fault of probability p per case with (1 - p)^n, which is 5 % at p = 3/n."""
    return f"a fault of probability 2^-{math.log2(cases / 3):.1f} per operation with 95 %"


_KEM_NEEDS = "keygen_from_seed encapsulate_derand encapsulate decapsulate decapsulate_from_seed"
_SIGNATURE_NEEDS = "keygen_from_seed sign sign_from_seed sign_deterministic sign_with_rnd verify"
_SECRETS = "Now and then the two sides do not arrive at the same secret, or a rejection differs from the standard's."
_SIGNATURES = "Now and then a signature is refused elsewhere, or a changed one is accepted."

CHECKS: tuple[Check, ...] = (
    _check("ml-kem/campaign", "ML-KEM", "FIPS 203 §6", _KEM_NEEDS, _kem, _SECRETS),
    _check("ml-dsa/campaign", "ML-DSA", "FIPS 204 §6", _SIGNATURE_NEEDS, _signature, _SIGNATURES),
    _check("kyber/campaign", "Kyber", "Kyber 3.02 algorithms 7-9", _KEM_NEEDS, _kem, _SECRETS),
    _check("dilithium/campaign", "Dilithium", "Dilithium 3.1 figure 4", _SIGNATURE_NEEDS, _signature, _SIGNATURES),
)
