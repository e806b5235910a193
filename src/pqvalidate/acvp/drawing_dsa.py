"""Fresh tests of ML-DSA, with the interfaces, counts and reasons of NIST's own sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pqvalidate.acvp.drawing import COUNTS, Draw, Drawn, DrawnGroup, Fields, changed, insist
from pqvalidate.algorithms import PREHASH_OID_BYTE
from pqvalidate.oracle import mldsa
from pqvalidate.oracle.dsa_steps import PARAMETERS
from pqvalidate.suites.tape import Tape

_LONGEST = 8192
"""Bytes of a message: ACVP registers 8 to 65536 bits."""
_INTERFACES: tuple[Fields, ...] = (
    {"signatureInterface": "external", "preHash": "pure"},
    {"signatureInterface": "external", "preHash": "preHash"},
    {"signatureInterface": "internal", "externalMu": True},
    {"signatureInterface": "internal", "externalMu": False},
)
_HASHES = tuple(PREHASH_OID_BYTE)
_VALID = "valid signature and message - signature should verify successfully"
_MESSAGE = "modified message"
_COMMITMENT, _Z, _HINT = (f"modified signature - {part}" for part in ("commitment", "z", "hint"))
_REASONS = (_VALID, _MESSAGE, _COMMITMENT, _Z, _HINT)


def keygen_groups(name: str) -> list[DrawnGroup]:
    """Return the group of mode keyGen (FIPS 204 algorithm 6)."""
    return [DrawnGroup(attributes={"testType": "AFT", "parameterSet": name}, draw=_keygen)]


def siggen_groups(name: str, revision: str) -> list[DrawnGroup]:
    """Return the groups of mode sigGen: deterministic and hedged, four interfaces, in tr1 two formats of the key."""
    formats = ("seed", "expanded") if revision == "FIPS204-tr1" else ("",)
    return [
        DrawnGroup(
            attributes={"testType": "AFT", "parameterSet": name, **({"keyFormat": key} if key else {}),
                        "deterministic": deterministic, **interface},
            draw=partial(_siggen, interface=interface, seed_format=key == "seed", deterministic=deterministic),
        )
        for deterministic in (True, False) for interface in _INTERFACES for key in formats
    ]  # fmt: skip


def sigver_groups(name: str) -> list[DrawnGroup]:
    """Return the groups of mode sigVer, one for each interface."""
    return [
        DrawnGroup(
            attributes={"testType": "AFT", "parameterSet": name, **interface},
            draw=partial(_sigver, interface=interface),
        )
        for interface in _INTERFACES
    ]  # fmt: skip


def _keygen(draw: Draw) -> list[Drawn]:
    seeds = draw.column(COUNTS["keyGen"], 32, "seed")
    return [
        Drawn(sent={"seed": seed}, expected={"pk": pk, "sk": sk})
        for seed, (pk, sk) in zip(seeds, mldsa.keygen(draw.name, seeds), strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """What is signed: the fields that are sent, and M' or mu as the internal functions take it."""

    sent: Fields
    signed: bytes


def _text(tape: Tape, slot: int, interface: Fields) -> _Text:
    """Draw a message for an interface; slot 0 has the empty context, slot 1 the longest (FIPS 204 algorithm 2)."""
    if interface.get("externalMu"):
        mu = tape.read(64)
        return _Text(sent={"mu": mu}, signed=mu)
    message = tape.read(1 if slot == 0 else 1 + tape.below(_LONGEST))
    if interface["signatureInterface"] == "internal":
        return _Text(sent={"message": message}, signed=message)
    context = tape.read((0, 255)[slot] if slot < 2 else tape.below(256))
    if interface["preHash"] == "pure":
        return _Text(sent={"message": message, "context": context}, signed=mldsa.message_prime(message, context))
    name = _HASHES[slot % len(_HASHES)]
    return _with_message({"message": message, "context": context, "hashAlg": name}, message)


def _with_message(sent: Fields, message: bytes) -> _Text:
    """Return the same fields about another message."""
    if "mu" in sent:
        return _Text(sent={"mu": message}, signed=message)
    changed_fields = {**sent, "message": message}
    if "hashAlg" in sent:
        return _Text(sent=changed_fields, signed=mldsa.prehash_message_prime(message, sent["hashAlg"], sent["context"]))
    signed = mldsa.message_prime(message, sent["context"]) if "context" in sent else message
    return _Text(sent=changed_fields, signed=signed)


