"""What prompt files ask: each test with its expected result becomes a case of the ordinary checks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import msgspec

from pqvalidate import vectors
from pqvalidate.acvp.envelope import Json, VectorSet, read_vector_sets
from pqvalidate.acvp.forms import HEX, MODES, Mode, find_mode, kinds, outputs, with_defaults
from pqvalidate.algorithms import PARAMETER_SETS, nearest
from pqvalidate.errors import InputError, UsageError
from pqvalidate.vectors import Case
from pqvalidate.vectors.mapping import make_cases
from pqvalidate.vectors.packed import Group, PackedFile, Test

Number: TypeAlias = tuple[int, int]
"""tgId and tcId, which name a test within its vector set."""

_DIGITS = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_MODIFIED, _VALID = "modified ciphertext", "valid decapsulation"
_KEYS = frozenset({"dk", "seed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One test that was sent: its number, the case it makes, and the fields that the answer must have."""

    number: Number
    case: Case
    fields: tuple[str, ...]
    kinds: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Prompt:
    """One vector set that was sent, joined with what is expected.

    Attributes:
        expected: the file of the expected results; None where they are the published ones that ship.
        seed: in hex, of a set that `acvp emit` has made; empty for any other.
        known: every test of the file, also those that are not judged, with its kinds.
        unasked: how many tests the expected results hold that the prompt does not ask.
        keyless: (parameter set, number) of tests without their key, as published sets have them; they ask nothing.

    """

    source: VectorSet
    mode: Mode
    expected: Path | None = None
    seed: str = ""
    asked: list[Asked] = field(default_factory=list)
    known: dict[Number, frozenset[str]] = field(default_factory=dict)
    unasked: int = 0
    keyless: list[tuple[str, Number]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What its cases are called, e.g. ``acvp-files/ML-KEM-keyGen-FIPS203/vs42``."""
        content = self.source.content
        return f"acvp-files/{self.mode.algorithm}-{self.mode.mode}-{content['revision']}/vs{content['vsId']}"


def from_hex(text: object) -> bytes | None:
    """Return the bytes of hex digits in either case, or None for anything else."""
    return bytes.fromhex(text) if isinstance(text, str) and _DIGITS.fullmatch(text) else None


def read_prompts(files: Sequence[Path], expected: Sequence[Path]) -> list[Prompt]:
    """Read prompt files and join them with their expected results.

    Args:
        files: prompt files, in any of the three shapes.
        expected: files that `acvp emit` has kept apart, or NIST's expectedResults or internalProjection; without any,
            the published vectors that ship with pqvalidate are searched for the same tests.

    Raises:
        InputError: a file is malformed, expected results are missing or belong to another prompt.

    """
    results = [row for path in expected for row in read_vector_sets(path)]
    prompts: list[Prompt] = []
    for source in (row for path in files for row in read_vector_sets(path)):
        prompt = joined(source, results, searched=not expected)
        if any(prompt.name == other.name for other in prompts):
            raise source.refuse("vsId", f"{prompt.name} was given before", "Give each prompt once")
        prompts.append(prompt)
    return prompts


def same_set(one: Json, other: Json) -> bool:
    """Return whether two vector sets belong together, by every name that both of them carry."""
    names = ("vsId", "algorithm", "mode", "revision")
    return all(one[name] == other[name] for name in names if name in one and name in other)


def joined(source: VectorSet, results: Sequence[VectorSet], *, searched: bool = False) -> Prompt:
    """Return a vector set joined with its expected results, or with published ones where they are to be searched.

    Raises:
        InputError: as ``read_prompts``.

    """
    prompt = Prompt(source=source, mode=_mode(source))
    if searched:
        _fill(prompt, None)
        _take_published(prompt)
        return prompt
    mine = [row for row in results if row.vs_id() == source.vs_id() and same_set(source.content, row.content)]
    if len(mine) != 1:
        found = "no expected results" if not mine else "expected results twice"
        raise source.refuse("", f"has {found} ({source.title})", "Give --expected once for every vector set")
    seal = mine[0].content.get("pqvalidate")
    if isinstance(seal, dict):
        prompt.seed = _opened(source, mine[0], seal)
    prompt.expected = mine[0].file
    _fill(prompt, mine[0])
    prompt.unasked = len(_answers(mine[0]).keys() - prompt.known.keys())
    return prompt


def _mode(source: VectorSet) -> Mode:
    content = source.content
    row = find_mode(content.get("algorithm"), content.get("mode"))
    if row is None:
        known = ", ".join(f"{mode.algorithm} {mode.mode}" for mode in MODES)
        given = f"{content.get('algorithm')} {content.get('mode')}"
        raise source.refuse("mode", f"{given} is not among the modes that are judged", f"Known are: {known}")
    revision = content.get("revision")
    if revision not in row.revisions:
        near = nearest(str(revision), row.revisions)
        raise source.refuse(
            "revision", f"unknown revision {revision!r}{near}", f"Known are: {', '.join(row.revisions)}"
        )
    source.vs_id()
    return row


def _opened(source: VectorSet, results: VectorSet, seal: Json) -> str:
    """Return the seed in hex, if the prompt commits to it and is the one that the results were made for."""
    seed = from_hex(seal.get("seed"))
    if seed is None:
        raise results.refuse("pqvalidate.seed", "is missing or not hex")
    committed = source.content.get("pqvalidate")
    shown = committed.get("seedSha256") if isinstance(committed, dict) else None
    if shown != hashlib.sha256(seed).hexdigest():
        raise source.refuse(
            "pqvalidate.seedSha256", "does not commit to the seed of the expected results",
            f"Give the prompt that was emitted with {results.file}",
        )  # fmt: skip
    if source.digest() != seal.get("promptSha256"):
        problem = f"was changed after it was emitted: its digest is not the one in {results.file}"
        raise source.refuse("", problem, "Give the prompt as it was emitted")
    return seed.hex()


def _fill(prompt: Prompt, results: VectorSet | None) -> None:
    source = prompt.source
    answers: _Answers = _answers(results) if results else {}
    for place, tg_id, group in source.groups():
        name = _parameter_set(prompt, place, group)
        words = kinds(prompt.mode.mode, group)
        for where, tc_id, test in source.tests(place, group):
            number = tg_id, tc_id
            if number in prompt.known:
                raise source.refuse(where, f"tgId {tg_id} has tcId {tc_id} twice")
            prompt.known[number] = words
            wanted = outputs(prompt.mode, group)
            given = _given(source, where, group, test, wanted)
            if _lacks_its_key(prompt.mode, group, given):
                prompt.keyless.append((name, number))
                continue
            expect = _Expected(values=dict.fromkeys(wanted, b""), passed=True)  # until published vectors are taken
            if results:
                expect = _expected(prompt, results, answers, number, wanted)
            hash_name = test.get("hashAlg", "")
            if not isinstance(hash_name, str):
                raise source.refuse(f"{where}.hashAlg", "is no text")
            case = _case(prompt, name, where, group, number, given, expect, hash_name)
            prompt.asked.append(Asked(number=number, case=case, fields=wanted, kinds=words))
    if not prompt.known:
        raise source.refuse("testGroups", "holds no test")


def _answers(results: VectorSet) -> _Answers:
    found: dict[Number, tuple[str, Json]] = {}
    for place, tg_id, group in results.groups():
        for where, tc_id, test in results.tests(place, group):
            if (tg_id, tc_id) in found:
                raise results.refuse(where, f"tgId {tg_id} has tcId {tc_id} twice")
            found[tg_id, tc_id] = where, test
    return found


def _parameter_set(prompt: Prompt, place: str, group: Json) -> str:
    name = group.get("parameterSet")
    row = PARAMETER_SETS.get(name) if isinstance(name, str) else None
    if row is None or row.algorithm != prompt.mode.algorithm:
        known = [known.name for known in PARAMETER_SETS.values() if known.algorithm == prompt.mode.algorithm]
        problem = f"{name!r} is no parameter set of {prompt.mode.algorithm}{nearest(str(name), known)}"
        raise prompt.source.refuse(f"{place}.parameterSet", problem, f"Known are: {', '.join(known)}")
    return row.name


def _given(source: VectorSet, where: str, group: Json, test: Json, wanted: Collection[str]) -> dict[str, bytes]:
    """Return the inputs of a test as bytes; a seed of ML-KEM is d followed by z, whichever way it is written."""
    given: dict[str, bytes] = {}
    for name, text in test.items():
        if name in HEX and name not in wanted:
            value = from_hex(text)
            if value is None:
                raise source.refuse(f"{where}.{name}", "is not hex")
            given[name] = value
    if "d" in given and "z" in given:
        given["seed"] = given["d"] + given["z"]
    for half in "dz":
        given.pop(half, None)
    if group.get("function") == "decapsulation":
        given.pop("dk" if group.get("keyFormat") == "seed" else "seed", None)
    if group.get("deterministic") is True:
        given.pop("rnd", None)
    return given


def _lacks_its_key(mode: Mode, group: Json, given: Mapping[str, bytes]) -> bool:
    """Published sets of FIPS203-tr1 have key checks without a key (usnistgov/ACVP-Server issue 459)."""
    return mode.mode == "encapDecap" and (
        (group.get("function") == "decapsulationKeyCheck" and "dk" not in given)
        or (group.get("function") == "decapsulation" and not _KEYS.intersection(given))
    )


_Answers: TypeAlias = dict[Number, tuple[str, Json]]
"""By the number of a test: its place in the file, and the test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What a test must be answered with: outputs or a truth value, and the reason that the file gives for the test."""

    values: dict[str, bytes]
    passed: bool | None = None
    reason: str = ""


def _expected(
    prompt: Prompt,
    results: VectorSet,
    answers: _Answers,
    number: Number,
    wanted: Sequence[str],
) -> _Expected:
    if number not in answers:
        problem = f"has no expected result for tgId {number[0]}, tcId {number[1]} of {prompt.source.file}"
        raise results.refuse("", problem, "Give the expected results of this prompt")
    where, answer = answers[number]
    reason = str(answer.get("reason", ""))
    if "testPassed" in wanted:
        passed = answer.get("testPassed")
        if not isinstance(passed, bool):
            raise results.refuse(f"{where}.testPassed", "is missing or neither true nor false")
        return _Expected(values={}, passed=passed, reason=reason)
    values: dict[str, bytes] = {}
    for name in wanted:
        value = from_hex(answer.get(name))
        if not value:
            raise results.refuse(f"{where}.{name}", "is missing or not hex")
        values[name] = value
    return _Expected(values=values, reason=reason)


def _case(
    prompt: Prompt, name: str, where: str, group: Json, number: Number, given: dict[str, bytes], expect: _Expected,
    hash_name: str,
) -> Case:  # fmt: skip
    attributes = with_defaults(prompt.mode.mode, group)
    if attributes.get("signatureInterface") == "external":
        given = {"context": b""} | given
    if prompt.mode.mode == "sigGen" and attributes["deterministic"] is not True and "rnd" not in given:
        raise prompt.source.refuse(where, "lacks rnd, though its group is not deterministic")
    reason = expect.reason
    if not reason and group.get("function") == "decapsulation":
        reason = _kind_of_decapsulation(given, expect.values["k"])
    try:
        (case,) = make_cases(
            prompt.mode.form,
            PackedFile(schema="", set=prompt.name, parameter_set=name, groups=()),
            Group(id=f"tg{number[0]}", attributes={k: str(v) for k, v in attributes.items()}, shared={}, tests=()),
            Test(id=str(number[1]), values=given | expect.values, passed=expect.passed, flags=(), note=reason,
                 hash=hash_name),
        )  # fmt: skip
    except KeyError as error:
        raise prompt.source.refuse(where, f"lacks {error.args[0]}") from None
    except ValueError as error:
        raise prompt.source.refuse(where, f"cannot be asked: {error}") from None
    return case


def _kind_of_decapsulation(given: Mapping[str, bytes], k: bytes) -> str:
    """Tell a modified ciphertext by its secret: it is J(z‖c), FIPS 203 algorithm 18; z ends both forms of the key."""
    key = given.get("dk") or given.get("seed", b"")
    rejected = hashlib.shake_256(key[-32:] + given.get("c", b"")).digest(32)
    return _MODIFIED if rejected == k else _VALID


def _take_published(prompt: Prompt) -> None:
    """Take the expected results from the published set that ships, if it holds the very same tests."""
    packed = f"acvp/{prompt.mode.algorithm}-{prompt.mode.mode}-{prompt.source.content['revision']}"
    names = {row.case.parameter_set for row in prompt.asked}
    known = {(case.id, case.operation): case for name in names for case in vectors.load(name, sets={packed})}
    asked = []
    for row in prompt.asked:
        tg_id, tc_id = row.number
        found = known.get((f"{packed}/{tg_id}/{tc_id}", row.case.operation))
        if found is None or found.inputs != row.case.inputs:
            raise InputError(
                prompt.source.file, prompt.source.place,
                f"tgId {tg_id}, tcId {tc_id} is not in the published set {packed} that ships with pqvalidate",
                "Give its expected results with --expected",
            )  # fmt: skip
        case = msgspec.structs.replace(row.case, expect=found.expect, flags=found.flags, note=found.note)
        asked.append(replace(row, case=case))
    prompt.asked = asked


def left_out(prompts: Sequence[Prompt], without: Collection[str]) -> None:
    """Take the tests of the named kinds out of what is judged.

    Raises:
        UsageError: no test of the prompts is of such a kind.

    """
    for word in without:
        if not any(word in row.kinds for prompt in prompts for row in prompt.asked):
            raise UsageError(f"--without {word}: no test of these prompts is of that kind")
    for prompt in prompts:
        prompt.asked = [row for row in prompt.asked if not row.kinds.intersection(without)]
    if not any(prompt.asked or prompt.keyless for prompt in prompts):
        raise UsageError(f"nothing is left to judge without {', '.join(without)}")


def operations_of(cases: Sequence[Case]) -> frozenset[str]:
    """Return the operations, with their optional inputs and pre-hash functions, that cases ask for."""
    return frozenset(word for case in cases for word in _needed(case))


def _needed(case: Case) -> Iterator[str]:
    yield case.operation
    optional = {"context"} | ({"rnd"} if case.operation.startswith(("sign_mu", "sign_prehash")) else set())
    for name in optional.intersection(case.inputs):
        yield f"{case.operation}.{name}"
    if "hash" in case.inputs:
        yield f"hash:{case.inputs['hash']!s}"
