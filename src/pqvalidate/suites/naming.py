"""Version naming: which version of the algorithm answers, and through which interface, said by name with the evidence.

A name is given on exact matches only: a whole key, a 32-byte secret, a signature that verifies, or a verifier that
tells a set of signatures apart exactly as that version does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pqvalidate.adapters.interface import Call, Fault, Ok, Rejected, Reply, Value
from pqvalidate.algorithms import PARAMETER_SETS, PREHASH_OID_BYTE, parameter_set
from pqvalidate.oracle import mlkem
from pqvalidate.oracle import versions as v
from pqvalidate.oracle.versions import Reading
from pqvalidate.suites import Asking, Asks, CaseResult, Check, Script
from pqvalidate.suites.expectations import PASS, failed
from pqvalidate.suites.tape import Tape

_CLAIMED = {"ML-KEM": v.ML_KEM, "Kyber": v.KYBER, "ML-DSA": v.ML_DSA, "Dilithium": v.DILITHIUM}
_KEM_OPERATIONS = (
    "keygen_from_seed", "encapsulate_derand", "encapsulate", "decapsulate", "decapsulate_from_seed",
)  # fmt: skip
_CUT = "Kyber round 3 with the secret cut to {} bytes (as BouncyCastle 1.72)"


@dataclass(frozen=True, slots=True)
class Interface:
    """A case: the questions that go through one interface, by the operations of it that are offered."""

    id: str
    operations: tuple[str, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer: what was asked, which versions answer just so, and what was given and observed.

    ``spare`` marks a question in another version's format, which counts where the claimed format was not understood.
    """

    operation: str
    versions: frozenset[str]
    text: str
    inputs: Mapping[str, Value]
    reply: Reply
    spare: bool


@dataclass(slots=True)
class Ledger:
    """The answers of one case."""

    claimed: str
    every: frozenset[str]
    seen: list[Seen] = field(default_factory=list)

    def add(
        self, operation: str, inputs: Mapping[str, Value], reply: Reply, names: Iterable[str], what: str, *,
        spare: bool = False,
    ) -> bool:  # fmt: skip
        """Note an answer; return whether any version known here answers so."""
        found = frozenset(names)
        match reply:
            case Ok():
                text = f"{what} is {'that' if found else 'no known'} version's"
            case Rejected():
                text = f"refused ({reply.why or 'without a reason'})"
            case Fault():
                text = f"broke ({reply.why})"
        self.seen.append(Seen(operation, found, text, inputs, reply, spare))
        return bool(found)

    def result(self) -> CaseResult:
        """Pass if all answers are those of the claimed version; else say whose they are."""
        odd = [seen for seen in self.seen if self.claimed not in seen.versions and not seen.spare]
        if not odd:
            return PASS
        answers = {operation: self._answer(operation) for operation in dict.fromkeys(s.operation for s in self.seen)}
        common = self.every.intersection(*answers.values())
        texts: dict[str, str] = {}
        for seen in (*odd, *(seen for seen in self.seen if seen.spare and seen.versions)):
            key = seen.operation + (" (in that format)" if seen.spare else "")
            texts.setdefault(key, seen.text)
        evidence = "; ".join(f"{key}: {text}" for key, text in texts.items())
        if self.claimed in common:
            why = f"answers as {self.claimed} where it answers, but: {evidence}"
        elif common:
            why = f"answers as {_either(common)}, not as {self.claimed} ({evidence})"
        elif any(answers.values()):
            groups: dict[str, list[str]] = {}
            for operation, names in answers.items():
                groups.setdefault(self._named(names), []).append(operation)
            parts = [f"{', '.join(operations)} as {name}" for name, operations in groups.items()]
            why = f"does not answer as one version: {'; '.join(parts)} ({evidence})"
        else:
            why = f"answers as no known version ({evidence})"
        return failed(why, odd[0].inputs, odd[0].reply.values if isinstance(odd[0].reply, Ok) else {})

    def _answer(self, operation: str) -> frozenset[str]:
        """Return the versions that agree with all answers of an operation.

        Where the first answer in the claimed format is nobody's, those in another format count; a refusal agrees with anything
        that the other answers agree with, a value of no version with nothing.
        """
        plain = [seen for seen in self.seen if seen.operation == operation and not seen.spare]
        spare = [seen.versions for seen in self.seen if seen.operation == operation and seen.spare and seen.versions]
        if not plain[0].versions and spare:
            return self.every.intersection(*spare)
        sets = [seen.versions for seen in plain if seen.versions or isinstance(seen.reply, Ok)]
        return self.every.intersection(*sets) if sets else frozenset()

    def _named(self, names: frozenset[str]) -> str:
        if self.claimed in names:
            return self.claimed
        return _either(names) if names else "no known version"


