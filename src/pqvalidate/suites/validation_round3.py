"""Validation of the pre-standard sets: crafted inputs of Kyber round 3, rare paths of Dilithium round 3.1.

Kyber shares its encryption with ML-KEM, so that the crafted inputs are made in the same way; its secrets are
KDF(K̄‖H(c)) and, where a ciphertext is rejected, KDF(z‖H(c)). What ML-KEM and ML-DSA have among their known answers,
values that a search found, no published file has for these sets, and is asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pqvalidate.adapters.interface import Call, Ok, Reply, Value
from pqvalidate.oracle import crafting_kem as crafting
from pqvalidate.oracle import mldsa
from pqvalidate.oracle.rare_dilithium import RARE_KEYS, RARE_MESSAGES, candidate
from pqvalidate.suites import Asking, CaseResult, Check, Compute, Script, validation_kem_changes
from pqvalidate.suites.expectations import PASS, expect_acceptance, expect_answer, expect_values, failed
from pqvalidate.suites.validation_kem_cases import RARE, Crafted, call, drawn, honest
from pqvalidate.suites.validation_kem_ciphertexts import ROWS

_CLAUSES = {
    "rejection-regions": "algorithm 9", "rejection-silent": "algorithm 9", "rejection-foreign": "algorithm 9",
    "rejection-stable": "algorithm 9", "decrypt-boundaries": "algorithm 6", "decrypt-sweep": "algorithm 6",
    "encapsulate-extremes": "algorithm 5", "decapsulate-extremes": "algorithms 5 and 6",
}  # fmt: skip
KYBER_ROUND_3 = tuple(_CLAUSES)
"""The crafted checks of ML-KEM that hold for Kyber round 3 as well: those of rejection and arithmetic.

