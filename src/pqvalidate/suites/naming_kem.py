"""Version naming of a KEM: the questions, and whose answers the replies are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pqvalidate.adapters.interface import Call, Value
from pqvalidate.algorithms import parameter_set
from pqvalidate.oracle import mlkem
from pqvalidate.oracle import versions as v
from pqvalidate.suites import Asking, Asks, Script
from pqvalidate.suites.naming_ledger import Interface, Ledger, claimed_version, generated, output_of, wrong_sizes
from pqvalidate.suites.tape import Tape

_CUT = "Kyber round 3 with the secret cut to {} bytes (as BouncyCastle 1.72)"


def kem(case: Interface, asking: Asking) -> Script:
    """Keys, ciphertexts and secrets are compared with those of ML-KEM, its draft, Kyber round 3 and mixtures."""
    name, tape = asking.parameter_set, Tape(asking, "version", 0)
    seed, m = tape.read(64), tape.read(32)
    pairs = {label: mlkem.keygen(name, [seed], rules=rules)[0] for label, rules in v.KEM_VERSIONS.items()}
    ledger = Ledger(claimed_version(name), frozenset(_with_cut(v.KEM_VERSIONS, name)))
    asked = _Kem(name, seed, m, pairs, ledger)
    for operation in case.operations:
        if operation == "keygen_from_seed":
            (reply,) = yield [Call(operation=operation, parameter_set=name, inputs={"seed": seed})]
            names = _with_cut(generated(reply, seed, pairs, "ek"), name)
            what = "the key pair" + wrong_sizes(name, output_of(reply, "ek"))
            ledger.add(operation, {"seed": seed}, reply, names, what)
        elif operation == "decapsulate":
            yield from _decapsulation(asked)
        elif operation == "decapsulate_from_seed":
            yield from _decapsulation_from_seed(asked)
        else:
            yield from _encapsulation(operation, asked)
    return ledger.result()


def _cut_name(name: str) -> str:
    return _CUT.format(v.cut_secret(name))


def _with_cut(names: Iterable[str], name: str) -> list[str]:
    """Return the names, and the variant of Kyber with short secrets wherever the secret plays no role."""
    found = list(names)
    return [*found, _cut_name(name)] if v.KYBER in found and v.cut_secret(name) < 32 else found  # FIPS 203 table 3


def _matching(name: str, secret: bytes, secrets: Mapping[str, bytes]) -> list[str]:
    """Return the versions that give this secret; a short one is compared with the beginning of Kyber's."""
    found = [label for label, wanted in secrets.items() if secret == wanted]
    whole = secrets.get(v.KYBER, b"")
    if len(secret) == v.cut_secret(name) < len(whole) and whole.startswith(secret):
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
        secret, c = output_of(reply, "k"), output_of(reply, "c")
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
        secret = output_of(reply, "k")
        if c == whole:
            names = asked.accepting(secret, ek, dk, c)
        else:
            names = _matching(asked.name, secret, asked.secrets(ek, dk, c))
        known = asked.ledger.add("decapsulate", inputs, reply, names, f"the secret for {what}")
        good |= known and c == whole
    if good:
        return
    for (other_ek, other_dk), owners in asked.others().items():
        c = asked.made(owners[0], other_ek)[1]
        inputs = {"dk": other_dk, "c": c}
        (reply,) = yield [Call(operation="decapsulate", parameter_set=asked.name, inputs=inputs)]
        found = asked.accepting(output_of(reply, "k"), other_ek, other_dk, c)
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
        names = _matching(asked.name, output_of(reply, "k"), wanted)
        asked.ledger.add("decapsulate_from_seed", inputs, reply, names, f"the secret for {what}")
