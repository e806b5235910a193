"""Inputs of a wrong length: verification and signing must refuse them, whatever is in the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pqvalidate.adapters.interface import SIGNATURE_OPERATIONS, Call, Value
from pqvalidate.algorithms import ML_DSA, parameter_set
from pqvalidate.oracle.crafting_dsa import Body
from pqvalidate.oracle.dsa_steps import hash_h
from pqvalidate.suites import Asking, Check, Script
from pqvalidate.suites.expectations import PASS, expect_acceptance, expect_refusal
from pqvalidate.suites.validation_dsa_asking import (
    CRITICAL,
    PREHASH,
    Question,
    Target,
    ask,
    check,
    draw,
    key_pair,
    message_mu,
    no_hashes,
    numbers,
    offered_hashes,
    open_key,
    plain_body,
    surfaces,
    targets,
)

_MALFORMED = "Malformed input is processed as if it were good."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """An input that takes ``value``, of a wrong length, under one operation."""

    id: str
    operation: str
    name: str
    value: bytes
    flags: tuple[str, ...] = ()
    expect: bool = False
    first: bool = False


def _misfits(asking: Asking, right: bytes, others: Sequence[int]) -> dict[str, bytes]:
    """Return values of wrong lengths: cut, doubled, lengthened by zeros and by drawn bytes, and of other sizes."""
    size, more = len(right), draw(asking, "more", 8192)
    values = {
        "empty": b"", "one": right[:1], "half": right[: size // 2], "less-1": right[:-1], "less-8": right[:-8],
        "more-zero": right + b"\0", "more-drawn": right + more[:1], "more-8": right + bytes(8), "twice": right + right,
        "more-4096": right + more[:4096], "zero-before": b"\0" + right, "without-first": right[1:],
    }  # fmt: skip
    for other in others:
        values[f"size-{other}"] = (right + more)[:other]
    return {what: value for what, value in values.items() if len(value) != size}


def _sizes(asking: Asking, field: str) -> list[int]:
    own = getattr(parameter_set(asking.parameter_set), field)
    return sorted({size for name in ML_DSA if (size := getattr(parameter_set(name), field)) != own})


# --- verification ---------------------------------------------------------------------------------------------------
def _verify_cases(asking: Asking) -> Sequence[Wrong]:
    return list(_wrong_for_verification(asking, surfaces(asking)))


def _prehash_cases(asking: Asking) -> Sequence[Wrong]:
    return list(_wrong_for_verification(asking, (PREHASH,) if offered_hashes(asking) else ()))


def _wrong_for_verification(asking: Asking, operations: Sequence[str]) -> Iterator[Wrong]:
    pk = open_key(asking.parameter_set, draw(asking, "lengths", 32))
    for surface in operations:
        (asked,) = targets(asking, [surface], pk, b"lengths")
        signature = _body(asking).signed(asked.mu)
        wrong = {
            "pk": _misfits(asking, pk, _sizes(asking, "public_key")),
            "signature": _misfits(asking, signature, _sizes(asking, "output")) | _hollow(asking, signature),
        }
        if surface == "verify_mu":
            wrong["mu"] = _misfits(asking, asked.mu, (32, 48, 56))
        for name, values in wrong.items():
            for what, value in values.items():
                first = what == "empty" and surface != PREHASH
                yield Wrong(
                    id=f"{surface}/{name}/{what}", operation=surface, name=name, value=value, flags=(name,), first=first
                )


def _hollow(asking: Asking, signature: bytes) -> dict[str, bytes]:
    """Return signatures without content: of zeros or ones, without hints, of c~ alone."""
    p, size = numbers(asking), len(signature)
    return {
        "all-zero": bytes(size), "all-ones": b"\xff" * size, "no-hints": signature[: -p.omega - p.k],
        "no-counts": signature[: -p.k], "challenge-alone": signature[: p.challenge], "zeros-short": bytes(size - 1),
    }  # fmt: skip


def _body(asking: Asking) -> Body:
    return plain_body(asking.parameter_set, draw(asking, "lengths", 32))


def _verify_script(case: Wrong, asking: Asking) -> Script:
    """Ask with one input of a wrong length that fits what sloppy code does; first cases ask for the valid one, too."""
    name, rho = asking.parameter_set, draw(asking, "lengths", 32)
    pk, body = open_key(name, rho), plain_body(name, rho)
    (asked,) = targets(asking, [case.operation], pk, b"lengths")
    questions = [Question(target=asked, signature=body.signed(asked.mu), expect=True)] if case.first else []
    if case.name == "signature":
        questions.append(Question(target=asked, signature=case.value, expect=False, what="signature length or content"))
    elif case.name == "mu":
        inputs = {"mu": case.value}
        bad = Target(surface=case.operation, pk=pk, m_prime=b"", inputs=inputs)
        questions += [
            Question(target=bad, signature=body.signed(mu), expect=False, what="length of mu")
            for mu in (case.value, case.value[:64].ljust(64, b"\0"), asked.mu)
        ]
    else:
        for hashed in (pk, case.value):  # tr of the key as it should be, and as it came
            mu = asked.mu if case.operation == "verify_mu" else message_mu(hashed, asked.m_prime, asked.tr)
            bad = replace(asked, pk=case.value)
            questions.append(Question(target=bad, signature=body.signed(mu), expect=False, what="length of pk"))
    return (yield from ask(name, questions))


# --- signing --------------------------------------------------------------------------------------------------------
SIGNING = tuple(name for name in SIGNATURE_OPERATIONS if name.startswith("sign"))


def signing_inputs(asking: Asking, operation: str, **given: Value) -> dict[str, Value]:
    """Return acceptable inputs for an operation that signs, with some of them given."""
    pk, sk = key_pair(asking.parameter_set, draw(asking, "signing", 32))
    hashes = offered_hashes(asking)
    usual: Mapping[str, Value] = {
        "sk": sk, "seed": draw(asking, "signing", 32), "message": b"lengths", "m_prime": b"\0\0lengths",
        "mu": hash_h(hash_h(pk) + b"\0\0lengths"), "rnd": bytes(32), "hash": hashes[0] if hashes else "SHA2-512",
    }  # fmt: skip
    shape = SIGNATURE_OPERATIONS[operation]
    inputs = {name: usual[name] for name in shape.inputs if name not in shape.optional}
    return {**inputs, **given}


def offered_signing(asking: Asking, *among: str) -> list[str]:
    """Return the signing operations offered; those with a pre-hash only if a hash function is known."""
    hashed = bool(offered_hashes(asking))
    return [
        op for op in (among or SIGNING)
        if op in asking.operations and (hashed or not op.startswith("sign_prehash"))
    ]  # fmt: skip


def _sign_cases(asking: Asking) -> Sequence[Wrong]:
    return list(_wrong_for_signing(asking))


def _wrong_for_signing(asking: Asking) -> Iterator[Wrong]:
    for operation in offered_signing(asking):
        inputs = signing_inputs(asking, operation)
        for name in [n for n in ("sk", "seed", "mu") if n in inputs]:
            others = {"sk": _sizes(asking, "private_key"), "seed": [64], "mu": [32, 48]}[name]
            for what, value in _misfits(asking, bytes(inputs[name]), others).items():  # type: ignore[arg-type]
                yield _wrong(operation, name, what, value)
    if "keygen_from_seed" in asking.operations:
        for what, value in _misfits(asking, draw(asking, "signing", 32), [64]).items():
            yield _wrong("keygen_from_seed", "seed", what, value)


def _wrong(operation: str, name: str, what: str, value: bytes) -> Wrong:
    first = what in ("empty", "256")
    return Wrong(
        id=f"{operation}/{name}/{what}", operation=operation, name=name, value=value, flags=(name,), first=first
    )


def _rnd_cases(asking: Asking) -> Sequence[Wrong]:
    """Return wrong lengths of rnd for every operation that takes it."""
    takes = [
        op for op in offered_signing(asking)
        if "rnd" in SIGNATURE_OPERATIONS[op].inputs
        and ("rnd" not in SIGNATURE_OPERATIONS[op].optional or f"{op}.rnd" in asking.operations)
    ]  # fmt: skip
    values = _misfits(asking, draw(asking, "rnd", 32), [64])
    return [_wrong(op, "rnd", what, value) for op in takes for what, value in values.items()]


def _context_cases(asking: Asking) -> Sequence[Wrong]:
    """Return contexts over 255 bytes for every operation that takes one."""
    takes = [op for op in offered_signing(asking) if f"{op}.context" in asking.operations]
    return [
        _wrong(op, "context", str(size), draw(asking, f"context {size}", size))
        for op in takes
        for size in (256, 257, 511, 512, 1000, 65_536)
    ]


def _sign_script(case: Wrong, asking: Asking) -> Script:
    """Sign with one input of a wrong length, which must be refused; the first case signs with the usual inputs, too."""
    name = asking.parameter_set
    if case.operation == "keygen_from_seed":
        good: dict[str, Value] = {"seed": draw(asking, "signing", 32)}
    else:
        good = signing_inputs(asking, case.operation)
    bad = {**good, case.name: case.value}
    asked = [good, bad] if case.first else [bad]
    replies = yield [Call(operation=case.operation, parameter_set=name, inputs=inputs) for inputs in asked]
    accepted = expect_acceptance(replies[0], good) if case.first else PASS
    return expect_refusal(replies[-1], bad) if accepted is PASS else accepted


def _needs(*parts: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset({op, *(f"{op}{part}" for part in parts)}) for op in SIGNING)


_TAKES_RND = tuple(
    frozenset({op} if "rnd" not in shape.optional else {op, f"{op}.rnd"})
    for op, shape in SIGNATURE_OPERATIONS.items()
    if "rnd" in shape.inputs
)

CHECKS: tuple[Check, ...] = (
    check("verify-input-lengths", "FIPS 204 §3.6.2", _verify_cases, _verify_script,
          "A public key, signature or mu that is too short or too long must not verify: cut, padded, doubled, empty, "
          "of another parameter set. Trailing bytes make signatures malleable (NIST ACVP-Server #477); the empty "
          "signature has passed for valid. The signatures fit what code would compute that pads, cuts or ignores the "
          "rest.", CRITICAL),
    check("prehash-input-lengths", "FIPS 204 §3.6.2", _prehash_cases, _verify_script,
          "The same for HashML-DSA.", CRITICAL, needs=(frozenset({PREHASH}),), gaps=no_hashes),
    check("sign-input-lengths", "FIPS 204 §3.6.2", _sign_cases, _sign_script,
          "A private key, seed or mu of the wrong length must be refused by every operation that signs, and by key "
          "generation: padding a short key with zeros signs with a key that nobody chose (seen: liboqs-python; for "
          "mu, AWS-LC #2841).", _MALFORMED, severity="medium", needs=_needs()),
    check("sign-context-limit", "FIPS 204 §5.2, algorithm 2 line 1", _context_cases, _sign_script,
          "Every operation that signs must refuse a context of more than 255 bytes: its length has one byte, so 256 "
          "would read as 0.", "The context that is signed is not the one that was given.", severity="medium",
          needs=_needs(".context")),
    check("rnd-length", "FIPS 204 §6.2, algorithm 7", _rnd_cases, _sign_script,
          "Where rnd is taken from the caller it should be refused unless it has 32 bytes. The standard gives the "
          "length and demands no check, and rnd is offered for testing.",
          _MALFORMED, severity="advisory", needs=_TAKES_RND),
)  # fmt: skip
