"""The run report as SARIF 2.1.0, for the code page of a build system: each finding points at the vendor's manifest.

Source: OASIS Static Analysis Results Interchange Format 2.1.0; section numbers in comments are its own. A failed check
is a result of kind ``fail``, an advisory miss of kind ``review``, a question without an answer of kind ``open``: only
the first counts as a problem, and what stayed open is never silent.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from pqvalidate.documents import to_json
from pqvalidate.evidence import Severity
from pqvalidate.report.findings import Finding
from pqvalidate.report.model import Answered, Result, RunReport, counts_as_failure
from pqvalidate.report.words import printable, sentence
from pqvalidate.vendors import BUILT_IN
from pqvalidate.verdict import EXIT_CODES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: dict[Severity, str] = {
    "critical": "error", "high": "error", "medium": "warning", "low": "note", "advisory": "none",
}  # fmt: skip
# GitHub sorts findings by this number, which it reads as a string; a check's severity is ours and no CVSS score.
_RANKS: dict[Severity, str] = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "2.0", "advisory": "0.0"}
OPEN_RULE = "unanswered-question"
_INSTALLED = "PQVALIDATE"
_LINK = re.compile(r"\[(?=[^\]]*\]\()")


def render(report: RunReport) -> str:
    """Return the report as one SARIF log with one run."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return to_json(log).decode("utf-8")


def _run(report: RunReport) -> dict[str, Any]:
    failed = [(result, result.finding) for result in report.results if result.finding]
    unanswered = [question for question in report.questions if question.answer == "open"]
    rules = _rules(failed, unanswered)
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    results = [_failed(report, result, found) for result, found in failed]
    results += [_unanswered(report, question) for question in unanswered]
    name, _, version = report.tool.partition(" ")
    return {
        "tool": {"driver": {"name": name, "version": version, "rules": rules}},
        "invocations": [_invocation(report)],
        "artifacts": [_artefact(row.path, row.sha256, row.bytes) for row in report.iut.artefacts if row.kind == "file"],
        "results": [{**result, "ruleIndex": numbers[result["ruleId"]]} for result in results],
        # 3.14.14: the base is where the reader's own pqvalidate is, so no address is given for it.
        "originalUriBaseIds": {_INSTALLED: {"description": {"text": "Folder in which pqvalidate is installed"}}},
        "columnKind": "unicodeCodePoints",
        "properties": {
            "decision": report.decision, "policy": report.policy, "why": report.why, "seed": report.seed,
            "factsDigest": report.facts_digest, "product": _shown(f"{report.iut.name} {report.iut.version}".strip()),
            "vendor": _shown(report.iut.vendor), "limitations": list(report.limitations),
        },
    }  # fmt: skip


def _rules(failed: list[tuple[Result, Finding]], unanswered: list[Answered]) -> list[dict[str, Any]]:
    """Return a rule for each check that failed, with its effect and clause (3.49)."""
    found = {result.check: _rule(result, finding) for result, finding in failed}
    rules = list(found.values())
    if unanswered:
        text = "A question that the claim raises was not answered, so the claim is not confirmed."
        rules.append({
            "id": OPEN_RULE, "shortDescription": {"text": text}, "fullDescription": {"text": text},
            "help": {"text": "The report says what was not asked, and why; `pqvalidate plan` shows what can be asked."},
            "defaultConfiguration": {"level": "none"},
        })  # fmt: skip
    return rules


def _rule(result: Result, finding: Finding) -> dict[str, Any]:
    return {
        "id": result.check,
        "shortDescription": {"text": sentence(finding.effect)},
        "fullDescription": {"text": f"{sentence(finding.effect)} {result.clause}."},
        "help": {"text": f"{result.clause}. `pqvalidate explain {result.check}` says what the check asks."},
        "defaultConfiguration": {"level": _LEVELS[result.severity]},
        "properties": {
            "clause": result.clause, "severity": result.severity, "security-severity": _RANKS[result.severity],
            "tags": [result.suite, "post-quantum"],
        },
    }  # fmt: skip


