"""Fresh prompts: the groups and counts of NIST's own sets, nothing of the answers, and no answer on one word alone."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pqvalidate import vendors
from pqvalidate.acvp import second_opinion
from pqvalidate.acvp.emit import PROMPTS, SECRET, Wanted, emit
from pqvalidate.acvp.forms import REVISIONS
from pqvalidate.algorithms import parameter_set
from pqvalidate.errors import PqvalidateError, UsageError
from pqvalidate.oracle import mlkem
from pqvalidate.vectors import reader
from tests.acvp.exchange import SEED, Exchange, Json, vector_set
from tests.cli.command import pqvalidate

EVERY = ("ML-KEM-1024", "ML-DSA-87")
SETS = (
    "ML-KEM-keyGen-FIPS203", "ML-KEM-encapDecap-FIPS203", "ML-KEM-encapDecap-FIPS203-tr1", "ML-DSA-keyGen-FIPS204",
    "ML-DSA-sigGen-FIPS204", "ML-DSA-sigGen-FIPS204-tr1", "ML-DSA-sigVer-FIPS204",
)  # fmt: skip


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("every") / "files"
    emit(Wanted(parameter_sets=EVERY, revisions=REVISIONS), bytes.fromhex(SEED), folder)
    return folder


def groups_of(path: Path) -> list[Json]:
    groups: list[Json] = vector_set(json.loads(path.read_text()))["testGroups"]
    return groups


def shape(attributes: Json, reasons: Any) -> tuple[Any, ...]:
    kind = sorted((name, str(value)) for name, value in attributes.items())
    return tuple(kind), tuple(sorted(Counter(reasons).items()))


def test_every_mode_and_revision_is_made(everything: Path) -> None:
    assert {path.stem for path in (everything / PROMPTS).iterdir()} == set(SETS)
    assert {path.name for path in (everything / SECRET).iterdir()} == {f"{name}-expected.json" for name in SETS}


@pytest.mark.parametrize("name", SETS)
def test_groups_counts_and_reasons_are_those_that_nist_has_published(everything: Path, name: str) -> None:
    wanted = next(row for row in EVERY if name.startswith(parameter_set(row).algorithm))
    root = reader.default_folder()
    entry = next(row for row in reader.manifest(root).sets if row.id == f"acvp/{name}")
    file = next(row for row in entry.files if row.parameter_set == wanted)
    published = [
        shape(group.attributes, [test.note for test in group.tests])
        for group in reader._unpack(root, entry.id, file).groups
    ]
    expected = {group["tgId"]: group["tests"] for group in groups_of(everything / SECRET / f"{name}-expected.json")}
    ours = [
        shape(
            {key: value for key, value in group.items() if key not in {"tgId", "testType", "parameterSet", "tests"}},
            [test.get("reason", "") for test in expected[group["tgId"]]],
        )
        for group in groups_of(everything / PROMPTS / f"{name}.json")
    ]
    assert sorted(ours) == sorted(published)


@pytest.mark.parametrize("name", SETS)
def test_a_prompt_commits_to_the_seed_and_tells_nothing_else(everything: Path, name: str) -> None:
    text = (everything / PROMPTS / f"{name}.json").read_text()
    content = vector_set(json.loads(text))
    assert content["pqvalidate"] == {"seedSha256": hashlib.sha256(bytes.fromhex(SEED)).hexdigest()}
    assert SEED not in text.lower()
    assert not {"reason", "testPassed", "k"} & {name for group in content["testGroups"] for test in group["tests"]
                                                for name in test}  # fmt: skip
    seal = json.loads((everything / SECRET / f"{name}-expected.json").read_text())["pqvalidate"]
    assert seal["seed"] == SEED
    assert seal["notice"].startswith("KEEP THIS FILE FROM THE VENDOR")
    assert len(seal["confirmedBy"]) >= 2


def test_numbers_of_tests_are_unique_over_a_set(everything: Path) -> None:
    for path in (everything / PROMPTS).iterdir():
        numbers = [test["tcId"] for group in groups_of(path) for test in group["tests"]]
        assert numbers == list(range(1, len(numbers) + 1))
    ids = {vector_set(json.loads(path.read_text()))["vsId"] for path in (everything / PROMPTS).iterdir()}
    assert len(ids) == len(SETS)


def test_expected_results_are_readable_by_their_owner_only(everything: Path) -> None:
    paths = [everything / SECRET, *(everything / SECRET).iterdir()]
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


def test_hidden_cases_lie_where_mistakes_lie(everything: Path) -> None:
    """Coefficients of exactly q and of 4095, contexts of 0 and 255 bytes, all twelve hash functions."""
    keys = [
        test["ek"] for group in groups_of(everything / PROMPTS / "ML-KEM-encapDecap-FIPS203.json")
        if group["function"] == "encapsulationKeyCheck" for test in group["tests"]
    ]  # fmt: skip
    largest = []
    for key in keys:
        packed = int.from_bytes(bytes.fromhex(key)[:-32], "little")
        largest.append(max(packed >> 12 * place & 0xFFF for place in range(4 * 256)))
    assert {3329, 4095} <= set(largest)
    assert sum(value < 3329 for value in largest) == 5
    tests = [
        test for group in groups_of(everything / PROMPTS / "ML-DSA-sigGen-FIPS204.json") for test in group["tests"]
    ]
    lengths = {len(test["context"]) // 2 for test in tests if "context" in test}
    assert {0, 255} <= lengths
    assert len({test["hashAlg"] for test in tests if "hashAlg" in test}) == 12


def test_the_same_seed_gives_the_same_files_and_another_gives_others(sent: Exchange, tmp_path: Path) -> None:
    wanted = Wanted(parameter_sets=("ML-KEM-512",), modes=("keyGen",))
    name = f"{PROMPTS}/ML-KEM-keyGen-FIPS203.json"
    contents = []
    for number, seed in enumerate((SEED, SEED, SEED[::-1])):
        emit(wanted, bytes.fromhex(seed), tmp_path / str(number))
        contents.append((tmp_path / str(number) / name).read_bytes())
    assert contents[0] == contents[1] == sent.prompt("ML-KEM-keyGen-FIPS203").read_bytes()
    assert contents[0] != contents[2]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--parameter-set", "ML-KEM-513"], "nearest: ML-KEM-512"),
        (["--parameter-set", "Kyber-512"], "ACVP has no tests of Kyber"),
        (["--parameter-set", "ML-KEM-512", "--mode", "keygen"], "nearest: keyGen"),
        (["--parameter-set", "ML-KEM-512", "--mode", "sigGen"], "no such mode of ML-KEM"),
        (["--parameter-set", "ML-KEM-512", "--revision", "FIPS204"], "nothing is asked of ML-KEM"),
        (["--parameter-set", "ML-KEM-512", "--revision", "FIPS2O3"], "nearest: FIPS203"),
        (["--parameter-set", "ML-KEM-512", "--without", "prehash"], "nearest: preHash"),
        (["--parameter-set", "ML-KEM-512", "--seed", "xyz"], "is not hex"),
        (["--parameter-set", "ML-KEM-512", "--seed", "00"], "a seed of 1 bytes"),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest(words: list[str], wanted: str, tmp_path: Path) -> None:
    done = pqvalidate("acvp", "emit", *words, "--out", tmp_path / "out")
    assert (done.returncode, wanted in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    words = ("acvp", "emit", "--parameter-set", "ML-KEM-512", "--mode", "keyGen", "--out", tmp_path)
    done = pqvalidate(*words)
    assert (done.returncode, "never overwritten" in done.stderr) == (2, True)


def test_nothing_is_written_where_nobody_can_confirm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = vendors.availability
    monkeypatch.setattr(vendors, "availability", lambda name: here(name) if name == "openssl" else (False, ""))
    with pytest.raises(UsageError, match=r"pip install 'pqvalidate\[vendors\]'"):
        emit(Wanted(parameter_sets=("ML-KEM-512",)), bytes(16), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_where_two_implementations_differ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    honest = mlkem.keygen

    def faulty(name: str, seeds: list[bytes]) -> list[tuple[bytes, bytes]]:
        return honest(name, [seed[:32] + bytes(32) for seed in seeds])

    monkeypatch.setattr(mlkem, "keygen", faulty)
    with pytest.raises(PqvalidateError, match="nothing was written: pycryptodome gives another answer") as caught:
        emit(Wanted(parameter_sets=("ML-KEM-512",), modes=("keyGen",)), bytes(16), tmp_path / "out")
    assert "/tg1/1" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_those_who_confirm_are_named_once() -> None:
    assert set(second_opinion._CANDIDATES) <= set(vendors.BUILT_IN)


def test_groups_that_a_device_lacks_are_not_made(tmp_path: Path) -> None:
    without = ("externalMu", "preHash", "hedged")
    emit(Wanted(parameter_sets=("ML-DSA-44",), modes=("sigGen",), without=without), bytes(16), tmp_path / "out")
    groups = groups_of(tmp_path / "out" / PROMPTS / "ML-DSA-sigGen-FIPS204.json")
    made = [(group["tgId"], group["signatureInterface"], group["deterministic"]) for group in groups]
    assert made == [(1, "external", True), (2, "internal", True)]
    assert {group.get("preHash", "pure") for group in groups} == {"pure"}
    assert not any(group.get("externalMu") for group in groups)


def test_leaving_everything_out_is_refused(tmp_path: Path) -> None:
    wanted = Wanted(parameter_sets=("ML-DSA-44",), modes=("sigGen",), without=("hedged", "deterministic"))
    with pytest.raises(UsageError, match="nothing is left to ask"):
        emit(wanted, bytes(16), tmp_path / "out")
