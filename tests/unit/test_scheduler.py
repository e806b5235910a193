"""Cases in flight: what is done while replies are waited for, and that the order of the calls does not hang on it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pqvalidate.adapters.attach import Implementation, attach
from pqvalidate.adapters.interface import Call, Fault, Ok, Reply
from pqvalidate.planner import Task
from pqvalidate.scheduler import CASES_PER_LANE, carry_out
from pqvalidate.shard_work import carry
from pqvalidate.suites import Asking, CaseResult, Check, Compute, Script
from pqvalidate.suites.expectations import PASS
from pqvalidate.suites.tape import Drawn, campaign

KEM = "ML-KEM-512"
LANES = 12


def twice(_name: str, numbers: Sequence[int]) -> list[int]:
    return [2 * number for number in numbers]


def call(number: int) -> Call:
    return Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": b"", "c": number.to_bytes(4, "big")})


def task(script: Callable[[Drawn, Asking], Script], cases: int) -> Task:
    check = Check(
        name="test/check", suite="property", algorithm="ML-KEM", clause="", explain="", effect="",
        needs=(frozenset({"decapsulate"}),), cases=campaign({"quick": cases}), script=script,
    )  # fmt: skip
    asking = Asking(parameter_set=KEM, depth="quick", seed=bytes(16), operations=frozenset({"decapsulate"}))
    return Task(index=0, check=check, asking=asking, cases=check.cases(asking))


def uneven(case: Drawn, _asking: Asking) -> Script:
    """Between none and three rounds of calls, some after a computation."""
    for round_ in range(case.number // 7 % 4):
        number = 10 * case.number + round_
        if case.number % 3:
            (number,) = yield [Compute(twice, KEM, (number,))]
        (reply,) = yield [call(number)]
        if not isinstance(reply, Ok) or reply.values != {"k": call(number).inputs["c"]}:
            return CaseResult(outcome="fail", why=f"{number}: {reply}")
    return PASS


class Echo:
    """Answers with the ciphertext; ``patience`` is how many pieces of work it lets be done while it is waited for."""

    def __init__(self, patience: int) -> None:
        self.asked: list[Call] = []
        self.patience, self.work, self.asking = patience, cast("Callable[[], bool]", bool), False

    @contextmanager
    def waiting_filled(self, work: Callable[[], bool]) -> Iterator[None]:
        self.work = work
        yield
        self.work = bool

    def ask(self, calls: Sequence[Call], _most_losses: int | None = None) -> list[Reply]:
        self.asking = True
        self.asked += calls
        for _ in range(self.patience):
            if not self.work():
                break
        self.asking = False
        return [Ok({"k": call.inputs["c"]}) for call in calls]


@pytest.mark.parametrize("patience", [1, 3, 100_000])
def test_the_order_of_the_calls_and_the_records_do_not_hang_on_what_is_done_while_waiting(patience: int) -> None:
    cases = CASES_PER_LANE * LANES + 5
    never, sometimes = Echo(0), Echo(patience)
    plain, filled = (
        [record for records in carry_out(iut, planned, planned.cases, 1) for record in records]
        for iut, planned in ((never, task(uneven, cases)), (sometimes, task(uneven, cases)))
    )
    assert [call.inputs["c"] for call in never.asked] == [call.inputs["c"] for call in sometimes.asked]
    assert plain == filled
    assert len(never.asked) == sum(number // 7 % 4 for number in range(cases))
    assert sorted(record.case for record in filled) == sorted(f"drawn/{number}" for number in range(cases))
    assert {(record.outcome, record.why) for record in filled} == {("pass", "")}


def test_scripts_are_resumed_while_other_cases_are_being_asked() -> None:
    iut, resumed = Echo(100_000), dict[bool, int]()

    def counting(case: Drawn, _asking: Asking) -> Script:
        resumed[iut.asking] = resumed.get(iut.asking, 0) + 1
        yield [call(case.number)]
        resumed[iut.asking] = resumed.get(iut.asking, 0) + 1
        return PASS

    planned = task(counting, CASES_PER_LANE * LANES)
    assert sum(len(records) for records in carry_out(iut, planned, planned.cases, 1)) == CASES_PER_LANE * LANES
    at_both_ends = 2 * CASES_PER_LANE  # the first lane begins, and the last one ends, while nobody is being asked
    assert resumed == {True: 2 * CASES_PER_LANE * LANES - at_both_ends, False: at_both_ends}


def test_lost_processes_of_all_lanes_count_and_the_rest_has_no_record() -> None:
    class Dying(Echo):
        lost = 0

        def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
            assert most_losses
            replies: list[Reply] = []
            for number, reply in enumerate(super().ask(calls)):
                dies = number % 40 == 39  # three of a lane
                self.lost += dies
                replies.append(Fault("crash", "died") if dies else reply)
                if sum(isinstance(one, Fault) for one in replies) == most_losses:
                    break
            return replies

    def once(case: Drawn, _asking: Asking) -> Script:
        (reply,) = yield [call(case.number)]
        return PASS if isinstance(reply, Ok) else CaseResult(outcome="fail", why=str(reply), fault="crash")

    iut, planned = Dying(3), task(once, CASES_PER_LANE * LANES)
    records = [record for found in carry_out(iut, planned, planned.cases, 10) for record in found]
    assert iut.lost == 10
    assert [record.outcome for record in records].count("fail") == 10
    assert len(records) == 3 * CASES_PER_LANE + 40, "none after the tenth"


def test_while_the_oracle_computes_the_implementation_is_asked() -> None:
    asked, waited = threading.Event(), list[bool]()

    def slow_oracle(_name: str, numbers: Sequence[int]) -> list[int]:
        waited.append(asked.wait(20))
        return list(numbers)

    class Asked(Echo):
        def ask(self, calls: Sequence[Call], most_losses: int | None = None) -> list[Reply]:
            replies = super().ask(calls, most_losses)  # with all the patience in the world
            asked.set()
            return replies

    def later(case: Drawn, _asking: Asking) -> Script:
        if case.number >= CASES_PER_LANE:
            yield [Compute(slow_oracle, KEM, (case.number,))]
        yield [call(case.number)]
        return PASS

    planned = task(later, CASES_PER_LANE * 2)
    assert sum(len(records) for records in carry_out(Asked(100_000), planned, planned.cases, 1)) == 2 * CASES_PER_LANE
    assert waited == [True]


ADAPTER = """
import time

