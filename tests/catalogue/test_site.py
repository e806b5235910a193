"""The site of a catalogue: every page and download from real evidence, hostile names, an interruption."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag
from xml.etree import ElementTree as ET

import msgspec
import pytest
from msgspec.structs import replace

from pqvalidate.catalogue import benchmarks, site, site_feeds, site_swap
from pqvalidate.catalogue.site_view import items
from pqvalidate.certificate.envelope import read_envelope
from pqvalidate.certificate.predicate import Statement
from pqvalidate.errors import InputError, UsageError
from pqvalidate.policy.engine import PolicyVerdict
from tests.catalogue.site_entries import (
    AS_OF,
    FORMULA,
    HOSTILE,
    benchmark,
    entry,
    hostile,
    issued,
    named,
    of_product,
    timed,
    varied,
)
from tests.cli.command import succeeded
from tests.report.pages import Reader

LANGUAGES = ("en", "nl")
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue") / "site"
    site.build([*varied(), hostile()], folder, title="A <catalogue> & more", as_of=AS_OF, benchmarks_of=timed())
    return folder


def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def text(folder: Path, page: str) -> str:
    """Return the text of a page as a reader sees it, blanks made one."""
    apart = re.sub("<(td|th|br|dd|dt|p|li)(?=[ >])", r" <\1", (folder / page).read_text(encoding="utf-8"))
    main = Reader(apart).named("main")[0]
    return " ".join(main.text.split())


def test_a_certificate_of_a_real_run_is_published_as_the_command_has_signed_it(tmp_path: Path) -> None:
    key = tmp_path / "keys" / "signing-key.json"
    succeeded("keygen", "--out", key.parent, "--name", "A lab", "--role", "lab")
    succeeded("run", "mlkem", "--depth", "quick", "--out", tmp_path / "bundle")
    succeeded("certify", tmp_path / "bundle", "--key", key, "--policy", "nl-gov-baseline", "--out", tmp_path / "c.json")
    statement = msgspec.json.decode(read_envelope(tmp_path / "c.json").payload, type=Statement)
    verdict = msgspec.json.decode((tmp_path / "c.nl-gov-baseline.rules.json").read_bytes(), type=PolicyVerdict)
    today = statement.predicate.validity.issued_at
    number = statement.predicate.certificate.id
    site.build([named(statement, (verdict,), number)], tmp_path / "site", title="Real", as_of=today)
    shown = text(tmp_path / "site", f"nl/certificate/{number.lower()}.html")
    for words in (number, "tests geslaagd", "Certificaat: ✓ geldig", statement.subject[0].digest.sha256,
                  "nl-gov-baseline:", "A lab (laboratorium", statement.predicate.method.seed):  # fmt: skip
        assert words in shown
    assert "illustratief" in shown
    assert "illustrative." not in shown


def test_every_page_exists_in_both_languages_and_is_marked_so(built: Path) -> None:
    english = [path.relative_to(built / "en") for path in pages(built / "en")]
    assert english == [path.relative_to(built / "nl") for path in pages(built / "nl")]
    assert len(english) == 3 + 8 + 1
    for lang in LANGUAGES:
        for path in pages(built / lang):
            assert Reader(path.read_text(encoding="utf-8")).named("html")[0].lang == lang


def test_pages_are_well_formed_with_one_heading_and_unique_ids(built: Path) -> None:
    for path in pages(built):
        page = Reader(path.read_text(encoding="utf-8"))
        assert len(page.named("h1")) == 1, path
        assert len(page.named("title")) == 1
        ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
        assert len(set(ids)) == len(ids), path
        levels = [int(heading.name[1]) for heading in page.named("h1", "h2", "h3")]
        assert all(after - before <= 1 for before, after in pairwise(levels)), path


def test_every_link_leads_to_a_file_of_the_site_or_to_an_original(built: Path) -> None:
    originals = set()
    for path in pages(built):
        for element in Reader(path.read_text(encoding="utf-8")).named("a", "link", "script"):
            address, _ = urldefrag(element.attributes.get("href") or element.attributes.get("src", ""))
            target = (path.parent / unquote(address)).resolve()
            if address and target.is_relative_to(built.parent / "targets"):
                originals.add(target.relative_to(built.parent / "targets").as_posix())
            elif address:
                assert target.is_relative_to(built), f"{path}: {address}"
                assert target.is_file(), f"{path}: {address}"
    wanted = [*varied(), hostile()]
    assert originals == {path for one in wanted for path in (one.certificate_path, *one.verdict_paths)}


def test_nothing_is_loaded_from_elsewhere_and_no_page_carries_code(built: Path) -> None:
    for path in pages(built):
        page = Reader(path.read_text(encoding="utf-8"))
        (policy,) = [m for m in page.named("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy"]
        assert policy.attributes["content"].startswith("default-src 'none'; style-src 'self';")
        assert "unsafe" not in policy.attributes["content"]
        assert page.named("style", "iframe", "object", "img") == []
        assert all(script.text == "" for script in page.named("script"))
        loud = [name for element in page.elements for name in element.attributes if name.startswith(("on", "style"))]
        assert loud == []
    code = "".join(path.read_text(encoding="utf-8") for path in (built / "assets").iterdir())
    assert re.findall(r"https?://|\bfetch\(|XMLHttpRequest|eval\(|innerHTML|@import|url\(", code) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_names_are_text_everywhere(built: Path, lang: str) -> None:
    (number,) = (path.name for path in (built / lang / "certificate").glob("id-*.html"))
    for page in ("index.html", "matrix.html", "calendar.html", f"certificate/{number}"):
        raw = (built / lang / page).read_text(encoding="utf-8")
        assert "<script>alert" not in raw
        assert "<img" not in raw
        assert "\u202e" not in raw
        assert "\x07" not in raw
        assert HOSTILE.partition("\u202e")[0] in text(built, f"{lang}/{page}")
    feed = (built / lang / "feed.xml").read_text(encoding="utf-8")
    assert "alert(3)" in feed
    assert "<script>" not in feed


def test_failed_and_withdrawn_certificates_are_kept_and_say_so_in_words(built: Path) -> None:
    index = text(built, "en/index.html")
    for number, words in {
        "PQV-2026-PQCRYPTO": "tests FAILED", "PQV-2026-WITHDRAWN": "withdrawn", "PQV-2026-EXPIRED": "expired",
        "PQV-2026-SUSPENDED": "suspended", "PQV-2026-OLD": "superseded",
    }.items():  # fmt: skip
        assert number in index
        page = text(built, f"en/certificate/{number.lower()}.html")
        assert words in page
        assert "Certificate: ✓ valid" not in page or number == "PQV-2026-PQCRYPTO"
    assert "the vendor published a fault" in text(built, "en/certificate/pqv-2026-withdrawn.html")
    old = text(built, "nl/certificate/pqv-2026-old.html")
    assert "Vervangen door PQV-2026-OPENSSL." in old


def test_an_owner_s_word_goes_before_the_dates_and_the_dates_before_nothing(built: Path) -> None:
    states = {item.entry.id: (item.state, item.expiry) for item in items(varied(), AS_OF)}
    assert states["PQV-2026-OPENSSL"] == ("valid", "year")
    assert states["PQV-2026-SOON"] == ("valid", "soon")
    assert states["PQV-2026-EXPIRED"] == ("expired", "past")
    assert {item.state for item in items([entry("mlkem")], "2020-01-01")} == {"not-yet-valid"}
    assert {item.state for item in items([entry("mlkem", status="withdrawn")], "2040-01-01")} == {"withdrawn"}
    assert built.is_dir()


def test_the_page_lists_gaps_findings_controls_and_what_a_policy_does_not_grant(built: Path) -> None:
    page = text(built, "en/certificate/pqv-2026-pqcrypto.html")
    (one,) = [found for found in varied() if found.id == "PQV-2026-PQCRYPTO"]
    body = one.statement.predicate
    for check in body.results.checks:
        assert check.check in page
    assert "power consumption and electromagnetic emanation" in page
    right = len(body.results.controls)
    assert f"{right} of {right} controls judged rightly." in page
    assert "does not conform" in page
    for verdict in one.verdicts:
        missed = [row for row in verdict.rules if row.outcome in {"fail", "insufficient-evidence"}]
        assert missed
        assert all(row.rule in page for row in missed)
        assert all(condition.en.rstrip(".") in page for condition in verdict.conditions)


def test_the_matrix_has_a_decision_for_each_product_and_policy(built: Path) -> None:
    page = Reader((built / "nl" / "matrix.html").read_text(encoding="utf-8"))
    body_rows = [row for row in page.named("tr") if "tbody" in row.inside]
    assert len(body_rows) == len(varied()) + 1
    assert [cell.text for cell in page.named("th")[:5]] == [
        "product", "status", "bsi-tr-02102-1-2026", "cnsa-2.0", "nl-gov-baseline",
    ]  # fmt: skip
    assert all(len(row.children) == 5 for row in body_rows)
    (row,) = [row for row in body_rows if "PQV-2026-PQCRYPTO" in row.text]
    assert [" ".join(cell.text.split()) for cell in row.children[2:]] == ["✗ voldoet niet2026-11-25"] * 3


def test_a_product_in_two_versions_has_a_page_of_what_differs(built: Path) -> None:
    (page,) = (built / "en" / "product").glob("*.html")
    shown = text(built, f"en/product/{page.name}")
    assert "From 0.9 (PQV-2026-OLD) to" in shown
    assert "product: version 0.9" in shown
    assert "product: result of the tests tests inconclusive tests passed" in shown
    assert "policy decision: nl-gov-baseline undecided conforms" in shown


def test_the_newest_version_is_compared_with_every_earlier_one(tmp_path: Path) -> None:
    found = [
        issued(of_product(entry("mlkem", f"PQV-{number}"), version=f"{number}.0"), f"2026-11-0{number}T08:00:00Z")
        for number in (1, 2, 3, 4)
    ]
    site.build(found, tmp_path / "site", title="t", as_of=AS_OF)
    (page,) = (tmp_path / "site" / "en" / "product").glob("*.html")
    heads = [row.text for row in Reader(page.read_text(encoding="utf-8")).named("h2")]
    assert heads == [
        f"From {old}.0 (PQV-{old}) to {new}.0 (PQV-{new})" for new, old in ((4, 3), (4, 2), (4, 1), (3, 2), (2, 1))
    ]
    shown = " ".join(text(tmp_path / "site", f"en/product/{page.name}").split())
    assert shown.count("product: version 1.0 4.0") == 1


def test_the_downloads_hold_every_entry(built: Path) -> None:
    document = json.loads((built / "entries.json").read_text(encoding="utf-8"))
    assert (document["schema"], document["title"]) == (site_feeds.SCHEMA, "A <catalogue> & more")
    wanted = {one.id: one for one in [*varied(), hostile()]}
    assert {row["id"] for row in document["entries"]} == set(wanted)
    for row in document["entries"]:
        one = wanted[row["id"]]
        assert row["certificate_sha256"] == one.certificate_sha256
        assert row["tests"] == one.statement.predicate.results.outcome
        assert [p["decision"] for p in row["policies"]] == [v.decision for v in one.verdicts]
    table = list(csv.DictReader(io.StringIO((built / "entries.csv").read_bytes().decode("utf-8-sig"), newline="")))
    assert {row["id"] for row in table} == set(wanted)


@pytest.mark.parametrize(
    "name", [FORMULA, "+1", "-1", "@SUM(1)", "  =1+1", "\t=1", "\r=1", "\uff1d1", "\ufeff=1"], ids=repr
)
def test_no_cell_of_the_table_is_a_formula(name: str) -> None:
    found = items([replace(entry("mlkem"), id=name), hostile()], AS_OF)
    for row in csv.reader(io.StringIO(site_feeds.as_csv(found), newline="")):
        for cell in row:
            assert not cell.lstrip(" \u00a0\ufeff'").startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")) or (
                cell.startswith("'")
            )
            assert cell.isprintable()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_feed_is_atom_with_each_issue_and_each_change(built: Path, lang: str) -> None:
    feed = ET.parse(built / lang / "feed.xml").getroot()
    assert feed.tag == f"{ATOM}feed"
    found = feed.findall(f"{ATOM}entry")
    assert len(found) == 8 + 4
    times = [one.findtext(f"{ATOM}updated", "") for one in found]
    assert times == sorted(times, reverse=True)
    assert len({one.findtext(f"{ATOM}id") for one in found}) == len(found)
    for one in found:
        link = one.find(f"{ATOM}link")
        assert link is not None
        assert (built / lang / link.attrib["href"]).is_file()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_calendar_has_the_ends_of_validity_in_lines_of_75_octets(built: Path, lang: str) -> None:
    raw = (built / lang / "expiry.ics").read_bytes()
    lines = raw.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= 75 and b"\n" not in line for line in lines)
    unfolded = raw.replace(b"\r\n ", b"").decode("utf-8").split("\r\n")
    assert unfolded.count("BEGIN:VEVENT") == unfolded.count("END:VEVENT") == 5
    assert "DTSTART:20270115T090000Z" in unfolded
    assert not any("PQV-2026-WITHDRAWN" in line for line in unfolded)


def test_plots_show_the_intervals_of_the_very_files_and_of_nothing_else(built: Path, tmp_path: Path) -> None:
    raw = (built / "en" / "certificate" / "pqv-2026-soon.html").read_text(encoding="utf-8")
    page = Reader(raw)
    drawings = page.named("svg")
    assert len(drawings) == 2
    assert "P 1 21,000 ns (20,500\u201321,900), <b>R</b> 2 16,000 ns" in drawings[0].attributes["aria-label"]
    own = next(line for line in page.named("line") if line.attributes["class"] == "interval own")
    assert int(own.attributes["x1"]) < int(own.attributes["x2"])
    assert "95 % interval 20,500 to 21,900 ns; noisy: the machine was busy" in " ".join(
        page.named("main")[0].text.split()
    )
    other = replace(benchmark(entry("mlkem")), contestants=())
    with pytest.raises(UsageError, match="timed none of the files"):
        site.build([entry("mlkem", "A")], tmp_path / "s", title="t", as_of=AS_OF, benchmarks_of={"A": other})
    assert list(tmp_path.iterdir()) == []


def test_a_saved_benchmark_is_read_and_a_malformed_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    saved = msgspec.to_builtins(benchmark(entry("mlkem")))
    path.write_bytes(msgspec.json.encode({**saved, "tool": "pqvalidate", "ratios": []}))
    assert benchmarks.read(path) == benchmark(entry("mlkem"))
    saved["figures"][0]["low_ns"] = saved["figures"][0]["high_ns"] + 1
    path.write_bytes(msgspec.json.encode(saved))
    with pytest.raises(InputError, match="no interval"):
        benchmarks.read(path)
    path.write_bytes(b"[]")
    with pytest.raises(InputError):
        benchmarks.read(path)


@pytest.mark.parametrize("way", ["exchange", "rename"])
def test_a_new_site_replaces_the_old_one_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way == "rename":
        monkeypatch.setattr(site_swap, "_exchanged", lambda *_: False)
    folder = tmp_path / "site"
    site.build(varied(), folder, title="Old", as_of=AS_OF)
    assert (folder / "en" / "certificate" / "pqv-2026-pqcrypto.html").is_file()
    site.build([entry("mlkem", "ONE")], folder, title="New", as_of=AS_OF)
    assert [path.name for path in (folder / "en" / "certificate").iterdir()] == ["one.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    assert folder.stat().st_mode & 0o777 == 0o755


def test_an_interrupted_build_leaves_the_old_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site"
    site.build([entry("mlkem", "ONE")], folder, title="Old", as_of=AS_OF)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def interrupt(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(site_feeds, "calendar", interrupt)
    with pytest.raises(KeyboardInterrupt):
        site.build(varied(), folder, title="New", as_of=AS_OF)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_that_is_no_site_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "home")
    for name in ("home", "link", "home/letter"):
        with pytest.raises(UsageError):
            site.build([entry("mlkem")], tmp_path / name, title="t", as_of=AS_OF)
    assert (tmp_path / "home" / "letter").read_text(encoding="utf-8") == "dear"


def test_what_cannot_be_published_is_refused_with_a_reason(tmp_path: Path) -> None:
    one = entry("mlkem", "A")
    for entries, as_of, why in (
        ([one, one], AS_OF, "two entries"),
        ([replace(one, certificate_path="../../key.json")], AS_OF, "no path below"),
        ([replace(one, verdict_paths=("/etc/passwd",))], AS_OF, "no path below"),
        ([one], "tomorrow", "is no day"),
        ([one], "2026-13-01", "is no day"),
    ):
        with pytest.raises(UsageError, match=why):
            site.build(entries, tmp_path / "site", title="t", as_of=as_of)
    assert list(tmp_path.iterdir()) == []


def test_ids_that_a_file_system_takes_for_one_have_pages_of_their_own() -> None:
    found = items([entry("mlkem", "a"), entry("mlkem", "A"), entry("mlkem", ".."), entry("mlkem", "con/x")], AS_OF)
    slugs = [item.slug for item in found]
    assert len({slug.lower() for slug in slugs}) == 4
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9._-]*", slug) for slug in slugs)


def test_an_empty_catalogue_is_a_site_that_says_so(tmp_path: Path) -> None:
    site.build([], tmp_path / "site", title="Empty", as_of=AS_OF)
    assert "0 certificates" in text(tmp_path / "site", "en/index.html")
    assert "De catalogus is leeg." in text(tmp_path / "site", "nl/calendar.html")


def test_the_same_entries_give_the_same_bytes_in_any_order(tmp_path: Path, built: Path) -> None:
    entries = [hostile(), *reversed(varied())]
    site.build(entries, tmp_path / "site", title="A <catalogue> & more", as_of=AS_OF, benchmarks_of=timed())
    for path in built.rglob("*"):
        if path.is_file():
            assert (tmp_path / "site" / path.relative_to(built)).read_bytes() == path.read_bytes(), path
