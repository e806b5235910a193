"""State checks: results kept while others are made, calls in threads, other buffer types, repeats in any order.

Every call here has a known answer; what is new is how the calls meet. A result must not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pqvalidate.adapters.interface import Call, Ok, Reply
from pqvalidate.algorithms import parameter_set
from pqvalidate.evidence import Severity
from pqvalidate.oracle import mldsa, mlkem
from pqvalidate.oracle.messages import message_prime
from pqvalidate.suites import Asking, Asks, CaseResult, Check, Compute, Script
from pqvalidate.suites.conversation import Ask, converse
from pqvalidate.suites.expectations import PASS, expect_answer, expect_values, failed
from pqvalidate.suites.tape import Tape

_KEYS = {"quick": 3, "standard": 8, "full": 8}
_CASES = {"quick": 1, "standard": 8, "full": 64}
_SEQUENCES = {"quick": 0, "standard": 25, "full": 200}
_LONGEST = 24


@dataclass(frozen=True, slots=True)
class Meeting:
    """A case: a number on the tape."""

    id: str
    number: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A call whose answer is known: exact outputs, or a yes or no."""

    call: Call
    expected: dict[str, bytes] | bool

    def judge(self, reply: Reply) -> CaseResult:
        """Compare a reply with what is known."""
        if isinstance(self.expected, bool):
            return expect_answer(reply, self.call.inputs, self.expected)
        return expect_values(reply, self.call.inputs, self.expected)


def _cases(asking: Asking) -> Sequence[Meeting]:
    return [Meeting(f"drawn/{number}", number) for number in range(_CASES[asking.depth])]


def _longer_cases(asking: Asking) -> Sequence[Meeting]:
    """Return the same cases; none at depth quick, where loading Hypothesis would take longest of all."""
    return _cases(asking) if _SEQUENCES[asking.depth] else []


def _known(case: Meeting, asking: Asking) -> Asks[list[Known]]:
    """Return (through the script) calls with known answers under several keys, the keys taking turns."""
    tape = Tape(asking, "state", case.number)
    kem = parameter_set(asking.parameter_set).kind == "kem"
    return (yield from (_known_kem if kem else _known_signature)(tape, asking))


def _known_kem(tape: Tape, asking: Asking) -> Asks[list[Known]]:
    name, operations = asking.parameter_set, asking.operations
    count = _KEYS[asking.depth]
    seeds, ms = [tape.read(64) for _ in range(count)], [tape.read(32) for _ in range(count)]
    keys = yield [Compute(mlkem.keygen, name, (seed,)) for seed in seeds]
    made = yield [Compute(mlkem.encapsulate, name, (ek, m)) for (ek, _), m in zip(keys, ms, strict=True)]
    bad = [bytes([c[0] ^ 1]) + c[1:] for _, c in made]
    rejected = yield [Compute(mlkem.decapsulate, name, (dk, c)) for (_, dk), c in zip(keys, bad, strict=True)]
    found: list[Known] = []
    for turn in range(count):
        (ek, dk), (k, c) = keys[turn], made[turn]
        offered: list[tuple[str, dict[str, bytes], dict[str, bytes]]] = [
            ("keygen_from_seed", {"seed": seeds[turn]}, {"ek": ek, "dk": dk}),
            ("encapsulate_derand", {"ek": ek, "m": ms[turn]}, {"k": k, "c": c}),
            ("decapsulate", {"dk": dk, "c": c}, {"k": k}),
            ("decapsulate", {"dk": dk, "c": bad[turn]}, {"k": rejected[turn]}),
            ("decapsulate_from_seed", {"seed": seeds[turn], "c": c}, {"k": k}),
            ("decapsulate_from_seed", {"seed": seeds[turn], "c": bad[turn]}, {"k": rejected[turn]}),
        ]
        found += [Known(Call(operation=o, parameter_set=name, inputs=i), e) for o, i, e in offered if o in operations]
    return found


