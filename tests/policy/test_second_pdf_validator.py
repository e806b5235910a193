"""What typst says that it has written is looked at by another validator: veraPDF, which Maven fetches."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from msgspec.structs import replace

from pqvalidate.report import certificate_sheet, pdf
from pqvalidate.report.messages import LANGUAGES
from pqvalidate.report.sheet import facts, text
from tests.golden.certificates import valid
from tests.policy.conftest import Lab
from tests.policy.test_papers import HOSTILE, SIGNED, sheets

SOURCE = Path(__file__).with_name("verapdf")
Validate = Callable[[dict[str, bytes]], dict[tuple[str, str], list[str]]]
pytestmark = pytest.mark.needs("java", "javac", "mvn")


@pytest.fixture(scope="module")
def validate(tmp_path_factory: pytest.TempPathFactory) -> Validate:
    """Return a function that validates documents: by name and flavour, the number of assertions, then broken rules."""
    folder = tmp_path_factory.mktemp("verapdf")
    for name in ("pom.xml", "Check.java"):
        shutil.copy(SOURCE / name, folder)
    fetch = ["mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
    for command in (fetch, ["javac", "-cp", "lib/*", "Check.java"]):
        subprocess.run(command, cwd=folder, check=True, timeout=600, stdin=subprocess.DEVNULL)

    def run(documents: dict[str, bytes]) -> dict[tuple[str, str], list[str]]:
        for name, data in documents.items():
            (folder / name).write_bytes(data)
        done = subprocess.run(
            ["java", "-cp", "lib/*:.", "Check", *documents], cwd=folder, check=True, timeout=600,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        found: dict[tuple[str, str], list[str]] = {}
        for line in done.stdout.splitlines():
            first, *rest = line.split(maxsplit=3)
            if first == "broken":
                found[next(reversed(found))].append(line)
            else:
                found[rest[2], first] = rest[:2]
        return found

    return run


def test_papers_keep_pdf_a_3a_and_pdf_ua_1(lab: Lab, validate: Validate) -> None:
    papers = {f"{lang}-{name}": sheet for lang in LANGUAGES for name, sheet in sheets(lab, lang).items()}
    strange = (text(HOSTILE), facts([(HOSTILE, HOSTILE)]))
    papers["hostile"] = replace(papers["en-verdict"], title=HOSTILE, kind=HOSTILE, status=HOSTILE, details=strange)
    documents = {
        f"{number}.pdf": pdf.render(sheet, attached=SIGNED, name="certificate.json")
        for number, sheet in enumerate(papers.values())
    }
    found = validate(documents)
    assert set(found) == {(name, flavour) for name in documents for flavour in ("3a", "ua1")}
    assert [row for row in found.values() if row[0] != "yes" or int(row[1]) < 1000 or row[2:]] == []


def test_it_notices_what_is_missing(validate: Validate) -> None:
    document = pdf.render(certificate_sheet.sheet(valid(), "en"), attached=SIGNED, name="certificate.json")
    broken = io.BytesIO()
    with pikepdf.open(io.BytesIO(document)) as opened:
        del opened.Root.OutputIntents
        del opened.Root.StructTreeRoot
        opened.save(broken)
    found = validate({"broken.pdf": broken.getvalue()})
    assert [found["broken.pdf", flavour][0] for flavour in ("3a", "ua1")] == ["no", "no"]
    assert all(len(row) > 2 for row in found.values())
