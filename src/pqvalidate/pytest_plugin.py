"""A plugin for pytest: ``pytest --pqvalidate vendor.toml`` reports each check of a run as one test.

It reports a run and is none: the implementation, the plan, the judgement and the controls are those of ``pqvalidate
run``. The run takes place when the first of its tests is due, for all that were selected.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pqvalidate.errors import PqvalidateError

if TYPE_CHECKING:
    from pqvalidate.adapters.attach import Implementation
    from pqvalidate.evidence import Step
    from pqvalidate.planner import Selection
    from pqvalidate.report.model import Result, RunReport

# Everything that measures is loaded by the option only: a plugin is imported by every pytest that it is installed for.

DECISION = "decision"
"""Name of the last test of a run: whether the implementation conforms under the policy."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("pqvalidate", "validation of post-quantum implementations")
    group.addoption("--pqvalidate", action="append", default=[], metavar="IUT",
                    help="report each check of this implementation as a test: a manifest, a built-in vendor, or NAME "
                    "for ./NAME.toml; may be repeated")  # fmt: skip
    group.addoption("--pqvalidate-depth", choices=("quick", "standard", "full"), default="standard",
                    help="how much is asked (default: standard)")  # fmt: skip
    group.addoption("--pqvalidate-seed", default=None, metavar="HEX",
                    help="seed of all drawn cases (default: drawn afresh; it is a property of each test)")  # fmt: skip
    group.addoption("--pqvalidate-out", default=None, metavar="DIR",
                    help="keep the bundle of each implementation in a folder of its name below this one")  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the checks of each implementation to what was collected, before -k and -m choose among them."""
    named = config.getoption("--pqvalidate")
    if not named:
        return
    if config.getoption("numprocesses", None):
        raise pytest.UsageError("--pqvalidate runs in one process of pytest: leave -n out; vendor code has its own")
    seed = config.getoption("--pqvalidate-seed") or secrets.token_hex(16)
    if any(c not in "0123456789abcdef" for c in seed) or len(seed) % 2 or len(seed) > 128:
        raise pytest.UsageError(f"--pqvalidate-seed {seed!r} is not hex: 2 to 128 lower-case digits, an even number")
    for name in dict.fromkeys(named):
        run = Run.from_parent(session, name=name, nodeid=Path(name).name)
        run.prepare(seed)
        items.extend(run.collect())


class Run(pytest.Collector):
    """A run of one implementation, from its plan to its report.

    Attributes:
        report: the report, once the run has taken place.

    """

    report: RunReport | None = None
    _failed: str = ""

    def prepare(self, seed: str) -> None:
        """Plan the run, so that its tests are known.

        Raises:
            UsageError: of pytest, with the message of the error that stopped it.

        """
        from pqvalidate.adapters.attach import attach  # noqa: PLC0415
        from pqvalidate.planner import Selection, make_plan  # noqa: PLC0415

        self._selection = Selection(depth=self.config.getoption("--pqvalidate-depth"), seed=seed)
        try:
            with attach(self.name) as iut:
                self._steps = make_plan(iut.subject, self._selection).plan.steps
        except PqvalidateError as error:
            raise pytest.UsageError(f"--pqvalidate {self.name}: {error}") from None

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each planned check, and one for the decision."""
        for step in self._steps:
            item: CheckTest = CheckTest.from_parent(self, name=f"{step.parameter_set}::{step.check}")
            item.step = step
            yield item
        yield DecisionTest.from_parent(self, name=DECISION)

    def reported(self) -> RunReport:
        """Return the report; the first call runs what was selected.

        Raises:
            KeyboardInterrupt: the run was interrupted.

        """
        if self._failed:
            pytest.fail(self._failed, pytrace=False)
        if self.report is None:
            from pqvalidate.adapters.attach import attach  # noqa: PLC0415

            try:
                with attach(self.name) as iut:
                    self.report = self._run(iut)
            except PqvalidateError as error:
                self._failed = str(error)
                pytest.fail(self._failed, pytrace=False)
        return self.report

    def _run(self, iut: Implementation) -> RunReport:
        from pqvalidate.bundle import BundleWriter  # noqa: PLC0415
        from pqvalidate.evidence import was_stopped  # noqa: PLC0415
        from pqvalidate.planner import make_plan  # noqa: PLC0415
        from pqvalidate.report.model import build_report  # noqa: PLC0415
        from pqvalidate.runner import Budget, opening, run  # noqa: PLC0415
        from pqvalidate.verdict import judge  # noqa: PLC0415

        planned = make_plan(iut.subject, self._selected())
        below = self.config.getoption("--pqvalidate-out")
        folder = Path(below, Path(self.name).stem) if below else None
        with ExitStack() as stack:
            writer = None
            if folder:
                folder.parent.mkdir(parents=True, exist_ok=True)
                writer = stack.enter_context(BundleWriter(folder, opening(planned, iut.subject)))
            evidence, failures = run(
                iut, planned, iut.subject, writer, budget=Budget(fail_fast=self.config.option.maxfail == 1),
                sandbox=iut.sandbox,
            )  # fmt: skip
        if evidence.status == "interrupted" and not was_stopped(evidence.facts.results):
            raise KeyboardInterrupt
        bundle = str(folder) if folder else None
        return build_report(evidence, judge(evidence), failures, bundle=bundle, iut_argument=self.name)

    def _selected(self) -> Selection:
        """Return the selection narrowed to the tests that -k and the like have left."""
        left = [item.step for item in self.session.items if isinstance(item, CheckTest) and item.parent is self]
        if not left or len(left) == len(self._steps):
            return self._selection
        only = tuple(dict.fromkeys(step.check for step in left))
        return replace(
            self._selection, only=only, parameter_sets=tuple(dict.fromkeys(step.parameter_set for step in left))
        )


