"""A campaign of mutated documents: every reader answers with a typed error or a decision, never with another exception.

Certificates and policy verdicts are mutated as files and, properly signed again, as bodies; trust files, profiles and
buyers' files as files. What is accepted is judged and shown in every format, too. The same seed gives the same
documents:

    python benchmarks/mutated_documents.py --n 100000 --seed 5eed
"""

from __future__ import annotations

import argparse
import base64
import copy
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pqvalidate
from pqvalidate.certificate import Statement, certify, keygen, load_signing_key, load_trust, summary, verify
from pqvalidate.certificate.envelope import seal
from pqvalidate.certificate.reading import is_verdict, read_unchecked
from pqvalidate.documents import canonical
from pqvalidate.errors import PqvalidateError
from pqvalidate.evidence import Outcome
from pqvalidate.policy.book import BUILT_IN, load_profile
from pqvalidate.policy.dossier import from_statement, read_buyers_file
from pqvalidate.policy.engine import Question, evaluate
from pqvalidate.policy.svr import sign_verdict, verify_verdict
from pqvalidate.report import CERTIFICATE_FORMATS, certificate_sheet, pdf, policy_sheet, verdict_text
from pqvalidate.report.html import sheet as show_html

MADE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)
SHARES = {"certificate": 24, "certificate body": 16, "verdict": 16, "verdict body": 12, "trust file": 14,
          "profile": 14, "buyer's file": 4}  # fmt: skip
"""How many of a hundred documents are of which kind; signing a body costs most."""
POLICIES = Path(pqvalidate.__file__).parent / "policy" / "profiles"
TOML = {"profile", "buyer's file"}
PAPER_ONE_IN = 20  # of what is accepted, this part is made a PDF of as well

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**53, -(2**53), 10**400, 1.5, float("inf"), float("nan"), "", "\ud800", "\x00", "\ufffe",
    "e\u0301", "\u202e", "A" * 10_000, "../x", "2027-13-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z",
    "{0}", "%s", "a" * 64, "sha256:" + "0" * 64, "ML-KEM-768", "\u534e\u4e3a \U0001f600", [], {}, [[[[]]]], {"": None},
    [1, 2, 3], ["ML-KEM-768", "ML-KEM-768"], "2026-02-30", "government", "pass", "fail", "https://example.org/\n",
)  # fmt: skip
RAW = (b"", b"\x00", b"\xff", b"{", b"}", b"]", b'"', b"\\", b"\n", b",", b"=", b"1e9999", b"NaN", b"-0",
       b"\xef\xbb\xbf", b"[" * 3000, b'{"a":' * 3000, b"\xed\xa0\x80", b"'''", b"1979-05-27T07:32:00Z")  # fmt: skip