def _either(names: Collection[str]) -> str:
    return " or ".join(sorted(names))


def _wrong_sizes(name: str, public: bytes) -> str:
    """Return whose lengths the keys have, if they are not those of the claimed parameter set."""
    row = parameter_set(name)
    others = [
        other.name
        for other in PARAMETER_SETS.values()
        if other.kind == row.kind and other.public_key == len(public) != row.public_key
    ]
    return f" (with the lengths of {' or '.join(others)})" if others else ""


def _of(reply: Reply, name: str) -> bytes:
    value = reply.values.get(name) if isinstance(reply, Ok) else None
    return value if isinstance(value, bytes) else b""


def _generated(reply: Reply, seed: bytes, pairs: Mapping[str, tuple[bytes, bytes]], public: str) -> list[str]:
    """Return the versions whose key generation gives this pair; the seed itself may stand for the private key."""
    pk, sk = _of(reply, public), _of(reply, "dk" if public == "ek" else "sk")
    return [label for label, pair in pairs.items() if pk and pk == pair[0] and sk in (pair[1], seed)]


# --- the KEM


def _kem(case: Interface, asking: Asking) -> Script:
    """Keys, ciphertexts and secrets are compared with those of ML-KEM, its draft, Kyber round 3 and mixtures of them."""
    name, tape = asking.parameter_set, Tape(asking, "version", 0)
    seed, m = tape.read(64), tape.read(32)
    pairs = {label: mlkem.keygen(name, [seed], rules=rules)[0] for label, rules in v.KEM_VERSIONS.items()}
    ledger = Ledger(_claimed(name), frozenset(_with_cut(v.KEM_VERSIONS, name)))
    asked = _Kem(name, seed, m, pairs, ledger)
    for operation in case.operations:
        if operation == "keygen_from_seed":
            (reply,) = yield [Call(operation=operation, parameter_set=name, inputs={"seed": seed})]
            names = _with_cut(_generated(reply, seed, pairs, "ek"), name)
            ledger.add(operation, {"seed": seed}, reply, names, "the key pair" + _wrong_sizes(name, _of(reply, "ek")))
        elif operation == "decapsulate":
            yield from _decapsulation(asked)
        elif operation == "decapsulate_from_seed":
            yield from _decapsulation_from_seed(asked)
        else:
            yield from _encapsulation(operation, asked)
    return ledger.result()


def _claimed(name: str) -> str:
    return _CLAIMED[parameter_set(name).algorithm]


def _cut_name(name: str) -> str:
    return _CUT.format(v.cut_secret(name))


def _with_cut(names: Iterable[str], name: str) -> list[str]:
    """Return the names, and the variant of Kyber with short secrets wherever the secret plays no role."""
    found = list(names)
    return [*found, _cut_name(name)] if v.KYBER in found and v.cut_secret(name) < 32 else found  # FIPS 203 table 3


def _matching(name: str, secret: bytes, secrets: Mapping[str, bytes]) -> list[str]:
    """Return the versions that give this secret; a short one is compared with the beginning of Kyber's."""
    found = [label for label, wanted in secrets.items() if secret == wanted]
    if len(secret) == v.cut_secret(name) < 32 and secret == secrets.get(v.KYBER, b"")[: len(secret)]:  # FIPS 203 table 3
        found.append(_cut_name(name))
    return found