class _Finding(Exception):  # noqa: N818  (it is the implementation's doing)
    """A test did not pass; the text is what pytest shows."""


class _Reported(pytest.Item):
    """A test that looks up its outcome in the report of a run."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401  (as pytest declares it)
        """Return the finding without a traceback of ours."""
        if isinstance(excinfo.value, _Finding):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where pytest says that the test is; it would take points in the name of a file for something else."""
        return self.path, None, self.name

    def report_of_run(self) -> RunReport:
        """Return the report of the run that the test belongs to, and note what identifies it."""
        run = self.parent
        assert isinstance(run, Run)  # noqa: S101  (made by it)
        report = run.reported()
        self.user_properties += [
            ("seed", report.seed), ("depth", report.depth), ("facts_digest", report.facts_digest),
            ("implementation", f"{report.iut.name} {report.iut.version}"), ("tool", report.tool),
        ]  # fmt: skip
        return report


class CheckTest(_Reported):
    """One planned check of one parameter set."""

    step: Step

    def runtest(self) -> None:
        """Report how the check ended: an advisory miss as an expected failure, what was not asked as left out."""
        from pqvalidate.report.words import REASONS, printable  # noqa: PLC0415

        report = self.report_of_run()
        result = next(
            row
            for row in report.results
            if row.check == self.step.check and row.parameter_set == self.step.parameter_set
        )
        cases = result.cases
        self.user_properties += [
            ("parameter_set", result.parameter_set), ("clause", result.clause), ("severity", result.severity),
            ("suite", result.suite), ("cases_planned", cases.planned), ("cases_passed", cases.passed),
            ("cases_failed", cases.failed),
        ]  # fmt: skip
        if result.outcome == "not-applicable":
            reason = result.reason
            pytest.skip(printable(f"{reason} ({REASONS[reason]}): {result.why}" if reason else result.why))
        if result.outcome == "error":
            raise _Finding(f"{_title(result)}\nNot decided, by an error of ours: {result.why}")
        if result.outcome == "fail":
            if result.severity == "advisory":
                pytest.xfail(printable(f"advisory, no failure: {result.finding.summary if result.finding else ''}"))
            raise _Finding(_explained(result))


class DecisionTest(_Reported):
    """The decision under the policy: it fails wherever ``pqvalidate run`` would not end with exit code 0."""

    def runtest(self) -> None:
        """Report the decision."""
        report = self.report_of_run()
        self.user_properties += [("policy", report.policy), ("decision", report.decision)]
        self.user_properties += [(f"claim {row.claim}", f"{row.verdict}: {row.why}") for row in report.claims]
        if report.decision != "conforms":
            raise _Finding(f"{report.decision} under policy {report.policy}: {report.why}")


def _title(result: Result) -> str:
    return f"{result.parameter_set} {result.check} ({result.clause}; {result.severity})"


def _explained(result: Result) -> str:
    from pqvalidate.report.junit import explained  # noqa: PLC0415

    found = result.finding
    return f"{_title(result)}\n{found.summary}\n{explained(found)}" if found else _title(result)