@dataclass
class Found:
    """What a campaign has seen: how often each answer came, and where one was no typed error."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    untyped: list[str] = field(default_factory=list)

    @property
    def documents(self) -> int:
        """Return how many documents were read."""
        return sum(self.answers.values())


def damaged(draw: random.Random, original: bytes) -> bytes:
    """Return the bytes with one to three stretches cut out, doubled or replaced."""
    data = original
    for _ in range(draw.randint(1, 3)):
        start, length = draw.randrange(len(data) + 1), draw.randint(0, 40)
        middle = draw.choice((draw.choice(RAW), draw.randbytes(draw.randint(0, 8)), data[start : start + length] * 2))
        data = data[:start] + middle + data[start + length :]
    return data


def changed(draw: random.Random, original: Any) -> Any:  # noqa: ANN401  (any JSON value)
    """Return the JSON value with one to three members replaced, removed, added, renamed or exchanged."""
    tree = copy.deepcopy(original)
    for _ in range(draw.randint(1, 3)):
        nodes = list(_containers(tree))
        if nodes:
            _change(draw, draw.choice(nodes))
    return tree


def _containers(node: Any) -> Iterator[Any]:  # noqa: ANN401  (idem)
    if isinstance(node, dict | list):
        if node:
            yield node
        for inner in list(node.values()) if isinstance(node, dict) else node:
            yield from _containers(inner)


def _change(draw: random.Random, node: Any) -> None:  # noqa: ANN401  (idem)
    key = draw.choice(sorted(node, key=str)) if isinstance(node, dict) else draw.randrange(len(node))
    odd = copy.deepcopy(draw.choice(ODD))
    match draw.choice(("replace", "replace", "remove", "add", "rename")):
        case "replace":
            node[key] = odd
        case "remove":
            del node[key]
        case "add" if isinstance(node, list):
            node.append(draw.choice((odd, node[key])))
        case "add":
            node[draw.choice(("", "x", "__class__", "_type", "é"))] = odd
        case _ if isinstance(node, dict):
            node[draw.choice(("", "id", "name", "\ud800"))] = node.pop(key)
        case _:
            node.reverse()


class Documents:
    """Good documents of every kind, made at test time, and how each is read and used."""

    def __init__(self, folder: Path, bundle: Path, seed: str) -> None:
        self.folder, self.draw = folder, random.Random(seed)
        keys = keygen(folder / "keys", now=MADE, name="A lab", role="lab")
        self.key, self.trust = load_signing_key(keys.signing_key), keys.trust
        self.certificate = folder / "certificate.json"
        certify(bundle, self.key, self.certificate, now=MADE)
        self.statement = read_unchecked(self.certificate)
        dossier = from_statement(self.statement, checked=True)
        verdict = evaluate(load_profile("nl-gov-baseline"), dossier, Question(as_of="2026-11-24"))
        self.verdict = sign_verdict(verdict, self.statement, self.key, MADE)
        self.profiles = [load_profile(name) for name in BUILT_IN]
        self.originals = {
            "certificate": self.certificate.read_bytes(), "verdict": self.verdict,
            "trust file": self.trust.read_bytes(), "buyer's file": BUYERS_FILE,
        }  # fmt: skip
        self.sources = [path.read_bytes() for path in sorted(POLICIES.glob("*.toml"))]
        self.readers: dict[str, Callable[[Path], str]] = {
            "certificate": self.use_certificate, "certificate body": self.use_certificate, "verdict": self.use_verdict,
            "verdict body": self.use_verdict, "trust file": self.use_trust, "profile": self.use_profile,
            "buyer's file": self.use_buyers_file,
        }  # fmt: skip

    def make(self, kind: str) -> bytes:
        """Return one mutated document."""
        draw = self.draw
        if kind.endswith(" body"):
            body = base64.b64decode(json.loads(self.originals[kind.removesuffix(" body")])["payload"])
            if draw.random() < 0.2:
                return seal(damaged(draw, body), self.key)
            tree = changed(draw, json.loads(body))
            with suppress(Exception):  # what has no canonical form is signed as it is
                return seal(canonical(tree), self.key)
            return seal(json.dumps(tree).encode(), self.key)
        original = draw.choice(self.sources) if kind == "profile" else self.originals[kind]
        if kind in TOML:
            return damaged(draw, original) if draw.random() < 0.3 else edited(draw, original)
        return (
            damaged(draw, original) if draw.random() < 0.5 else json.dumps(changed(draw, json.loads(original))).encode()
        )

    def use_certificate(self, path: Path) -> str:
        """Verify and show a certificate; judge what can be read of it."""
        is_verdict(path)
        found = verify(path, self.trust, as_of=LATER)
        page = summary(found)
        for show in CERTIFICATE_FORMATS.values():
            show(page, self.draw.choice(("en", "nl")))
        sheet = certificate_sheet.sheet(page, "nl")
        show_html(sheet)
        if page.contents and self.draw.randrange(PAPER_ONE_IN) == 0:
            pdf.render(sheet, attached=path.read_bytes(), name=path.name)
        if found.statement is not None:
            self._judge(found.statement)
        return found.decision

    def _judge(self, statement: Statement) -> None:
        profile = self.draw.choice(self.profiles)
        with suppress(PqvalidateError):
            evaluate(profile, from_statement(statement, checked=True), Question(as_of="2027-01-01"))

    def use_verdict(self, path: Path) -> str:
        """Verify and show a signed verdict."""
        found = verify_verdict(path, self.trust, as_of=LATER)
        verdict_text.text(found)
        verdict_text.json(found)
        sheet = policy_sheet.signed(found, "2027-01-01T00:00:00Z", "nl")
        show_html(sheet)
        if found.statement and self.draw.randrange(PAPER_ONE_IN) == 0:
            pdf.render(sheet, attached=path.read_bytes(), name=path.name)
        return found.decision

    def use_trust(self, path: Path) -> str:
        """Load a trust file and verify the good certificate with what is in it."""
        load_trust(path)
        return f"accepted, then {verify(self.certificate, path, as_of=LATER).decision}"

    def use_profile(self, path: Path) -> str:
        """Load a profile and judge the good certificate by it."""
        loaded = load_profile(str(path))
        verdict = evaluate(loaded, from_statement(self.statement, checked=True), Question(as_of="2026-12-01"))
        return f"accepted, then {verdict.decision}"

    def use_buyers_file(self, path: Path) -> str:
        """Read a buyer's file and judge the good certificate with what it adds."""
        added = read_buyers_file(path)
        dossier = from_statement(self.statement, checked=True, added=added)
        return evaluate(self.profiles[0], dossier, Question(as_of="2026-12-01")).decision


