"""Files that are damaged, incomplete or not what they should be: named test by test, or refused with the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pqvalidate.acvp.answers import read_answers
from pqvalidate.acvp.prompts import read_prompts
from pqvalidate.errors import InputError, PqvalidateError
from pqvalidate.verdict import judge
from tests.acvp.exchange import NAMED, SEED, Exchange, Json, edited, vector_set
from tests.cli.command import document, pqvalidate

NAME = "ML-KEM-keyGen-FIPS203"
CHECKS = "ML-KEM-encapDecap-FIPS203"


def failures(folder: Path) -> dict[str, str]:
    """Return what the bundle says about each failed case, by tgId and tcId."""
    rows = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
    return {row["case"].partition("/tg")[2]: row["why"] for row in rows if row["outcome"] != "pass"}


def its_tests(row: Json, group: int = 0) -> list[Json]:
    found: list[Json] = row["testGroups"][group]["tests"]
    return found


def swap(row: Json) -> None:
    one, other = its_tests(row)[0], its_tests(row)[1]
    one["tcId"], other["tcId"] = other["tcId"], one["tcId"]


def tamper(row: Json) -> None:
    test = its_tests(row)[4]
    test["dk"] = test["dk"][:-1] + ("0" if test["dk"][-1] != "0" else "1")


DAMAGED: dict[str, tuple[Callable[[Json], object], dict[str, str]]] = {
    "one missing": (lambda row: its_tests(row).pop(2), {"1/3": "no answer: tgId 1, tcId 3 is not in the response"}),
    "the end missing": (
        lambda row: row["testGroups"][0].update(tests=its_tests(row)[:23]),
        {f"1/{n}": f"no answer: tgId 1, tcId {n} is not in the response" for n in (24, 25)},
    ),
    "every answer missing": (
        lambda row: row.update(testGroups=[]),
        {f"1/{n}": f"no answer: tgId 1, tcId {n} is not in the response" for n in range(1, 26)},
    ),
    "one twice": (lambda row: its_tests(row).append(its_tests(row)[6]), {"1/7": "tgId 1, tcId 7 is answered 2 times"}),
    "two swapped": (
        swap, {"1/1": "ek differs from the expected value", "1/2": "ek differs from the expected value"},
    ),
    "one digit changed": (tamper, {"1/5": "dk differs from the expected value"}),
    "one cut short": (
        lambda row: its_tests(row)[0].update(ek=its_tests(row)[0]["ek"][:-2]),
        {"1/1": "ek differs from the expected value"},
    ),
    "an odd digit": (
        lambda row: its_tests(row)[0].update(ek=its_tests(row)[0]["ek"][:-1]), {"1/1": "tgId 1, tcId 1: ek is not hex"},
    ),
    "no hex": (lambda row: its_tests(row)[0].update(ek="0x00"), {"1/1": "tgId 1, tcId 1: ek is not hex"}),
    "a number": (lambda row: its_tests(row)[0].update(ek=7), {"1/1": "tgId 1, tcId 1: ek is not hex"}),
    "no such field": (lambda row: its_tests(row)[0].pop("dk"), {"1/1": "tgId 1, tcId 1: the answer has no dk"}),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_response_fails_the_tests_that_it_concerns(sent: Exchange, damage: str, tmp_path: Path) -> None:
    edit, wanted = DAMAGED[damage]
    response = edited(sent.response(NAME), tmp_path / "response.json", edit)
    evidence = sent.judged_here([response], [NAME], tmp_path / "out")
    assert judge(evidence).decision == "does-not-conform"
    assert failures(tmp_path / "out") == wanted


def shuffle(row: Json) -> None:
    row["testGroups"].reverse()
    for group in row["testGroups"]:
        group["tests"].reverse()


def split(row: Json) -> None:
    groups = row["testGroups"]
    groups.append({"tgId": groups[0]["tgId"], "tests": [groups[0]["tests"].pop()]})


def capitals(row: Json) -> None:
    for group in row["testGroups"]:
        for test in group["tests"]:
            test.update({name: value.swapcase() for name, value in test.items() if isinstance(value, str)})


@pytest.mark.parametrize("edit", [shuffle, split, capitals])
@pytest.mark.parametrize("name", [NAME, CHECKS])
def test_order_grouping_and_case_of_digits_do_not_matter(
    sent: Exchange, name: str, edit: Callable[[Json], None], tmp_path: Path
) -> None:
    response = edited(sent.response(name), tmp_path / "response.json", edit)
    sent.judged_here([response], [name], tmp_path / "out")
    assert failures(tmp_path / "out") == {}


@pytest.mark.parametrize(("value", "why"), [("true", "neither true nor false"), (1, "neither true nor false")])
def test_a_truth_value_of_another_type_is_no_answer(sent: Exchange, value: object, why: str, tmp_path: Path) -> None:
    groups = vector_set(json.loads(sent.prompt(CHECKS).read_text()))["testGroups"]
    place = next(n for n, group in enumerate(groups) if group["function"] == "encapsulationKeyCheck")

    def edit(row: Json) -> None:
        its_tests(row, place)[0]["testPassed"] = value

    response = edited(sent.response(CHECKS), tmp_path / "response.json", edit)
    sent.judged_here([response], [CHECKS], tmp_path / "out")
    (found,) = failures(tmp_path / "out").values()
    assert why in found


def head(row: Json) -> Json:
    return {name: value for name, value in row.items() if name != "testGroups"}


REFUSED: dict[str, tuple[Callable[[Any], object], str]] = {
    "an answer to no question": (
        lambda row: [row | {"testGroups": [{"tgId": 1, "tests": [{"tcId": 999}]}]}],
        "testGroups: answers 1 tests that",
    ),
    "a test of another group": (
        lambda row: [row | {"testGroups": [{"tgId": 2, "tests": [{"tcId": 1}]}]}], "tgId 2, tcId 1",
    ),
    "no vector set is named": (lambda row: [{"testGroups": row["testGroups"]}], "vsId: is missing"),
    "another vector set": (lambda row: [row | {"vsId": 1}], "is in none of the prompts"),
    "another algorithm": (lambda row: [row | {"algorithm": "ML-DSA"}], "is in none of the prompts"),
    "the same twice": (lambda row: [row, row], "once more"),
    "a test without a number": (
        lambda row: [row | {"testGroups": [{"tgId": 1, "tests": [{"ek": ""}]}]}],
        "testGroups[0].tests[0].tcId: is missing or no whole number",
    ),
    "a group that is no object": (lambda row: [row | {"testGroups": [7]}], "testGroups[0]: is no object"),
    "groups that are no list": (lambda row: [row | {"testGroups": {}}], "testGroups: is missing or no list"),
    "tests that are no list": (
        lambda row: [row | {"testGroups": [{"tgId": 1, "tests": "all"}]}], "tests: is missing or no list",
    ),
    "no vector set": (lambda row: [head(row)], "has no testGroups"),
    "a header in the middle": (lambda row: [row, head(row)], "[1]: has no testGroups"),
    "a number": (lambda _row: 7, "is neither an object nor a list"),
    "nothing": (lambda _row: [], "holds no vector set"),
}  # fmt: skip


@pytest.mark.parametrize("damage", REFUSED)
def test_a_file_that_is_no_response_to_this_prompt_is_refused(sent: Exchange, damage: str, tmp_path: Path) -> None:
    edit, wanted = REFUSED[damage]
    response = tmp_path / "response.json"
    response.write_text(json.dumps(edit(vector_set(json.loads(sent.response(NAME).read_text())))))
    with pytest.raises(InputError) as caught:
        sent.judged_here([response], [NAME], tmp_path / "out")
    assert caught.value.file == str(response)
    assert wanted in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not UTF-8"),
        (b'[{"testGroups": [', "is not JSON"),
        (b'{"vsId": 1, "vsId": 2, "testGroups": []}', "occurs twice"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_was_cut_off_or_is_no_json_is_refused(
    sent: Exchange, content: bytes, wanted: str, tmp_path: Path
) -> None:
    response = tmp_path / "response.json"
    response.write_bytes(content)
    with pytest.raises(InputError, match=wanted):
        sent.judged_here([response], [NAME], tmp_path / "out")


def test_a_broken_file_ends_the_command_with_its_exit_code(sent: Exchange, tmp_path: Path) -> None:
    response = tmp_path / "response.json"
    response.write_bytes(sent.response(NAME).read_bytes()[:5000])
    done = sent.judged([response], [NAME], tmp_path / "out")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"pqvalidate: {response}: line 1, column ")
    assert len(done.stderr.splitlines()) == 1


def test_a_response_that_is_missing_is_asked_for(sent: Exchange, tmp_path: Path) -> None:
    done = sent.judged([sent.response(NAME)], [NAME, CHECKS], tmp_path / "out")
    assert done.returncode == 2
    assert "no response to" in done.stderr
    assert CHECKS in done.stderr


def without_context(row: Json) -> None:
    its_tests(row, 0)[0]["d"] = "00" * 32


SEALED: dict[str, tuple[str, Callable[[Json], object], str]] = {
    "a test of the prompt was changed": ("prompt", without_context, "was changed after it was emitted"),
    "a test was taken out": ("prompt", lambda row: its_tests(row).pop(), "was changed after it was emitted"),
    "the commitment was changed": (
        "prompt", lambda row: row["pqvalidate"].update(seedSha256="00" * 32), "does not commit to the seed",
    ),
    "the commitment was taken out": ("prompt", lambda row: row.pop("pqvalidate"), "does not commit to the seed"),
    "another seed is claimed": (
        "expected", lambda row: row["pqvalidate"].update(seed=SEED[::-1]), "does not commit to the seed",
    ),
    "the seed is no hex": ("expected", lambda row: row["pqvalidate"].update(seed="secret"), "missing or not hex"),
    "an expected result is missing": ("expected", lambda row: its_tests(row).pop(), "no expected result for tgId 1"),
    "an expected result is no hex": ("expected", lambda row: its_tests(row)[0].update(ek="z"), "missing or not hex"),
}  # fmt: skip


@pytest.mark.parametrize("damage", SEALED)
def test_a_prompt_that_does_not_fit_its_expected_results_is_refused(
    sent: Exchange, damage: str, tmp_path: Path
) -> None:
    which, edit, wanted = SEALED[damage]
    files = {"prompt": sent.prompt(NAME), "expected": sent.expected(NAME)}
    files[which] = edited(files[which], tmp_path / f"{which}.json", edit)
    with pytest.raises(InputError) as caught:
        read_prompts([files["prompt"]], [files["expected"]])
    assert wanted in str(caught.value)


def test_a_wrong_expected_result_accuses_nobody(sent: Exchange, tmp_path: Path) -> None:
    expected = edited(sent.expected(NAME), tmp_path / "expected.json", lambda row: its_tests(row)[9].update(ek="00"))
    words = (sent.response(NAME), "--prompt", sent.prompt(NAME), "--expected", expected, *NAMED)
    done = pqvalidate("acvp", "import", *words, "--out", tmp_path / "out", "--format", "json")
    assert done.returncode == 3, done.stderr
    report = document(done)
    (row,) = [row for row in report["results"] if row["outcome"] in {"fail", "error"}]
    assert (row["outcome"], row["cases"]["errors"]) == ("error", 1)
    assert "the expected result is in doubt" in failures(tmp_path / "out")["1/10"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 50) | st.sampled_from(["00", "ML-KEM", "keyGen", "FIPS203", "zz"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["testGroups", "tests", "tgId", "tcId", "vsId", "algorithm", "mode", "revision", "z", "d", "ek",
                         "dk", "parameterSet", "pqvalidate"]), inner, max_size=8,
    ),
    max_leaves=25,
)  # fmt: skip


@given(document=JSON)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_file_at_all_ends_in_another_error_than_ours(sent: Exchange, tmp_path: Path, document: Any) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps(document))
    prompts = read_prompts([sent.prompt(NAME)], [sent.expected(NAME)])
    for read in (
        lambda: read_prompts([path], [sent.expected(NAME)]),
        lambda: read_prompts([sent.prompt(NAME)], [path]),
        lambda: read_answers([path], prompts),
    ):
        with pytest.raises(PqvalidateError):
            read()


def test_a_byte_order_mark_in_front_does_not_matter(sent: Exchange, tmp_path: Path) -> None:
    response = tmp_path / "response.json"
    response.write_bytes(b"\xef\xbb\xbf" + sent.response(NAME).read_bytes())
    sent.judged_here([response], [NAME], tmp_path / "out")
    assert failures(tmp_path / "out") == {}
