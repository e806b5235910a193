"""The audit of hedged signers: we hold the private key, so each signature shows how it was made.

A signer that draws its own randomness cannot be compared to the byte. But z - c s1 is the mask y of FIPS 204 algorithm
7, and from y follows all that the signing loop computed: which bounds held, which hints were due, and whether masks are
uniform and fresh.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Value
from pqvalidate.algorithms import parameter_set
from pqvalidate.oracle import audit, mldsa
from pqvalidate.oracle.audit import Opened
from pqvalidate.oracle.dsa_steps import PARAMETERS, hash_h
from pqvalidate.oracle.mask_statistics import MaskStatistics
from pqvalidate.oracle.messages import message_prime
from pqvalidate.oracle.repeats import Repeats
from pqvalidate.suites import Asking, Asks, CaseResult, Check, Compute, Script
from pqvalidate.suites.expectations import PASS, expect_acceptance, failed
from pqvalidate.suites.tape import Drawn, Tape, campaign

COUNTS = {"quick": 0, "standard": 2_048, "full": 65_536}
_FEW_COUNTS = {"quick": 0, "standard": 256, "full": 4_096}
_SHORT = 32
_ROUND_3_1_COUNTS = {"quick": 0, "standard": 512, "full": 4_096}
_KNOWN_COUNTS = {"quick": 0, "standard": 64, "full": 1_024}
_BLOCK = 256
_ZERO_RND = bytes(32)  # FIPS 204 section 3.4: the deterministic variant


@dataclass(frozen=True, slots=True)
class Run:
    """A case: so many signatures under one key, looked at together."""

    id: str
    count: int
    flags: tuple[str, ...] = ()


def _runs(counts: dict[str, int], asking: Asking) -> Sequence[Run]:
    """Return short runs, in which gross faults show (and which the controls can afford), and then the long one."""
    if asking.depth == "quick":
        return []
    count = counts[asking.depth]
    return [*(Run(f"short/{number}", _SHORT) for number in range(3)), Run(f"long/{count}", count)]


Cases = Callable[[Asking], Sequence[Any]]


def _fewer(operations: Sequence[str], cases: Cases, few: Cases) -> Cases:
    """Return the cases of a check with seeds: few where expanded keys have had many, since the loop is the same."""
    return lambda asking: few(asking) if asking.operations.intersection(operations) else cases(asking)


@lru_cache(maxsize=64)
def _key(name: str, seed: bytes) -> tuple[bytes, bytes]:
    return mldsa.keygen(name, [seed])[0]


@dataclass(frozen=True, slots=True)
class _Question:
    """A call for a signature, with the mu and, if we know it, the rnd that the signer must use."""

    call: Call
    sk: bytes
    mu: bytes
    rnd: bytes | None


def _question(asking: Asking, operation: str, seed: bytes, message: bytes, rnd: bytes) -> _Question:
    """Return how to ask for a signature of ``message`` (64 bytes, so that it can stand for mu, too)."""
    name = asking.parameter_set
    _, sk = _key(name, seed)
    kind = operation.removesuffix("_from_seed")
    bare = kind == "sign_internal" or parameter_set(name).algorithm == "Dilithium"  # round 3.1 knows no framing
    framed = message if bare else message_prime(message)
    mu = message if kind == "sign_mu" else hash_h(sk[64 : 64 + PARAMETERS[name].tr] + framed)
    field = {"sign_mu": "mu", "sign_internal": "m_prime"}.get(kind, "message")
    inputs: dict[str, Value] = {"seed": seed} if operation.endswith("_from_seed") else {"sk": sk}
    inputs[field] = message
    known = _ZERO_RND if kind == "sign_deterministic" else None
    if kind in ("sign_with_rnd", "sign_internal") or (kind == "sign_mu" and f"{operation}.rnd" in asking.operations):
        inputs["rnd"] = known = rnd
    return _Question(Call(operation=operation, parameter_set=name, inputs=inputs), sk, mu, known)


def _drawn(case: Drawn, asking: Asking, what: str, operations: Sequence[str]) -> _Question:
    """Return the question of a campaign's case; 256 cases share a key."""
    tape = Tape(asking, f"audit {what}", case.number)
    seed = Tape(asking, "audit key", case.number // _BLOCK).read(32)
    return _question(asking, _offered(asking, operations), seed, tape.read(64), tape.read(32))


def _offered(asking: Asking, operations: Sequence[str]) -> str:
    return next(operation for operation in operations if operation in asking.operations)


def _signature(values: Any) -> bytes:  # noqa: ANN401  (the outputs of a reply)
    value = values.get("signature")
    return value if isinstance(value, bytes) else b""


def _bounds(case: Drawn, asking: Asking, operations: Sequence[str]) -> Script:
    """Each signature must keep every rule of the signing loop: y, z, r0, c t0 and hints in bounds, and c~ exact."""
    asked = _drawn(case, asking, "bounds", operations)
    heavy = "seed" not in asked.call.inputs and case.number % _HEAVY_EVERY == _HEAVY_EVERY - 1
    if heavy:
        asked = _with_heavy_t0(asked)
    (reply,) = yield [asked.call]
    if heavy and (isinstance(reply, Rejected) or (isinstance(reply, Fault) and reply.kind == "exception")):
        # FIPS 204 says nothing of such a private key, so a signer may notice and refuse; nothing is shown then.
        return CaseResult(outcome="not-applicable", why=f"no public key fits to this private key: {reply.why}")
    if not isinstance(reply, Ok):
        return expect_acceptance(reply, asked.call.inputs)
    signature = _signature(reply.values)
    (opened,) = yield [Compute(audit.open_signatures, asking.parameter_set, (asked.sk, asked.mu, signature))]
    if not opened.broken:
        return PASS
    return failed("; ".join(opened.broken), asked.call.inputs, reply.values)


_HEAVY_EVERY = 4
"""Every fourth case signs with a key whose t0 is at its limits: the bounds on c t0 and on hints hardly matter else."""


def _with_heavy_t0(asked: _Question) -> _Question:
    sk = _heavy(asked.call.parameter_set, asked.sk)
    call = Call(
        operation=asked.call.operation, parameter_set=asked.call.parameter_set, inputs={**asked.call.inputs, "sk": sk}
    )
    return replace(asked, call=call, sk=sk)  # tr is the same, and so is mu


@lru_cache(maxsize=64)
def _heavy(name: str, sk: bytes) -> bytes:
    return audit.with_heavy_t0(name, sk, sk[:32])


def _origin(case: Drawn, asking: Asking, operations: Sequence[str]) -> Script:
    """With known randomness the mask must be ExpandMask(rho'', kappa), kappa advancing by l from attempt to attempt."""
    asked = _drawn(case, asking, "origin", operations)
    (reply,) = yield [asked.call]
    if not isinstance(reply, Ok):
        return expect_acceptance(reply, asked.call.inputs)
    arguments = asked.sk, asked.mu, asked.rnd or _ZERO_RND, _signature(reply.values)
    (why,) = yield [Compute(audit.mask_origins, asking.parameter_set, arguments)]
    return failed(why, asked.call.inputs, reply.values) if why else PASS


def _signed(questions: Sequence[_Question]) -> Asks[list[tuple[bytes, bytes]] | CaseResult]:
    """Have signatures made; return them with their mu, or the result where one is refused."""
    replies = yield [question.call for question in questions]
    made: list[tuple[bytes, bytes]] = []
    for question, reply in zip(questions, replies, strict=True):
        if not isinstance(reply, Ok):
            return expect_acceptance(reply, question.call.inputs)
        made.append((question.mu, _signature(reply.values)))
    return made


def _opened(
    questions: Sequence[_Question], made: Sequence[tuple[bytes, bytes]], asking: Asking
) -> Asks[list[Opened] | CaseResult]:
    """Open signatures under one key; return them, or the result where one cannot be opened."""
    (opened,) = yield [Compute(audit.open_block, asking.parameter_set, (questions[0].sk, tuple(made)))]
    found: list[Opened] = opened
    wrong = next((n for n, one in enumerate(found) if not one.y.size), None)
    if wrong is not None:
        return failed(found[wrong].broken[0], questions[wrong].call.inputs, {"signature": made[wrong][1]})
    return found


def _open_all(questions: Sequence[_Question], asking: Asking) -> Asks[list[Opened] | CaseResult]:
    """Have a block of signatures made and opened: the list of them, or the result where that fails."""
    made = yield from _signed(questions)
    if isinstance(made, CaseResult):
        return made
    return (yield from _opened(questions, made, asking))


def _questions(asking: Asking, operation: str, what: str, count: int) -> Iterator[_Question]:
    """Yield questions under one key: a new message each."""
    seed = Tape(asking, f"audit {what} key", 0).read(32)
    for number in range(count):
        tape = Tape(asking, f"audit {what}", number)
        yield _question(asking, operation, seed, tape.read(64), tape.read(32))


def _blocks(questions: Iterator[_Question]) -> Iterator[list[_Question]]:
    while block := list(islice(questions, _BLOCK)):
        yield block


def _about(count: int, asking: Asking, what: str) -> dict[str, Value]:
    """Return what a finding over many signatures says of its inputs: how many, and the seed of the key."""
    return {"signatures": str(count), "seed": Tape(asking, f"audit {what} key", 0).read(32)}


def _mask(case: Run, asking: Asking, operations: Sequence[str]) -> Script:
    """Over many signatures the masks must be uniform, bit by bit and place by place, and z fill its whole range."""
    statistics = MaskStatistics(PARAMETERS[asking.parameter_set])
    for block in _blocks(_questions(asking, _offered(asking, operations), f"mask {case.id}", case.count)):
        opened = yield from _open_all(block, asking)
        if isinstance(opened, CaseResult):
            return opened
        statistics.add(opened)
    found = list(statistics.objections())
    return failed("; ".join(found), _about(case.count, asking, f"mask {case.id}"), {}) if found else PASS


def _repeats(case: Run, asking: Asking, operations: Sequence[str]) -> Script:
    """No part of a mask may occur twice: within a signature, between messages, or between signatures of one message."""
    seen, operation = Repeats(PARAMETERS[asking.parameter_set]), _offered(asking, operations)
    other = _blocks(_questions(asking, operation, f"repeats {case.id}", case.count // 2))
    for block in other:
        opened = yield from _open_all(block, asking)
        if isinstance(opened, CaseResult):
            return opened
        if found := seen.add(opened):
            return failed(found, _about(seen.count, asking, f"repeats {case.id}"), {})
    fixed = next(_questions(asking, operation, f"one message {case.id}", 1))
    if fixed.rnd is not None:
        return PASS  # with known randomness equal questions have equal answers
    return (yield from _of_one_message(fixed, case.count - case.count // 2, asking, seen))


def _of_one_message(fixed: _Question, count: int, asking: Asking, seen: Repeats) -> Script:
    """Sign one message again and again; a signer that always gives the same signature gave one."""
    first: tuple[bytes, bytes] | None = None
    alike, differ = 0, False
    for block in _blocks(fixed for _ in range(count)):
        made = yield from _signed(block)
        if isinstance(made, CaseResult):
            return made
        first = first or made[0]
        differ = differ or any(one != first for one in made)
        if not differ:
            alike, made = alike + len(made), [] if alike else made[:1]
        elif alike > 1:  # then the signature that was given so often is a repeat after all
            alike, made = 0, [first, *made]
        opened = (yield from _opened([fixed] * len(made), made, asking)) if made else []
        if isinstance(opened, CaseResult):
            return opened
        if found := seen.add(opened):
            inputs = {**fixed.call.inputs, "signatures": str(count)}
            return failed(f"of one message: {found}", inputs, {})
    return PASS


_HEDGED = ("sign", "sign_mu", "sign_internal", "sign_with_rnd", "sign_deterministic")
_KNOWN = ("sign_with_rnd", "sign_deterministic", "sign_internal")
_RECOVERED = (
    "We hold the private key, so this works for every signer, also for one that draws its own randomness; it then draws"
    " anew in a replay, and the recorded key and signature are the witness."
)
_LEAK = (
    "Signatures are not made as the standard says: they can betray the private key, at once or after many, or be"
    " refused."
)


def _detects(cases: int) -> str:
    """Of n signatures none shows a fault of probability p in (1 - p)^n of all runs: 5 % at p = 3/n.

    Counted are those under keys that every signer takes.
    """
    surely = cases - cases // _HEAVY_EVERY
    return f"a fault that shows in one signature with probability 2^-{math.log2(surely / 3):.1f} with 95 %"


def _no_detects(_cases: int) -> str:
    return ""


def _rows(
    what: str, clause: str, script: Callable[..., Script], operations: Sequence[str],
    cases: Cases, few: Cases, cannot: str, detects: Callable[[int], str] = _no_detects,
) -> Iterator[Check]:  # fmt: skip
    for suffix, also in (("", ""), ("_from_seed", " The key is given as its seed.")):
        named = [f"{operation}{suffix}" for operation in operations]
        yield Check(
            name=f"ml-dsa/audit-{what}{'-seed' if suffix else ''}", suite="audit", algorithm="ML-DSA", clause=clause,
            explain=f"{(script.__doc__ or '').strip()} {_RECOVERED} {cannot}{also}", effect=_LEAK,
            needs=tuple(frozenset({operation}) for operation in named), script=partial(script, operations=named),
            cases=_fewer(operations, cases, few) if suffix else cases, severity="critical", detects=detects,
        )  # fmt: skip


_RUN, _FEW_RUN = partial(_runs, COUNTS), partial(_runs, _FEW_COUNTS)
ROWS: tuple[Check, ...] = (
    *_rows("bounds", "FIPS 204 §6.2, algorithm 7 lines 20-28", _bounds, _HEDGED, campaign(COUNTS),
           campaign(_FEW_COUNTS), "It cannot see a signer that throws good signatures away. Every fourth key has a t0"
           " at its limits, to which no public key fits; a signer that refuses those is not asked about rare bounds.",
           _detects),
    *_rows("origin", "FIPS 204 §6.2, algorithm 7 lines 7, 11 and 31", _origin, _KNOWN, campaign(_KNOWN_COUNTS),
           campaign(_KNOWN_COUNTS), "It cannot be asked of a signer that only draws its own randomness."),
    *_rows("mask", "FIPS 204 §7.3, algorithm 34", _mask, _HEDGED, _RUN, _FEW_RUN,
           "It cannot see a generator that is predictable and yet uniform."),
    *_rows("repeats", "FIPS 204 §6.2, algorithm 7 lines 7 and 11", _repeats, _HEDGED, _RUN, _FEW_RUN,
           "It cannot see repeats that are too rare for so many signatures: n of them show one half of all masks that"
           " come from fewer than about n^2 values."),
)  # fmt: skip
"""Audits of signers with expanded keys, and with keys given as seeds."""
_OLD_SIGNERS = ("sign", "sign_deterministic")
CHECKS: tuple[Check, ...] = (
    *ROWS,
    replace(
        ROWS[0], name="dilithium/audit-bounds", algorithm="Dilithium", clause="Dilithium 3.1 figure 4",
        explain=f"As for ML-DSA, whose signing loop Dilithium round 3.1 shares but for its framing: {ROWS[0].explain}",
        needs=tuple(frozenset({operation}) for operation in _OLD_SIGNERS), cases=campaign(_ROUND_3_1_COUNTS),
        script=partial(_bounds, operations=_OLD_SIGNERS),
    ),
)  # fmt: skip
"""The audits of ML-DSA, and that of Dilithium round 3.1."""
