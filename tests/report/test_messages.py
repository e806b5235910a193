"""The catalogue is whole: what a page can say has its Dutch, nothing stands there unused, placeholders agree."""

from __future__ import annotations

import string
import tomllib

import pytest
from msgspec.structs import replace

from pqvalidate.report.certificate_text import text as certificate_text
from pqvalidate.report.messages import ENGLISH, Messages
from pqvalidate.report.text import render
from tests.golden.certificates import CERTIFICATES
from tests.golden.samples import SAMPLES
from tests.report.catalogue import REPORT, own_texts, recorded_texts

TABLES = tomllib.loads((REPORT / "messages_nl.toml").read_text(encoding="utf-8"))
DUTCH = Messages("nl")


def placeholders(text: str) -> list[str]:
    return sorted(field for _, field, _, _ in string.Formatter().parse(text) if field)


def test_every_text_of_ours_has_its_dutch_and_none_is_left_over() -> None:
    assert own_texts() - set(TABLES["own"]) == set()
    assert set(TABLES["own"]) - own_texts() == set()


def test_the_search_for_texts_does_find_them() -> None:
    found = own_texts()
    assert {"Coverage", "advisory misses", "under policy {name}", "cases\npassed", "As of {moment}.", "NO"} <= found


def test_every_fixed_text_of_bundles_and_certificates_has_its_dutch() -> None:
    assert recorded_texts() - set(TABLES["recorded"]) == set()


@pytest.mark.parametrize("table", TABLES)
def test_a_translation_has_the_placeholders_of_its_text(table: str) -> None:
    wrong = [text for text, dutch in TABLES[table].items() if placeholders(text) != placeholders(dutch)]
    assert wrong == []


def test_english_is_what_the_source_says() -> None:
    assert ENGLISH("Coverage") == "Coverage"
    assert ENGLISH.recorded("anything at all {") == ("anything at all {", "en")


def test_a_recorded_text_is_translated_part_by_part() -> None:
    assert DUTCH.recorded("refuted: conformance ML-KEM-768, conformance ML-DSA-44") == (
        "weerlegd: conformiteit ML-KEM-768, conformiteit ML-DSA-44", "nl",
    )  # fmt: skip
    gaps = "Not tested: fault injection; caches, branch predictors and other shared hardware as side channels."
    assert DUTCH.known(gaps) == (
        "Niet getest: foutinjectie; caches, sprongvoorspellers en andere gedeelde hardware als zijkanaal."
    )


def test_a_recorded_text_that_is_not_known_stays_and_says_its_language() -> None:
    assert DUTCH.recorded("the module logs every refusal") == ("the module logs every refusal", "en")
    assert DUTCH.known("ml-kem/ek-modulus") == "ml-kem/ek-modulus"


@pytest.mark.parametrize(
    ("value", "english", "dutch"),
    [(0, "0 checks", "0 toetsen"), (1, "1 check", "1 toets"), (1204, "1,204 checks", "1.204 toetsen")],
)  # fmt: skip
def test_numbers_are_written_as_in_the_language(value: int, english: str, dutch: str) -> None:
    assert ENGLISH.counted(value, "check") == english
    assert DUTCH.counted(value, "check") == dutch


def test_durations_are_said_as_in_the_language() -> None:
    assert DUTCH.duration(800_000_000) == "0,8 s"
    assert DUTCH.duration(7500_000_000_000) == "2 u 5 min"


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_dutch_report_fits_the_page_and_cuts_nothing(sample: str) -> None:
    page = render(SAMPLES[sample]().report(), width=80, colour=False, lang="nl")
    assert "…" not in page
    copied_whole = ("pqvalidate ", "sha256")
    assert [line for line in page.splitlines() if len(line) > 80 and not any(c in line for c in copied_whole)] == []


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_column_of_the_dutch_tables_is_cut(sample: str) -> None:
    report = SAMPLES[sample]().report()
    longest = replace(
        report.coverage[0], parameter_set="ML-KEM-1024", verdict="inconclusive", checks=100, checks_passed=100,
        checks_not_asked=100, cases=replace(report.coverage[0].cases, passed=15_151, planned=15_171),
    )  # fmt: skip
    page = render(replace(report, coverage=(longest,)), width=80, colour=False, lang="nl")
    (row,) = [line for line in page.splitlines() if line.startswith("  ML-KEM-1024 ")]
    assert row.endswith("15.151/15.171")
    heads = page.partition(row)[0].splitlines()[-2:]
    assert [line.split()[-1] for line in heads] == ["gevallen", "geslaagd"]


@pytest.mark.parametrize("name", CERTIFICATES)
def test_the_dutch_page_about_a_certificate_says_the_decision_in_dutch(name: str) -> None:
    words = {"valid": "GELDIG", "expired": "VERLOPEN", "invalid": "ONGELDIG"}
    page = certificate_text(CERTIFICATES[name](), width=80, colour=False, lang="nl")
    assert page.startswith(f"Certificaat {words[name]}  stand op ")


def test_what_the_checks_say_most_is_in_dutch_with_the_words_of_the_implementation_as_they_are() -> None:
    assert DUTCH.recorded("verify_prehash: refused what is valid") == ("verify_prehash: weigerde wat geldig is", "nl")
    assert DUTCH.known("refused an input that must be accepted: invalid {length}") == (
        "weigerde invoer die moet worden aanvaard: invalid {length}"
    )
