"""Randomness checks: what an implementation draws must not repeat, count, or be shared between processes.

They see outputs only. They show repeats, counters, constants and low entropy; they cannot show that a generator is
good, and a certificate says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pqvalidate.adapters.interface import Call, Ok, Reply, Value
from pqvalidate.algorithms import parameter_set
from pqvalidate.evidence import Severity
from pqvalidate.oracle import mldsa, mlkem
from pqvalidate.suites import Asking, Asks, CaseResult, Check, Compute, Script
from pqvalidate.suites.expectations import PASS, expect_acceptance, failed
from pqvalidate.suites.tape import Tape

_DRAWS = {"quick": 0, "standard": 1_024, "full": 16_384}
_PROCESSES, _PER_PROCESS, _COPIES = 4, 4, 8
_FEWEST_DIFFERING_BITS = 60
"""Two random values of 32 bytes differ in fewer bits with probability below 2^-55."""
_DEVIATIONS = 7.5
"""A bit may be set as often as 7.5 standard deviations from one half; beyond has probability below 2^-43."""


@dataclass(frozen=True, slots=True)
class Draws:
    """A case: so many draws of one operation, looked at together."""

    id: str
    count: int
    flags: tuple[str, ...] = ()


def _one_case(asking: Asking) -> Sequence[Draws]:
    count = _DRAWS[asking.depth]
    return [Draws(f"draws/{count}", count)] if count else []


def _processes(asking: Asking) -> Sequence[Draws]:
    return [Draws(f"processes/{_PROCESSES}", _PER_PROCESS)] if asking.depth != "quick" else []


def _copies(asking: Asking) -> Sequence[Draws]:
    return [Draws("forked-copies/2", _COPIES)] if asking.depth != "quick" else []


def weakness(values: Sequence[bytes], what: str) -> str:
    """Return what gives 32-byte values away as not random, or the empty string.

    Looks for repeats, bits that are set too often or too seldom, neighbours that differ in few bits (counters, clocks),
    and equal halves. A good generator is accused with probability below 2^-30.
    """
    seen: dict[bytes, int] = {}
    for number, value in enumerate(values):
        if value in seen:
            return f"{what} of draw {number} is that of draw {seen[value]}"
        seen[value] = number
    for number, value in enumerate(values):
        if value[: len(value) // 2] == value[len(value) // 2 :]:
            return f"{what} of draw {number} has two equal halves"
    for number, (one, other) in enumerate(pairwise(values)):
        bits = (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
        if bits < _FEWEST_DIFFERING_BITS * len(one) // 32:
            return f"{what} of draws {number} and {number + 1} differ in {bits} bits only"
    return _unbalanced(values, what)


def _unbalanced(values: Sequence[bytes], what: str) -> str:
    count, allowed = len(values), _DEVIATIONS * len(values) ** 0.5 / 2
    if count < 64:
        return ""
    numbers = [int.from_bytes(value, "big") for value in values]
    for bit in range(8 * len(values[0])):
        ones = sum(number >> bit & 1 for number in numbers)
        if abs(ones - count / 2) > allowed:
            return f"bit {bit} of {what} is set in {ones} of {count} draws"
    return ""


def repeated(values: Sequence[bytes], what: str) -> str:
    """Return which two values are equal, or the empty string."""
    seen: dict[bytes, int] = {}
    for number, value in enumerate(values):
        if value in seen:
            return f"{what} of draw {number} is that of draw {seen[value]}"
        seen[value] = number
    return ""


def _outputs(replies: Sequence[Reply], *names: str) -> list[tuple[bytes, ...]] | CaseResult:
    """Return the named outputs of every reply, or the failure that the first other reply is."""
    found = []
    for reply in replies:
        if not isinstance(reply, Ok):
            return expect_acceptance(reply, {})
        found.append(tuple(_bytes(reply.values.get(name)) for name in names))
    return found


def _bytes(value: Value | None) -> bytes:
    return value if isinstance(value, bytes) else b""


def _verdict(why: str, data: Sequence[bytes] = ()) -> CaseResult:
    return failed(why, {}, {f"value {n}": v for n, v in enumerate(data)}) if why else PASS


def _keygen_kem(case: Draws, asking: Asking) -> Script:
    """Fresh decapsulation keys must not repeat; z, and d where it is visible, must look random and differ."""
    name, row = asking.parameter_set, parameter_set(asking.parameter_set)
    replies = yield [Call(operation="keygen", parameter_set=name, inputs={})] * case.count
    keys = _outputs(replies, "ek", "dk")
    if isinstance(keys, CaseResult):
        return keys
    public, private = [ek for ek, _ in keys], [dk for _, dk in keys]
    z = [dk[-32:] for dk in private]
    why = repeated(public, "the encapsulation key") or weakness(z, "z")
    if not why and len(private[0]) == row.seed:
        why = weakness([dk[:32] for dk in private], "d")
        why = why or next((f"d equals z in draw {n}" for n, dk in enumerate(private) if dk[:32] == dk[32:]), "")
    if not why:
        tried = z[:8]  # d is hidden in an expanded key: try whether it is z
        made = yield [Compute(mlkem.keygen, name, (value + value,)) for value in tried]
        why = next((f"d equals z in draw {n}" for n, (ek, _) in enumerate(made) if ek == public[n]), "")
    return _verdict(why, private[:2])


def _encapsulate(case: Draws, asking: Asking) -> Script:
    """Fresh encapsulations to one key must not repeat, and the drawn m, which our key recovers, must look random."""
    name, tape = asking.parameter_set, Tape(asking, "randomness", 0)
    ((ek, dk),) = yield [Compute(mlkem.keygen, name, (tape.read(64),))]
    replies = yield [Call(operation="encapsulate", parameter_set=name, inputs={"ek": ek})] * case.count
    made = _outputs(replies, "k", "c")
    if isinstance(made, CaseResult):
        return made
    if any(len(c) != parameter_set(name).output for _, c in made):
        return failed("a ciphertext has the wrong length", {"ek": ek}, {})
    messages = yield [Compute(mlkem.recover_messages, name, (dk, c)) for _, c in made]
    visible = "the hash of m" if parameter_set(name).algorithm == "Kyber" else "m"
    why = repeated([k for k, _ in made], "the shared secret") or weakness(messages, visible)
    return _verdict(why, messages[:2])


def _keygen_signature(case: Draws, asking: Asking) -> Script:
    """Fresh signing keys must not repeat; rho, K and visible seeds must look random and differ from each other."""
    name, row = asking.parameter_set, parameter_set(asking.parameter_set)
    replies = yield [Call(operation="keygen", parameter_set=name, inputs={})] * case.count
    keys = _outputs(replies, "pk", "sk")
    if isinstance(keys, CaseResult):
        return keys
    private = [sk for _, sk in keys]
    why = repeated([pk for pk, _ in keys], "the public key") or weakness([pk[:32] for pk, _ in keys], "rho")
    if not why and len(private[0]) == row.seed:
        why = weakness(private, "the seed")
    elif not why:
        why = weakness([sk[32:64] for sk in private], "K")
    return _verdict(why, private[:2])


def _sign(case: Draws, asking: Asking, operation: str = "sign", key: str = "sk") -> Script:
    """Hedged signatures of one message must not repeat; signing that is deterministic throughout is another check's."""
    name, tape = asking.parameter_set, Tape(asking, "randomness", 0)
    seed = tape.read(32)
    ((_, sk),) = yield [Compute(mldsa.keygen, name, (seed,))]
    inputs: dict[str, Value] = {key: sk if key == "sk" else seed, "message": b"the same message"}
    replies = yield [Call(operation=operation, parameter_set=name, inputs=inputs)] * case.count
    made = _outputs(replies, "signature")
    if isinstance(made, CaseResult):
        return made
    signatures = [signature for (signature,) in made]
    if len(set(signatures)) == 1:
        return PASS
    return _verdict(repeated(signatures, "the signature"), signatures[:1])


