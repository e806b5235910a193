"""Every report of the samples, compared to the byte with a stored file; PQV_UPDATE_GOLDEN=1 writes the files anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pqvalidate.certificate.overview import Page
from pqvalidate.report import FORMATS, certificate_text, plan_text
from pqvalidate.report.html import certificate as certificate_html
from pqvalidate.report.messages import LANGUAGES, Language
from pqvalidate.report.text import render
from tests.golden.certificates import CERTIFICATES
from tests.golden.samples import SAMPLES, Sample

FOLDER = Path(__file__).parent
SUFFIXES = {"json": "json", "markdown": "md", "junit": "xml", "sarif": "sarif", "html": "html",
            "code-quality": "quality.json"}  # fmt: skip


def compare(name: str, seen: str) -> None:
    """Compare with the stored file, or write it when asked to."""
    path = FOLDER / name
    if os.environ.get("PQV_UPDATE_GOLDEN") == "1":
        path.write_text(seen, encoding="utf-8")
    assert path.is_file(), f"{name} is missing; write it with PQV_UPDATE_GOLDEN=1 and review it"
    assert seen == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("sample", SAMPLES)
def test_the_text_report_looks_as_it_did(sample: str, width: int) -> None:
    compare(f"run-{sample}-{width}.txt", render(SAMPLES[sample]().report(), width=width, colour=False))


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_text_report_is_coloured_as_it_was(sample: str) -> None:
    compare(f"run-{sample}-colour.ansi", render(SAMPLES[sample]().report(), width=80, colour=True))


@pytest.mark.parametrize("name", SUFFIXES)
@pytest.mark.parametrize("sample", SAMPLES)
def test_the_other_formats_say_what_they_said(sample: str, name: str) -> None:
    compare(f"run-{sample}.{SUFFIXES[name]}", FORMATS[name](SAMPLES[sample]().report()))


def test_every_format_has_golden_files() -> None:
    assert set(FORMATS) == {"text", *SUFFIXES}


def plan_of(sample: Sample) -> plan_text.PlanReport:
    facts = sample.evidence.facts
    return plan_text.build_plan_report(facts.plan, facts.subject)


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_plan_looks_as_it_did(sample: str) -> None:
    compare(f"plan-{sample}.txt", plan_text.text(plan_of(SAMPLES[sample]()), width=80, colour=False))


def test_the_plan_as_json_says_what_it_said() -> None:
    compare("plan-undecided.json", plan_text.json(plan_of(SAMPLES["undecided"]())))


@pytest.mark.parametrize(("name", "make"), CERTIFICATES.items(), ids=list(CERTIFICATES))
def test_the_page_about_a_certificate_looks_as_it_did(name: str, make: Callable[[], Page]) -> None:
    compare(f"certificate-{name}.txt", certificate_text.text(make(), width=80, colour=False))


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_dutch_reports_say_what_they_said(sample: str) -> None:
    report = SAMPLES[sample]().report()
    compare(f"run-{sample}-nl.txt", render(report, width=80, colour=False, lang="nl"))
    compare(f"run-{sample}-nl.html", FORMATS["html"](report, "nl"))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("name", "make"), CERTIFICATES.items(), ids=list(CERTIFICATES))
def test_the_page_about_a_certificate_is_as_it_was_in_html(name: str, make: Callable[[], Page], lang: Language) -> None:
    compare(f"certificate-{name}-{lang}.html", certificate_html(make(), lang=lang))


@pytest.mark.parametrize(("name", "make"), CERTIFICATES.items(), ids=list(CERTIFICATES))
def test_the_dutch_page_about_a_certificate_looks_as_it_did(name: str, make: Callable[[], Page]) -> None:
    compare(f"certificate-{name}-nl.txt", certificate_text.text(make(), width=80, colour=False, lang="nl"))