def _known_signature(tape: Tape, asking: Asking) -> Asks[list[Known]]:
    name, operations = asking.parameter_set, asking.operations
    count = _KEYS[asking.depth]
    seeds, messages = [tape.read(32) for _ in range(count)], [tape.read(40) for _ in range(count)]
    keys = yield [Compute(mldsa.keygen, name, (seed,)) for seed in seeds]
    plain = parameter_set(name).algorithm == "Dilithium"
    framed = [message if plain else message_prime(message, b"") for message in messages]
    made = yield [
        Compute(mldsa.sign_internal, name, (sk, m, bytes(32))) for (_, sk), m in zip(keys, framed, strict=True)
    ]
    found: list[Known] = []
    for turn in range(count):
        (pk, sk), message, signature = keys[turn], messages[turn], made[turn]
        other = messages[turn - 1]
        offered: list[tuple[str, dict[str, bytes], dict[str, bytes] | bool]] = [
            ("keygen_from_seed", {"seed": seeds[turn]}, {"pk": pk, "sk": sk}),
            ("sign_deterministic", {"sk": sk, "message": message}, {"signature": signature}),
            ("sign_deterministic_from_seed", {"seed": seeds[turn], "message": message}, {"signature": signature}),
            ("verify", {"pk": pk, "message": message, "signature": signature}, True),
            ("verify", {"pk": pk, "message": other, "signature": signature}, False),
        ]
        found += [Known(Call(operation=o, parameter_set=name, inputs=i), e) for o, i, e in offered if o in operations]
    return found


def _kept(case: Meeting, asking: Asking) -> Script:
    """Results that are kept while further calls are made must stay what they were."""
    return (yield from _all_right(case, asking, "kept"))


def _threads(case: Meeting, asking: Asking) -> Script:
    """Calls made in four threads at once should give what they give alone; no standard demands it."""
    return (yield from _all_right(case, asking, "threads"))


def _all_right(case: Meeting, asking: Asking, how: str) -> Script:
    known = yield from _known(case, asking)
    inputs = {"how": how, "calls": tuple(one.call for one in known)}
    (reply,) = yield [Call(operation="together", parameter_set=asking.parameter_set, inputs=inputs)]
    if not isinstance(reply, Ok):
        return expect_values(reply, {}, {})
    for one, answer in zip(known, reply.values["replies"], strict=True):
        result = one.judge(answer)
        if result.outcome != "pass":
            return CaseResult(
                outcome="fail", why=f"{one.call.operation}, {how}: {result.why}", fault=result.fault, data=result.data
            )
    return PASS


def _order(case: Meeting, asking: Asking) -> Script:
    """The same calls in another order, and twice in a row, must give the same answers."""
    known = yield from _known(case, asking)
    turned = [*reversed(known), *(one for one in known for _ in range(2))]
    replies = yield [one.call for one in turned]
    for one, answer in zip(turned, replies, strict=True):
        result = one.judge(answer)
        if result.outcome != "pass":
            return CaseResult(
                outcome="fail", why=f"{one.call.operation}: {result.why}", fault=result.fault, data=result.data
            )
    return PASS


def _sequences(case: Meeting, asking: Asking) -> Script:
    """Any sequence of calls, some of them repeated, must give every call its own answer.

    Hypothesis draws the sequences, and shrinks one that fails to the shortest that still does; it is the witness.
    """
    known = yield from _known(case, asking)
    number = int.from_bytes(Tape(asking, "sequences", case.number).read(8), "little")
    return (yield from converse(lambda ask: _search(known, ask, number, _SEQUENCES[asking.depth])))