def _failed(report: RunReport, result: Result, finding: Finding) -> dict[str, Any]:
    fails = counts_as_failure(result)
    witness = finding.witness
    seen = " ".join(filter(None, [witness.case and f"Smallest failed case {witness.case}:", sentence(witness.why)]))
    text = f"{result.parameter_set}: {finding.summary}. {seen} Replay: {finding.reproduce}"
    return {
        "ruleId": result.check,
        # 3.27.9 and 3.27.10: a kind other than fail has no level.
        "kind": "fail" if fails else "review",
        "level": _LEVELS[result.severity] if fails else "none",
        "message": _message(text),
        "locations": [_location(report, result.parameter_set)],
        "partialFingerprints": fingerprint(result.check, result.parameter_set),
        "properties": {
            "parameterSet": result.parameter_set, "clause": result.clause, "severity": result.severity,
            "casesFailed": result.cases.failed, "casesPlanned": result.cases.planned, "reproduce": finding.reproduce,
        },
    }  # fmt: skip


def _unanswered(report: RunReport, question: Answered) -> dict[str, Any]:
    return {
        "ruleId": OPEN_RULE,
        "kind": "open",
        "level": "none",
        "message": _message(f"{question.parameter_set}: not answered: {question.text} ({question.clause})"),
        "locations": [_location(report, question.parameter_set)],
        "partialFingerprints": fingerprint(question.id, question.parameter_set),
        "properties": {"parameterSet": question.parameter_set, "clause": question.clause},
    }


def fingerprint(what: str, parameter_set: str) -> dict[str, str]:
    """Return what stays the same from build to build, so that a finding is not announced anew (3.27.17)."""
    return {"checkAndParameterSet/v1": hashlib.sha256(f"{what}\n{parameter_set}".encode()).hexdigest()}


def _invocation(report: RunReport) -> dict[str, Any]:
    """Return how the run went (3.20): errors of ours are notifications, and none of them counts as a result."""
    broken = [row for row in report.results if row.outcome == "error"]
    wrong = [row for row in report.controls if row.expected != row.seen]
    texts = [f"{row.check}, {row.parameter_set}: {row.why}" for row in broken]
    texts += [f"control {row.control} misjudged: {row.check} must {row.expected}" for row in wrong]
    texts += ["the run was interrupted"] if report.status == "interrupted" else []
    return {
        "executionSuccessful": not texts,
        "exitCode": EXIT_CODES[report.decision],
        "exitCodeDescription": f"{report.decision}: {_shown(report.why)}",
        "startTimeUtc": report.circumstances.started,
        "endTimeUtc": report.circumstances.finished,
        "toolExecutionNotifications": [{"level": "error", "message": _message(text)} for text in texts],
    }


def _location(report: RunReport, parameter_set: str) -> dict[str, Any]:
    return {
        "physicalLocation": {"artifactLocation": manifest_location(report), "region": {"startLine": 1}},
        "logicalLocations": [{"name": parameter_set, "kind": "module"}],
    }


def manifest_location(report: RunReport) -> dict[str, str]:
    """Return where the manifest is that the command named: a path, a built-in vendor, or NAME for ./NAME.toml.

    An import of ACVP files that had no manifest points at its first prompt file.
    """
    argument, command = report.iut_argument, report.circumstances.command
    if command[:2] == ("acvp", "import"):
        flag = "--manifest" if "--manifest" in command else "--prompt"
        if flag in command[:-1]:
            return {"uri": _uri(command[command.index(flag) + 1])}
    if argument in BUILT_IN:
        return {"uri": f"vendors/{argument}.toml", "uriBaseId": _INSTALLED}
    return {"uri": _uri(argument if argument.endswith(".toml") else f"{argument}.toml")}


def _artefact(path: str, sha256: str, length: int) -> dict[str, Any]:
    return {"location": {"uri": _uri(path)}, "length": length, "hashes": {"sha-256": sha256}}


def _uri(path: str) -> str:
    """Return a path as a relative reference, or as a file address where it is absolute (3.4.3, RFC 3986)."""
    plain = PurePosixPath(path.replace("\\", "/")).as_posix()
    return ("file://" if plain.startswith("/") else "") + quote(plain)


def _shown(text: str) -> str:
    return printable(text)


def _message(text: str) -> dict[str, str]:
    """Return a message that is read as it stands: no placeholder (3.11.5), and no link of others (3.11.6)."""
    shown = _LINK.sub(r"\\[", printable(text))
    return {"text": shown.replace("{", "{{").replace("}", "}}")}
