"""The ledger of version naming: which versions gave each answer, and what that says of the implementation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pqvalidate.adapters.interface import Fault, Ok, Rejected, Reply, Value
from pqvalidate.algorithms import PARAMETER_SETS, parameter_set
from pqvalidate.oracle import versions as v
from pqvalidate.suites import CaseResult
from pqvalidate.suites.expectations import PASS, failed

_CLAIMED = {"ML-KEM": v.ML_KEM, "Kyber": v.KYBER, "ML-DSA": v.ML_DSA, "Dilithium": v.DILITHIUM}


def claimed_version(name: str) -> str:
    """Return the version that a parameter set stands for."""
    return _CLAIMED[parameter_set(name).algorithm]


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
        self.seen.append(Seen(operation, found, _text(reply, what, known=bool(found)), inputs, reply, spare))
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
            why = f"answers as {either(common)}, not as {self.claimed} ({evidence})"
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

        Where the first answer in the claimed format is nobody's, those in another format count; where it broke,
        only if that format has other lengths, for what breaks once may answer the next call. A refusal agrees
        with whatever the other answers agree with, a value of no version with nothing.
        """
        plain = [seen for seen in self.seen if seen.operation == operation and not seen.spare]
        first = plain[0]
        spare = [
            seen.versions
            for seen in self.seen
            if seen.operation == operation and seen.spare and seen.versions
            and (not isinstance(first.reply, Fault) or _lengths(seen.inputs) != _lengths(first.inputs))
        ]  # fmt: skip
        if not first.versions and spare:
            return self.every.intersection(*spare)
        sets = [seen.versions for seen in plain if seen.versions or isinstance(seen.reply, Ok)]
        return self.every.intersection(*sets) if sets else frozenset()

    def _named(self, names: frozenset[str]) -> str:
        if self.claimed in names:
            return self.claimed
        return either(names) if names else "no known version"


def _lengths(inputs: Mapping[str, Value]) -> dict[str, int]:
    return {name: len(value) for name, value in inputs.items() if isinstance(value, bytes)}


def _text(reply: Reply, what: str, *, known: bool) -> str:
    match reply:
        case Ok():
            return f"{what} is {'that' if known else 'no known'} version's"
        case Rejected():
            return f"refused ({reply.why or 'without a reason'})"
        case Fault():
            return f"broke ({reply.why})"


def either(names: Collection[str]) -> str:
    """Return names as alternatives."""
    return " or ".join(sorted(names))


def wrong_sizes(name: str, public: bytes) -> str:
    """Return whose lengths the keys have, if they are not those of the claimed parameter set."""
    row = parameter_set(name)
    others = [
        other.name
        for other in PARAMETER_SETS.values()
        if other.kind == row.kind and other.public_key == len(public) != row.public_key
    ]
    return f" (with the lengths of {' or '.join(others)})" if others else ""


def output_of(reply: Reply, name: str) -> bytes:
    """Return an output of a reply, empty where there is none."""
    value = reply.values.get(name) if isinstance(reply, Ok) else None
    return value if isinstance(value, bytes) else b""


def generated(reply: Reply, seed: bytes, pairs: Mapping[str, tuple[bytes, bytes]], public: str) -> list[str]:
    """Return the versions whose key generation gives this pair; the seed itself may stand for the private key."""
    pk, sk = output_of(reply, public), output_of(reply, "dk" if public == "ek" else "sk")
    return [label for label, pair in pairs.items() if pk and pk == pair[0] and sk in (pair[1], seed)]
