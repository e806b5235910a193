"""A harness that breaks at one call: the run completes, and the fault belongs to that case in both framings."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pqvalidate as pqv
from pqvalidate.errors import AttachError
from pqvalidate.evidence import CaseRecord, Evidence, check_evidence
from pqvalidate.planner import Planned, Selection, make_plan
from pqvalidate.runner import LOSS_LIMIT, run
from tests.harness.harnesses import manifest, written

CHECK = "ml-kem/kat-decapsulate-seed"
CHECKS = ("ml-kem/kat-keygen", CHECK, "ml-kem/ek-modulus")

BOTH, TEXT, BINARY = ("jsonl", "binary"), ("jsonl",), ("binary",)
# What the harness does at one case: in which framings that is possible, the kind of fault, and what the record says.
FAULTS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "replies out of order": (BOTH, "protocol", "carries id"),
    "answers another id": (BOTH, "protocol", "carries id"),
    "answers with an id that is text": (BOTH, "protocol", "carries id"),
    "answers without id": (BOTH, "protocol", "carries id None"),
    "answers twice": (BOTH, "protocol", "a second reply"),
    "prints a log line to standard output": (TEXT, "protocol", "printed to stdout: 'DEBUG: decapsulating'"),
    "prints text without a line end": (BINARY, "protocol", "was that printed to standard output?"),
    "prints an empty line": (TEXT, "protocol", "printed to stdout: ''"),
    "floods with replies": (BOTH, "protocol", "carries id 0"),
    "writes a line without end": (TEXT, "protocol", "a line of over"),
    "stalls half-way through a frame": (BOTH, "timeout", "no reply within 2 s"),
    "exits half-way through a frame": (BOTH, "crash", "exited with status 0 without a reply"),
    "closes standard output": (BOTH, "crash", "closed its end of the connection"),
    "announces more than it sends": (BINARY, "timeout", "no reply within 2 s"),
    "announces more than is allowed": (BINARY, "protocol", "announces 4294967295 bytes"),
    "sends a list": (BOTH, "protocol", "holds no"),
    "names an output twice": (TEXT, "protocol", "a name twice"),
    "answers NaN": (TEXT, "protocol", "printed to stdout"),
    "nests without end": (TEXT, "protocol", "is no reply"),
    "sends bytes that are no UTF-8": (TEXT, "protocol", "is no reply"),
    "sends an impossible key": (BINARY, "protocol", "is not MessagePack"),
    "nests MessagePack without end": (BINARY, "protocol", "is not MessagePack"),
    "crashes": (BOTH, "crash", "killed by SIGSEGV; the last line that it printed: about to die"),
    "aborts": (BOTH, "crash", "killed by SIGABRT"),
    "exits 0 without a reply": (BOTH, "crash", "exited with status 0 without a reply"),
    "hangs": (BOTH, "timeout", "no reply within 2 s"),
    "kills itself": (BOTH, "crash", "SIGKILL"),
    "answers an unknown operation": (BOTH, "exception", "unknown operation decapsulate_from_seed"),
    "answers nothing": (BOTH, "protocol", "neither ok, rejected nor error"),
    "answers no outputs": (BOTH, "protocol", "where k is expected"),
    "answers another output": (BOTH, "protocol", "holds shared where k is expected"),
    "answers a number": (BOTH, "protocol", "type int as k"),
    "answers null": (BOTH, "protocol", "type NoneType as k"),
    "answers odd hex": (TEXT, "protocol", "no hex as k"),
    "answers no hex": (TEXT, "protocol", "no hex as k"),
    "answers hex with blanks": (TEXT, "protocol", "no hex as k"),
    "answers text for bytes": (BINARY, "protocol", "type str as k"),
    "answers 10 MiB": (BOTH, "protocol", "10485760 bytes as k"),
    "answers a list": (BOTH, "protocol", "neither ok, rejected nor error"),
}
ROWS = [(fault, framing) for fault, (framings, _, _) in FAULTS.items() for framing in framings]
# These happen in one call inside a batch; the others are about messages, of which a batch is one.
IN_A_BATCH = (
    "crashes", "aborts", "exits 0 without a reply", "hangs", "kills itself", "answers an unknown operation",
    "answers nothing", "answers no outputs", "answers a number", "answers 10 MiB",
)  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """A plan and the case of it at which the harness breaks."""

    planned: Planned
    case: str
    at: str


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Chosen:
    with pqv.attach(manifest(tmp_path_factory.mktemp("chosen"), program="faulty.py")) as iut:
        planned = make_plan(iut.subject, Selection(depth="quick", seed="5eed", only=CHECKS))
    cases: list[Any] = next(list(task.cases) for task in planned.tasks if task.check.name == CHECK)
    case = cases[len(cases) // 2]
    return Chosen(planned, case.id, hashlib.sha256(case.inputs["c"]).hexdigest())


@pytest.fixture(autouse=True)
def _nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See that no process and no file of a harness is left when its test has ended."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []
    left = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if f"TMPDIR={folder}".encode() in (process / "environ").read_bytes():
                    left.append(process.name)
    assert left == []


def carried_out(
    chosen: Chosen, folder: Path, fault: str, framing: str, *words: str, seconds: int = 2
) -> tuple[Evidence, list[CaseRecord]]:
    environment = {"PQV_FAULT": fault, "PQV_FAULT_AT": chosen.at}
    file = manifest(
        folder, *words, program="faulty.py", framing=framing, environment=environment, seconds=seconds
    )  # fmt: skip
    with pqv.attach(file) as iut:
        return run(iut, chosen.planned, iut.subject, None)


def blamed(chosen: Chosen, evidence: Evidence, failures: list[CaseRecord], kind: str, said: str) -> None:
    assert [(record.case, record.fault) for record in failures] == [(chosen.case, kind)], failures
    assert said in failures[0].why
    assert failures[0].why.isprintable()
    asked = [
        (step, result)
        for step, result in zip(evidence.facts.plan.steps, evidence.facts.results, strict=True)
        if not step.reason
    ]
    assert [(step.check, result.outcome) for step, result in asked] == list(
        zip(CHECKS, ("pass", "fail", "pass"), strict=True)
    )
    assert all(result.passed + result.failed == step.cases for step, result in asked)
    assert check_evidence(evidence) is None


def test_the_honest_part_of_the_faulty_harness_passes_in_both_framings(chosen: Chosen, tmp_path: Path) -> None:
    for framing in BOTH:
        evidence, failures = carried_out(chosen, tmp_path, "", framing, "batch")
        assert failures == []
        assert evidence.circumstances.worker_restarts == 0


@pytest.mark.parametrize(("fault", "framing"), ROWS)
def test_a_fault_belongs_to_its_case_and_the_rest_of_the_plan_is_done(
    fault: str, framing: str, chosen: Chosen, tmp_path: Path
) -> None:
    evidence, failures = carried_out(chosen, tmp_path, fault, framing)
    blamed(chosen, evidence, failures, *FAULTS[fault][1:])


@pytest.mark.parametrize("fault", IN_A_BATCH)
def test_a_fault_inside_a_batch_belongs_to_its_case(fault: str, chosen: Chosen, tmp_path: Path) -> None:
    evidence, failures = carried_out(chosen, tmp_path, fault, "binary", "batch", seconds=2)
    blamed(chosen, evidence, failures, *FAULTS[fault][1:])


def test_a_harness_that_claims_batches_and_takes_none_is_asked_one_by_one(chosen: Chosen, tmp_path: Path) -> None:
    _, failures = carried_out(chosen, tmp_path, "claims batches and takes none", "binary")
    assert failures == []


def test_replies_that_nobody_asked_for_are_a_fault_of_the_next_call_only(tmp_path: Path) -> None:
    """The number of the first call does not follow from that of hello, so an early reply meets no call."""
    environment = {"PQV_FAULT": "replies before being asked"}
    file = manifest(tmp_path, program="faulty.py", environment=environment, seconds=2)
    with pqv.attach(file) as iut:
        (reply,) = iut.ask([pqv.Call(operation="keygen", parameter_set="ML-KEM-768", inputs={})])
    assert isinstance(reply, pqv.Fault)
    assert (reply.kind, "carries id" in reply.why) == ("protocol", True)


def test_a_harness_that_breaks_at_every_call_is_given_up(tmp_path: Path) -> None:
    file = written(tmp_path, ["/bin/sh", "-c", OFFERS_AND_ENDS], ("ML-KEM-768",), "jsonl")
    with pqv.attach(file) as iut:
        planned = make_plan(iut.subject, Selection(depth="quick", seed="5eed", only=("ml-kem/kat-keygen",)))
        evidence, failures = run(iut, planned, iut.subject, None)
    assert len(failures) == LOSS_LIMIT
    assert {record.fault for record in failures} == {"crash"}
    assert check_evidence(evidence) is None


# A harness of three lines in another language: it offers, and ends at the first call.
OFFERS_AND_ENDS = (
    'read line; id=${line#*\\"id\\":}; id=${id%%,*}; '
    'echo "{\\"id\\":$id,\\"ok\\":{\\"protocol\\":1,\\"operations\\":{\\"ML-KEM-768\\":[\\"keygen_from_seed\\"]}}}"; '
    "read line"
)

STARTS = {
    "exits at once": "exited with status 3 without a reply",
    "prints a banner": "printed to stdout: 'ACME crypto 1.0'",
    "says nothing": "did not say what it offers within 2 s",
    "crashes at the start": "killed by SIGSEGV",
    "answers hello with another id": "its hello carries id 0",
    "refuses hello": "no licence",
    "speaks protocol 2": "it speaks protocol 2, and this is protocol 1",
    "names no operations": "malformed",
    "lists operations without sets": "malformed",
    "says hello with text for a flag": "malformed",
}


@pytest.mark.parametrize("fault", STARTS)
def test_a_harness_that_does_not_start_is_an_error_that_says_why(fault: str, tmp_path: Path) -> None:
    file = manifest(tmp_path, program="faulty.py", environment={"PQV_FAULT": fault}, start_seconds=2)
    with pytest.raises(AttachError) as error:
        pqv.attach(file)
    assert STARTS[fault] in str(error.value)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["./no-such-program"], "there is no program"),
        (["no-such-program-anywhere"], "there is no program no-such-program-anywhere"),
        (["./artefact"], "that this account may execute"),
    ],
)
def test_a_program_that_cannot_be_executed_is_named(command: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(AttachError) as error:
        pqv.attach(written(tmp_path, command, ("ML-KEM-768",), "jsonl"))
    assert said in str(error.value)


def test_a_file_that_is_no_program_is_told_by_the_system(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"\x01\x02\x03")
    (tmp_path / "noise").chmod(0o755)
    with pytest.raises(AttachError, match="Exec format error"):
        pqv.attach(written(tmp_path, ["./noise"], ("ML-KEM-768",), "jsonl"))


def test_names_that_nobody_knows_are_left_aside(tmp_path: Path) -> None:
    environment = {"PQV_FAULT": "names what nobody knows"}
    with pqv.attach(manifest(tmp_path, program="faulty.py", environment=environment)) as iut:
        assert list(iut.operations) == ["ML-KEM-768"]
        assert {"keygen", "decapsulate_from_seed"} <= iut.operations["ML-KEM-768"]
        assert not {"decaps", "load_decapsulation_key"} & iut.operations["ML-KEM-768"]


def test_another_version_than_the_manifest_states_is_noted(tmp_path: Path) -> None:
    file = manifest(tmp_path, "openssl")
    with pqv.attach(file) as iut:
        assert not [note for note in iut.subject.notes if "version" in note]
    file.write_text(file.read_text().replace('version = "1"', 'version = "2"'))
    with pqv.attach(file) as iut:
        assert "the manifest states version 2; the implementation says 1" in iut.subject.notes
        assert iut.subject.version == "2"
    file.write_text(file.read_text().replace('version = "2"', ""))
    with pqv.attach(file) as iut:
        assert iut.subject.version == "1"


def test_a_claimed_parameter_set_that_the_program_does_not_name_stays_without_operations(tmp_path: Path) -> None:
    with pqv.attach(manifest(tmp_path, "openssl", sets=("ML-KEM-768", "ML-DSA-87"))) as iut:
        assert iut.operations["ML-DSA-87"] == frozenset()
        assert "ML-DSA-87: the adapter refuses it: its hello does not name it" in iut.subject.notes
