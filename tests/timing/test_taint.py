"""Secrets are followed through machine code: every planted leak is found at its place, and sound code by nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pqvalidate.adapters.attach import Implementation, attach
from pqvalidate.adapters.compiling import compiled
from pqvalidate.adapters.interface import Fault, Ok, Reply
from pqvalidate.adapters.sites import Site, place, sites
from pqvalidate.errors import AttachError
from pqvalidate.evidence import CaseRecord
from pqvalidate.planner import Task
from pqvalidate.scheduler import window
from pqvalidate.suites import Asking, CaseResult, Compute, find_check
from pqvalidate.suites.timing_secrets import TracingError
from tests.timing.libraries import NAME, asked, library

CHECK = "ml-kem/timing-taint"
SEEN = frozenset({"decapsulate", "env:taint", "env:count", "env:trace"})
needs_tools = pytest.mark.needs("gcc", "cc", "valgrind", "objdump")


@needs_tools
def test_a_branch_on_a_secret_is_found_at_its_place_and_confirmed_by_counts(tmp_path: Path) -> None:
    (record,) = asked(library(tmp_path, "EARLY_EXIT"), CHECK)
    assert record.outcome == "fail", record.why
    assert "branch on a secret at libkem.so " in record.why
    assert "instructions for one ciphertext, by the secret half of the key" in record.data["confirmed"]
    assert "+0x" in record.data["sites"]


@needs_tools
def test_a_table_at_secret_places_is_found_and_confirmed_by_addresses(tmp_path: Path) -> None:
    (record,) = asked(library(tmp_path, "TABLE"), CHECK)
    assert record.outcome == "fail", record.why
    assert "address on a secret at libkem.so kem_dec+0x" in record.why
    assert record.data["confirmed"].startswith("traces of two keys part, address on a secret at libkem.so kem_dec+0x")


@needs_tools
@pytest.mark.parametrize("leak", ["BRANCH_ON_FAILURE", "BRANCH_PER_BIT", "STRCMP"])
def test_what_nothing_confirms_is_for_a_person_to_look_at_and_no_failure(tmp_path: Path, leak: str) -> None:
    with attach(library(tmp_path, leak)) as iut:
        record = alone(iut, frozenset({"decapsulate", "env:taint"}))
    assert record.outcome == "error", record.why
    assert record.why.startswith("TracingError: review: branch on a secret at libkem.so ")
    assert record.why.endswith("neither instructions nor addresses can be looked at in implementations of this kind")


@needs_tools
def test_nothing_is_found_in_sound_code(tmp_path: Path) -> None:
    (record,) = asked(library(tmp_path, "SOUND", "-O3", "-s"), CHECK)
    assert record.outcome == "pass", record.why
    assert "no branch and no address depends on dk_pke or z in 2 calls" in record.why


@needs_tools
def test_a_python_package_is_followed_into_its_machine_code() -> None:
    with attach("openssl") as iut:
        record = alone(iut, frozenset({"decapsulate_from_seed", "env:taint"}))
    assert record.outcome == "pass", record.why
    assert "depends on z, the second half of the seed, in 1 calls; all bytes of the output do" in record.why


def alone(iut: Implementation, operations: frozenset[str]) -> CaseRecord:
    """Ask the check of an implementation as if it offered these operations only."""
    check = find_check(CHECK)
    asking = Asking(parameter_set=NAME, depth="standard", seed=b"\x5a" * 16, operations=operations)
    task = Task(index=0, check=check, asking=asking, cases=check.cases(asking))
    (record,) = window(iut, task, task.cases, 1)
    return record


def script(*replies: Reply, operations: frozenset[str] = SEEN) -> CaseResult:
    """Let the check run on replies of which each is a stage that cannot be had on purpose from a compiler."""
    asking = Asking(parameter_set=NAME, depth="standard", seed=b"\x5a" * 16, operations=operations)
    check, waiting = find_check(CHECK), iter(replies)
    running = check.script(check.cases(asking)[0], asking)
    try:
        wanted = next(running)
        while True:
            computing = isinstance(wanted[0], Compute)
            wanted = running.send(_computed(wanted) if computing else [next(waiting)])
    except StopIteration as end:
        result: CaseResult = end.value
        return result


def _computed(wanted: Sequence[object]) -> list[object]:
    return [w.function(w.parameter_set, *([a] for a in w.arguments))[0] for w in wanted if isinstance(w, Compute)]


def taint(reached: int, *sites: str) -> Ok:
    return Ok({"reached": [reached, 32], "sizes": [32, 32], "sites": list(sites), "interpreter": []})


def test_an_output_without_taint_says_that_nothing_was_followed() -> None:
    with pytest.raises(TracingError, match=r"taint did not reach the output: \[0, 32\] of \[32, 32\] bytes"):
        script(taint(0))


def test_a_site_without_an_effect_on_instructions_or_addresses_is_for_review() -> None:
    counts = Ok({"counts": [70] * 12, "own": [60] * 12, "divisions": []})
    same = Ok({"accesses": 9, "outputs": ["00", "01"], "differs": ""})
    with pytest.raises(TracingError, match=r"review: somewhere; instruction counts are the same with 4 keys; traces"):
        script(taint(32, "somewhere"), counts, same)


def test_counts_that_differ_between_equal_calls_confirm_nothing() -> None:
    counts = Ok({"counts": list(range(70, 82)), "own": list(range(60, 72)), "divisions": []})
    with pytest.raises(TracingError, match="review: somewhere; instruction counts differ between equal calls"):
        script(taint(32, "somewhere"), counts, Fault("exception", "no way is known to pass zeta"))


def test_a_worker_that_memcheck_cannot_watch_is_no_pass() -> None:
    with pytest.raises(TracingError, match="secrets could not be followed: under memcheck, it did not start"):
        script(Fault("exception", "under memcheck, it did not start"))


REPORT = """<error><unique>0x1</unique><kind>UninitValue</kind><stack><frame><ip>0x10</ip><obj>/a/early.so</obj></frame>
</stack></error><clientmsg><tid>1</tid><text>pqvalidate begin
</text></clientmsg><error><kind>UninitCondition</kind><stack>
<frame><ip>0x4A0</ip><obj>/usr/lib/libc.so.6</obj><fn>bcmp</fn></frame>
<frame><ip>0x5B1</ip><obj>/a/b&amp;c.so</obj><fn>f&lt;int&gt;</fn></frame></stack></error>
<error><kind>UninitValue</kind><stack><frame><ip>0x6</ip><obj>/usr/lib/libpython3.11.so.1.0</obj></frame></stack></error>
<error><kind>UninitValue</kind><stack><frame><ip>0x7</ip></frame></stack></error>
<clientmsg><text>pqvalidate end
</text></clientmsg><error><kind>UninitValue</kind><stack><frame><ip>0x8</ip><obj>/a/late.so</obj></frame></stack></error>
<error><kind>Leak_Defin"""


def test_a_report_is_read_between_the_marks_and_up_to_where_it_breaks_off() -> None:
    assert sites(REPORT) == [
        Site("branch", "/a/b&c.so", 0x5B1, through="bcmp"),
        Site("address", "/usr/lib/libpython3.11.so.1.0", 6, interpreter=True),
        Site("address", "", 7),
    ]


@pytest.mark.needs("objdump")
def test_a_place_without_a_file_or_an_instruction_is_told_as_far_as_it_is_known(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.so"
    nothing.write_bytes(b"no ELF")
    assert place("", 7) == "code without a file at 0x7"
    assert place(str(nothing), 7) == "nothing.so 0x7: not disassembled"


def test_without_a_compiler_there_is_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AttachError, match=r"no C compiler \(cc\) was found; install one"):
        compiled("planted.c", "-DNEVER_MADE_BEFORE")


@pytest.mark.needs("cc")
def test_a_source_that_does_not_compile_names_the_headers() -> None:
    with pytest.raises(AttachError, match=r"does not compile tainting.c: .*are valgrind's headers installed\?"):
        compiled("tainting.c", "-nostdinc")
