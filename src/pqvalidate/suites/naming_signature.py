"""Version naming of a signature algorithm: the questions, and whose answers the replies are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pqvalidate.adapters.interface import Call, Ok, Reply, Value
from pqvalidate.algorithms import PREHASH_OID_BYTE, parameter_set
from pqvalidate.oracle import versions as v
from pqvalidate.oracle.versions import Reading
from pqvalidate.suites import Asking, Asks, Script
from pqvalidate.suites.naming_ledger import Interface, Ledger, claimed_version, generated, output_of, wrong_sizes
from pqvalidate.suites.tape import Tape


def signature(case: Interface, asking: Asking) -> Script:
    """Keys, signatures and verification are compared with those of every known version and reading of the message.

    At depth quick, the claimed version alone is looked for first; only a difference is worth the search for its name.
    A difference that does not come again when that search asks is one all the same.
    """
    result = yield from _all_answers(case, asking, brief=asking.depth == "quick")
    if result.outcome == "pass" or asking.depth != "quick":
        return result
    named = yield from _all_answers(case, asking, brief=False)
    return result if named.outcome == "pass" else named


def _all_answers(case: Interface, asking: Asking, *, brief: bool) -> Script:
    name, tape = asking.parameter_set, Tape(asking, "version", 1)
    asked = _Asked(asking, _readings(case, asking), tape.read(32), tape.read(64), tape.read(32))
    asked.brief = brief
    for operation in case.operations:
        if operation == "keygen_from_seed":
            (reply,) = yield [Call(operation=operation, parameter_set=name, inputs={"seed": asked.seed})]
            names = generated(reply, asked.seed, asked.pairs, "pk")
            what = "the key pair" + wrong_sizes(name, output_of(reply, "pk"))
            asked.ledger.add(operation, {"seed": asked.seed}, reply, names, what)
        elif operation.startswith("sign"):
            yield from _signing(operation, asked)
        else:
            yield from _verification(operation, asked)
    return asked.ledger.result()


_HASH_FIRST = ("SHA2-512", *PREHASH_OID_BYTE)


def hash_name(asking: Asking) -> str:
    """Return a hash function that the pre-hash interface offers, or the empty string."""
    return next((name for name in _HASH_FIRST if f"hash:{name}" in asking.operations), "")


def _readings(case: Interface, asking: Asking) -> Mapping[str, Reading]:
    if case.id == "pre-hash":
        return v.prehash_readings(hash_name(asking))
    return {"external-mu": v.MU, "internal": v.INTERNAL}.get(case.id, v.PURE)


class _Asked:
    """What the questions of one case share: keys of every version, the message, and the ledger of answers."""

    def __init__(
        self, asking: Asking, readings: Mapping[str, Reading], seed: bytes, message: bytes, rnd: bytes
    ) -> None:
        self.asking, self.readings, self.seed, self.message, self.rnd = asking, readings, seed, message, rnd
        self.name, self.brief = asking.parameter_set, False
        self.ledger = Ledger(claimed_version(self.name), frozenset(readings))
        self.claimed = readings[self.ledger.claimed]
        made: dict[tuple[bool, bytes], tuple[bytes, bytes]] = {}  # readings that generate keys alike share them
        self.pairs: dict[str, tuple[bytes, bytes]] = {}
        for label, reading in readings.items():
            kind = reading.old, reading.rules.seed_domain(1, 1)
            made[kind] = made.get(kind) or reading.keypair(self.name, seed)
            self.pairs[label] = made[kind]
        self.pk, self.sk = self.pairs[self.ledger.claimed]

    def inputs(
        self, operation: str, pk: bytes = b"", sk: bytes = b"", signature: bytes = b"", context: bytes = b""
    ) -> dict[str, Value]:
        """Return the named inputs of an operation for our message."""
        kind = operation.removesuffix("_from_seed")
        field_name = {"sign_mu": "mu", "verify_mu": "mu", "sign_internal": "m_prime", "verify_internal": "m_prime"}
        given: dict[str, Value] = {field_name.get(kind, "message"): self.message}
        if operation.startswith("verify"):
            given |= {"pk": pk, "signature": signature}
        else:
            given |= {"seed": self.seed} if operation.endswith("_from_seed") else {"sk": sk}
        if kind in ("sign_prehash", "verify_prehash"):
            given["hash"] = hash_name(self.asking)
        if kind in ("sign_with_rnd", "sign_internal") or f"{operation}.rnd" in self.asking.operations:
            given["rnd"] = self.rnd
        return given | ({"context": context} if context else {})

    def contexts(self, operation: str) -> tuple[bytes, ...]:
        """Return the contexts to ask about: none, and one where the operation takes one."""
        return (b"", b"context") if f"{operation}.context" in self.asking.operations else (b"",)


def _signing(operation: str, asked: _Asked) -> Asks[None]:
    for context in asked.contexts(operation):
        good = yield from _one_signature(operation, asked, asked.pk, asked.sk, context)
        if good or operation.endswith("_from_seed"):
            continue
        for pk, sk in dict.fromkeys(asked.pairs.values()):  # keys in the other lengths
            if len(sk) != len(asked.sk):
                yield from _one_signature(operation, asked, pk, sk, context, spare=True)


def _one_signature(
    operation: str, asked: _Asked, pk: bytes, sk: bytes, context: bytes, *, spare: bool = False
) -> Asks[bool]:  # fmt: skip
    inputs = asked.inputs(operation, sk=sk, context=context)
    (reply,) = yield [Call(operation=operation, parameter_set=asked.name, inputs=inputs)]
    signature, from_seed = output_of(reply, "signature"), operation.endswith("_from_seed")
    names: list[str] = []
    exact: list[str] = []
    rnd = _known_rnd(operation, inputs)
    for label, reading in asked.readings.items():
        if asked.brief and names == [asked.ledger.claimed]:
            break  # the claimed reading stands first; others are tried to name a difference
        public, private = asked.pairs[label] if from_seed else (pk, sk)
        if not reading.verify(asked.name, public, asked.message, context, [signature])[0]:
            continue
        names.append(label)
        if rnd is not None:
            private = private if from_seed else reading.converted(asked.name, pk, sk, _tr(asked, sk))
            again = reading.sign(asked.name, public, private, asked.message, context, rnd)
            exact += [label] if again == signature else []
    what = f"the signature{' with a context' if context else ''}"
    return asked.ledger.add(operation, inputs, reply, exact or names, what, spare=spare)


def _known_rnd(operation: str, inputs: Mapping[str, Value]) -> bytes | None:
    """Return the randomness that the signature must have been made with, if it is known."""
    rnd = inputs.get("rnd")
    if isinstance(rnd, bytes):
        return rnd
    return bytes(32) if "deterministic" in operation else None


def _tr(asked: _Asked, sk: bytes) -> int:
    """Return how many bytes of tr a private key holds: 32 in the shorter keys of Dilithium, 64 otherwise."""
    lengths = {parameter_set(reading.name(asked.name)).private_key: reading for reading in asked.readings.values()}
    reading = lengths[len(sk)]
    return reading.rules.parameters[reading.name(asked.name)].tr


def _verification(operation: str, asked: _Asked) -> Asks[None]:
    """Ask about signatures of the claimed length first; about others only where the answers were not as claimed."""
    own, claimed = parameter_set(asked.name).output, asked.readings[asked.ledger.claimed]
    tr = _tr(asked, asked.sk)
    for context in asked.contexts(operation):
        if asked.brief:
            yield from _verifies_as_claimed(operation, asked, context)
            continue
        by_label = {
            label: reading.sign(asked.name, asked.pk, reading.converted(asked.name, asked.pk, asked.sk, tr),
                                asked.message, context, bytes(32))
            for label, reading in asked.readings.items()
        }  # fmt: skip
        made, right = list(dict.fromkeys(by_label.values())), by_label[asked.ledger.claimed]
        signatures = [s for s in made if len(s) == own] + [bytes([right[0] ^ 1]) + right[1:]]
        replies = yield _verify_calls(operation, asked, signatures, context)
        accepted = _accepted(replies)
        if accepted != claimed.verify(asked.name, asked.pk, asked.message, context, signatures):
            others = [s for s in made if len(s) != own]
            more = (yield _verify_calls(operation, asked, others, context)) if others else []
            signatures, replies = [*signatures, *others], [*replies, *more]
            accepted = _accepted(replies)
        names = [
            label
            for label, reading in asked.readings.items()
            if any(accepted) and accepted == reading.verify(asked.name, asked.pk, asked.message, context, signatures)
        ]
        what = f"the choice of {sum(accepted)} signatures that it accepts out of {len(accepted)}"
        index = accepted.index(True) if any(accepted) else 0
        inputs = asked.inputs(operation, asked.pk, b"", signatures[index], context)
        asked.ledger.add(operation, inputs, replies[index], names, what)


def _verifies_as_claimed(operation: str, asked: _Asked, context: bytes) -> Asks[None]:
    """In brief, be content with an operation that accepts a claimed signature and refuses a changed one."""
    right = asked.claimed.sign(asked.name, asked.pk, asked.sk, asked.message, context, bytes(32))
    replies = yield _verify_calls(operation, asked, [right, bytes([right[0] ^ 1]) + right[1:]], context)
    names = [asked.ledger.claimed] if _accepted(replies) == [True, False] else []
    inputs = asked.inputs(operation, asked.pk, b"", right, context)
    asked.ledger.add(operation, inputs, replies[0], names, "the choice between a signature and a changed one")


def _accepted(replies: Sequence[Reply]) -> list[bool]:
    return [isinstance(reply, Ok) and reply.values.get("valid") is True for reply in replies]


def _verify_calls(operation: str, asked: _Asked, signatures: Sequence[bytes], context: bytes) -> list[Call]:
    return [
        Call(operation=operation, parameter_set=asked.name,
             inputs=asked.inputs(operation, asked.pk, b"", signature, context))
        for signature in signatures
    ]  # fmt: skip