BUYERS_FILE = b"""schema = "pqvalidate/dossier/1"

[[waivers]]
policy = "cnsa-2.0"
rule = "cnsa2.val"
reason = "the module is being validated"
approver = "role:risk"
expires = "2027-06-30"
artefact_sha256 = "%s"
""" % (b"ab" * 32)

_VALUES = ("true", "1", "-1", "1e400", "nan", '""', '"x"', "[]", "{}", "[1]", '["ML-KEM-768"]', "2026-02-30",
           "2026-01-01", '"\\u0000"', '"\\ud800"', "9223372036854775808", "07:32:00",
           '"2026-01-01"', '{ en = "a" }')  # fmt: skip


def edited(draw: random.Random, original: bytes) -> bytes:
    """Return a TOML document with one to three lines removed, doubled, moved or given another value."""
    lines = original.decode("utf-8").splitlines()
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(lines))
        match draw.choice(("remove", "double", "move", "value", "value", "name")):
            case "remove":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "move":
                lines.insert(draw.randrange(len(lines)), lines.pop(at))
            case "name":
                lines[at] = draw.choice(("x", '""', "id", "a.b")) + " =" + lines[at].partition("=")[2]
            case _:
                lines[at] = lines[at].partition("=")[0] + "= " + draw.choice(_VALUES)
        if not lines:
            break
    return "\n".join(lines).encode("utf-8")


def campaign(number: int, seed: str, bundle: Path) -> Found:
    """Read ``number`` mutated documents drawn from ``seed``; ``bundle`` is what the good certificate is made of."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="mutated") as place:
        folder = Path(place)
        documents = Documents(folder, bundle, seed)
        kinds, weights = list(SHARES), list(SHARES.values())
        for at in range(number):
            kind = documents.draw.choices(kinds, weights)[0]
            data = documents.make(kind)
            path = folder / f"{at}{'.toml' if kind in TOML else '.json'}"
            path.write_bytes(data)
            found.answers[kind, _answer(documents.readers[kind], path, data, found)] += 1
            path.unlink()
    return found


def _answer(use: Callable[[Path], str], path: Path, data: bytes, found: Found) -> str:
    try:
        return use(path)
    except PqvalidateError as error:
        if not str(error).strip():
            found.untyped.append(f"{path.name}: a {type(error).__name__} that says nothing")
        return type(error).__name__
    except Exception as error:  # noqa: BLE001  (this is what the campaign looks for)
        where = "".join(traceback.format_exception(error)[-3:])
        found.untyped.append(f"{path.name}: {type(error).__name__}: {error!s:.300}\n{where}\n{data[:200]!r}")
        return f"UNTYPED {type(error).__name__}"


def sample_bundle(folder: Path) -> Path:
    """Write a bundle of evidence with a failed check, from which a good certificate can be made."""
    from tests.unit.evidence_factory import make_cases, make_evidence, write_bundle  # noqa: PLC0415  (path is set late)

    outcomes: dict[str, Outcome] = {"ml-kem/kat-keygen": "fail"}
    evidence = make_evidence(outcomes=outcomes)
    return write_bundle(folder, evidence, make_cases(evidence.facts.plan.steps, outcomes))


def main() -> int:
    """Run a campaign and print how often each answer came; 1 if one was no typed error."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--n", type=int, default=100_000, metavar="N", help="how many documents (default: 100000)")
    asked.add_argument("--seed", default="5eed", help="seed of the campaign (default: 5eed)")
    given = asked.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bundle") as place:
        found = campaign(given.n, given.seed, sample_bundle(Path(place) / "bundle"))
    for (kind, answer), number in sorted(found.answers.items()):
        sys.stdout.write(f"{kind:<17} {answer:<32} {number:>7}\n")
    for text in found.untyped[:20]:
        sys.stdout.write(f"\n{text}\n")
    seconds = time.monotonic() - began
    sys.stdout.write(f"\n{found.documents} documents, {len(found.untyped)} untyped, {seconds:.0f} s\n")
    return 1 if found.untyped else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(main())
