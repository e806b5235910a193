"""Sphinx configuration, and the reference pages that are generated from the code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent / "src"), str(DOCS)]

import from_code  # noqa: E402

from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS, Operation  # noqa: E402
from pqvalidate.algorithms import PARAMETER_SETS  # noqa: E402
from pqvalidate.claims.registry import REGISTRY, VALUE_KINDS  # noqa: E402
from pqvalidate.questions import QUESTIONS  # noqa: E402

project = "pqvalidate"
author = "the pqvalidate authors"
copyright = "2026, the pqvalidate authors"  # noqa: A001  (Sphinx wants this name)

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "reference/_generated"]
html_theme = "furo"
html_title = "pqvalidate"


def table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def parameter_sets() -> str:
    """Return the table of parameter sets, from algorithms.PARAMETER_SETS."""
    titles = ("name", "version", "category", "ek / pk", "dk / sk", "c / signature", "seed", "OID", "sizes from")
    rows = [
        (row.name, row.version, str(row.category), *map(str, (row.public_key, row.private_key, row.output, row.seed)),
         row.oid or "none", row.sizes_from)
        for row in PARAMETER_SETS.values()
    ]  # fmt: skip
    return table(titles, rows)


def operations(rows: dict[str, Operation]) -> str:
    """Return the table of operations of one kind, from adapters.interface."""
    return table(
        ("operation", "inputs", "may be left out", "outputs"),
        [
            (
                f"`{name}`",
                *(", ".join(f"`{f}`" for f in fields) or "none" for fields in (op.inputs, op.optional, op.outputs)),
            )
            for name, op in rows.items()
        ],
    )


def questions() -> str:
    """Return the questions of every algorithm, from questions.QUESTIONS."""
    titles = ("question", "clause", "in words", "answered by, strongest first", "asked if one of these is offered")
    parts = []
    for algorithm, rows in QUESTIONS.items():
        listed = [
            (row.id, row.clause, row.text, ", ".join(f"`{c}`" for c in row.checks),
             ", ".join(f"`{o}`" for o in row.asked_if) or "always")
            for row in rows
        ]  # fmt: skip
        parts.append(f"## {algorithm}\n\n{table(titles, listed)}")
    return "\n".join(parts)


def claims() -> str:
    """Return the registry of claims, from claims.registry.REGISTRY."""
    titles = ("claim", "about", "value", "highest status", "how", "check", "counts for", "CSF")
    rows = [
        (f"`{row.id}`", row.en, VALUE_KINDS[row.value], row.highest, row.how, f"`{row.check}`" if row.check else "none",
         f"{row.most_days} days" if row.most_days else "no limit", ", ".join(row.objectives) or "none")
        for row in REGISTRY.values()
    ]  # fmt: skip
    return table(titles, rows)


GENERATED = DOCS / "reference" / "_generated"
SCHEMAS = GENERATED / "schemas"
SCHEMAS.mkdir(parents=True, exist_ok=True)
for page, content in {
    "parameter-sets": parameter_sets(),
    "kem-operations": operations(KEM_OPERATIONS),
    "signature-operations": operations(SIGNATURE_OPERATIONS),
    "questions": questions(),
    "claims": claims(),
    "checks": from_code.checks(),
    "documents": from_code.documents(),
}.items():
    (GENERATED / f"{page}.md").write_text(content, encoding="utf-8")
for file, schema in from_code.schema_files():
    (SCHEMAS / file).write_bytes(schema)
