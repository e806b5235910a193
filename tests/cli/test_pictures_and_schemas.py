"""The picture of a terminal shows what the command prints, and documents fit the JSON Schemas of the reference."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # its types are a package of their own

from pqvalidate.evidence import Circumstances
from pqvalidate.report.model import RunReport
from pqvalidate.report.timings import Figures
from tests.cli.command import document, environment, pqvalidate, succeeded
from tests.cli.conftest import Bench
from tests.cli.test_documentation import matched
from tests.house_rules.tree import ROOT, SOURCES


def loaded(path: str) -> ModuleType:
    """Return a module that is no part of a package."""
    found = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # its dataclasses look for their module there
    found.loader.exec_module(module)
    return module


PICTURES = loaded("benchmarks/pictures.py")
REFERENCE = loaded("docs/from_code.py")
VALIDATORS = {
    one.schema: Draft202012Validator(REFERENCE.json_schema(one)) for one in REFERENCE.DOCUMENTS
}  # fmt: skip


def test_the_terminal_shows_what_the_command_prints(tmp_path: Path) -> None:
    drawing = ET.fromstring((ROOT / "docs" / "images" / "terminal.svg").read_text(encoding="utf-8"))
    texts = {child.tag.rpartition("}")[2]: child for child in drawing}
    shown = (texts["desc"].text or "").splitlines()
    done = pqvalidate(*PICTURES.RUN, cwd=tmp_path, env=environment(COLUMNS=str(PICTURES.COLUMNS)))
    assert done.returncode == 1
    gaps = [line for line in shown if line.strip()]
    matched(gaps, "\n".join(line for line in done.stdout.splitlines() if line.strip()))
    drawn = "".join(texts["g"].itertext()).replace("\n", "")
    assert f"pqvalidate{' '.join(PICTURES.RUN)}".replace(" ", "") in drawn.replace(" ", "")
    assert len(shown) > 25


def test_colours_become_spans_and_what_is_left_out_is_marked() -> None:
    spans = PICTURES.spans("plain \x1b[1;31mNO\x1b[0m <end>")
    assert [(span.text, span.bold) for span in spans] == [("plain ", False), ("NO", True), (" <end>", False)]
    assert spans[1].colour != spans[0].colour
    assert PICTURES.cut(["a", "b", "c", "d"], [("^b", "^b"), ("^d", "^d")]) == ["...", "b", "...", "d"]
    assert "&lt;end&gt;" in PICTURES.svg("x", ["\x1b[31m<end>\x1b[0m"], "title", "desc")


def test_every_document_is_in_the_reference() -> None:
    named = {found for path in SOURCES for found in re.findall(r'"(pqvalidate/[a-z-]+/\d)"', path.read_text("utf-8"))}
    known = {*VALIDATORS, *REFERENCE.SMALL}
    assert named - known == set()
    assert {name for name in known if name.startswith("pqvalidate/")} - named == set()


@pytest.mark.parametrize("schema", VALIDATORS)
def test_a_schema_is_one(schema: str) -> None:
    Draft202012Validator.check_schema(VALIDATORS[schema].schema)
    assert not re.search(r"\\[AZ]", json.dumps(VALIDATORS[schema].schema))


def opened(envelope: Path) -> Any:
    return json.loads(base64.b64decode(json.loads(envelope.read_bytes())["payload"]))


def test_documents_of_every_step_fit_their_schemas(bench: Bench, tmp_path: Path) -> None:
    bundle, words = bench.bundle("mlkem"), ("--key", bench.key, "--policy", "nist-base", "--out", "c.json")
    succeeded("certify", bundle, *words, cwd=tmp_path)
    succeeded("keygen", "--role", "root", "--out", "root", cwd=tmp_path)
    succeeded("trust", "init", "root/trust.json", "--threshold", "1", "--out", "trust.json", cwd=tmp_path)
    made: dict[str, Any] = {
        "pqvalidate/manifest/1": tomllib.loads((ROOT / "src/pqvalidate/vendors/mlkem.toml").read_text("utf-8")),
        "pqvalidate/policy-profile/1": tomllib.loads(
            (ROOT / "src/pqvalidate/policy/profiles/cnsa-2.0.toml").read_text("utf-8")
        ),
        "pqvalidate/evidence/1": json.loads((bundle / "evidence.json").read_bytes()),
        "case": json.loads((bundle / "cases.jsonl").read_text("utf-8").splitlines()[0]),
        "pqvalidate/run-report/1": document(succeeded("judge", bundle, "--format", "json")),
        "pqvalidate/plan-report/1": document(succeeded("plan", "mlkem", "--depth", "quick", "--format", "json")),
        "signed-envelope": json.loads((tmp_path / "c.json").read_bytes()),
        "validation-certificate": opened(tmp_path / "c.json"),
        "policy-verdict-statement": opened(tmp_path / "c.nist-base.verdict.json"),
        "pqvalidate/policy-verdict/1": json.loads((tmp_path / "c.nist-base.rules.json").read_bytes()),
        "pqvalidate/trust/1": json.loads(bench.trust.read_bytes()),
        "pqvalidate/trust/2": opened(tmp_path / "trust.json"),
    }
    wrong = {name: [error.message for error in VALIDATORS[name].iter_errors(value)] for name, value in made.items()}
    assert {name: errors for name, errors in wrong.items() if errors} == {}
    for name, value in made.items():
        assert not VALIDATORS[name].is_valid({**value, "unheard-of": 1}), name


def fields(record: Any, seen: set[Any]) -> set[str]:
    """Return the names of the fields of a record and of the records in it."""
    names: set[str] = set()
    if isinstance(record, type) and issubclass(record, msgspec.Struct) and record not in seen:
        seen.add(record)
        for field in msgspec.structs.fields(record):
            names |= {field.encode_name} | fields(field.type, seen)
    for inner in get_args(record):
        names |= fields(inner, seen)
    return names


def test_the_page_on_the_report_names_every_field() -> None:
    described = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "reference" / "report.md").read_text(encoding="utf-8")))
    elsewhere = fields(Circumstances, set()) | fields(Figures, set())  # their pages: bundle, explanation/timing
    assert fields(RunReport, set()) - described - elsewhere == set()