Round 3 demands no check of keys and lengths, and keeps no keys as seeds, so that those checks have no counterpart.
"""
_AS_ML_KEM = (
    "As for ML-KEM, whose encryption Kyber round 3 shares; but the secret is KDF(K̄‖H(c)), and on rejection KDF(z‖H(c))"
    " in place of J(z‖c). For ML-KEM the check says: "
)


def _kyber(check: Check) -> Check:
    name = check.name.removeprefix("ml-kem/")
    return replace(
        check, name=f"kyber/{name}", algorithm="Kyber", clause=f"Kyber 3.02 {_CLAUSES[name]}",
        explain=_AS_ML_KEM + check.explain,
    )  # fmt: skip


# --- secrets with zero bytes ------------------------------------------------------------------------------------------
def _zero_cases(asking: Asking) -> Sequence[Crafted]:
    kinds = ["accepted", *(["rejected"] if "decapsulate" in asking.operations else [])]
    return [Crafted(id=f"{kind}/{byte}-byte", flags=("ZeroByte",)) for kind in kinds for byte in ("first", "last")]


def _zero_script(case: Crafted, asking: Asking) -> Script:
    """Ask for a secret that begins or ends with a zero byte, of encapsulation and of decapsulation."""
    name, last = asking.parameter_set, case.id.endswith("last-byte")
    if case.id.startswith("rejected"):
        made = yield from honest(asking)
        c = validation_kem_changes.telling(name)["first-byte"](made)
        base = crafting.with_zero_rejection(made, c, last=last)
        asked = [("decapsulate", {"dk": base.dk, "c": c}, {"k": base.secret_for(c)})]
    else:
        (base,) = yield [Compute(crafting.zero_secret_exchanges, name, (drawn(asking, case.id), last))]
        asked = [
            ("encapsulate_derand", {"ek": base.ek, "m": base.m}, {"k": base.k, "c": base.c}),
            ("decapsulate", {"dk": base.dk, "c": base.c}, {"k": base.k}),
        ]
    asked = [one for one in asked if one[0] in asking.operations]
    replies = yield [call(asking, operation, **inputs) for operation, inputs, _ in asked]
    for reply, (_, inputs, expected) in zip(replies, asked, strict=True):
        result = expect_values(reply, inputs, expected)
        if result.outcome != "pass":
            return result
    return PASS


# --- rare keys and messages of Dilithium ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Rare:
    """A searched key seed, or a searched message under the key of seed 0; the event is the name."""

    id: str
    seed: bytes
    message: bytes
    flags: tuple[str, ...]


_Judge = Callable[[Reply], CaseResult]
_Asked = tuple[Call, _Judge]
_BY_SEED = {"sign_deterministic_from_seed": "sign_deterministic", "sign_from_seed": "sign"}
_SIGNERS = ("sign_deterministic", "sign", "sign_deterministic_from_seed", "sign_from_seed")


def _key_cases(asking: Asking) -> Sequence[Rare]:
    name = asking.parameter_set
    return [
        Rare(event, candidate(name, "key", number), b"rare key", (event,)) for event, number in RARE_KEYS[name].items()
    ]


def _message_cases(asking: Asking) -> Sequence[Rare]:
    name = asking.parameter_set
    return [
        Rare(event, candidate(name, "key", 0), candidate(name, "message", number), (event,))
        for event, number in RARE_MESSAGES[name].items()
    ]


def _rare_key(case: Rare, asking: Asking) -> Script:
    """Ask for everything that a searched key seed bears on: the key pair, a signature, and its verification."""
    name = asking.parameter_set
    ((pk, sk),) = yield [Compute(mldsa.keygen, name, (case.seed,))]
    (signature,) = yield [Compute(mldsa.sign_internal, name, (sk, case.message, bytes(32)))]
    asked: list[_Asked] = []
    if "keygen_from_seed" in asking.operations:
        asked.append(_exactly(asking, "keygen_from_seed", {"seed": case.seed}, {"pk": pk, "sk": sk}))
    if "verify" in asking.operations:
        inputs: dict[str, Value] = {"pk": pk, "message": case.message, "signature": signature}
        asked.append((call(asking, "verify", **inputs), lambda reply: expect_answer(reply, inputs, expected=True)))
    return (yield from _ask(asked, asking, case, (pk, sk, signature)))


def _rare_message(case: Rare, asking: Asking) -> Script:
    """Ask for the signature of a searched message; its bytes follow from the specification."""
    name = asking.parameter_set
    ((pk, sk),) = yield [Compute(mldsa.keygen, name, (case.seed,))]
    (signature,) = yield [Compute(mldsa.sign_internal, name, (sk, case.message, bytes(32)))]
    return (yield from _ask([], asking, case, (pk, sk, signature)))


def _exactly(asking: Asking, operation: str, inputs: dict[str, Value], expected: dict[str, bytes]) -> _Asked:
    return call(asking, operation, **inputs), lambda reply: expect_values(reply, inputs, expected)


def _ask(asked: list[_Asked], asking: Asking, case: Rare, known: tuple[bytes, bytes, bytes]) -> Script:
    """Make the calls, and those of every signer offered: exact where it draws nothing, else valid for the oracle."""
    pk, sk, signature = known
    drawing: list[Call] = []
    for operation in _SIGNERS:
        if operation not in asking.operations:
            continue
        key: dict[str, Value] = {"seed": case.seed} if operation in _BY_SEED else {"sk": sk}
        inputs: dict[str, Value] = {**key, "message": case.message}
        if "deterministic" in operation:
            asked.append(_exactly(asking, operation, inputs, {"signature": signature}))
        else:
            drawing.append(call(asking, operation, **inputs))
    replies = yield [*(one for one, _ in asked), *drawing]
    for reply, (_, judge) in zip(replies, asked, strict=False):
        result = judge(reply)
        if result.outcome != "pass":
            return result
    for one, reply in zip(drawing, replies[len(asked) :], strict=True):
        if not isinstance(reply, Ok):
            return expect_acceptance(reply, one.inputs)
        made = reply.values.get("signature")
        columns = pk, case.message, made if isinstance(made, bytes) else b""
        (good,) = yield [Compute(mldsa.verify_internal, asking.parameter_set, columns)]
        if not good:
            return failed("the signature does not verify", one.inputs, reply.values)
    return PASS


def _any_of(*operations: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset({operation}) for operation in operations)


_WRONG_SIGNATURES = "Signatures are refused elsewhere, and in rare cases can betray the private key."

CHECKS: tuple[Check, ...] = (
    *(_kyber(check) for check in ROWS if check.name.removeprefix("ml-kem/") in KYBER_ROUND_3),
    Check(
        name="kyber/secret-zeros", suite="validation", algorithm="Kyber", clause="Kyber 3.02 algorithms 8 and 9",
        explain="Secrets that begin or end with a zero byte must come out whole, accepted ones and rejected ones: "
        "messages and z are searched for that, since one secret in 256 is such. Code that passes secrets through big "
        "integers or strings strips such bytes, as old Diffie-Hellman code did (https://raccoon-attack.com). The "
        "published answers of Kyber hold too few secrets to show it. Not seen: zero bytes elsewhere.",
        effect=RARE, needs=_any_of("decapsulate", "encapsulate_derand"), cases=_zero_cases, script=_zero_script,
    ),
    Check(
        name="dilithium/rare-keys", suite="validation", algorithm="Dilithium", clause="Dilithium 3.1 section 5.3",
        explain="Keys whose matrix meets the candidate q, which must be refused, or q - 1, which must not; whose "
        "matrix reads into a stream as far as one key in 16,000 does; and whose secrets do. The key pair, a signature "
        "and its verification must be those of the specification. A buffer that is too short, or a bound that is off "
        "by one, shows once in thousands of drawn keys (C2SP CCTV has such keys for the standards alone, "
        "https://github.com/C2SP/CCTV). Not seen: keys that read further still.",
        effect=_WRONG_SIGNATURES, needs=_any_of("keygen_from_seed", "verify", *_SIGNERS), cases=_key_cases,
        script=_rare_key,
    ),
    Check(
        name="dilithium/rare-signatures", suite="validation", algorithm="Dilithium", clause="Dilithium 3.1 figure 4",
        explain="Messages whose signing meets a coefficient of z or r0 exactly on its bound, or one below it, where "
        "that alone decides whether the attempt is kept; and one that throws 33 attempts away or more, after which a "
        "loop with a limit has given up (https://github.com/C2SP/wycheproof/issues/193 tells of lenient bounds). "
        "Honest keys meet the last one once in thousands of signatures. Signatures must be those of the "
        "specification; where the signer draws randomness, it meets none of this, and its signature must verify.",
        effect=_WRONG_SIGNATURES, needs=_any_of(*_SIGNERS), cases=_message_cases, script=_rare_message,
    ),
)  # fmt: skip