@dataclass(frozen=True, slots=True)
class _Kem:
    """What the questions to a KEM share: the seed, each version's key pair from it, m, and the ledger of answers."""

    name: str
    seed: bytes
    m: bytes
    pairs: Mapping[str, tuple[bytes, bytes]]
    ledger: Ledger

    def made(self, label: str, ek: bytes) -> tuple[bytes, bytes]:
        """Return the secret and the ciphertext that a version makes of m."""
        return mlkem.encapsulate(self.name, [ek], [self.m], rules=v.KEM_VERSIONS[label])[0]

    def secrets(self, ek: bytes, dk: bytes, c: bytes) -> dict[str, bytes]:
        """Return the secret that each version finds in a ciphertext, with H(ek) in the key as it computes it."""
        return {
            label: v.secret_of(self.name, rules, v.rekeyed(rules, dk, ek), c) for label, rules in v.KEM_VERSIONS.items()
        }  # fmt: skip

    def accepting(self, secret: bytes, ek: bytes, dk: bytes, c: bytes) -> list[str]:
        """Return the versions that find this secret by the accepting path: with another z they find it, too."""
        if len(c) != parameter_set(self.name).output:
            return []
        other = _matching(self.name, secret, self.secrets(ek, dk[:-32] + bytes(32), c))
        return [label for label in _matching(self.name, secret, self.secrets(ek, dk, c)) if label in other]

    def others(self) -> dict[tuple[bytes, bytes], list[str]]:
        """Return the key pairs of the other versions, each with the versions that share it."""
        found: dict[tuple[bytes, bytes], list[str]] = {}
        for label, pair in self.pairs.items():
            if pair != self.pairs[self.ledger.claimed]:
                found.setdefault(pair, []).append(label)
        return found


def _encapsulation(operation: str, asked: _Kem) -> Asks[None]:
    """Ask under the claimed version's key; under those of other versions only where the answer is nobody's."""
    own = asked.pairs[asked.ledger.claimed]
    for (ek, dk), owners in {own: list(asked.ledger.every), **asked.others()}.items():
        inputs: dict[str, Value] = {"ek": ek, "m": asked.m} if operation == "encapsulate_derand" else {"ek": ek}
        (reply,) = yield [Call(operation=operation, parameter_set=asked.name, inputs=inputs)]
        secret, c = _of(reply, "k"), _of(reply, "c")
        if operation == "encapsulate_derand":
            made = {label: asked.made(label, ek) for label in asked.pairs}
            names = _matching(asked.name, secret, {label: k for label, (k, wanted) in made.items() if wanted == c})
        else:
            names = asked.accepting(secret, ek, dk, c)
        names = [label for label in names if label in _with_cut(owners, asked.name)]
        what = "what it makes"
        if asked.ledger.add(operation, inputs, reply, names, what, spare=(ek, dk) != own) and (ek, dk) == own:
            return


def _decapsulation(asked: _Kem) -> Asks[None]:
    """Ask with a ciphertext for the claimed version's key, whole and modified; with other keys as for encapsulation."""
    ek, dk = asked.pairs[asked.ledger.claimed]
    whole = asked.made(asked.ledger.claimed, ek)[1]
    good = False
    for c, what in ((whole, "a ciphertext"), (_modified(whole), "a modified ciphertext")):
        inputs: dict[str, Value] = {"dk": dk, "c": c}
        (reply,) = yield [Call(operation="decapsulate", parameter_set=asked.name, inputs=inputs)]
        secret = _of(reply, "k")
        if c == whole:
            names = asked.accepting(secret, ek, dk, c)
        else:
            names = _matching(asked.name, secret, asked.secrets(ek, dk, c))
        known = asked.ledger.add("decapsulate", inputs, reply, names, f"the secret for {what}")
        good |= known and c == whole
    if good:
        return
    for (other_ek, other_dk), owners in asked.others().items():
        inputs = {"dk": other_dk, "c": asked.made(owners[0], other_ek)[1]}
        (reply,) = yield [Call(operation="decapsulate", parameter_set=asked.name, inputs=inputs)]
        found = asked.accepting(_of(reply, "k"), other_ek, other_dk, inputs["c"])
        names = [label for label in found if label in _with_cut(owners, asked.name)]
        asked.ledger.add("decapsulate", inputs, reply, names, "the secret under a key of its own", spare=True)


def _modified(c: bytes) -> bytes:
    return c[:-1] + bytes([c[-1] ^ 1])


