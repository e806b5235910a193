"""Traces of instructions and addresses are the same with every key in sound code.

That they part at a planted place is shown where secrets are followed, and by the controls of the check.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pqvalidate.adapters.addresses import TraceError, arguments_file, traced
from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.interface import Call, Fault
from pqvalidate.adapters.session import Session
from pqvalidate.evidence import CaseRecord
from pqvalidate.mutants_native import Planted
from pqvalidate.planner import Selection, make_plan
from pqvalidate.scheduler import window
from tests.timing.libraries import NAME, library

CHECK = "ml-kem/timing-addresses"
needs_tools = pytest.mark.needs("gcc", "cc", "valgrind", "objdump")


def record_of(manifest: Path) -> CaseRecord:
    with attach(manifest) as iut:
        planned = make_plan(iut.subject, Selection(depth="full", seed="5a" * 16, only=(CHECK,)))
        (task,) = planned.tasks
        (record,) = window(iut, task, task.cases, 1)
        return record


@needs_tools
def test_traces_of_sound_code_are_the_same(tmp_path: Path) -> None:
    record = record_of(library(tmp_path, "SOUND", "-DALLOCATES"))
    assert record.outcome == "pass", record.why
    assert record.why.endswith("instructions and accesses are the same with 3 keys")


def test_arguments_are_passed_as_the_manifest_spells_them() -> None:
    words = ["k!", "size:7", "null", "c", "c_length", "zeros:2", "-1"]
    told = arguments_file(words, {"c": b"abc", "dk": b""}, {"k": 32})
    assert told == b"o 32\nn 7\nn 0\ni 3\nn 3\ni 2\nn -1\n.\nabc\0\0"


@pytest.mark.parametrize("words", [["context"], ["k_length!"], ["null"] * 9])
def test_what_cannot_be_passed_is_not_traced(words: list[str]) -> None:
    with pytest.raises(TraceError):
        arguments_file(words, {"c": b"abc"}, {"k": 32})


@needs_tools
@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("int control_dec(char *k) { return *(volatile int *)0; }", "did not come to its end"),
        ("int control_dec(char *k) { *k = 1; return 5; }", "control_dec returned 5 or made no output"),
        ("int control_dec(char *k) { return 0; }", "so it refused a key"),
        ("int another(char *k) { return 0; }", "exited with status 68"),
    ],
)
def test_a_call_that_breaks_leaves_the_question_open(tmp_path: Path, broken: str, why: str) -> None:
    source, made = tmp_path / "broken.c", tmp_path / "broken.so"
    source.write_text(broken, encoding="utf-8")
    subprocess.run([shutil.which("cc") or "cc", "-shared", "-fPIC", "-o", str(made), str(source)], check=True)
    target = Planted(what="").target(NAME)
    with Session(target) as session:
        session.target.settings["library"] = str(made)
        inputs = {"op": "decapsulate", "calls": [{"dk": bytes(2400), "c": bytes(1088)}]}
        reply = traced(session, Call(operation="trace", parameter_set=NAME, inputs=inputs))
    assert isinstance(reply, Fault)
    assert why in reply.why
