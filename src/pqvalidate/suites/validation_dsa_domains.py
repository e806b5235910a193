"""What a signature is bound to: the interface it was made for and, for HashML-DSA, the hash function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pqvalidate.algorithms import PREHASH_OID_BYTE
from pqvalidate.oracle.messages import message_prime, prehash, prehash_message_prime
from pqvalidate.suites import Asking, Check
from pqvalidate.suites.validation_dsa_asking import (
    CRITICAL,
    PREHASH,
    Question,
    Target,
    check,
    draw,
    no_hashes,
    offered_hashes,
    surfaces,
    target,
)
from pqvalidate.suites.validation_dsa_binding import (
    Twins,
    altered_question,
    bound_key,
    make_twins,
    signature_for,
    twins_script,
    valid_question,
)

_OID = bytes.fromhex("06096086480165030402")


# --- interfaces and hash functions ----------------------------------------------------------------------------------
def _domain_cases(_asking: Asking) -> Sequence[Twins]:
    return make_twins("interface", iter((str(length), _interfaces(length)) for length in (0, 1, 33, 64, 200)))


def _interfaces(length: int) -> Callable[[Asking, Twins], list[Question]]:
    """Return signatures of one interface that are put to another."""

    def questions(asking: Asking, case: Twins) -> list[Question]:
        message, pk, found = draw(asking, case.id, length), bound_key(asking), list[Question]()
        hash_name = (offered_hashes(asking) or tuple(PREHASH_OID_BYTE))[
            case.number % max(1, len(offered_hashes(asking)))
        ]
        hashed = prehash_message_prime(message, hash_name)
        framings = {
            "the raw message": message, "pre-hashed": hashed, "domain byte 1": b"\1\0" + message,
            "the digest alone": prehash(message, hash_name), "domain byte 2": b"\2\0" + message,
            "framed twice": message_prime(message_prime(message)), "without a context length": b"\0" + message,
        }  # fmt: skip
        for surface in [s for s in surfaces(asking) if s in ("verify", "verify_internal")]:
            good = target(surface, pk, message)
            found.append(valid_question(asking, good))
            found += [
                altered_question(asking, target(surface, pk, message, signed=m), what) for what, m in framings.items()
            ]
        if "verify_internal" in asking.operations:
            raw = Target(surface="verify_internal", pk=pk, m_prime=message, inputs={"m_prime": message})
            pure = Target(surface="verify_internal", pk=pk, m_prime=message_prime(message), inputs={"m_prime": message})
            found += [valid_question(asking, raw), altered_question(asking, pure, "signed through the pure interface")]
        if "verify" in asking.operations:  # the text that HashML-DSA signs, taken for a pure message
            text = hashed[2:]
            asked = target("verify", pk, text, signed=hashed)
            found += [
                valid_question(asking, target("verify", pk, text)),
                altered_question(asking, asked, "a pre-hash signature of the message"),
            ]
        return found

    return questions


def _prehash_cases(asking: Asking) -> Sequence[Twins]:
    return make_twins("hash", ((name, _hash(name)) for name in offered_hashes(asking)))


def _hash(name: str) -> Callable[[Asking, Twins], list[Question]]:
    """Return what must not pass for a HashML-DSA signature with this hash function."""

    def questions(asking: Asking, case: Twins) -> list[Question]:
        message, pk = draw(asking, case.id, 50), bound_key(asking)
        digest, oid = prehash(message, name), _OID + bytes([PREHASH_OID_BYTE[name]])
        asked = target(PREHASH, pk, message, hash_name=name)
        found = [valid_question(asking, asked)]
        signed = {
            "domain byte 0": b"\0\0" + oid + digest, "no domain byte": b"\0" + oid + digest,
            "signed as pure": b"\0\0" + message, "signed internally": message,
            "the message in place of its digest": b"\1\0" + oid + message,
            "no object identifier": b"\1\0" + digest, "no DER header": b"\1\0" + oid[2:] + digest,
            "digest a byte short": b"\1\0" + oid + digest[:-1], "digest a byte long": b"\1\0" + oid + digest + b"\0",
            "half a digest": b"\1\0" + oid + digest[: len(digest) // 2],
            "hashed twice": b"\1\0" + oid + prehash(digest, name), "digest before identifier": b"\1\0" + digest + oid,
        }  # fmt: skip
        for other in PREHASH_OID_BYTE:
            if other != name:
                signed[f"identifier of {other}"] = b"\1\0" + _OID + bytes([PREHASH_OID_BYTE[other]]) + digest
                signed[f"digest of {other}"] = b"\1\0" + oid + prehash(message, other)
                signed[f"made with {other}"] = prehash_message_prime(message, other)
        found += [
            altered_question(asking, target(PREHASH, pk, message, hash_name=name, signed=m), what)
            for what, m in signed.items()
        ]
        for text in (message[:-1] + bytes([message[-1] ^ 1]), message + b"\0", message[:-1], b""):
            bad = target(PREHASH, pk, text, hash_name=name)
            found.append(
                Question(target=bad, signature=signature_for(asking, asked), expect=False, what="another message")
            )
        return [*found, valid_question(asking, asked)]

    return questions


CHECKS: tuple[Check, ...] = (
    check("domain-separation", "FIPS 204 §5.4, algorithm 3 line 5", _domain_cases, twins_script,
          "Signatures of the internal interface, of HashML-DSA or of the bare digest must not pass for pure ones, nor "
          "pure ones for internal ones. Library versions have signed the raw message (C2SP Wycheproof #235).", CRITICAL,
          needs=(frozenset({"verify"}), frozenset({"verify_internal"}))),
    check("prehash-binding", "FIPS 204 §5.4.1, algorithm 5", _prehash_cases, twins_script,
          "A HashML-DSA signature holds for its hash function: the domain byte, the object identifier and the full "
          "digest, for every function offered against the eleven others. The pure and the internal form, and the raw "
          "message in place of the digest, must be refused.", CRITICAL, needs=(frozenset({PREHASH}),), gaps=no_hashes),
)  # fmt: skip
