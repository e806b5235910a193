"""What a signature is bound to: every byte of c~, the message, the context, the interface and the hash function.

Cases ask for what is valid and for its altered twins together, so that a refusal of everything does not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TypeVar

from pqvalidate.suites import Asking, Check, Script
from pqvalidate.suites.validation_dsa_asking import (
    CRITICAL,
    PREHASH,
    Question,
    Target,
    ask,
    check,
    draw,
    no_hashes,
    numbers,
    offered_hashes,
    open_key,
    plain_body,
    rotated,
    surfaces,
    target,
    targets,
)

_KILO, _WRAP, _MEGA = 1 << 10, 1 << 16, 1 << 20
_VALID_EVERY = 8
T = TypeVar("T")
_OID = bytes.fromhex("06096086480165030402")


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """A valid signature and altered questions about it, made when the case is asked."""

    id: str
    number: int
    questions: Callable[[Asking, Twins], list[Question]] = field(compare=False)
    flags: tuple[str, ...] = ()
    expect: bool = False


def twins_script(case: Twins, asking: Asking) -> Script:
    """Ask the valid question and its altered twins in order."""
    return (yield from ask(asking.parameter_set, case.questions(asking, case)))


def make_twins(what: str, made: Iterator[tuple[str, Callable[[Asking, Twins], list[Question]]]]) -> list[Twins]:
    """Return the cases of a check, numbered in the order made."""
    return [Twins(id=f"{what}/{name}", number=n, questions=make, flags=(what,)) for n, (name, make) in enumerate(made)]


def bound_key(asking: Asking) -> bytes:
    """Return the public key under which the signatures of these checks are made."""
    return open_key(asking.parameter_set, draw(asking, "binding", 32))


def signature_for(asking: Asking, asked: Target) -> bytes:
    """Return the valid signature of what ``asked`` says is signed."""
    return plain_body(asking.parameter_set, draw(asking, "binding", 32)).signed(asked.mu)


def valid_question(asking: Asking, asked: Target) -> Question:
    """Return the question about a valid signature."""
    return Question(target=asked, signature=signature_for(asking, asked), expect=True)


def altered_question(asking: Asking, asked: Target, what: str) -> Question:
    """Return the question about a signature of ``m_prime`` that is asked for another message."""
    return Question(target=asked, signature=signature_for(asking, asked), expect=False, what=what)


# --- every byte of c~ -----------------------------------------------------------------------------------------------
def _challenge_cases(asking: Asking) -> Sequence[Twins]:
    return make_twins("challenge", _challenges(asking, numbers(asking).challenge))


def _challenges(asking: Asking, size: int) -> Iterator[tuple[str, Callable[[Asking, Twins], list[Question]]]]:
    """Yield differences of c~: each byte, by one bit and by all; pairs that cancel when differences are folded."""
    for i in range(0, size - 1, 5):
        yield f"pair/{i}", _altered({i: 0x55, size - 1 - i: 0x55})
    yield "all-but-the-first-eight", _altered(dict.fromkeys(range(8, size), 255))
    yield "second-half", _altered(dict.fromkeys(range(size // 2, size), 255))
    yield "all", _altered(dict.fromkeys(range(size), 255))
    yield "rotated", _altered({}, turn=1)
    yield "behind-a-zero", _altered(dict.fromkeys(range(1, size), 255), first=0)

    for i in reversed(range(size)):
        for mask in (1 << i % 8,) if asking.depth == "quick" else (1 << i % 8, 255):
            yield f"byte/{i}/{mask}", _altered({i: mask})


def _altered(
    masks: dict[int, int], *, turn: int = 0, first: int | None = None
) -> Callable[[Asking, Twins], list[Question]]:
    """Return the questions whether c~ with these bytes changed is refused; ``first`` asks for a c~ that begins so."""

    def questions(asking: Asking, case: Twins) -> list[Question]:
        size = numbers(asking).challenge
        found: list[Question] = []
        for surface in rotated(asking, case.number):
            good = _beginning(asking, surface, case.id, first)
            c = bytes(byte ^ masks.get(i, 0) for i, byte in enumerate(good.signature[:size]))
            bad = c[turn:] + c[:turn] + good.signature[size:]
            found += [good] if case.number % _VALID_EVERY == 0 else []
            found.append(Question(target=good.target, signature=bad, expect=False, what="c~ changed"))
        return found

    return questions


def _beginning(asking: Asking, surface: str, label: str, first: int | None) -> Question:
    """Return a valid question, with the first byte of c~ as wanted (one message in 256 gives it)."""
    drawn = (draw(asking, f"{label} {attempt}", 24) for attempt in count())
    asked = (targets(asking, [surface], bound_key(asking), message)[0] for message in drawn)
    questions = (valid_question(asking, one) for one in asked)
    return next(question for question in questions if first is None or question.signature[0] == first)


def _edge_bytes(asking: Asking) -> Sequence[Twins]:
    """Return valid signatures that begin with zero bytes or with 255, as big-integer code would shorten or misread."""

    def beginning(first: int) -> Callable[[Asking, Twins], list[Question]]:
        return lambda asking, case: [_beginning(asking, s, case.id, first) for s in surfaces(asking)]

    rounds = {"quick": 1, "standard": 4, "full": 16}[asking.depth]
    return make_twins("first-byte", ((f"{first}/{n}", beginning(first)) for first in (0, 255) for n in range(rounds)))


# --- the message ----------------------------------------------------------------------------------------------------
def _message_cases(asking: Asking) -> Sequence[Twins]:
    return make_twins("message", _messages(asking))


def _messages(asking: Asking) -> Iterator[tuple[str, Callable[[Asking, Twins], list[Question]]]]:
    """Yield messages and what each must not be taken for."""
    named = {
        "empty": (b"", [b"\0", b"\0\0", b"a"]), "zero": (b"\0", [b"", b"\0\0", b"0"]),
        "one": (b"a", [b"", b"b", b"a\0"]),
        "inner-zero": (b"a\0b", [b"a\0c", b"a", b"a\0"]), "first-zero": (b"\0ab", [b"ab", b"\0ac", b""]),
        "last-zero": (b"ab\0", [b"ab", b"ab\0\0"]), "newline": (b"ab\r\n", [b"ab\n", b"ab"]),
        "blank": (b" ab ", [b"ab"]),
        "high": (b"\xff\xfe\x80", [b"\xff\xfe\x81", b"?"]), "case": (b"ab", [b"AB", b"6162"]),
        "hex": (b"6162", [b"ab"]),
    }  # fmt: skip
    for name, (message, others) in named.items():
        yield name, _told_apart(partial(_same, message), partial(_same, others))
    lengths = {
        "quick": (64, 136, 255, 256, 257),
        "standard": (*range(60, 76), *range(130, 140), *range(198, 210), 255, 256, 257),
        "full": range(1, 560),
    }[asking.depth]  # fmt: skip
    for length in (_WRAP - 1, _WRAP, _WRAP + 1, _WRAP + 5, 2 * _WRAP):
        yield f"length/{length}", _of_length(length)
    for length in (*lengths, _KILO, 4 * _KILO):
        yield f"length/{length}", _of_length(length)
    if asking.depth != "quick":
        yield f"length/{10 * _MEGA}", _of_length(10 * _MEGA)


def _same(value: T, _other: object) -> T:
    return value


def _told_apart(
    message: Callable[[Asking], bytes], others: Callable[[bytes], Sequence[bytes]]
) -> Callable[[Asking, Twins], list[Question]]:
    def questions(asking: Asking, case: Twins) -> list[Question]:
        found = list[Question]()
        text = message(asking)
        large = len(text) > _MEGA
        for surface in rotated(asking, case.number)[: 1 if large else 2]:
            (good,) = targets(asking, [surface], bound_key(asking), text, case.number)
            signature = signature_for(asking, good)
            if not large:  # whether very long messages are accepted is asked apart
                found.append(Question(target=good, signature=signature, expect=True))
            for other in others(text):
                (asked,) = targets(asking, [surface], bound_key(asking), other, case.number)
                found.append(Question(target=asked, signature=signature, expect=False, what="another message"))
        return found

    return questions


def _of_length(length: int) -> Callable[[Asking, Twins], list[Question]]:
    """Return questions about a message of ``length`` bytes: single bytes, its ends, its length modulo 2^8 or 2^16."""

    def others(message: bytes) -> list[bytes]:
        middle = length // 2
        few = [message[:-1] + bytes([message[-1] ^ 1]), bytes([message[0] ^ 128]) + message[1:]]
        if length > _MEGA:
            return few[:1]
        few += [message[:middle] + bytes([message[middle] ^ 16]) + message[middle + 1 :], message[:-1], message + b"\0"]
        return few + (
            [message[: length % _WRAP]] if length >= _WRAP else [message[: length % 256]] if length > 255 else []
        )

    return _told_apart(lambda asking: draw(asking, f"long {length}", length), others)


def _large_cases(asking: Asking) -> Sequence[Twins]:
    """Return one valid signature of a message of 10 MiB."""
    if asking.depth == "quick":
        return []

    def questions(asking: Asking, case: Twins) -> list[Question]:
        text = draw(asking, case.id, 10 * _MEGA)
        return [
            valid_question(asking, asked) for asked in targets(asking, surfaces(asking)[:1], bound_key(asking), text)
        ]

    return make_twins("large", iter([(f"{10 * _MEGA}", questions)]))


# --- the context ----------------------------------------------------------------------------------------------------
_CONTEXTS = (0, 1, 2, 3, 8, 127, 128, 129, 253, 254, 255)


def _context_cases(surface: str) -> Callable[[Asking], Sequence[Twins]]:
    def questions(length: int) -> Callable[[Asking, Twins], list[Question]]:
        return lambda asking, case: list(_context_questions(asking, case, surface, length))

    def lengths(asking: Asking) -> Sequence[int]:
        return (0, 1, 254, 255) if asking.depth == "quick" else _CONTEXTS

    return lambda asking: [
        twins
        for twins in make_twins("context", ((str(length), questions(length)) for length in lengths(asking)))
        if surface != PREHASH or offered_hashes(asking)
    ]


def _context_questions(asking: Asking, case: Twins, surface: str, length: int) -> Iterator[Question]:
    context, message, pk = draw(asking, case.id, length), draw(asking, f"{case.id} m", 40), bound_key(asking)
    hashes = offered_hashes(asking)
    hash_name = hashes[case.number % len(hashes)] if hashes else ""

    def asked(text: bytes, under: bytes, signed: bytes | None = None) -> Target:
        return target(surface, pk, text, context=under, hash_name=hash_name, signed=signed)

    good = asked(message, context)
    signature = signature_for(asking, good)
    yield Question(target=good, signature=signature, expect=True)
    others = {"another context": b"\0" * length if length else b"\0", "no context": b""}
    if length:
        others |= {
            "last byte changed": context[:-1] + bytes([context[-1] ^ 1]), "one byte less": context[:-1],
            "first byte changed": bytes([context[0] ^ 128]) + context[1:], "first byte dropped": context[1:],
        }  # fmt: skip
    if length < 255:
        others["a zero byte more"] = context + b"\0"
    for what, other in others.items():
        if other != context:
            yield Question(target=asked(message, other), signature=signature, expect=False, what=what)
    if length:
        moved = asked(context[-1:] + message, context[:-1])
        yield Question(target=moved, signature=signature, expect=False, what="a byte moved from context to message")
        content = good.m_prime[2 + length :]
        framings = {
            "length byte 0": bytes([good.m_prime[0], 0]) + context + content,
            "no length byte": good.m_prime[:1] + context + content,
            "two length bytes": good.m_prime[:1] + length.to_bytes(2, "big") + context + content,
            "context behind the message": good.m_prime[:2] + content + context,
            "signed without context": bytes([good.m_prime[0], 0]) + content,
        }
        for what, framed in framings.items():
            yield altered_question(asking, asked(message, context, framed), what)
    if length < 255:
        moved = asked(message[1:], context + message[:1])
        yield Question(target=moved, signature=signature, expect=False, what="a byte moved from message to context")


def _limit_cases(surface: str) -> Callable[[Asking], Sequence[Twins]]:
    lengths = (256, 257, 300, 511, 512, 65_536, 65_540)
    return lambda asking: [
        twins
        for twins in make_twins("too-long", ((str(length), _too_long(surface, length)) for length in lengths))
        if surface != PREHASH or offered_hashes(asking)
    ]


def _too_long(surface: str, length: int) -> Callable[[Asking, Twins], list[Question]]:
    """Return signatures as code would check them that keeps the length in a byte, cuts the context or hashes it."""

    def questions(asking: Asking, case: Twins) -> list[Question]:
        found: list[Question] = []
        context, message = draw(asking, case.id, length), draw(asking, f"{case.id} m", 20)
        hash_name = (offered_hashes(asking) or ("",))[0]
        plain = target(surface, bound_key(asking), message, hash_name=hash_name)
        head, content = plain.m_prime[:1], plain.m_prime[2:]
        signed = {
            "length modulo 256, context whole": head + bytes([length % 256]) + context + content,
            "length modulo 256, context cut": head + bytes([length % 256]) + context[: length % 256] + content,
            "cut to 255 bytes": head + b"\xff" + context[:255] + content,
            "length as 255": head + b"\xff" + context + content,
            "left out": head + b"\0" + content,
        }
        for what, m_prime in signed.items():
            inputs = {**plain.inputs, "context": context}
            asked = Target(surface=surface, pk=plain.pk, m_prime=m_prime, inputs=inputs)
            found.append(altered_question(asking, asked, f"context of {length} bytes: {what}"))
        return found

    return questions


CHECKS: tuple[Check, ...] = (
    check("challenge-bytes", "FIPS 204 §6.3, algorithm 8 line 13", _challenge_cases, twins_script,
          "A change of any byte of c~ must be noticed, one byte, two equal changes, all but the first eight bytes, "
          "everything behind a zero byte. Comparisons that stop early or fold differences let forgeries through (C2SP "
          "Wycheproof #244). Under keys with t1 = 0 nothing but the comparison can notice.", CRITICAL),
    check("challenge-first-byte", "FIPS 204 §7.1, algorithm 26", _edge_bytes, twins_script,
          "Valid signatures that begin with a zero byte, or with 255, must be accepted: code that keeps c~ as a big "
          "integer shortens one signature in 256.", "One good signature in 256 is refused.", severity="high"),
    check("message-binding", "FIPS 204 §5.3, algorithm 3 line 5", _message_cases, twins_script,
          "A signature holds for its message to the byte: empty ones, zero bytes at the start, inside and at the end, "
          "lengths around the blocks of SHAKE256, at 65,535 to 65,541 and at 10 MiB. C strings, 16-bit lengths and "
          "remembered signatures show. Lengths of gigabytes are not asked.", CRITICAL),
    check("large-message", "FIPS 204 §5.3, algorithm 3", _large_cases, twins_script,
          "A valid signature of a message of 10 MiB should be accepted. The standard sets no limit, but a library may "
          "document one.", "Long messages cannot be verified.", severity="advisory"),
    check("context-binding", "FIPS 204 §5.3, algorithm 3 line 5", _context_cases("verify"), twins_script,
          "A signature holds for its context to the byte, at 0 to 255 bytes: changed, shortened, lengthened, moved "
          "across the border to the message, or framed otherwise it must be refused. The context keeps protocols "
          "apart.",
          CRITICAL, needs=(frozenset({"verify", "verify.context"}),)),
    check("prehash-context", "FIPS 204 §5.4.1, algorithm 5", _context_cases(PREHASH), twins_script,
          "The same for HashML-DSA: its signatures hold for their context to the byte.", CRITICAL,
          needs=(frozenset({PREHASH, f"{PREHASH}.context"}),), gaps=no_hashes),
    check("context-limit", "FIPS 204 §5.3, algorithm 3 line 1", _limit_cases("verify"), twins_script,
          "A context of more than 255 bytes must be refused by the verifier, too, whatever its length modulo 256: "
          "here the signatures fit what code without the check would compute.", CRITICAL, severity="high",
          needs=(frozenset({"verify", "verify.context"}),), varies_length="context"),
    check("prehash-context-limit", "FIPS 204 §5.4.1, algorithm 5 line 1", _limit_cases(PREHASH), twins_script,
          "The same for HashML-DSA: contexts of more than 255 bytes must be refused.", CRITICAL, severity="high",
          needs=(frozenset({PREHASH, f"{PREHASH}.context"}),), gaps=no_hashes, varies_length="context"),
)  # fmt: skip
