"""`pqvalidate harness-check`: a sound harness passes, and each bad habit is named with what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from pqvalidate.errors import UsageError
from pqvalidate.harness_check import SCHEMA, check_harness
from tests.cli.command import document, pqvalidate
from tests.harness.harnesses import manifest

SETS = ("ML-KEM-768", "ML-DSA-44")
HABITS = {
    "answers hello once": {"hello", "unknown field"},
    "refuses unknown fields": {"unknown field"},
    "ends at an error": {"unknown operation", "unknown set", "missing input", "wrong type", "batch"},
    "answers errors with ok": {"unknown operation", "unknown set", "missing input", "wrong type"},
    "takes any parameter set": {"unknown set"},
    "ends at bad hex": {"odd hex", "no hex"},
    "ends at a long line": {"10 MiB"},
    "keeps ids as 32-bit numbers": {"ids"},
    "answers in the opposite order": {"pipelined"},
    "forgets an entry of a batch": {"batch"},
    "answers every call of a batch with an error": {"batch"},
    "refuses an empty batch": {"batch"},
    "times in seconds": {"measure"},
    "times once": {"measure"},
    "cannot do what it offers": {"ML-KEM-768 encapsulate"},
    "finds its own signature bad": {"ML-DSA-44 verify"},
    "invents a shared secret": {"ML-KEM-768 decapsulate"},
    "swaps the outputs": {"ML-KEM-768 encapsulate"},
    "forgets a claim": {"hello"},
    "stays when its input ends": {"end of input"},
    "says goodbye": {"end of input"},
    "leaves with status 1": {"end of input"},
}


def careless(folder: Path, habit: str) -> Path:
    environment = {"PQV_HABIT": habit}
    return manifest(folder, program="careless.py", sets=SETS, environment=environment, seconds=3)


@pytest.mark.parametrize("framing", ["jsonl", "binary"])
@pytest.mark.parametrize("words", [(), ("batch",)])
def test_a_sound_harness_passes(framing: str, words: tuple[str, ...], tmp_path: Path) -> None:
    checked = check_harness(str(manifest(tmp_path, "pycryptodome", *words, framing=framing, sets=SETS)))
    assert checked.keeps_the_protocol, checked.text()
    asked = {finding.check for finding in checked.findings if finding.outcome == "pass"}
    assert ("batch" in asked) is bool(words)
    assert ("odd hex" in asked) is (framing == "jsonl")
    assert {"hello", "10 MiB", "pipelined", "measure", "ML-DSA-44 verify_prehash", "end of input"} <= asked


@pytest.mark.parametrize("habit", HABITS)
def test_a_bad_habit_is_found_and_said_how_to_change(habit: str, tmp_path: Path) -> None:
    checked = check_harness(str(careless(tmp_path, habit)))
    failed = {finding.check: finding for finding in checked.findings if finding.outcome == "fail"}
    assert set(failed) == HABITS[habit], checked.text()
    assert all(finding.change and finding.sent and finding.seen for finding in failed.values())


def test_a_harness_that_takes_one_read_for_one_message_is_found(tmp_path: Path) -> None:
    checked = check_harness(str(careless(tmp_path, "reads what is there and no more")))
    failed = {finding.check for finding in checked.findings if finding.outcome == "fail"}
    assert failed >= {"two parts", "10 MiB"}
    assert "hello" not in failed


def test_what_nobody_knows_is_named_with_the_nearest_name(tmp_path: Path) -> None:
    checked = check_harness(str(careless(tmp_path, "misspells")))
    hello = next(finding for finding in checked.findings if finding.check == "hello")
    assert "left aside: decapsulat of ML-KEM-768 (nearest: decapsulate)" in hello.seen
    assert "ML-KEM-786 (nearest: ML-KEM-768)" in hello.seen
    assert (hello.outcome, "nothing of ML-KEM-768" in hello.seen) == ("fail", True)


def test_a_harness_that_does_not_start_fails_at_hello(tmp_path: Path) -> None:
    done = pqvalidate("harness-check", careless(tmp_path, "keeps ids as text"))
    assert done.returncode == 1
    assert "fail" in done.stdout
    assert "hello carries id" in done.stdout


def test_the_command_prints_text_or_one_document_and_ends_with_0_or_1(tmp_path: Path) -> None:
    good = manifest(tmp_path, "openssl")
    done = pqvalidate("harness-check", good)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "The program keeps the protocol."
    bad = careless(tmp_path, "times once")
    done = pqvalidate("harness-check", bad, "--format", "json")
    assert done.returncode == 1
    content = document(done)
    assert (content["schema"], content["framing"], content["keeps_the_protocol"]) == (SCHEMA, "jsonl", False)
    (failed,) = [row for row in content["checks"] if row["outcome"] == "fail"]
    assert failed["check"] == "measure"
    assert set(failed) == {"check", "outcome", "sent", "seen", "change"}


def test_another_kind_and_a_missing_manifest_are_refused(tmp_path: Path) -> None:
    file = manifest(tmp_path, "openssl")
    text = file.read_text().replace('kind = "harness"', 'kind = "harness"\ndialect = "crucible"')
    file.write_text(text)
    with pytest.raises(UsageError, match="has kind harness crucible"):
        check_harness(str(file))
    assert pqvalidate("harness-check", tmp_path / "none.toml").returncode == 4
    assert pqvalidate("harness-check", "none").returncode == 2
