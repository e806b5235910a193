"""Figures of execution times in a report: what a run keeps, what a page shows of it, and what is no figure of ours."""

from __future__ import annotations

import json
import random
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from pqvalidate.bundle import BundleWriter, Opening, read_cases
from pqvalidate.errors import InputError
from pqvalidate.evidence import CaseRecord, Evidence, Step
from pqvalidate.report import FORMATS, json_format, plots
from pqvalidate.report.messages import Messages
from pqvalidate.report.model import RunReport, build_report
from pqvalidate.report.text import render as in_text
from pqvalidate.report.timings import with_comparisons
from pqvalidate.suites.timing_statistics import look
from pqvalidate.suites.timing_summary import Planted, figures
from pqvalidate.verdict import judge
from tests.unit.evidence_factory import QUESTIONS, STEPS, make_evidence, subject

CHECK, NAME = "ml-kem/timing-statistics", "ML-KEM-768"


def kept(shift: int, *, noticed: bool = True) -> str:
    """Return the figures of 2048 pairs, of which the second class takes ``shift`` ns longer."""
    drawn = random.Random(7)
    first = [170_000 + int(drawn.expovariate(1 / 300)) for _ in range(2048)]
    second = [170_000 + shift + int(drawn.expovariate(1 / 300)) for _ in range(2048)]
    found = look([float(b - a) for a, b in zip(first, second, strict=True)])
    planted = Planted(32, look([150.0 + drawn.gauss(0, 20) for _ in range(2048)])) if noticed else None
    return figures("decapsulate", first, second, found, planted)


def evidence() -> Evidence:
    step = Step(
        check=CHECK, suite="timing", parameter_set=NAME, clause="own", revision=1, severity="high",
        bears_on="timing", cases=2,
    )  # fmt: skip
    return make_evidence(
        outcomes={CHECK: "pass"}, steps=(*STEPS, step), questions=QUESTIONS,
        tested=msgspec.structs.replace(subject(), timing=(NAME,)),
    )  # fmt: skip


def case(text: str, design: str = "fixed-random", outcome: str = "pass") -> CaseRecord:
    return CaseRecord(step=len(STEPS), case=design, outcome=outcome, data={"figures": text})  # type: ignore[arg-type]


def report(*cases: CaseRecord) -> RunReport:
    found = evidence()
    return build_report(found, judge(found), cases, bundle=None, iut_argument="kem.toml")


class Reading(HTMLParser):
    """Collects the ids of a page and where they are referred to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]


def test_figures_hold_no_float_and_say_what_was_seen() -> None:
    found = json.loads(kept(400), parse_float=lambda text: pytest.fail(f"a float: {text}"))
    assert found["low_ns"] < 400 < found["high_ns"]
    assert found["planted_ns"] in range(145, 156)
    assert all(low <= middle <= high for low, middle, high in found["differences"])
    middle = found["differences"][found["percents"].index(50)]
    assert middle[0] < 400 < middle[2]
    assert sum(found["first_bins"]) > 2048 * 0.8
    assert len(kept(400)) < 4096


def test_a_report_has_the_figures_of_passed_and_failed_comparisons() -> None:
    rows = report(case(kept(0)), case(kept(400), "valid-flipped", "fail")).timing
    assert [(row.check, row.design, row.outcome) for row in rows] == [
        (CHECK, "fixed-random", "pass"), (CHECK, "valid-flipped", "fail"),
    ]  # fmt: skip
    assert rows[1].figures.median_ns > 300 > rows[0].figures.median_ns


def test_a_report_without_comparisons_is_written_as_before() -> None:
    assert b'"timing":[' not in msgspec.json.encode(report())
    assert '"design":"fixed-random"' in re.sub(r"\s", "", json_format.render(report(case(kept(0)))))


@pytest.mark.parametrize("lang", ["en", "nl"])
def test_a_page_shows_numbers_and_plots_that_are_the_same_every_time(lang: str) -> None:
    found = report(case(kept(0)), case(kept(400, noticed=False), "valid-flipped", "fail"))
    page = FORMATS["html"](found, lang)  # type: ignore[arg-type]
    assert page == FORMATS["html"](found, lang)  # type: ignore[arg-type]
    seen = Reading(page)
    assert seen.tags.count("svg") == 2
    assert len(seen.ids) == len(set(seen.ids)) > 4
    assert set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", page)) <= set(seen.ids)
    assert not re.search(
        r"<(?:img|script|link|image)\b|<\?xml|<!DOCTYPE svg|20\d\d-\d\d-\d\dT", page.split("<svg", 1)[1]
    )
    assert f"{found.timing[1].figures.median_ns:+d}&nbsp;ns" in page


def test_the_text_has_the_figures_of_every_comparison() -> None:
    found = report(case(kept(0)), case(kept(400, noticed=False), "valid-flipped", "fail"))
    lines = in_text(found, width=160).splitlines()
    (row,) = [line.split() for line in lines if "valid-flipped" in line and CHECK in line]
    seen = found.timing[1].figures
    assert row[-6:] == ["2,048", f"{seen.median_ns:+d}", f"{seen.low_ns:+d}", "…", f"{seen.high_ns:+d}", "none"]


def test_a_page_without_matplotlib_has_the_numbers_and_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda _name: None)
    page = FORMATS["html"](report(case(kept(400))))
    assert "<svg" not in page
    assert "pip install &#39;pqvalidate[plots]&#39;" in page
    assert "Plots are missing" in page
    assert "2,048" in page


def test_a_plot_says_what_is_hostile_as_text() -> None:
    (row,) = report(case(kept(0), "<script>-$x_1^2$")).timing
    drawn = plots.drawn(row, 0, Messages())
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


@pytest.mark.parametrize(
    "broken",
    [
        "", "{}", "[]", "\ud800",
        kept(0).replace('"pairs":2048', '"pairs":1e400'),
        kept(0).replace('"pairs":2048', '"pairs":2048.5'),
        kept(0).replace('"pairs":2048', f'"pairs":{10**30}'),
        kept(0).replace('"percents":[1,', '"percents":['),
        kept(0).replace('"first_bins":[', '"first_bins":[5,'),
        kept(0).replace('"bin_ns":', '"bin_ns":-'),
    ],
)  # fmt: skip
def test_what_is_no_figure_of_ours_is_refused_with_its_place(broken: str) -> None:
    with pytest.raises(InputError, match="as it was written") as caught:
        report(case(broken))
    assert "case fixed-random" in str(caught.value)


def test_figures_and_long_texts_survive_the_bundle(tmp_path: Path) -> None:
    found = evidence()
    opening = Opening(tool="t", subject=found.facts.subject, plan=found.facts.plan, started="2026-01-01T00:00:00Z")
    sites = CaseRecord(step=0, case="sites", outcome="fail", data={"sites": "f+0x1 div\n" * 4000, "c": "ab" * 9000})
    with BundleWriter(tmp_path / "b", opening) as writer:
        writer.add(case(kept(0)))
        writer.add(sites)
        writer.flush()
    first, second = read_cases(tmp_path / "b")
    assert first == case(kept(0))
    assert second.data["sites"] == sites.data["sites"]
    assert second.data["c"].startswith("samples/")
    assert with_comparisons(found.facts, [second], tmp_path / "b") == [second, first]
