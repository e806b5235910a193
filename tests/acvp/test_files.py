"""Published prompts, devices that offer a part, manifests of kind acvp-files, and what the plan says of all that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pqvalidate import vectors
from pqvalidate.acvp.forms import KINDS, kinds
from pqvalidate.acvp.importing import Device, Files, judge_files
from pqvalidate.acvp.planning import ASKED_BY_FILES
from pqvalidate.acvp.prompts import read_prompts
from pqvalidate.algorithms import ML_DSA, ML_KEM, parameter_set
from pqvalidate.errors import InputError, UsageError
from pqvalidate.evidence import Evidence
from pqvalidate.suites import all_checks
from pqvalidate.suites.known_answer import belonging
from pqvalidate.verdict import judge
from tests.acvp.exchange import Exchange, Json, answer, edited, published, vector_set
from tests.cli.command import document, pqvalidate

HSM = Device(vendor="Example BV", name="HSM", version="2.1")
PUBLISHED = {
    "ML-KEM-keyGen-FIPS203": "ML-KEM-512",
    "ML-KEM-encapDecap-FIPS203": "ML-KEM-768",
    "ML-KEM-encapDecap-FIPS203-tr1": "ML-KEM-1024",
    "ML-DSA-keyGen-FIPS204": "ML-DSA-87",
    "ML-DSA-sigVer-FIPS204": "ML-DSA-65",
}


def outcomes(evidence: Evidence) -> dict[str, str]:
    steps = evidence.facts.plan.steps
    return {steps[row.step].check: row.outcome for row in evidence.facts.results if row.outcome != "not-applicable"}


def gap(evidence: Evidence, check: str) -> tuple[str | None, str]:
    step = next(step for step in evidence.facts.plan.steps if step.check == check)
    return step.reason, step.why


def exchanged(name: str, folder: Path) -> tuple[Path, Path]:
    """Return a published prompt and what the device answers to it."""
    prompt, response = folder / "prompt.json", folder / "response.json"
    prompt.write_text(json.dumps(published(name, PUBLISHED[name])))
    answer(prompt, response, "--shape", "bare")
    return prompt, response


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_prompt_is_judged_by_the_vectors_that_ship(name: str, tmp_path: Path) -> None:
    prompt, response = exchanged(name, tmp_path)
    files = Files(prompts=(prompt,), expected=(), responses=(response,))
    found = judge_files(files, HSM, tmp_path / "out")[0]
    assert set(outcomes(found).values()) == {"pass"}
    cases = sum(step.cases for step in found.facts.plan.steps)
    assert cases == sum(len(group["tests"]) for group in published(name, PUBLISHED[name])["testGroups"])
    assert "expected results: as published, not computed again" in found.facts.subject.notes


@pytest.mark.parametrize("name", ["ML-KEM-encapDecap-FIPS203", "ML-DSA-sigVer-FIPS204"])
def test_a_wrong_answer_to_a_published_prompt_is_found(name: str, tmp_path: Path) -> None:
    prompt, response = exchanged(name, tmp_path)

    def negate(row: Json) -> None:
        test = next(t for group in row["testGroups"] for t in group["tests"] if "testPassed" in t)
        test["testPassed"] = not test["testPassed"]

    files = Files(prompts=(prompt,), expected=(), responses=(edited(response, tmp_path / "wrong.json", negate),))
    found = judge_files(files, HSM, tmp_path / "out")[0]
    assert list(outcomes(found).values()).count("fail") == 1


def test_a_prompt_that_was_never_published_needs_expected_results(sent: Exchange) -> None:
    with pytest.raises(InputError, match="tgId 1, tcId 1 is not in the published set") as caught:
        read_prompts([sent.prompt("ML-KEM-keyGen-FIPS203")], [])
    assert "--expected" in str(caught.value)


def without_keys(row: Json) -> None:
    for group in row["testGroups"]:
        if group["function"] == "decapsulationKeyCheck":
            for test in group["tests"]:
                del test["dk"]


def test_key_checks_without_a_key_are_a_gap_and_no_failure(tmp_path: Path) -> None:
    """As in published sets of FIPS203-tr1: usnistgov/ACVP-Server issue 459."""
    prompt, response = exchanged("ML-KEM-encapDecap-FIPS203-tr1", tmp_path)
    files = Files(prompts=(edited(prompt, tmp_path / "p.json", without_keys),), expected=(), responses=(response,))
    found = judge_files(files, HSM, tmp_path / "out")[0]
    assert "fail" not in outcomes(found).values()
    reason, why = gap(found, "ml-kem/dk-check")
    assert reason == "operation-missing"
    assert why.startswith("10 cases without key in the prompt: tgId ")
    assert judge(found).decision == "undecided"


def test_expected_results_of_the_internal_projection_name_the_reasons(sent: Exchange, tmp_path: Path) -> None:
    """NIST's internalProjection holds prompt, results and reasons together; the plain results hold no reasons."""
    name = "ML-KEM-encapDecap-FIPS203"
    prompt = vector_set(json.loads(sent.prompt(name).read_text()))
    expected = vector_set(json.loads(sent.expected(name).read_text()))
    del prompt["pqvalidate"], expected["pqvalidate"]
    whole: Any = {**expected, "testGroups": [
        {**group, "tests": [{"deferred": False, **one, **other} for one, other in zip(group["tests"], more["tests"],
                                                                                    strict=True)]}
        for group, more in zip(prompt["testGroups"], expected["testGroups"], strict=True)
    ]}  # fmt: skip
    plain = {**expected, "testGroups": [
        {**group, "tests": [{k: v for k, v in test.items() if k != "reason"} for test in group["tests"]]}
        for group in expected["testGroups"]
    ]}  # fmt: skip
    seen = []
    for number, content in enumerate((whole, plain)):
        paths = tmp_path / f"prompt-{number}.json", tmp_path / f"expected-{number}.json"
        paths[0].write_text(json.dumps(prompt))
        paths[1].write_text(json.dumps(content))
        (found,) = read_prompts([paths[0]], [paths[1]])
        seen.append([(row.case.id, row.case.expect, "modified-ciphertext" in row.case.flags) for row in found.asked])
    assert seen[0] == seen[1]
    assert sum(modified for _, _, modified in seen[0]) == 5