class Kem:
    def decapsulate(self, dk, c):
        time.sleep(len(dk) / 1000)
        return c

def implementation(name): return Kem()
"""


@pytest.fixture
def iut(tmp_path: Path) -> Iterator[Implementation]:
    (tmp_path / "slow.py").write_text(ADAPTER, encoding="utf-8")
    manifest = tmp_path / "slow.toml"
    manifest.write_text(
        'schema = "pqvalidate/manifest/1"\nproduct = {vendor = "x", name = "x", version = "1"}\n'
        f'attach = {{kind = "python", target = "slow:implementation", path = ["."]}}\n'
        f'claims = {{conformance = ["{KEM}"]}}\nlimits = {{call_seconds = 1}}\n',
        encoding="utf-8",
    )
    with attach(manifest) as attached:
        yield attached


def slow(milliseconds: int, c: bytes = b"c") -> Call:
    return Call(operation="decapsulate", parameter_set=KEM, inputs={"dk": bytes(milliseconds), "c": c})


def test_work_is_done_until_it_is_done_and_then_only_waited(iut: Implementation) -> None:
    left = [3, 2, 1, 0]
    with iut.waiting_filled(lambda: bool(left.pop(0))):
        assert iut.ask([slow(200)]) == [Ok({"k": b"c"})]
    assert not left


def test_our_own_work_takes_nothing_from_the_time_limit_of_a_call(iut: Implementation) -> None:
    def long_work() -> bool:
        time.sleep(1.5)
        return False

    with iut.waiting_filled(long_work):
        assert iut.ask([slow(700)]) == [Ok({"k": b"c"})]
        assert [str(reply) for reply in iut.ask([slow(5000)])] == ["timeout: no reply within 1 s"]


def test_work_that_breaks_is_raised_and_the_next_call_begins_anew(iut: Implementation) -> None:
    def broken() -> bool:
        msg = "broken"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="broken"), iut.waiting_filled(broken):
        iut.ask([slow(200, b"a"), slow(200, b"b")])
    assert iut.ask([slow(0, b"d")]) == [Ok({"k": b"d"})]


def test_the_garbage_collector_is_as_before_when_a_shard_ends_or_is_broken_off() -> None:
    planned = task(uneven, CASES_PER_LANE * LANES)
    restarting = SimpleNamespace(ask=lambda calls, _most=None: [Ok({"k": c.inputs.get("c", b"")}) for c in calls])
    going = carry(cast("Any", restarting), planned, 0, len(planned.cases))
    next(going)
    assert gc.get_freeze_count()
    going.close()
    assert not gc.get_freeze_count()
    for _ in carry(cast("Any", restarting), planned, 0, len(planned.cases)):
        assert gc.get_freeze_count()
    assert not gc.get_freeze_count()