def _signed(draw: Draw, sks: Sequence[bytes], texts: Sequence[_Text], rnds: Sequence[bytes], mu: object) -> list[bytes]:
    sign = mldsa.sign_mu if mu else mldsa.sign_internal
    return sign(draw.name, sks, [text.signed for text in texts], rnds)


def _siggen(draw: Draw, *, interface: Fields, seed_format: bool, deterministic: bool) -> list[Drawn]:
    count = COUNTS["sigGen"]
    seeds = draw.column(count, 32, "seed")
    sks = [sk for _, sk in mldsa.keygen(draw.name, seeds)]
    texts = [_text(draw.tape(slot), slot, interface) for slot in range(count)]
    rnds = [bytes(32)] * count if deterministic else draw.column(count, 32, "rnd")
    signatures = _signed(draw, sks, texts, rnds, interface.get("externalMu"))
    return [
        Drawn(
            sent={**text.sent, **({} if deterministic else {"rnd": rnd}), "seed" if seed_format else "sk": key},
            expected={"signature": signature},
        )
        for text, rnd, key, signature in zip(texts, rnds, seeds if seed_format else sks, signatures, strict=True)
    ]  # fmt: skip


def _sigver(draw: Draw, *, interface: Fields) -> list[Drawn]:
    """Draw each reason equally often; every reason has a test with the empty context and one with the longest."""
    count = COUNTS["sigVer"]
    slots = range(count)
    pairs = mldsa.keygen(draw.name, draw.column(count, 32, "seed"))
    texts = [_text(draw.tape(slot), slot // len(_REASONS), interface) for slot in slots]
    if "hashAlg" in texts[0].sent:
        texts = [
            _with_message({**text.sent, "hashAlg": _HASHES[slot % len(_HASHES)]}, text.sent["message"])
            for slot, text in enumerate(texts)
        ]
    mu = interface.get("externalMu")
    signatures = _signed(draw, [sk for _, sk in pairs], texts, draw.column(count, 32, "rnd"), mu)
    tapes = [draw.tape(count + slot) for slot in slots]
    for slot in slots:
        reason, turn = _REASONS[slot % len(_REASONS)], slot // len(_REASONS)
        if reason == _MESSAGE:
            message = texts[slot].sent["mu" if mu else "message"]
            texts[slot] = _with_message(
                texts[slot].sent, changed(message, tapes[slot].below(len(message)), tapes[slot])
            )
        signatures[slot] = _modified(draw.name, signatures[slot], reason, turn, tapes[slot])
    verify = mldsa.verify_mu if mu else mldsa.verify_internal
    pks = [pk for pk, _ in pairs]
    answers = verify(draw.name, pks, [text.signed for text in texts], signatures)
    tests = []
    for slot in slots:
        reason = _REASONS[slot % len(_REASONS)]
        insist(f"signature, {reason}", holds=answers[slot] == (reason == _VALID))
        sent = {"pk": pks[slot], **texts[slot].sent, "signature": signatures[slot]}
        tests.append(Drawn(sent=sent, expected={"testPassed": answers[slot]}, reason=reason))
    return draw.shuffled(tests)


def _modified(name: str, signature: bytes, reason: str, turn: int, tape: Tape) -> bytes:
    """Change one part of a signature c~‖z‖h; the hint is broken in its order, in its padding, or anywhere."""
    p = PARAMETERS[name]
    hint = len(signature) - p.omega - p.k
    if reason == _COMMITMENT:
        return changed(signature, (0, p.challenge - 1, tape.below(p.challenge))[turn], tape)
    if reason == _Z:
        return changed(signature, (p.challenge, hint - 1, p.challenge + tape.below(hint - p.challenge))[turn], tape)
    if reason != _HINT:
        return signature
    if turn == 0 and (swapped := _out_of_order(signature[hint:], p.omega)):
        return signature[:hint] + swapped
    if turn == 1 and signature[-1] < p.omega:  # FIPS 204 algorithm 21 line 14: what is not used must be zero
        return changed(signature, hint + signature[-1] + tape.below(p.omega - signature[-1]), tape)
    return changed(signature, hint + tape.below(p.omega + p.k), tape)


def _out_of_order(hint: bytes, omega: int) -> bytes | None:
    """Swap two places of one polynomial, which must ascend (FIPS 204 algorithm 21 line 9); None without two of them."""
    begin = 0
    for end in hint[omega:]:
        if end - begin >= 2:
            return hint[:begin] + bytes([hint[begin + 1], hint[begin]]) + hint[begin + 2 :]
        begin = end
    return None