SIGNER = ("ML-DSA-keyGen-FIPS204", "ML-DSA-sigGen-FIPS204", "ML-DSA-sigVer-FIPS204")


@pytest.fixture
def partial(sent: Exchange, tmp_path: Path) -> list[Path]:
    """Return the answers of a device without an external mu."""

    def drop(row: Json) -> None:
        row["testGroups"] = [group for group in row["testGroups"] if group["tgId"] not in lacking]

    paths = []
    for name in SIGNER:
        content = vector_set(json.loads(sent.prompt(name).read_text()))
        lacking = {g["tgId"] for g in content["testGroups"] if "externalMu" in kinds(content["mode"], g)}
        paths.append(edited(sent.response(name), tmp_path / f"{name}.json", drop))
    return paths


def test_what_a_device_leaves_out_fails_unless_it_is_said_not_to_offer_it(
    sent: Exchange, partial: list[Path], tmp_path: Path
) -> None:
    unsaid = sent.judged(partial, SIGNER, tmp_path / "unsaid", "--format", "json")
    assert unsaid.returncode == 1
    failed = {row["check"] for row in document(unsaid)["results"] if row["outcome"] == "fail"}
    assert failed == {"ml-dsa/kat-sign-mu", "ml-dsa/kat-verify-mu"}

    said = sent.judged(partial, SIGNER, tmp_path / "said", "--format", "json", "--without", "externalMu")
    assert said.returncode == 0, said.stderr
    rows = {row["check"]: row for row in document(said)["results"]}
    assert rows["ml-dsa/kat-verify-mu"]["reason"] == "operation-missing"
    assert "--without externalMu" in rows["ml-dsa/kat-verify-mu"]["why"]


