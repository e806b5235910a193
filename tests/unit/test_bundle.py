"""The bundle on disk: what was added is there, what was torn is left out, what was changed is refused."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from msgspec.structs import replace

from pqvalidate.bundle import (
    BundleWriter,
    Opening,
    is_unbegun,
    opening_to_resume,
    read_cases,
    read_evidence,
    read_opening,
)
from pqvalidate.errors import InputError, UsageError
from pqvalidate.evidence import CaseRecord
from tests.unit.evidence_factory import make_cases, make_evidence, write_bundle


def opening() -> Opening:
    facts = make_evidence().facts
    return Opening(tool=facts.tool, subject=facts.subject, plan=facts.plan, started="2026-11-23T08:00:00Z")


def begun(folder: Path, cases: list[CaseRecord]) -> Path:
    """Write a bundle that was cut off after these cases."""
    with BundleWriter(folder, opening()) as writer:
        for case in cases:
            writer.add(case)
    return folder


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b", make_evidence())
    assert read_evidence(folder) == make_evidence()
    assert list(read_cases(folder)) == make_cases()
    assert read_opening(folder).plan == make_evidence().facts.plan
    assert sorted(path.name for path in folder.iterdir()) == ["cases.jsonl", "evidence.json", "plan.json"]


def test_long_values_of_failures_go_to_files_named_by_their_digest(tmp_path: Path) -> None:
    long, short = "ab" * 20_000, "cd" * 10
    case = CaseRecord(step=0, case="c/0", outcome="fail", data={"input.message": long, "input.sk": short})
    folder = begun(tmp_path / "b", [case])
    (kept,) = read_cases(folder)
    assert kept.data["input.sk"] == short
    assert kept.data["input.message"].startswith("samples/")
    assert (folder / kept.data["input.message"]).read_bytes().hex() == long


def test_an_existing_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("precious")
    with pytest.raises(UsageError, match="never overwritten"):
        BundleWriter(tmp_path, opening())
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_resuming_knows_what_is_done(tmp_path: Path) -> None:
    folder = begun(tmp_path / "b", make_cases()[:3])
    with BundleWriter(folder, opening(), resume=True) as writer:
        assert {step: len(cases) for step, cases in writer.done.items()} == {0: 2, 2: 1}
        writer.add(make_cases()[3])
    assert list(read_cases(folder)) == make_cases()[:4]


@pytest.mark.parametrize("torn", [b'{"step":2', b"\x00\x00\x00", b'{"step":2,"case":"x","outcome":"pass"}'])
def test_a_torn_last_line_is_cut_off_before_more_is_added(torn: bytes, tmp_path: Path) -> None:
    folder = begun(tmp_path / "b", make_cases()[:3])
    with (folder / "cases.jsonl").open("ab") as stream:
        stream.write(torn)
    assert list(read_cases(folder)) == make_cases()[:3]
    with BundleWriter(folder, opening(), resume=True) as writer:
        writer.add(make_cases()[3])
    assert list(read_cases(folder)) == make_cases()[:4]


def test_a_malformed_line_before_the_last_is_an_error_with_its_number(tmp_path: Path) -> None:
    folder = begun(tmp_path / "b", make_cases()[:3])
    path = folder / "cases.jsonl"
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(rows[0] + b"{}\n" + rows[2])
    with pytest.raises(InputError) as caught:
        list(read_cases(folder))
    assert (caught.value.file, caught.value.place) == (str(path), "line 2")


@pytest.mark.parametrize("what", ["tool", "subject", "plan"])
def test_a_bundle_is_resumed_only_as_it_was_begun(what: str, tmp_path: Path) -> None:
    folder = begun(tmp_path / "b", make_cases()[:3])
    first = opening()
    other = {
        "tool": replace(first, tool="pqvalidate 9"),
        "subject": replace(first, subject=replace(first.subject, version="9")),
        "plan": replace(first, plan=replace(first.plan, seed="00")),
    }[what]
    with pytest.raises(UsageError, match=f"another {what}"):
        BundleWriter(folder, other, resume=True)
    assert list(read_cases(folder)) == make_cases()[:3]


def test_a_complete_bundle_is_not_resumed_and_an_interrupted_one_is(tmp_path: Path) -> None:
    whole = write_bundle(tmp_path / "whole", make_evidence())
    with pytest.raises(UsageError, match="is complete"):
        BundleWriter(whole, opening(), resume=True)
    cut = write_bundle(tmp_path / "cut", make_evidence(status="interrupted"))
    with BundleWriter(cut, opening(), resume=True):
        assert not (cut / "evidence.json").exists()


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    folder = begun(tmp_path / "b", make_cases()[:1])
    (folder / ".evidence.json.a1b2").write_text("{")
    with BundleWriter(folder, opening(), resume=True):
        assert not (folder / ".evidence.json.a1b2").exists()


def test_a_folder_that_is_not_there_cannot_be_resumed_and_one_without_a_plan_is_begun(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to go on with; leave out --resume"):
        opening_to_resume(tmp_path / "b")
    (tmp_path / "b").mkdir()
    assert opening_to_resume(tmp_path / "b") is None
    assert opening_to_resume(begun(tmp_path / "c", [])) == opening()


def test_a_folder_without_a_plan_was_not_begun(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    assert not is_unbegun(folder)
    folder.mkdir()
    assert is_unbegun(folder)
    (folder / "cases.jsonl").touch()
    (folder / ".plan.json.x1").touch()
    assert is_unbegun(folder)
    with BundleWriter(folder, opening(), resume=True):
        assert sorted(path.name for path in folder.iterdir()) == ["cases.jsonl", "plan.json"]
    assert not is_unbegun(folder)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "a letter").touch()
    assert not is_unbegun(tmp_path / "c")


def test_two_writers_cannot_have_one_folder(tmp_path: Path) -> None:
    folder = begun(tmp_path / "b", make_cases()[:1])
    with (folder / "cases.jsonl").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another run is writing"):
            BundleWriter(folder, opening(), resume=True)
    with BundleWriter(folder, opening(), resume=True) as writer:
        assert writer.done


def test_a_cut_off_run_has_no_evidence_and_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    folder = begun(tmp_path / "b", make_cases()[:1])
    with pytest.raises(InputError, match="Finish it with --resume"):
        read_evidence(folder)


def test_evidence_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b", make_evidence())
    path = folder / "evidence.json"
    path.write_text(path.read_text().replace('"seed": "5eed', '"seed": "0eed', 1))
    with pytest.raises(InputError, match="facts_digest does not match"):
        read_evidence(folder)
