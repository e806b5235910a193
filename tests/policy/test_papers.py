"""Papers: HTML and PDF of certificates, judgements and signed verdicts; sealed, whole, and steered by nobody's text."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
import segno
from msgspec.structs import replace

from pqvalidate.certificate import summary, verify
from pqvalidate.documents import to_json
from pqvalidate.errors import InputError
from pqvalidate.policy.svr import VerifiedVerdict, verify_verdict
from pqvalidate.report import certificate_sheet, papers, pdf, policy_sheet, qr
from pqvalidate.report.html import certificate as certificate_html
from pqvalidate.report.html import sheet as sheet_html
from pqvalidate.report.messages import LANGUAGES, Language
from pqvalidate.report.sheet import Line, Mood, Sheet, facts, items, text
from tests.cli.command import pqvalidate, succeeded, with_planted
from tests.golden.certificates import CERTIFICATES, valid
from tests.policy.conftest import Lab
from tests.policy.shelf import BUNDLES
from tests.report.pages import Reader

HOSTILE = (
    '#panic("x") #image("/etc/passwd") $x$ *b* _i_ @r <l> \\ `r` [] {} // /* "quoted"\x00\x1b[31m\u202e '
    "\u534e\u4e3a \U0001f600 \ue000 \ufdd0 \u0378 </p><script>alert(1)</script>" + "A" * 500
)
SIGNED = b'{"payload": "e30=",\r\n "payloadType": "t", "signatures": []}\n'
STYLES: tuple[tuple[Mood, bool], ...] = (("", False), ("good", False), ("", True))
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=12)


def verdict_of(lab: Lab) -> VerifiedVerdict:
    return verify_verdict(lab.verdict, lab.trust, as_of=LATER)


def sheets(lab: Lab, lang: Language) -> dict[str, Sheet]:
    found = {f"certificate {name}": certificate_sheet.sheet(make(), lang) for name, make in CERTIFICATES.items()}
    found["verdict"] = policy_sheet.signed(verdict_of(lab), "2026-12-01T00:00:00Z", lang)
    found["refused verdict"] = policy_sheet.signed(
        VerifiedVerdict(decision="invalid", reasons=("signatures: none",), signed_by="", body_sha256="0" * 64,
                        statement=None), "2026-12-01T00:00:00Z", lang,
    )  # fmt: skip
    return found


def texts(document: bytes) -> list[str]:
    """Return the text of each page as a reader of the PDF copies it, blanks made one."""
    with pypdfium2.PdfDocument(document) as opened:  # type: ignore[no-untyped-call]
        return [" ".join(page.get_textpage().get_text_range().split()) for page in opened]


def declared(document: bytes) -> dict[str, str]:
    with pikepdf.open(io.BytesIO(document)) as opened, opened.open_metadata() as about:
        return {key: str(about.get(key)) for key in ("pdfaid:part", "pdfaid:conformance", "pdfuaid:part", "dc:title")}


# --- PDF -----------------------------------------------------------------------------------------------------------


def test_a_pdf_declares_pdf_a_3_with_tags_and_its_language() -> None:
    document = pdf.render(certificate_sheet.sheet(valid(), "nl"), attached=SIGNED, name="c.json")
    about = declared(document)
    assert (about["pdfaid:part"], about["pdfaid:conformance"], about["pdfuaid:part"]) == ("3", "A", "1")
    assert "y-crypto 1.0.0" in about["dc:title"]
    with pikepdf.open(io.BytesIO(document)) as opened:
        assert str(opened.Root.Lang) == "nl"
        assert opened.Root.MarkInfo.Marked
        assert not opened.is_encrypted
        assert not {"/OpenAction", "/AA", "/AcroForm"} & set(opened.Root.keys())


def test_the_signed_file_is_inside_byte_by_byte() -> None:
    document = pdf.render(certificate_sheet.sheet(valid(), "en"), attached=SIGNED, name="certificate.json")
    with pikepdf.open(io.BytesIO(document)) as opened:
        assert list(opened.attachments) == ["certificate.json"]
        assert opened.attachments["certificate.json"].get_file().read_bytes() == SIGNED
        (file,) = opened.Root.AF  # ISO 19005-3 section 6.8: associated with the document, and how
        assert str(file.AFRelationship) == "/Source"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_same_input_gives_the_same_bytes_and_another_file_gives_others(lab: Lab, lang: Language) -> None:
    for sheet in sheets(lab, lang).values():
        first, again = (pdf.render(sheet, attached=SIGNED, name="c.json") for _ in range(2))
        assert first == again
        assert first != pdf.render(sheet, attached=SIGNED + b"\n", name="c.json")


def test_its_date_is_that_of_the_certificate() -> None:
    with pikepdf.open(io.BytesIO(pdf.render(certificate_sheet.sheet(valid(), "en")))) as opened:
        assert str(opened.docinfo["/CreationDate"]).startswith("D:20261123100000")


def test_the_first_page_has_what_a_reader_must_know() -> None:
    page = valid()
    assert page.contents
    says = page.contents
    first = texts(pdf.render(certificate_sheet.sheet(page, "en")))[0]
    known = [says.product, says.version, says.vendor, says.id, says.not_after, says.validator,
             says.subjects[0].digest.sha256, "Certificate: valid", "The tests that it records: fail", "5 failed checks",
             "ECDSA P-384 and ML-DSA-87", "ML-KEM-768 (FIPS 203)", "Not tested", "fault injection",
             says.disclaimer_en, f"urn:pqvalidate:body:sha256:{page.body_sha256}"]  # fmt: skip
    assert [text for text in known if text not in first] == []


def test_the_details_have_what_html_has() -> None:
    page = valid()
    whole = " ".join(texts(pdf.render(certificate_sheet.sheet(page, "nl"))))
    html = Reader(certificate_html(page, lang="nl"))
    cells = [" ".join(cell.text.split()) for cell in html.named("td", "th", "li") if "details" not in cell.text]
    squeezed = whole.replace(" ", "")
    assert len(cells) > 40
    assert [cell for cell in cells if cell.replace(" ", "") not in squeezed] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_cannot_be_relied_on_is_not_shown(lab: Lab, lang: Language) -> None:
    for name, secret in (("certificate invalid", "y-crypto"), ("refused verdict", "nl-gov-baseline")):
        sheet = sheets(lab, lang)[name]
        assert secret not in " ".join(texts(pdf.render(sheet))) + sheet_html(sheet)
        assert {"en": "not shown", "nl": "niet getoond"}[lang] in " ".join(texts(pdf.render(sheet)))


def test_what_others_write_is_shown_and_not_obeyed_and_a_missing_glyph_is_written_out() -> None:
    page = valid()
    assert page.contents
    says = replace(page.contents, vendor=HOSTILE, product=HOSTILE, version=HOSTILE, id=HOSTILE, validator=HOSTILE,
                   status_uri=HOSTILE, conditions_of_use=(HOSTILE,), limitations=(HOSTILE,))  # fmt: skip
    spoiled = replace(page, contents=says, artefacts=(replace(page.artefacts[0], path=HOSTILE),),
                      reasons=(f"validity: {HOSTILE}",))  # fmt: skip
    document = pdf.render(certificate_sheet.sheet(spoiled, "en"), attached=SIGNED, name=HOSTILE)
    whole = " ".join(texts(document)).replace("\u200b", "").replace(" ", "")
    for shown in ('#panic("x")', '#image("/etc/passwd")', "$x$ *b* _i_ @r <l>", "\\x00\\x1b[31m\\u202e",
                  "\\u534e\\u4e3a", "\\U0001f600", "<script>alert(1)</script>"):  # fmt: skip
        assert shown.replace(" ", "") in whole
    assert declared(document)["pdfaid:part"] == "3"


def test_every_character_that_is_drawn_has_a_glyph_in_each_font() -> None:
    drawn = "".join(
        chr(code) for first, last in pdf._DRAWABLE for code in range(first, last + 1) if pdf._has_glyph(chr(code))
    )
    assert len(drawn) > 1500
    rows = [drawn[at : at + 60] for at in range(0, len(drawn), 60)]
    sheet = certificate_sheet.sheet(valid(), "en")
    lines = [Line(text=row, mood=mood, code=code)
             for row in rows for mood, code in STYLES]  # fmt: skip
    document = pdf.render(replace(sheet, title="é Ж Ω", details=(items(lines),)))
    # What comes out has been composed, or stands for the same letter; most come out as they went in.
    assert len(set(unicodedata.normalize("NFKC", "".join(texts(document))))) > 1000


@pytest.mark.parametrize("text", ["\u534e", "\U0001f600", "\ue000", "\ufdd0", "\u0378", "\x07", "\u2066", "\ud800"])
def test_a_character_without_a_glyph_is_written_out(text: str) -> None:
    shown = pdf.drawable(f"a{text}b")
    assert shown.isascii()
    assert re.fullmatch(r"a\\[xuU][0-9a-f]+b", shown)


def test_a_text_without_end_is_cut_and_a_word_without_end_is_broken() -> None:
    shown = pdf.drawable("x" * 1_000_000)
    assert len(shown) < 5000
    assert shown.endswith("[...]")
    assert max(len(part) for part in re.split("[\u200b ]", shown)) < 60
    assert pdf.drawable("0" * 64) == "0" * 64


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_is_rendered_with_its_boxes_in_colour_and_a_code(lab: Lab, lang: Language) -> None:
    for sheet in sheets(lab, lang).values():
        with pypdfium2.PdfDocument(pdf.render(sheet)) as opened:  # type: ignore[no-untyped-call]
            image = opened[0].render(scale=0.5).to_pil().convert("RGB")
        colours = {colour for _, colour in image.getcolors(1 << 24) or []}
        assert any(green > red + 60 or red > green + 60 for red, green, _ in colours)
        code = image.crop((image.width * 3 // 4, 0, image.width, image.height // 5)).convert("L")
        darkest, lightest = code.getextrema()
        assert (darkest < 60, lightest > 200) == (True, True)


def test_without_typst_the_command_names_the_remedy(lab: Lab) -> None:
    block = "sys.modules['typst'] = None"
    done = with_planted(block, "verify", lab.certificate, "--trust", lab.trust, "--format", "pdf", "--out", "never.pdf")
    assert done.returncode == 2
    assert "pip install 'pqvalidate[pdf]'" in done.stderr


# --- the code ------------------------------------------------------------------------------------------------------


def test_the_code_of_a_page_is_the_one_of_its_status() -> None:
    page = valid()
    says = f"urn:pqvalidate:body:sha256:{page.body_sha256}"
    html = certificate_html(page)
    (path,) = re.findall(r'<div class="code"[^>]*><svg[^>]*>.*?d="([^"]+)"', html)
    drawn = io.BytesIO()
    segno.make(says, error="m", micro=False).save(drawn, kind="svg", border=4, omitsize=True, xmldecl=False)
    assert f'd="{path}"' in drawn.getvalue().decode()
    assert says in Reader(html).named("code")[0].text


def test_a_certificate_of_a_catalogue_has_its_status_uri_in_the_code() -> None:
    page = valid()
    assert page.contents
    listed = replace(page, contents=replace(page.contents, status_uri="https://catalogue.example/status/1"))
    assert certificate_sheet.status_of(listed) == "https://catalogue.example/status/1"
    assert qr.svg("https://catalogue.example/status/1") in certificate_html(listed)


@pytest.mark.parametrize("says", ["", "x" * 2000])
def test_what_fits_in_no_code_gets_none(says: str) -> None:
    assert qr.svg(says) == ""
    sheet = replace(certificate_sheet.sheet(valid(), "en"), status=says)
    assert "<svg" not in sheet_html(sheet)
    assert pdf.render(sheet)


# --- HTML ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sheet_in_html_loads_nothing_and_says_its_language(lab: Lab, lang: Language) -> None:
    for sheet in sheets(lab, lang).values():
        page = Reader(sheet_html(sheet))
        assert page.named("script", "link", "img", "iframe", "object", "form") == []
        assert [n for e in page.elements for n in e.attributes if n.startswith("on") or n in {"style", "href"}] == []
        assert page.named("html")[0].attributes["lang"] == lang
        assert len(page.named("h1")) == len(page.named("main")) == 1
        for head in page.named("th"):
            assert head.attributes["scope"] == ("col" if "thead" in head.inside else "row")


def test_html_of_a_hostile_sheet_is_text() -> None:
    sheet = replace(certificate_sheet.sheet(valid(), "en"), title=HOSTILE, status=HOSTILE, kind=HOSTILE,
                    first=(text(HOSTILE), facts([(HOSTILE, HOSTILE)])))  # fmt: skip
    page = Reader(sheet_html(sheet))
    assert page.named("script", "img") == []
    assert "<script>alert(1)</script>" in page.named("h1")[0].text


# --- the commands --------------------------------------------------------------------------------------------------


def test_verify_writes_a_pdf_with_the_certificate_inside(lab: Lab, tmp_path: Path) -> None:
    words: list[str | Path] = [
        "verify",
        lab.certificate,
        "--trust",
        lab.trust,
        "--format",
        "pdf",
        "--as-of",
        "2027-01-01",
        "--out",
    ]
    assert succeeded(*words, tmp_path / "a.pdf").stdout == f"Written to {tmp_path / 'a.pdf'}\n"
    succeeded(*words, tmp_path / "b.pdf")
    made = (tmp_path / "a.pdf").read_bytes()
    assert made == (tmp_path / "b.pdf").read_bytes()
    with pikepdf.open(io.BytesIO(made)) as opened:
        assert opened.attachments["cert.json"].get_file().read_bytes() == lab.certificate.read_bytes()
    again = pqvalidate(*words, tmp_path / "a.pdf")
    assert (again.returncode, "never overwritten" in again.stderr) == (2, True)
    assert pqvalidate(*words[:-1]).returncode == 2
    assert "--out FILE" in pqvalidate(*words[:-1]).stderr


def test_verify_shows_a_certificate_with_its_judgement(lab: Lab, tmp_path: Path) -> None:
    words: list[str | Path] = [
        "verify",
        lab.certificate,
        "--trust",
        lab.trust,
        "--policy",
        "uk-ncsc",
        "--policy",
        "cnsa-2.0",
    ]
    html = succeeded(*words, "--format", "html", code=1).stdout
    headings = [heading.text for heading in Reader(html).named("h2")]
    assert "Policies" in headings[:2]
    assert sum(heading.endswith((": conforms", ": does-not-conform")) for heading in headings) == 2
    succeeded(*words, "--format", "pdf", "--lang", "nl", "--out", tmp_path / "x.pdf", code=1)
    pages = texts((tmp_path / "x.pdf").read_bytes())
    assert "Besluit: voldoet niet" in pages[0]
    assert "cnsa-2.0 voldoet niet" in pages[0]


@pytest.mark.parametrize(("form", "lang"), [("html", "nl"), ("pdf", "en")])
def test_verify_shows_a_signed_verdict(lab: Lab, tmp_path: Path, form: str, lang: str) -> None:
    out = tmp_path / "verdict"
    words: list[str | Path] = [
        "verify",
        lab.verdict,
        "--trust",
        lab.trust,
        "--format",
        form,
        "--lang",
        lang,
        "--out",
        out,
    ]
    succeeded(*words)
    if form == "pdf":
        assert "Decision: conforms" in texts(out.read_bytes())[0]
        with pikepdf.open(out) as opened:
            (name,) = opened.attachments
            assert opened.attachments[name].get_file().read_bytes() == lab.verdict.read_bytes()
    else:
        assert "Besluit: voldoet" in out.read_text("utf-8")


def test_judge_makes_papers_of_the_matrix(tmp_path: Path) -> None:
    words: list[str | Path] = [
        "judge",
        BUNDLES / "openssl",
        "--policy",
        "uk-ncsc",
        "--policy",
        "cnsa-2.0",
        "--as-of",
        "2026-11-25",
    ]
    html = succeeded(*words, "--format", "html", code=3).stdout
    assert "uk-ncsc 2026.1.0: conforms" in [heading.text for heading in Reader(html).named("h2")]
    succeeded(*words, "--format", "pdf", "--out", tmp_path / "m.pdf", code=3)
    with pikepdf.open(tmp_path / "m.pdf") as opened:
        inside = json.loads(opened.attachments["judgement.json"].get_file().read_bytes())
    assert inside == json.loads(succeeded(*words, "--format", "json", code=3).stdout)
    assert "ML-KEM-768 yes no" in texts((tmp_path / "m.pdf").read_bytes())[0]


def test_a_file_that_changes_while_it_is_read_is_not_attached(lab: Lab, tmp_path: Path) -> None:
    page = summary(verify(lab.certificate, lab.trust, as_of=LATER))
    (tmp_path / "c.json").write_bytes(lab.verdict.read_bytes())
    with pytest.raises(InputError, match="has changed"):
        papers.of_certificate(page, tmp_path / "c.json", "en")


@pytest.mark.parametrize("make", [valid, CERTIFICATES["expired"]])
def test_no_text_of_a_sheet_is_lost_on_the_way_to_paper(make: Callable[[], object]) -> None:
    sheet = certificate_sheet.sheet(make(), "en")  # type: ignore[arg-type]
    whole = " ".join(texts(pdf.render(sheet))).replace(" ", "")
    tree = json.loads(to_json(sheet))
    shown = [row["text"] for block in (*tree["first"], *tree["details"]) for row in block["lines"]]
    assert shown
    assert [text for text in shown if pdf.drawable(text).replace(" ", "") not in whole] == []