def test_what_a_device_has_answered_cannot_be_left_out(sent: Exchange, tmp_path: Path) -> None:
    responses = [sent.response(name) for name in SIGNER]
    done = sent.judged(responses, SIGNER, tmp_path / "out", "--without", "preHash")
    assert (done.returncode, "the response answers tgId" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(("word", "wanted"), [("prehash", "nearest: preHash"), ("seed", "no test of these prompts")])
def test_a_kind_that_is_unknown_or_not_asked_is_refused(sent: Exchange, word: str, wanted: str, tmp_path: Path) -> None:
    done = sent.judged([sent.response(name) for name in SIGNER], SIGNER, tmp_path / "out", "--without", word)
    assert (done.returncode, wanted in done.stderr) == (2, True), done.stderr


MANIFEST = """
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example BV"
name = "HSM"
version = "2.1"
form = "hsm"
[attach]
kind = "acvp-files"
[claims]
conformance = ["ML-KEM-512", "ML-KEM-768"]
[[artefacts]]
path = "firmware.bin"
"""


def test_a_manifest_names_the_device_its_firmware_and_its_claims(sent: Exchange, tmp_path: Path) -> None:
    (tmp_path / "hsm.toml").write_text(MANIFEST)
    (tmp_path / "firmware.bin").write_bytes(b"firmware")
    name = "ML-KEM-keyGen-FIPS203"
    files = Files(prompts=(sent.prompt(name),), expected=(sent.expected(name),), responses=(sent.response(name),))
    found = judge_files(files, Device(manifest=tmp_path / "hsm.toml"), tmp_path / "out")[0]
    subject = found.facts.subject
    assert (subject.form, subject.claims) == ("hsm", ("ML-KEM-512", "ML-KEM-768"))
    assert [row.path for row in subject.artefacts] == ["firmware.bin", "response.json"]
    claims = {row.claim: row.why for row in judge(found).claims}
    assert "key-generation" not in claims["conformance ML-KEM-512"]
    assert "key-generation" in claims["conformance ML-KEM-768"], "claimed, and no prompt asks about it"


def test_a_manifest_of_files_cannot_be_run_and_one_of_code_cannot_be_imported(sent: Exchange, tmp_path: Path) -> None:
    (tmp_path / "hsm.toml").write_text(MANIFEST)
    done = pqvalidate("run", tmp_path / "hsm.toml", "--out", tmp_path / "out")
    assert (done.returncode, "pqvalidate acvp import --manifest" in done.stderr) == (2, True), done.stderr
    code = MANIFEST.replace('"acvp-files"', '"python"\ntarget = "x:y"')
    (tmp_path / "code.toml").write_text(code)
    name = "ML-KEM-keyGen-FIPS203"
    files = Files(prompts=(sent.prompt(name),), expected=(sent.expected(name),), responses=(sent.response(name),))
    with pytest.raises(InputError, match="answers in files need acvp-files"):
        judge_files(files, Device(manifest=tmp_path / "code.toml"), tmp_path / "out")
    (tmp_path / "both.toml").write_text(MANIFEST.replace('"acvp-files"', '"acvp-files"\nlibrary = "x.so"'))
    with pytest.raises(InputError, match="has no meaning for kind acvp-files"):
        judge_files(files, Device(manifest=tmp_path / "both.toml"), tmp_path / "out")


def test_a_device_without_a_name_is_asked_for_one(sent: Exchange, tmp_path: Path) -> None:
    name = "ML-KEM-keyGen-FIPS203"
    files = Files(prompts=(sent.prompt(name),), expected=(sent.expected(name),), responses=(sent.response(name),))
    with pytest.raises(UsageError, match="--vendor, --name and --version"):
        judge_files(files, Device(vendor="V", name=" "), tmp_path / "out")


@pytest.mark.parametrize("name", [*ML_KEM, *ML_DSA])
def test_the_checks_that_files_can_ask_are_those_that_published_files_ask(name: str) -> None:
    sets = {row.id for row in vectors.manifest().sets if row.id.startswith("acvp/")}
    cases = vectors.load(name, sets=sets)
    checks = [check for check in all_checks() if check.algorithm == parameter_set(name).algorithm]
    asked = {check.name: belonging(check, cases) for check in checks}
    prefix = checks[0].name.partition("/")[0]
    assert {check for check, mine in asked.items() if mine} == {n for n in ASKED_BY_FILES if n.startswith(prefix)}
    assert sum(map(len, asked.values())) == len(cases), "every case belongs to exactly one check"
    assert {word for words in ASKED_BY_FILES.values() for word in words} == set(KINDS)


def test_a_seed_may_be_one_field_or_two(sent_tr1: Exchange, tmp_path: Path) -> None:
    """The text of FIPS203-tr1 has ``seed``, its published files have ``d`` and ``z``."""

    def joined(row: Json) -> None:
        del row["pqvalidate"]
        for group in row["testGroups"]:
            for test in group["tests"]:
                if "d" in test:
                    test["seed"] = test.pop("d") + test.pop("z")

    def unsealed(row: Json) -> None:
        del row["pqvalidate"]

    expected = edited(next(sent_tr1.files.glob("secret*/*encapDecap*")), tmp_path / "expected.json", unsealed)
    one = read_prompts([edited(sent_tr1.prompt("session"), tmp_path / "one.json", joined)], [expected])
    two = read_prompts([edited(sent_tr1.prompt("session"), tmp_path / "two.json", unsealed)], [expected])
    assert [row.case for row in one[0].asked] == [row.case for row in two[0].asked]
    assert {"decapsulate_from_seed"} < {row.case.operation for row in one[0].asked}


def test_tests_that_the_prompt_lacks_are_noted(sent: Exchange, tmp_path: Path) -> None:
    name = "ML-KEM-keyGen-FIPS203"

    def shortened(row: Json) -> None:
        del row["pqvalidate"]
        row["testGroups"][0]["tests"] = row["testGroups"][0]["tests"][:20]

    def unsealed(row: Json) -> None:
        del row["pqvalidate"]

    def answers(row: Json) -> None:
        row["testGroups"][0]["tests"] = row["testGroups"][0]["tests"][:20]

    files = Files(
        prompts=(edited(sent.prompt(name), tmp_path / "prompt.json", shortened),),
        expected=(edited(sent.expected(name), tmp_path / "expected.json", unsealed),),
        responses=(edited(sent.response(name), tmp_path / "response.json", answers),),
    )
    found = judge_files(files, HSM, tmp_path / "out")[0]
    assert outcomes(found) == {"ml-kem/kat-keygen": "pass"}
    assert any("hold 5 more tests than the prompt asks" in note for note in found.facts.subject.notes)


MALFORMED: dict[str, tuple[Any, str]] = {
    "no such mode": ({"mode": "keyAgree"}, "ML-KEM keyAgree is not among the modes"),
    "no such revision": ({"revision": "FIPS203-tr2"}, "unknown revision 'FIPS203-tr2' (nearest: FIPS203)"),
    "no number": ({"vsId": True}, "vsId: is missing or no whole number"),
    "no test": ({"testGroups": []}, "testGroups: holds no test"),
    "no such parameter set": (
        {"testGroups": [{"tgId": 1, "parameterSet": "ML-KEM-700", "tests": []}]}, "no parameter set of ML-KEM",
    ),
    "an input missing": (
        {"testGroups": [{"tgId": 1, "parameterSet": "ML-KEM-512", "tests": [{"tcId": 1, "d": "00"}]}]}, "lacks seed",
    ),
    "an input that is no hex": (
        {"testGroups": [{"tgId": 1, "parameterSet": "ML-KEM-512", "tests": [{"tcId": 1, "d": 0}]}]}, "d: is not hex",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", MALFORMED)
def test_a_malformed_prompt_is_refused_with_the_place(damage: str, tmp_path: Path) -> None:
    change, wanted = MALFORMED[damage]
    whole = published("ML-KEM-keyGen-FIPS203", "ML-KEM-512")
    (tmp_path / "prompt.json").write_text(json.dumps(whole | change))
    with pytest.raises(InputError) as caught:
        read_prompts([tmp_path / "prompt.json"], [])
    assert wanted in str(caught.value)


def test_a_misspelt_flag_is_named_with_the_nearest(tmp_path: Path) -> None:
    done = pqvalidate("acvp", "import", "r.json", "--prompt", "p.json", "--expectd", "e.json", cwd=tmp_path)
    assert (done.returncode, "nearest: --expected" in done.stderr) == (2, True), done.stderr
