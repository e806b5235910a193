"""Where the cuts are, what a digest covers, and what is made of workers that die."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from pqvalidate import shards
from pqvalidate.campaigns import Campaigns
from pqvalidate.crew import Mission, News, Piece, Workers
from pqvalidate.errors import UsageError
from pqvalidate.evidence import CaseRecord
from pqvalidate.planner import Selection, Task, make_plan
from pqvalidate.shard_work import Answer, Order
from pqvalidate.shards import ShardRecord
from tests.unit.test_planner import offering_everything

SUBJECT = offering_everything("ML-KEM-512")
CASES = 5000


def task() -> Task:
    planned = make_plan(SUBJECT, Selection(depth="quick", seed="5eed", only=("ml-kem/campaign",), cases=CASES))
    return planned.tasks[0]


@pytest.mark.parametrize("cases", [1, 4096, 4097, 12_288, 65_536, 65_537, 1_048_576, 10**9, 10**12])
def test_shards_cover_every_case_once_and_are_never_too_many(cases: int) -> None:
    ends = list(shards.cut(cases))
    assert len(ends) <= shards.MOST
    assert ends[0][0] == 0
    assert ends[-1][1] == cases
    assert all(before[1] == after[0] for before, after in pairwise(ends))


def some(letters: str, lo: int, losses: int = 0, cases: tuple[CaseRecord, ...] = ()) -> ShardRecord:
    return shards.record(7, lo, letters, 0, losses, cases)


def test_the_result_does_not_depend_on_the_order_of_shards_and_does_on_every_outcome() -> None:
    parts = [some("pppp", 0), some("ppfp", 4), some("pppp", 8)]
    whole = shards.result(7, 12, parts)
    assert (whole.outcome, whole.passed, whole.failed, whole.not_run) == ("fail", 11, 1, 0)
    random.Random(1).shuffle(parts)
    assert shards.result(7, 12, parts) == whole
    other = [some("pppp", 0), some("pfpp", 4), some("pppp", 8)]
    assert shards.result(7, 12, other).cases_digest != whole.cases_digest
    assert shards.result(7, 12, [some("pppp", 0), some("pppp", 4), some("ppfp", 8)]).cases_digest != whole.cases_digest


def test_a_shard_that_is_lacking_is_an_error_and_never_passes() -> None:
    assert shards.result(7, 12, [some("pppp", 0), some("pppp", 8)]).outcome == "error"
    stopped = shards.result(7, 12, [some("pppp", 0)], not_run_because="stopped")
    assert (stopped.outcome, stopped.reason, stopped.not_run) == ("not-applicable", "not-at-this-depth", 8)
    assert shards.result(7, 12, [some("pppp", 0), some("pp--", 4), some("pppp", 8)]).outcome == "error"


def test_an_error_of_ours_is_no_failure_and_says_why() -> None:
    broken = CaseRecord(step=7, case="drawn/5", outcome="error", why="ended twice")
    found = shards.result(7, 8, [some("pppp", 0), some("pepp", 4, cases=(broken,))])
    assert (found.outcome, found.errors, found.why) == ("error", 1, "ended twice")


def test_shards_behind_the_limit_of_losses_do_not_count() -> None:
    parts = [some("ffff", 0, 4), some("ffff", 4, 6), some("pppp", 8)]
    found = shards.result(7, 12, parts)
    assert (found.outcome, found.passed, found.failed, found.not_run) == ("fail", 0, 8, 4)
    assert found == shards.result(7, 12, parts[:2])
    assert "given up after 10 lost processes" in found.why


class Died(Exception):  # noqa: N818
    """A worker's end."""


class Mortal(Executor):
    """Answers at once; whoever is handed one of the deadly cases dies, and so does the first of the ``unlucky``."""

    def __init__(self, deadly: set[int], unlucky: int = 0) -> None:
        self.deadly, self.unlucky, self.orders = deadly, unlucky, list[Order]()

    def submit(self, _: Callable[..., Any], /, *args: Any, **__: Any) -> Future[Any]:
        order = msgspec.json.decode(args[0], type=Order)
        self.orders.append(order)
        future: Future[bytes] = Future()
        if self.unlucky or any(order.lo <= number < order.hi for number in self.deadly):
            self.unlucky = max(0, self.unlucky - 1)
            future.set_exception(Died("signal 9"))
        else:
            future.set_result(msgspec.json.encode(Answer(letters="p" * (order.hi - order.lo))))
        return future


