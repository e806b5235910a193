"""HTML pages: well-formed, from one file, readable by everybody, and never steered by what a vendor writes."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import jinja2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pqvalidate.certificate.overview import Contents
from pqvalidate.report.html import _templates, certificate, render
from pqvalidate.report.messages import LANGUAGES, Language
from tests.cli.command import pqvalidate, succeeded
from tests.golden.certificates import CERTIFICATES, valid
from tests.golden.samples import SAMPLES, refuted
from tests.report.catalogue import REPORT
from tests.report.pages import Reader, contrast, luminance, rules
from tests.unit.certificate_bench import issue

HOSTILE = "</title></style><script>alert(1)</script><img src=//example.org onerror=x>\"'&\x1b[31m\u202etxet"
PAGES = [f"run {name}" for name in SAMPLES] + [f"certificate {name}" for name in CERTIFICATES]


def page_of(name: str, lang: Language) -> str:
    kind, _, sample = name.partition(" ")
    if kind == "run":
        return render(SAMPLES[sample]().report(), lang=lang)
    return certificate(CERTIFICATES[sample](), lang=lang)


def hostile_pages() -> dict[str, str]:
    report = refuted().report()
    result = next(row for row in report.results if row.finding)
    assert result.finding
    witness = replace(result.finding.witness, case=HOSTILE, why=HOSTILE, fault=HOSTILE, values={HOSTILE: HOSTILE})
    broken = replace(result, finding=replace(result.finding, summary=HOSTILE, effect=HOSTILE, witness=witness))
    product = replace(report.iut, vendor=HOSTILE, name=HOSTILE, version=HOSTILE, notes=(HOSTILE,))
    page = valid()
    assert page.contents
    says = replace(page.contents, vendor=HOSTILE, product=HOSTILE, version=HOSTILE, id=HOSTILE, validator=HOSTILE,
                   conditions_of_use=(HOSTILE,), limitations=(HOSTILE,))  # fmt: skip
    match = replace(page.artefacts[0], path=HOSTILE)
    return {
        "run": render(
            replace(report, iut=product, results=(broken,), why=HOSTILE, bundle=HOSTILE, iut_argument=HOSTILE)
        ),
        "certificate": certificate(replace(page, contents=says, artefacts=(match,), reasons=(f"validity: {HOSTILE}",))),
    }  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_one_file_that_loads_nothing_and_runs_nothing(name: str, lang: Language) -> None:
    page = Reader(page_of(name, lang))
    assert page.named("script", "link", "img", "iframe", "object", "form") == []
    loading = {"src", "href", "srcset", "action", "data"}
    assert [e.name for e in page.elements if loading & set(e.attributes)] == []
    assert [n for e in page.elements for n in e.attributes if n.startswith("on") or n == "style"] == []
    assert "url(" not in page.named("style")[0].text
    (policy,) = [m for m in page.named("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy.attributes["content"].startswith("default-src 'none'")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_its_language_has_one_title_and_headings_without_gaps(name: str, lang: Language) -> None:
    page = Reader(page_of(name, lang))
    assert page.named("html")[0].attributes["lang"] == lang
    assert page.named("title")[0].text.strip()
    assert len(page.named("main")) == len(page.named("h1")) == 1
    levels = [int(heading.name[1]) for heading in page.named("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(heading.text.strip() for heading in page.named("h1", "h2", "h3"))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_every_table_names_its_columns_and_its_rows_and_can_be_scrolled_by_keyboard(name: str, lang: Language) -> None:
    page = Reader(page_of(name, lang))
    assert page.named("table") or name == "certificate invalid"
    for head in page.named("th"):
        assert head.attributes["scope"] == ("col" if "thead" in head.inside else "row")
        assert head.text.strip()
    for row in page.named("tr"):
        assert row.children[0].name == "th"
    for region in [element for element in page.elements if element.attributes.get("class") == "scroll"]:
        assert (region.attributes["tabindex"], region.attributes["role"]) == ("0", "region")
        assert region.attributes["aria-label"]


def test_a_dutch_page_marks_what_stays_english() -> None:
    page = Reader(page_of("run does-not-conform", "nl"))
    spans = [span.text for span in page.named("span") if span.attributes.get("lang") == "en"]
    assert any("The implementation disagrees with the standard" in text for text in spans)
    assert [span for span in Reader(page_of("run conforms", "en")).named("span") if "lang" in span.attributes] == []


@pytest.mark.parametrize("name", PAGES)
def test_no_verdict_is_told_by_colour_alone(name: str) -> None:
    page = Reader(page_of(name, "en"))
    coloured = [e for e in page.elements if set(e.attributes.get("class", "").split()) & {"good", "bad", "open"}]
    assert coloured
    assert all(re.search("[A-Za-z]{2}", element.text) for element in coloured)


def test_every_colour_of_text_has_the_contrast_of_level_aa() -> None:
    css = rules((REPORT / "pages" / "style.css").read_text(encoding="utf-8"))
    papers = {
        "#fff",
        css["pre"]["background"],
        *(css[f".verdict.{mood}"]["background"] for mood in ("good", "bad", "open")),
    }
    inks = {said["color"] for said in css.values() if said.get("color", "").startswith("#")}
    assert len(inks) >= 5
    assert {(ink, paper) for ink in inks for paper in papers if contrast(ink, paper) < 4.5} == set()  # 1.4.3


def test_the_measure_of_contrast_is_that_of_wcag() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)
    assert luminance("#fff") == pytest.approx(1)


# --- the first page ------------------------------------------------------------------------------------------------


def first_page(page: str) -> str:
    return page.partition('<div class="details">')[0]


def test_the_first_page_of_a_certificate_has_what_a_reader_must_know() -> None:
    page = valid()
    assert page.contents
    first = Reader(first_page(certificate(page)) + "</main></body></html>").named("main")[0].text
    says = page.contents
    known = [says.product, says.version, says.vendor, says.id, says.not_after, says.validator,
             says.subjects[0].digest.sha256, "Certificate: valid",
             "The tests that it records: fail", "5 failed checks", "ECDSA P-384 and ML-DSA-87",
             "ML-KEM-768 (FIPS 203)", "Not tested", "fault injection", says.disclaimer_en]  # fmt: skip
    assert [text for text in known if text not in first] == []


def test_the_first_page_of_a_report_has_what_a_reader_must_know() -> None:
    report = refuted().report()
    first = Reader(first_page(render(report)) + "</main></body></html>").named("main")[0].text
    known = ["does-not-conform", "as-claimed", report.iut.name, report.iut.version, report.iut.artefacts[0].sha256,
             "ML-DSA-87", "refuted", "Not tested", "not signed"]  # fmt: skip
    assert [text for text in known if text not in first] == []


def test_a_certificate_whose_signatures_are_not_good_shows_nothing_of_its_contents() -> None:
    page = certificate(CERTIFICATES["invalid"]())
    assert "Certificate: invalid" in page
    assert "A trusted ML-DSA-87 key signed these bytes." in page
    assert "SHA-256 <code>" in page
    assert not {"y-crypto", "Example BV", "FIPS 203"} & set(re.findall(r"y-crypto|Example BV|FIPS 203", page))


def test_a_certificate_that_was_not_good_never_shows_a_good_signature() -> None:
    page = valid()
    rules_of = tuple(replace(r, outcome="fail") if r.rule == "named-validator" else r for r in page.rules)
    spoiled = certificate(replace(page, decision="invalid", rules=rules_of, reasons=("named-validator: x",)))
    assert "good: ECDSA" in certificate(page)
    assert "good: ECDSA" not in spoiled
    assert "not good" in spoiled


# --- foreign text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run", "certificate"])
def test_what_others_write_is_shown_and_not_obeyed(name: str) -> None:
    text = hostile_pages()[name]
    page = Reader(text)
    assert page.named("script", "img") == []
    assert not set(text) & set("\x1b\u202e")
    assert "<script>alert(1)</script>" in page.named("h1")[0].text
    assert "\\x1b[31m\\u202e" in page.named("h1")[0].text


def test_a_name_that_the_page_does_not_know_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="undefined"):
        _templates().from_string("{{ nothing.at.all }}").render()


# --- the command ---------------------------------------------------------------------------------------------------


def test_the_command_prints_the_pages_in_both_languages(tmp_path: Path) -> None:
    issued = issue(tmp_path / "a")
    verify: list[str | Path] = ["verify", issued.certificate, "--trust", issued.keys.trust, "--as-of", "2027-01-01"]
    dutch = succeeded(*verify, "--format", "html", "--lang", "nl").stdout
    assert Reader(dutch).named("html")[0].lang == "nl"
    assert "Certificaat: geldig" in dutch
    assert succeeded(*verify, "--lang", "nl").stdout.startswith("Certificaat GELDIG")
    judge: list[str | Path] = ["judge", issued.folder / "bundle"]
    assert "Report of a validation run" in succeeded(*judge, "--format", "html").stdout
    assert succeeded(*judge, "--lang", "nl").stdout.startswith("VOLDOET  volgens beleidsprofiel as-claimed")
    documents = [succeeded(*judge, "--format", "json", "--lang", lang).stdout for lang in LANGUAGES]
    assert json.loads(documents[0]) == json.loads(documents[1])
    assert pqvalidate(*judge, "--lang", "de").returncode == 2


# --- anything at all -----------------------------------------------------------------------------------------------

ANY_TEXT = st.text(max_size=40) | st.sampled_from([HOSTILE, "{", "{0}", "]]>", "<!--", "&#x1b;", "\ud800", "a\nb"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(words=st.lists(ANY_TEXT, min_size=6, max_size=6), lang=st.sampled_from(LANGUAGES))
def test_a_page_is_well_formed_whatever_its_texts_are(words: list[str], lang: Language) -> None:
    report = refuted().report()
    result = next(row for row in report.results if row.finding)
    assert result.finding
    witness = replace(result.finding.witness, why=words[0], values={words[1]: words[2]})
    found = replace(result, finding=replace(result.finding, effect=words[3], witness=witness))
    product = replace(report.iut, name=words[4], version=words[5])
    page = render(replace(report, iut=product, results=(found,), why=words[0]), lang=lang)
    assert len(Reader(page).named("h1")) == 1
    assert page.encode("utf-8")
    contents = replace(valid_contents(), product=words[4])
    page = certificate(replace(valid(), reasons=(f"validity: {words[0]}",), contents=contents), lang=lang)
    assert len(Reader(page).named("h1")) == 1
    assert page.encode("utf-8")


def valid_contents() -> Contents:
    contents = valid().contents
    assert contents
    return contents