def _search(known: Sequence[Known], ask: Ask, number: int, examples: int) -> CaseResult:
    """Let Hypothesis look for a sequence that goes wrong, and return what its shortest one shows."""
    from hypothesis import HealthCheck, given, seed, settings  # noqa: PLC0415  (costs a quarter of a second)
    from hypothesis import strategies as st  # noqa: PLC0415

    last: list[CaseResult] = []

    @seed(number)
    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.integers(0, len(known) - 1), min_size=1, max_size=_LONGEST))
    def every_call_gets_its_own_answer(order: list[int]) -> None:
        for at, (one, reply) in enumerate(zip(order, ask([known[index].call for index in order]), strict=True)):
            result = known[one].judge(reply)
            if result.outcome != "pass":
                steps = " ; ".join(f"{known[index].call.operation} #{index}" for index in order[: at + 1])
                data = {**result.data, "sequence": steps}
                why = f"in a sequence: {result.why}"
                last[:] = [CaseResult(outcome="fail", why=why, fault=result.fault, data=data)]
                raise _WrongAnswerError

    try:
        every_call_gets_its_own_answer()
    except _WrongAnswerError:
        return last[0]
    return PASS


class _WrongAnswerError(Exception):
    """A sequence went wrong; Hypothesis shrinks what raises it."""


def _buffers(case: Meeting, asking: Asking) -> Script:
    """Inputs given as bytearray or memoryview must be refused or give the right answer, never a wrong one."""
    known = yield from _known(case, asking)
    for how in ("bytearray", "memoryview"):
        inputs = {"how": how, "calls": tuple(one.call for one in known)}
        (reply,) = yield [Call(operation="together", parameter_set=asking.parameter_set, inputs=inputs)]
        if not isinstance(reply, Ok):
            return expect_values(reply, {}, {})
        for one, answer in zip(known, reply.values["replies"], strict=True):
            if isinstance(answer, Ok) and one.judge(answer).outcome != "pass":
                return failed(f"{one.call.operation} of a {how}: a wrong answer", one.call.inputs, answer.values)
    return PASS


_RETURNS = {
    "kem": "keygen_from_seed encapsulate_derand decapsulate decapsulate_from_seed",
    "signature": "keygen_from_seed sign_deterministic sign_deterministic_from_seed",
}
"""Operations that return values, which a later call could overwrite."""
_REMEMBERS = {"kem": "decapsulate decapsulate_from_seed", "signature": "verify"}
"""Operations that are asked with a good and a changed input, so that a remembered answer shows."""


def _check(
    name: str, family: str, clause: str, needs: str, script: Callable[[Meeting, Asking], Script], effect: str, *,
    environment: str = "", severity: Severity = "high", cases: Callable[[Asking], Sequence[Meeting]] = _cases,
) -> Check:  # fmt: skip
    extra = {environment} if environment else set()
    return Check(
        name=name,
        suite="state",
        algorithm=family,
        clause=clause,
        explain=(script.__doc__ or "").strip(),
        effect=effect,
        needs=tuple(frozenset({operation, *extra}) for operation in needs.split()),
        cases=cases,
        script=script,
        severity=severity,
    )


_MIXED = (
    "An answer is wrong, or depends on other calls: results may get mixed, and a key or secret of one user reach"
    " another."
)
_WRONG = "A wrong result is returned without a word."


def _family(prefix: str, family: str, clause: str, kind: str) -> tuple[Check, ...]:
    remembers, returns = _REMEMBERS[kind], _RETURNS[kind]
    return (
        _check(f"{prefix}/order", family, clause, remembers, _order, _MIXED),
        _check(f"{prefix}/sequences", family, clause, remembers, _sequences, _MIXED, cases=_longer_cases),
        _check(f"{prefix}/kept-results", family, clause, returns, _kept, _MIXED, environment="env:kept"),
        _check(f"{prefix}/buffers", family, clause, remembers, _buffers, _WRONG, environment="env:memoryview"),
        _check(f"{prefix}/threads", family, clause, f"{remembers} {returns}", _threads, _MIXED,
               environment="env:threads", severity="advisory"),
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (
    *_family("ml-kem", "ML-KEM", "FIPS 203 §6", "kem"),
    *_family("ml-dsa", "ML-DSA", "FIPS 204 §6", "signature"),
    *_family("kyber", "Kyber", "Kyber 3.02 algorithms 7-9", "kem"),
    *_family("dilithium", "Dilithium", "Dilithium 3.1 figure 4", "signature"),
)
