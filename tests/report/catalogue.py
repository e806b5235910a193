"""Every text that the pages can say, read from the source and from the types whose words they show."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args, get_type_hints

from pqvalidate import questions
from pqvalidate.certificate import predicate, verification, wording
from pqvalidate.certificate.keys import Family
from pqvalidate.claims.registry import OBJECTIVES, ClaimStatus
from pqvalidate.evidence import Severity
from pqvalidate.manifest import Product
from pqvalidate.report import model, words
from pqvalidate.suites import all_checks
from pqvalidate.verdict import Decision
from tests.house_rules.tree import SOURCE

REPORT = SOURCE / "report"
SAYING = (REPORT, SOURCE / "catalogue")
IN_TEMPLATE = re.compile(r"""(?<![\w.])say\(\s*"((?:[^"\\]|\\.)*)"(?!\s*~)""")
COUNTED_IN_TEMPLATE = re.compile(r"""say\.counted\([^"]*?"([^"]*)"\)""")
SAID_BY_PATTERN = {"must pass", "must fail", "seen to pass", "seen to fail"}


def literals(node: ast.expr) -> list[str]:
    """Return the texts that an expression can be, where it is written out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    return []


def said_in_python(path: Path) -> set[str]:
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        values = [named.get(a.id, []) if isinstance(a, ast.Name) else [a] for a in node.args]
        if called == "say":
            found.update(text for value in values[0] for text in literals(value))
        elif called == "say.counted":
            nouns = [text for value in values[1:] for text in literals(value[0])]
            found.update(nouns if len(nouns) == 2 else [nouns[0], nouns[0] + "s"])
        elif called == "map" and ast.unparse(node.args[0]) == "say":
            found.update(text for value in values[1] if isinstance(value, ast.Tuple) for one in value.elts
                         for text in literals(one))  # fmt: skip
    return found


def said_in_templates() -> set[str]:
    found: set[str] = set()
    for path in (path for folder in SAYING for path in (folder / "pages").glob("*.j2")):
        content = path.read_text(encoding="utf-8")
        found |= set(IN_TEMPLATE.findall(content))
        for noun in COUNTED_IN_TEMPLATE.findall(content):
            found |= {noun, noun + "s"}
    return found


def said_by_name() -> set[str]:
    """Return the words of records that pages show in their own language."""
    types = (
        Decision, verification.Decision, Severity, model.CoverageVerdict, model.Answer, predicate.Role, Family,
        get_type_hints(Product)["form"], get_type_hints(predicate.Independence)["vendor_relation"],
        get_type_hints(predicate.Results)["outcome"], ClaimStatus,
        get_type_hints(predicate.ExternalCertificate)["status"],
        get_type_hints(predicate.ExternalCertificate)["binding"],
    )  # fmt: skip
    found = {word for kind in types for word in get_args(kind)}
    purposes = {"go on with this run", "what a check asks", "sign these facts", "what can be asked"}
    return found | set(words.GAP_REASONS.values()) | purposes | set(OBJECTIVES.values()) | SAID_BY_PATTERN | {"NO", "-"}


def own_texts() -> set[str]:
    """Return every text of ours that a page in two languages can say."""
    found = said_in_templates() | said_by_name()
    for path in (path for folder in SAYING for path in folder.glob("*.py")):
        found |= said_in_python(path)
    return found


def recorded_texts() -> set[str]:
    """Return the fixed texts of bundles and certificates that a reader needs in the language of the page."""
    asked = {row.text for rows in questions.QUESTIONS.values() for row in rows}
    gaps = {text for gap in (*wording.GAPS, wording.TIMING_GAP) for text in gap}
    rules = set(verification.RULES.values())
    effects = {check.effect for check in all_checks()}
    return asked | gaps | rules | effects | set(wording.LIMITATIONS) | set(wording.CALLER_CHECKS.values())