def _sign_seed(case: Draws, asking: Asking) -> Script:
    """The same, with the private key given as its seed."""
    return (yield from _sign(case, asking, "sign_from_seed", "seed"))


def _hedging(_case: Draws, asking: Asking, operation: str = "sign", key: str = "sk") -> Script:
    """Signing should be hedged: two signatures of one message differ. FIPS 204 permits the deterministic variant."""
    name, tape = asking.parameter_set, Tape(asking, "randomness", 0)
    seed = tape.read(32)
    ((_, sk),) = yield [Compute(mldsa.keygen, name, (seed,))]
    inputs: dict[str, Value] = {key: sk if key == "sk" else seed, "message": b"the same message"}
    replies = yield [Call(operation=operation, parameter_set=name, inputs=inputs)] * 2
    made = _outputs(replies, "signature")
    if isinstance(made, CaseResult):
        return made
    return _verdict("two signatures of one message are equal: signing is deterministic" if made[0] == made[1] else "")


def _hedging_seed(case: Draws, asking: Asking) -> Script:
    """The same, with the private key given as its seed."""
    return (yield from _hedging(case, asking, "sign_from_seed", "seed"))


def _drawing_calls(asking: Asking) -> Asks[list[Call]]:
    """Return (through the script) one call of each operation that draws randomness."""
    name, tape = asking.parameter_set, Tape(asking, "processes", 0)
    calls = [Call(operation="keygen", parameter_set=name, inputs={})] if "keygen" in asking.operations else []
    if "encapsulate" in asking.operations:
        ((ek, _),) = yield [Compute(mlkem.keygen, name, (tape.read(64),))]
        calls.append(Call(operation="encapsulate", parameter_set=name, inputs={"ek": ek}))
    return calls


