"""Making prompt files: fresh tests from a seed, expected results apart, and a commitment to the seed in the prompt."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pqvalidate import __version__
from pqvalidate.acvp import drawing_dsa, drawing_kem
from pqvalidate.acvp.drawing import Draw, Drawn, DrawnGroup, Fields
from pqvalidate.acvp.envelope import Json, VectorSet, written
from pqvalidate.acvp.forms import KINDS, MODES, REVISIONS, Mode, kinds
from pqvalidate.acvp.prompts import joined
from pqvalidate.acvp.second_opinion import confirm
from pqvalidate.algorithms import PARAMETER_SETS, nearest, parameter_set
from pqvalidate.documents import write_atomically
from pqvalidate.errors import UsageError

PROMPTS, SECRET = "prompts", "secret-keep-from-the-vendor"
_NOTICE: Final = "KEEP THIS FILE FROM THE VENDOR until the answers are in: it holds the seed and every expected result."
_OURS: Final = f"pqvalidate {__version__}, its own computation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to make: parameter sets, modes (empty: all), revisions, kinds of groups to leave out, shape of the files."""

    parameter_sets: tuple[str, ...]
    modes: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ("FIPS203", "FIPS204")
    without: tuple[str, ...] = ()
    shape: str = "nist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted:
    """What was written: prompt files for the vendor, files to keep, tests in all, and who confirmed the answers."""

    prompts: tuple[Path, ...]
    expected: tuple[Path, ...]
    tests: int
    seed_sha256: str
    confirmed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A vector set as it is sent, and its expected results."""

    name: str
    prompt: Json
    expected: Json


def emit(wanted: Wanted, seed: bytes, folder: Path) -> Emitted:
    """Draw, confirm and write prompt files and, in a folder of their own, the expected results.

    Args:
        wanted: what to make.
        seed: 16 to 64 bytes; the same seed gives the same files.
        folder: a new folder; it gets ``prompts`` and ``secret-keep-from-the-vendor``, readable by the owner only.

    Raises:
        UsageError: a wrong name or combination, a folder that exists, or no second implementation to confirm with.
        PqvalidateError: the second implementation disagrees.

    """
    if not 16 <= len(seed) <= 64:
        raise UsageError(f"a seed of {len(seed)} bytes: give 16 to 64, so that nobody can guess it")
    if folder.exists():
        raise UsageError(f"{folder} exists and is never overwritten; choose another --out")
    pairs = [_pair(row, revision, wanted, seed) for row, revision in _chosen(wanted)]
    pairs = [pair for pair in pairs if pair.prompt["testGroups"]]
    if not pairs:
        raise UsageError(f"nothing is left to ask without {', '.join(wanted.without)}")
    agreed = confirm([joined(_read(pair.prompt), [_read(pair.expected)]) for pair in pairs])
    for pair in pairs:
        pair.expected["pqvalidate"]["confirmedBy"] = [_OURS, *agreed]
    prompts, expected = _write(pairs, wanted.shape, folder)
    tests = sum(len(group["tests"]) for pair in pairs for group in pair.prompt["testGroups"])
    return Emitted(
        prompts=prompts, expected=expected, tests=tests, seed_sha256=hashlib.sha256(seed).hexdigest(),
        confirmed_by=agreed,
    )  # fmt: skip


def _chosen(wanted: Wanted) -> list[tuple[Mode, str]]:
    """Return the modes and revisions to make.

    Raises:
        UsageError: an unknown name, or one that selects nothing.

    """
    algorithms = {parameter_set(name).algorithm for name in wanted.parameter_sets}
    known = {"--mode": tuple(dict.fromkeys(row.mode for row in MODES)), "--revision": REVISIONS, "--without": KINDS}
    for flag, words in (("--mode", wanted.modes), ("--revision", wanted.revisions), ("--without", wanted.without)):
        for word in words:
            if word not in known[flag]:
                raise UsageError(f"{flag} {word!r}{nearest(word, known[flag])}: known are {', '.join(known[flag])}")
    for name in algorithms - {row.algorithm for row in MODES}:
        raise UsageError(f"ACVP has no tests of {name}")
    chosen = [
        (row, revision)
        for row in MODES if row.algorithm in algorithms and (not wanted.modes or row.mode in wanted.modes)
        for revision in row.revisions if revision in wanted.revisions
    ]  # fmt: skip
    for mode in wanted.modes:
        if not any(row.mode == mode for row, _ in chosen):
            raise UsageError(f"--mode {mode}: no such mode of {', '.join(sorted(algorithms))} in these revisions")
    for algorithm in sorted(algorithms - {row.algorithm for row, _ in chosen}):
        raise UsageError(f"nothing is asked of {algorithm}: none of its modes is in these revisions and modes")
    return chosen


def _pair(row: Mode, revision: str, wanted: Wanted, seed: bytes) -> _Pair:
    names = [
        name for name in PARAMETER_SETS
        if name in wanted.parameter_sets and PARAMETER_SETS[name].algorithm == row.algorithm
    ]  # fmt: skip
    by_name = [_groups(row, revision, name) for name in names]
    title = f"{row.algorithm}-{row.mode}-{revision}"
    digest = hashlib.sha256(b"acvp|" + seed + f"|{title}".encode()).digest()
    head = {
        "vsId": int.from_bytes(digest[:4], "big") >> 1, "algorithm": row.algorithm, "mode": row.mode,
        "revision": revision, "isSample": False,
    }  # fmt: skip
    sent: list[Json] = []
    expected: list[Json] = []
    tests = 0
    for group in (group for alike in zip(*by_name, strict=True) for group in alike):
        if kinds(row.mode, group.attributes).intersection(wanted.without):
            continue
        number = len(sent) + 1
        words = "|".join(f"{name}={value}" for name, value in group.attributes.items())
        drawn = group.draw(Draw(seed, group.attributes["parameterSet"], f"{title}|{words}"))
        numbers = range(tests + 1, tests + len(drawn) + 1)
        tests += len(drawn)
        numbered = list(zip(numbers, drawn, strict=True))
        sent.append({"tgId": number, **group.attributes,
                     "tests": [{"tcId": tc_id, **_fields(test.sent)} for tc_id, test in numbered]})  # fmt: skip
        expected.append({"tgId": number, "tests": [{"tcId": tc_id, **_answer(test)} for tc_id, test in numbered]})
    commitment = {"seedSha256": hashlib.sha256(seed).hexdigest()}
    prompt = {**head, "pqvalidate": commitment, "testGroups": sent}
    seal = {"notice": _NOTICE, "seed": seed.hex(), "promptSha256": _read(prompt).digest()}
    return _Pair(name=title, prompt=prompt, expected={"pqvalidate": seal, **head, "testGroups": expected})


def _groups(row: Mode, revision: str, name: str) -> list[DrawnGroup]:
    if row.algorithm == "ML-KEM":
        return (
            drawing_kem.keygen_groups(name) if row.mode == "keyGen" else drawing_kem.encap_decap_groups(name, revision)
        )
    if row.mode == "keyGen":
        return drawing_dsa.keygen_groups(name)
    return drawing_dsa.siggen_groups(name, revision) if row.mode == "sigGen" else drawing_dsa.sigver_groups(name)


def _fields(values: Fields) -> Json:
    """Return the fields of a test as JSON; ACVP writes hex in capitals."""
    return {name: value.hex().upper() if isinstance(value, bytes) else value for name, value in values.items()}


def _answer(test: Drawn) -> Json:
    return _fields(test.expected) | ({"reason": test.reason} if test.reason else {})


def _read(content: Json) -> VectorSet:
    return VectorSet(file=Path("the drawn tests"), place="", content=content)


def _write(pairs: Sequence[_Pair], shape: str, folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    prompts, secret = folder / PROMPTS, folder / SECRET
    try:
        prompts.mkdir(parents=True)
        secret.mkdir(mode=0o700)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {os.strerror(error.errno or 0)}") from None
    files = []
    if shape == "session":
        files = [prompts / "session.json"]
        write_atomically(files[0], written([pair.prompt for pair in pairs], shape))
    kept = []
    for pair in pairs:
        kept.append(secret / f"{pair.name}-expected.json")
        write_atomically(kept[-1], written([pair.expected], "bare"), mode=0o600)
        if shape != "session":
            files.append(prompts / f"{pair.name}.json")
            write_atomically(files[-1], written([pair.prompt], shape))
    return tuple(files), tuple(kept)
