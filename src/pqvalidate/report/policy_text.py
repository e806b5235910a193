"""Policy verdicts for people: the matrix of policies, which sets may be used, the rules, the conditions of use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from pqvalidate.documents import Record
from pqvalidate.policy.engine import PolicyVerdict, RuleResult
from pqvalidate.policy.profile import Text
from pqvalidate.report.terminal import Cell, Page
from pqvalidate.report.words import printable, sentence
from pqvalidate.verdict import ClaimVerdict, Decision

Language: TypeAlias = Literal["en", "nl"]
SCHEMA: Final = "pqvalidate/policy-report/1"

_DECISION_STYLE: dict[Decision, str] = {
    "conforms": "bold green", "does-not-conform": "bold red", "undecided": "bold yellow",
}  # fmt: skip
_OUTCOME_STYLE = {"pass": "green", "fail": "bold red", "insufficient-evidence": "yellow", "waived": "yellow"}
_MARKS = {"permitted": ("yes", "ja"), "denied": ("no", "nee"), "not-judged": ("-", "-")}
_WORDS: dict[str, Text] = {
    "policies": Text(en="Policies", nl="Beleid"),
    "sets": Text(en="Allowed by the profile", nl="Toegestaan door het profiel"),
    "rules": Text(en="Rules", nl="Regels"),
    "conditions": Text(en="Conditions of use", nl="Gebruiksvoorwaarden"),
    "none": Text(en="No conditions of use follow.", nl="Er volgen geen gebruiksvoorwaarden."),
    "silent": Text(en="Not covered by this profile", nl="Niet in dit profiel"),
    "illustrative": Text(
        en="An illustrative profile: the authority that is named has not issued it.",
        nl="Een illustratief profiel: de genoemde instantie heeft het niet uitgegeven.",
    ),
    "conforms": Text(en="conforms", nl="voldoet"),
    "does-not-conform": Text(en="does not conform", nl="voldoet niet"),
    "undecided": Text(en="undecided", nl="onbeslist"),
}


_IN_DUTCH = {
    "mandatory": "verplicht", "advisory": "adviserend", "pass": "voldaan", "fail": "niet voldaan",
    "insufficient-evidence": "onvoldoende bewijs", "not-applicable": "niet van toepassing", "waived": "afgeweken",
    "illustrative": "illustratief", "draft": "concept", "in-force": "van kracht",
}  # fmt: skip


class PolicyRow(Record):
    """One row of the matrix: a policy, its decision and why; ``verdict`` is absent for the policy as-claimed."""

    policy: str
    decision: Decision
    why: Text
    verdict: PolicyVerdict | None = None
    silent: tuple[Text, ...] = ()


class ReportedFile(Record):
    """One tested file by its SHA-256."""

    path: str
    sha256: str


class ReportedProduct(Record):
    """The product that was judged."""

    vendor: str
    name: str
    version: str
    artefacts: tuple[ReportedFile, ...]


class PolicyReport(Record):
    """One product under one or more policies; ``decision`` is the one that decides the exit code."""

    schema: Literal["pqvalidate/policy-report/1"]
    iut: ReportedProduct
    policy: str
    decision: Decision
    as_of: str
    service_life_until: str | None
    judged_from: str
    seed: str
    facts_digest: str
    bundle: str | None
    claims: tuple[ClaimVerdict, ...]
    policies: tuple[PolicyRow, ...]


def text(report: PolicyReport, language: Language = "en", *, width: int | None = None) -> str:
    """Return the page for a terminal or a log, in English or Dutch."""
    page = Page(width=width)
    page.line((f"{report.iut.name} {report.iut.version}".strip(), "bold"), f"  {report.iut.vendor}")
    until = {"en": "used until", "nl": "in gebruik tot en met"}[language]
    life = f", {until} {report.service_life_until}" if report.service_life_until else ""
    page.line((f"{report.judged_from}; {report.as_of}{life}", "dim"))
    page.heading(_word("policies", language))
    page.table(["", "", ""], [_row(row, language) for row in report.policies], wrap=(2,), indent=2)
    verdicts = [row for row in report.policies if row.verdict]
    if verdicts:
        _sets(page, [row.verdict for row in verdicts if row.verdict], language)
    for row in verdicts:
        _profile(page, row, language)
    return str(page)


def _word(name: str, language: Language) -> str:
    return _in(_WORDS[name], language)


def _in(words: Text, language: Language) -> str:
    return words.nl if language == "nl" else words.en


def _row(row: PolicyRow, language: Language) -> list[Cell]:
    decision: Cell = (_word(row.decision, language), _DECISION_STYLE[row.decision])
    return [row.policy, decision, sentence(_in(row.why, language))]


def _sets(page: Page, verdicts: Sequence[PolicyVerdict], language: Language) -> None:
    """Print which set may be used under which policy; policies are numbered, for their names are long."""
    page.heading(_word("sets", language))
    names = list(dict.fromkeys(row.parameter_set for verdict in verdicts for row in verdict.sets))
    rows: list[list[Cell]] = []
    for verdict in verdicts:
        by_name = {row.parameter_set: row for row in verdict.sets}
        marks = [_MARKS[by_name[name].decision][language == "nl"] for name in names]
        rows.append([verdict.policy.id, *marks])
    page.table(["", *(name.replace("-", "-\n", 2) for name in names)], rows, indent=2)


def _profile(page: Page, row: PolicyRow, language: Language) -> None:
    verdict = row.verdict
    if verdict is None:
        return
    page.heading(
        f"{row.policy} {verdict.policy.version}",
        f"{_word(row.decision, language)}; {named(verdict.policy.status, language)}",
    )
    if verdict.policy.status == "illustrative":
        page.paragraph(_word("illustrative", language), indent=2)
    page.table(["", "", "", ""], [_rule(rule, language) for rule in verdict.rules], wrap=(3,), indent=2)
    page.paragraph((_word("conditions", language), "bold"), indent=2)
    for condition in verdict.conditions:
        page.paragraph(f"- {_in(condition, language)}", indent=4)
    if not verdict.conditions:
        page.paragraph(_word("none", language), indent=4)
    if row.silent:
        page.paragraph((_word("silent", language), "bold"), indent=2)
    for words in row.silent:
        page.paragraph(f"- {_in(words, language)}", indent=4)


def _rule(rule: RuleResult, language: Language) -> list[Cell]:
    why = sentence(_in(rule.why, language))
    if rule.waiver:
        why = f"{why} {named(rule.waiver.instead_of, language)}: {sentence(rule.waiver.reason)}"
    source = f" [{rule.source.document}, {rule.source.section}]" if rule.source else ""
    outcome: Cell = (named(rule.outcome, language), _OUTCOME_STYLE.get(rule.outcome, ""))
    return [rule.rule, named(rule.level, language), outcome, f"{why}{source}"]


def named(word: str, language: Language) -> str:
    """Return a word of verdicts (an outcome, a level, a status of a profile) in a language."""
    return _IN_DUTCH.get(word, word) if language == "nl" else word


def markdown(report: PolicyReport, language: Language = "en") -> str:
    """Return the report for a merge request, an issue or a wiki."""
    lines = [
        f"## {_plain(report.iut.name)} {_plain(report.iut.version)}",
        "",
        f"{report.judged_from}; {report.as_of}",
        "",
    ]
    lines += ["| | | |", "| --- | --- | --- |"]
    lines += [
        f"| `{_plain(row.policy)}` | **{_word(row.decision, language)}** | {_plain(sentence(_in(row.why, language)))} |"
        for row in report.policies
    ]
    for row in report.policies:
        if row.verdict is None:
            continue
        status = named(row.verdict.policy.status, language)
        lines += ["", f"### {row.policy} {row.verdict.policy.version} ({status})", ""]
        lines += ["| | | | |", "| --- | --- | --- | --- |"]
        lines += [_rule_line(rule, language) for rule in row.verdict.rules]
        lines += ["", f"**{_word('conditions', language)}**", ""]
        lines += [f"- {_plain(_in(words, language))}" for words in row.verdict.conditions]
        lines += [] if row.verdict.conditions else [f"- {_word('none', language)}"]
    return "\n".join(lines) + "\n"


def _rule_line(rule: RuleResult, language: Language) -> str:
    cells = (rule.rule, named(rule.level, language), named(rule.outcome, language), sentence(_in(rule.why, language)))
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(words: str) -> str:
    """Return text in which nothing is markup, so that a vendor's name stays a name."""
    shown = printable(words)
    for character in "\\`*_[]<>|#":
        shown = shown.replace(character, f"\\{character}")
    return shown