def _fingerprints(replies: Sequence[Reply]) -> list[bytes]:
    """Return the first 64 bytes of every output of every reply that succeeded."""
    return [_bytes(v)[:64] for reply in replies if isinstance(reply, Ok) for v in reply.values.values()]


def _fresh_processes(case: Draws, asking: Asking) -> Script:
    """What fresh processes draw first must differ from process to process."""
    calls = yield from _drawing_calls(asking)
    seen: list[bytes] = []
    for _ in range(_PROCESSES):
        replies = yield [Call(operation="restart", parameter_set=asking.parameter_set, inputs={}), *calls * case.count]
        seen += _fingerprints(replies[1:])
    return _verdict(repeated(seen, "a value"), seen[:1])


def _forked(case: Draws, asking: Asking) -> Script:
    """Two forked copies of one process should not draw the same values, nor those of their parent.

    Neither standard speaks of fork, so a miss is advisory: a server that forks workers must then seed each one anew.
    """
    calls = yield from _drawing_calls(asking)
    # A C library may make no copies of its process but here. A generator that seeds itself at first use must have
    # done so before the fork.
    restart = Call(operation="restart", parameter_set=asking.parameter_set, inputs={})
    allow = Call(operation="restart", parameter_set=asking.parameter_set, inputs={"forks": True})
    _, *warm, reply, _ = yield [allow, *calls, together("fork", asking, calls * case.count), restart]
    if not isinstance(reply, Ok):
        return expect_acceptance(reply, {})
    copies = reply.values["replies"]
    seen = _fingerprints([*warm, *(r for copy in copies for r in copy)])
    return _verdict(repeated(seen, "a value"), seen[:1])