def _decapsulation_from_seed(asked: _Kem) -> Asks[None]:
    """Ask with what each version makes for its own key from the seed, so that each would accept one ciphertext."""
    whole = asked.made(asked.ledger.claimed, asked.pairs[asked.ledger.claimed][0])[1]
    texts = {whole: "a ciphertext", _modified(whole): "a modified ciphertext"}
    for label, (ek, _) in asked.pairs.items():
        texts.setdefault(asked.made(label, ek)[1], "another version's ciphertext")
    for c, what in texts.items():
        inputs: dict[str, Value] = {"seed": asked.seed, "c": c}
        (reply,) = yield [Call(operation="decapsulate_from_seed", parameter_set=asked.name, inputs=inputs)]
        wanted = {
            label: v.secret_of(asked.name, rules, asked.pairs[label][1], c) for label, rules in v.KEM_VERSIONS.items()
        }  # fmt: skip
        names = _matching(asked.name, _of(reply, "k"), wanted)
        asked.ledger.add("decapsulate_from_seed", inputs, reply, names, f"the secret for {what}")


# --- signatures


def _signature(case: Interface, asking: Asking) -> Script:
    """Keys, signatures and verification are compared with those of every known version and reading of the message."""
    name, tape = asking.parameter_set, Tape(asking, "version", 1)
    asked = _Asked(asking, _readings(case, asking), tape.read(32), tape.read(64), tape.read(32))
    for operation in case.operations:
        if operation == "keygen_from_seed":
            (reply,) = yield [Call(operation=operation, parameter_set=name, inputs={"seed": asked.seed})]
            names = _generated(reply, asked.seed, asked.pairs, "pk")
            what = "the key pair" + _wrong_sizes(name, _of(reply, "pk"))
            asked.ledger.add(operation, {"seed": asked.seed}, reply, names, what)
        elif operation.startswith("sign"):
            yield from _signing(operation, asked)
        else:
            yield from _verification(operation, asked)
    return asked.ledger.result()


_HASH_FIRST = ("SHA2-512", *PREHASH_OID_BYTE)


def _hash_name(asking: Asking) -> str:
    return next((name for name in _HASH_FIRST if f"hash:{name}" in asking.operations), "")


def _readings(case: Interface, asking: Asking) -> Mapping[str, Reading]:
    if case.id == "pre-hash":
        return v.prehash_readings(_hash_name(asking))
    return {"external-mu": v.MU, "internal": v.INTERNAL}.get(case.id, v.PURE)


class _Asked:
    """What the questions of one case share: keys of every version, the message, and the ledger of answers."""

    def __init__(
        self, asking: Asking, readings: Mapping[str, Reading], seed: bytes, message: bytes, rnd: bytes
    ) -> None:
        self.asking, self.readings, self.seed, self.message, self.rnd = asking, readings, seed, message, rnd
        self.name = asking.parameter_set
        self.ledger = Ledger(_claimed(self.name), frozenset(readings))
        self.claimed = readings[self.ledger.claimed]
        made: dict[tuple[bool, bytes], tuple[bytes, bytes]] = {}  # readings that generate keys alike share them
        self.pairs: dict[str, tuple[bytes, bytes]] = {}
        for label, reading in readings.items():
            kind = reading.old, reading.rules.seed_domain(1, 1)
            made[kind] = made.get(kind) or reading.keypair(self.name, seed)
            self.pairs[label] = made[kind]
        self.pk, self.sk = self.pairs[self.ledger.claimed]

    def inputs(self, operation: str, pk: bytes = b"", sk: bytes = b"", signature: bytes = b"", context: bytes = b"") -> dict[str, Value]:
        """Return the named inputs of an operation for our message."""
        kind = operation.removesuffix("_from_seed")
        field_name = {"sign_mu": "mu", "verify_mu": "mu", "sign_internal": "m_prime", "verify_internal": "m_prime"}
        given: dict[str, Value] = {field_name.get(kind, "message"): self.message}
        if operation.startswith("verify"):
            given |= {"pk": pk, "signature": signature}
        else:
            given |= {"seed": self.seed} if operation.endswith("_from_seed") else {"sk": sk}
        if kind in ("sign_prehash", "verify_prehash"):
            given["hash"] = _hash_name(self.asking)
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
    signature, from_seed = _of(reply, "signature"), operation.endswith("_from_seed")
    names: list[str] = []
    exact: list[str] = []
    rnd = _known_rnd(operation, inputs)
    for label, reading in asked.readings.items():
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
            if any(accepted)
            and accepted == reading.verify(asked.name, asked.pk, asked.message, context, signatures)
        ]
        what = f"the choice of {sum(accepted)} signatures that it accepts out of {len(accepted)}"
        index = accepted.index(True) if any(accepted) else 0
        inputs = asked.inputs(operation, asked.pk, b"", signatures[index], context)
        asked.ledger.add(operation, inputs, replies[index], names, what)