def carried_out(executor: Mortal) -> list[ShardRecord]:
    mission = Mission(iut="x", sandbox="auto", subject=SUBJECT)
    pieces: Iterator[Piece] = (Piece(task=task(), lo=lo, hi=hi, shard=(lo, hi)) for lo, hi in shards.cut(CASES))
    news: list[News] = list(Workers(executor, lambda: 2, (Died,), mission).news(pieces))
    assert sum(piece.cases for piece in news) == CASES
    return [piece.shard for piece in news if piece.shard]


def test_a_worker_that_dies_once_costs_another_try_and_nothing_else() -> None:
    executor = Mortal(set(), unlucky=1)
    found = carried_out(executor)
    assert {(shard.lo, shard.passed) for shard in found} == {(0, 4096), (4096, CASES - 4096)}
    assert len(executor.orders) == 3


def test_cases_that_kill_are_found_by_halving_and_all_others_are_run() -> None:
    executor = Mortal({17, 4095, 4999})
    found = sorted(carried_out(executor), key=lambda shard: shard.lo)
    assert [(shard.passed, shard.failed, shard.errors) for shard in found] == [(4094, 0, 2), (CASES - 4097, 0, 1)]
    assert [case.case for shard in found for case in shard.cases] == ["drawn/17", "drawn/4095", "drawn/4999"]
    blamed = [order for order in executor.orders if (order.lo, order.hi) == (17, 18)]
    assert len(blamed) == 2  # two deaths, none of them shared with another case
    assert len(executor.orders) < 100


class Quiet:
    """A watch that never stops anything."""

    cases = 0

    def spent(self) -> str:
        return ""

    @contextmanager
    def heeded(self) -> Iterator[None]:
        yield

    def tell(self, cases: int, what: str) -> None:
        assert what
        self.cases += cases


class Failing:
    """A crew for which every case of every shard fails, with data as long as that of a real one."""

    restarts = 0

    def news(self, pieces: Iterator[Piece]) -> Iterator[News]:
        for piece in reversed(list(pieces)):
            kept = tuple(
                CaseRecord(step=0, case=f"drawn/{number}", outcome="fail", data={"input.c": "00" * 1088})
                for number in range(piece.lo, piece.lo + shards.KEPT)
            )
            letters = "f" * (piece.hi - piece.lo)
            shard = shards.record(piece.task.index, piece.lo, letters, 0, 0, kept)
            yield News(shard=shard, cases=piece.hi - piece.lo, what="x")

    def stop(self) -> None:
        """Nothing is in flight."""


def test_of_many_failures_the_first_are_reported_whole_in_whatever_order_they_come() -> None:
    planned = make_plan(SUBJECT, Selection(depth="quick", seed="5eed", only=("ml-kem/campaign",), cases=10**7))
    watch = Quiet()
    campaigns = Campaigns(Failing(), None, watch)
    campaigns.run(planned.tasks, "", "interrupted")
    (result,) = campaigns.results.values()
    assert (result.outcome, result.failed) == ("fail", 10**7)
    assert watch.cases == 10**7
    starts = [lo for lo, _ in shards.cut(10**7)][: shards.WHOLE // shards.KEPT]
    expected = [f"drawn/{lo + n}" for lo in starts for n in range(shards.KEPT)]
    assert [case.case for case in campaigns.failures] == expected
    assert all(case.data for case in campaigns.failures)


def test_any_number_of_cases_is_planned_without_making_them() -> None:
    planned = make_plan(SUBJECT, Selection(depth="quick", seed="5eed", only=("ml-kem/campaign",), cases=10**9))
    (step,) = [step for step in planned.plan.steps if step.cases]
    assert step.cases == 10**9
    assert "2^-28.3" in step.detects
    with pytest.raises(UsageError, match="is not a number from 8"):
        make_plan(SUBJECT, Selection(depth="quick", seed="5eed", cases=7))