def _failing(_case: Draws, asking: Asking) -> Script:
    """When the kernel gives no randomness, two fresh processes must not come to the same keys; errors are right."""
    calls = yield from _drawing_calls(asking)
    seen: list[bytes] = []
    for _ in range(2):
        restart = Call(operation="restart", parameter_set=asking.parameter_set, inputs={})
        replies = yield [restart, together("no-randomness", asking, calls * 2), restart]
        if isinstance(replies[1], Ok):
            seen += _fingerprints(replies[1].values["replies"])
    return _verdict(repeated(seen, "without kernel randomness, a value"), seen[:1])


def together(how: str, asking: Asking, calls: Sequence[Call]) -> Call:
    """Return the call that makes ``calls`` together in the worker (see ``adapters.together``)."""
    return Call(operation="together", parameter_set=asking.parameter_set, inputs={"how": how, "calls": tuple(calls)})


def _check(
    name: str, clause: str, needs: str, script: Callable[[Draws, Asking], Script], effect: str,
    cases: Callable[[Asking], Sequence[Draws]] = _one_case, severity: Severity = "critical",
) -> Check:  # fmt: skip
    family = {"ml-kem": "ML-KEM", "ml-dsa": "ML-DSA", "kyber": "Kyber", "dilithium": "Dilithium"}[
        name.partition("/")[0]
    ]
    return Check(
        name=name, suite="randomness", algorithm=family, clause=clause, explain=(script.__doc__ or "").strip(),
        effect=effect, needs=tuple(frozenset(need.split("+")) for need in needs.split()), cases=cases, script=script,
        severity=severity,
    )  # fmt: skip


_PREDICTABLE = "Keys or secrets can be predicted or repeat, so others can compute them."


def _family(prefix: str, clause: str, keygen: Callable[[Draws, Asking], Script], kind: str) -> tuple[Check, ...]:
    draws = "keygen encapsulate" if kind == "kem" else "keygen"

    def needs(environment: str) -> str:
        return " ".join(f"{operation}+{environment}" for operation in draws.split())

    return (
        _check(f"{prefix}/random-keys", clause, "keygen", keygen, _PREDICTABLE),
        _check(f"{prefix}/random-processes", clause, needs("env:restart"), _fresh_processes, _PREDICTABLE, _processes),
        _check(f"{prefix}/random-forks", clause, needs("env:fork"), _forked, _PREDICTABLE, _copies, "advisory"),
        _check(f"{prefix}/random-failure", clause, needs("env:no-randomness"), _failing, _PREDICTABLE, _copies, "high"),
    )


CHECKS: tuple[Check, ...] = (
    *_family("ml-kem", "FIPS 203 §3.3", _keygen_kem, "kem"),
    _check("ml-kem/random-secrets", "FIPS 203 §3.3", "encapsulate", _encapsulate, _PREDICTABLE),
    *_family("ml-dsa", "FIPS 204 §3.6.1", _keygen_signature, "signature"),
    _check("ml-dsa/random-signatures", "FIPS 204 §3.6.1", "sign", _sign, _PREDICTABLE, severity="high"),
    _check("ml-dsa/random-signatures-seed", "FIPS 204 §3.6.1", "sign_from_seed", _sign_seed, _PREDICTABLE,
           severity="high"),
    _check("ml-dsa/hedging", "FIPS 204 §3.4", "sign", _hedging,
           "Faults and side channels are easier to exploit on deterministic signing.", severity="advisory"),
    _check("ml-dsa/hedging-seed", "FIPS 204 §3.4", "sign_from_seed", _hedging_seed,
           "Faults and side channels are easier to exploit on deterministic signing.", severity="advisory"),
    *_family("kyber", "Kyber 3.02 algorithm 7", _keygen_kem, "kem"),
    _check("kyber/random-secrets", "Kyber 3.02 algorithm 8", "encapsulate", _encapsulate, _PREDICTABLE),
    *_family("dilithium", "Dilithium 3.1 figure 4", _keygen_signature, "signature"),
)  # fmt: skip