def _accepted(replies: Sequence[Reply]) -> list[bool]:
    return [isinstance(reply, Ok) and reply.values.get("valid") is True for reply in replies]


def _verify_calls(operation: str, asked: _Asked, signatures: Sequence[bytes], context: bytes) -> list[Call]:
    return [
        Call(operation=operation, parameter_set=asked.name,
             inputs=asked.inputs(operation, asked.pk, b"", signature, context))
        for signature in signatures
    ]  # fmt: skip


# --- the checks

_PURE_OPERATIONS = (
    "keygen_from_seed", "sign", "sign_from_seed", "sign_deterministic", "sign_deterministic_from_seed",
    "sign_with_rnd", "sign_with_rnd_from_seed", "verify",
)  # fmt: skip
_INTERFACES = {
    "ordinary": _PURE_OPERATIONS,
    "external-mu": ("sign_mu", "sign_mu_from_seed", "verify_mu"),
    "internal": ("sign_internal", "sign_internal_from_seed", "verify_internal"),
    "pre-hash": ("sign_prehash", "sign_prehash_from_seed", "verify_prehash"),
}


def _cases(interfaces: Mapping[str, tuple[str, ...]]) -> Callable[[Asking], Sequence[Interface]]:
    def cases(asking: Asking) -> Sequence[Interface]:
        found = [
            Interface(name, tuple(operation for operation in operations if operation in asking.operations))
            for name, operations in interfaces.items()
        ]
        return [
            case for case in found if case.operations and (case.id != "pre-hash" or _hash_name(asking))
        ]  # fmt: skip

    return cases


def _no_seed(asking: Asking) -> str:
    """Say what cannot be told apart without key generation from a seed."""
    if asking.operations & {"keygen_from_seed", "decapsulate_from_seed", "sign_from_seed"}:
        return ""
    return "the draft of 2023 generates keys from a seed in another way, which only a key from a known seed shows"


def _check(name: str, clause: str, interfaces: Mapping[str, tuple[str, ...]], script: Callable[[Interface, Asking], Script]) -> Check:
    family = {"ml-kem": "ML-KEM", "kyber": "Kyber", "ml-dsa": "ML-DSA", "dilithium": "Dilithium"}
    operations = [operation for names in interfaces.values() for operation in names]
    return Check(
        name=name, suite="naming", algorithm=family[name.partition("/")[0]], clause=clause,
        explain="Which version of the algorithm answers, and through which interface? " + (script.__doc__ or "").strip()
        + " Kyber, the drafts and the standards give different keys, secrets and signatures under names that look alike;"
        " libraries have shipped one under the name of another (RustCrypto/KEMs issue 46; BouncyCastle 1.72)."
        " What differs from the claimed version in rare values only does not show here.",
        effect="It is not what its name says, so it does not work together with implementations that are.",
        needs=tuple(frozenset({operation}) for operation in operations),
        cases=_cases(interfaces), script=script, severity="critical", gaps=_no_seed,
    )  # fmt: skip


_KEM_INTERFACE = {"whole": _KEM_OPERATIONS}
CHECKS: tuple[Check, ...] = (
    _check("ml-kem/version", "FIPS 203 §6, appendix C", _KEM_INTERFACE, _kem),
    _check("kyber/version", "Kyber 3.02 algorithms 7-9", _KEM_INTERFACE, _kem),
    _check("ml-dsa/version", "FIPS 204 §5, §6, appendix D", _INTERFACES, _signature),
    _check("dilithium/version", "Dilithium 3.1 figure 4", {"ordinary": _PURE_OPERATIONS}, _signature),
)
