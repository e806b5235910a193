"""The first catalogue, tiny: two implementations, one with a planted defect; the second method, and its doubts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from selenium import webdriver
from selenium.webdriver.common.by import By

from examples.first_catalogue import second_method, stages
from examples.first_catalogue.findings_page import sections
from examples.first_catalogue.second_method import Second, again, ask, weighed
from examples.first_catalogue.stages import Finding, held_back
from pqvalidate.bundle import read_evidence
from pqvalidate.evidence import CaseRecord
from pqvalidate.policy.book import BUILT_IN
from tests.catalogue.test_site_browser import Reader
from tests.catalogue.test_site_browser import driver as driver  # noqa: PLC0414  (a fixture)
from tests.cli.command import environment
from tests.house_rules.tree import ROOT

SET, SEED = "ML-KEM-768", "5eed"
# A library that falls back to a fixed secret where it should refuse a key: FIPS 203 section 7.2.
PLANTED = """
from mlkem.rust import ML_KEM, DecapsKey, EncapsKey, ParameterSet

class Kem:
    _kem = ML_KEM(ParameterSet.ML_KEM_768)

    def keygen(self):
        ek, dk = self._kem.key_gen()
        return ek.to_bytes(), dk.to_bytes()

    def encapsulate(self, ek):
        try:
            return self._kem.encaps(EncapsKey.from_bytes(ek))
        except ValueError:
            if len(ek) != 1184:
                raise
            return bytes(32), bytes(1088)

    def decapsulate(self, dk, c):
        return self._kem.decaps(DecapsKey.from_bytes(dk), c)

def implementation(parameter_set):
    return Kem()
"""
MANIFEST = """
schema = "pqvalidate/manifest/1"
[product]
vendor = "Example"
name = "Planted"
version = "1"
[attach]
kind = "python"
target = "planted_code:implementation"
[claims]
conformance = ["ML-KEM-768"]
[[artefacts]]
path = "planted_code.py"
"""


@dataclass(frozen=True)
class Tiny:
    """A catalogue of two implementations, whose first run was interrupted before it was finished."""

    out: Path
    page: Path
    resumed: bool

    @property
    def text(self) -> str:
        return self.page.read_text(encoding="utf-8")


def make(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "examples.first_catalogue", *map(str, words)], cwd=ROOT, env=environment(),
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    place = tmp_path_factory.mktemp("first")
    (place / "planted_code.py").write_text(PLANTED)
    (place / "planted.toml").write_text(MANIFEST)
    out, page = place / "out", place / "docs" / "page.md"
    stages.opened(out, stages.begin("quick", 0, [SET], 1, SEED, cases_of={"planted": 16}))
    bundle = out / "bundles" / "mlkem"
    bundle.parent.mkdir()
    begun = ["run", "mlkem", "--depth", "quick", "--seed", SEED, "--parameter-set", SET, "--out", str(bundle)]
    run = subprocess.Popen([sys.executable, "-m", "pqvalidate", *begun], env=environment(), stdout=subprocess.DEVNULL)
    while not (bundle / "plan.json").is_file() and run.poll() is None:
        time.sleep(0.01)
    run.kill()
    run.wait()
    interrupted = (bundle / "plan.json").is_file() and not stages.complete(bundle)
    done = make(
        "mlkem", place / "planted.toml", "openssl", "--leave-out", "openssl", "--depth", "quick",
        "--parameter-set", SET, "--seconds", "0.05",
        "--cases-of", "planted=16", "--out", out, "--page", page,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Tiny(out, page, interrupted)


def test_an_interrupted_catalogue_goes_on_and_every_stage_has_left_its_files(tiny: Tiny) -> None:
    assert tiny.resumed
    for label in ("mlkem", "planted"):
        evidence = read_evidence(tiny.out / "bundles" / label)
        assert (evidence.status, evidence.facts.plan.seed) == ("complete", SEED)
        assert len(list((tiny.out / "certificates").glob(f"{label}.*.verdict.json"))) == len(BUILT_IN)
    entries = json.loads((tiny.out / "catalogue" / "site" / "entries.json").read_text(encoding="utf-8"))["entries"]
    assert {entry["product"] for entry in entries} == {"mlkem", "Planted"}


def test_it_does_not_go_on_with_other_settings(tiny: Tiny) -> None:
    done = make("mlkem", "--depth", "standard", "--out", tiny.out, "--page", tiny.page)
    assert done.returncode == 2
    assert "was begun with depth quick" in done.stderr


def test_one_implementation_has_campaigns_of_its_own_length_and_the_page_says_so(tiny: Tiny) -> None:
    asked = {}
    for label in ("mlkem", "planted"):
        steps = read_evidence(tiny.out / "bundles" / label).facts.plan.steps
        asked[label] = {step.cases for step in steps if step.suite == "property"}
    assert asked == {"mlkem": {8}, "planted": {16}}
    assert "the usual number of cases of each campaign; planted: 16" in tiny.text


def test_whoever_is_left_out_is_named_with_that_reason(tiny: Tiny) -> None:
    assert "| openssl | left out by whoever made this catalogue (`--leave-out`) |" in tiny.text
    assert not (tiny.out / "bundles" / "openssl").exists()


@pytest.mark.parametrize(
    ("word", "told"),
    [("--cases-of=mlkem", "takes NAME=CASES"), ("--cases-of=mlkem=0", "takes NAME=CASES"),
     ("--cases-of=nobody=9", "nobody, which does not take part"),
     ("--leave-out=nobody", "nobody, which does not take part anyway")],
)  # fmt: skip
def test_cases_of_nobody_or_no_number_are_refused(tmp_path: Path, word: str, told: str) -> None:
    done = make("mlkem", word, "--out", tmp_path / "out", "--page", tmp_path / "page.md")
    assert (done.returncode, told in done.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


def test_a_planted_defect_is_a_finding_with_all_that_it_takes_to_check_it(tiny: Tiny) -> None:
    whole = json.loads((tiny.page.with_suffix("") / "findings.json").read_text(encoding="utf-8"))
    assert whole["note"].startswith("Published test vectors.")
    found = whole["findings"]
    confirmed = {row["finding"]["check"] for row in found if row["status"] == "confirmed"}
    assert "ml-kem/ek-modulus" in confirmed
    assert {row["finding"]["label"] for row in found if row["status"] == "confirmed"} == {"planted"}
    (row,) = [row["finding"] for row in found if row["finding"]["check"] == "ml-kem/ek-modulus"]
    assert len(row["values"]["input.ek"]) == 2 * 1184, "the file has the input whole"
    section = tiny.text.partition("### planted: ml-kem/ek-modulus")[2].partition("###")[0]
    for told in (row["sha256"], "version 1", "--only ml-kem/ek-modulus --case ", "accepted an input that must be",
                 "| openssl | refused: ", "| pycryptodome | refused: ", "| kyber-py | refused: ",
                 "planted, called directly | ", "a refusal (FIPS 203"):  # fmt: skip
        assert told in section, told
    assert "held back" not in tiny.text


def test_the_second_method_is_repeated_by_the_command_that_the_page_gives(tiny: Tiny) -> None:
    command = re.findall(r"`(python -I \S+ \S+ planted ml-kem/ek-modulus)`", tiny.text)
    done = subprocess.run(
        [sys.executable, *command[0].split()[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert set(json.loads(told["planted"])) == {"ok"}
    assert [set(json.loads(told[who])) for who in ("openssl", "pycryptodome", "kyber-py")] == [{"rejected"}] * 3


def test_the_page_states_what_was_asked_and_shows_pictures(tiny: Tiny) -> None:
    for told in ("depth **quick**", f"seed `{SEED}`", "a shortened run", SET, "| mlkem | undecided |",
                 "| planted | does not conform |"):  # fmt: skip
        assert told in tiny.text, told
    named = re.findall(r"!\[.*\]\((.*\.svg)\)", tiny.text)
    assert len(named) == 3
    for name in named:
        assert ET.parse(tiny.page.parent / name).getroot().tag.endswith("svg")
    assert str(ROOT) not in tiny.text


@pytest.fixture
def reader(tiny: Tiny, driver: webdriver.Chrome) -> Iterator[Reader]:
    found = Reader(driver, tiny.out / "catalogue" / "site")
    yield found
    assert found.console() == []


@pytest.mark.needs("chromedriver", "chromium")
def test_its_site_is_searched_and_read_in_the_browser(reader: Reader) -> None:
    reader.opens("en/index.html")
    assert len(reader.shown()) == 2
    reader.one("#q").send_keys("Planted")
    (name,) = reader.shown()
    assert reader.findings() == []
    reader.opens(f"nl/certificate/{name.lower()}.html")
    assert reader.findings() == []
    headings = [one.text for one in reader.driver.find_elements(By.CSS_SELECTOR, "main h2")]
    assert "Snelheid" in headings, "the benchmark is beside the certificate"


def decapsulation(**changes: str) -> CaseRecord:
    """Return a case of a sound library: the first published case of decapsulation, as one that has failed."""
    pair = ask("pycryptodome", {"op": "keygen_from_seed", "set": SET, "in": {"seed": bytes(range(64)).hex()}})["ok"]
    made = ask("pycryptodome", {"op": "encapsulate_derand", "set": SET, "in": {"ek": pair["ek"], "m": "07" * 32}})["ok"]
    data = {"input.dk": pair["dk"], "input.c": made["c"], "expected.k": made["k"], "observed.k": made["k"]}
    return CaseRecord(step=0, case="drawn/0", outcome="fail", why="k differs from the expected value",
                      data=data | changes)  # fmt: skip


def test_a_planted_false_accusation_is_not_confirmed() -> None:
    sound = decapsulation(**{"expected.k": "ab" * 32})
    found = again(sound, "ml-kem/order", SET, "pycryptodome", "pycryptodome")
    assert (found.standing, found.why) == ("not-confirmed", "kyber-py does the same")
    never = decapsulation(**{"observed.k": "cd" * 32})
    found = again(never, "ml-kem/order", SET, "pycryptodome", "pycryptodome")
    assert found.standing == "not-confirmed"
    assert "called directly, the library does not do what the case records" in found.why


BREAKS = """
import json, sys
for line in sys.stdin:
    call = json.loads(line)
    print(json.dumps({"id": call["id"], ANSWER}), flush=True)
"""


@pytest.mark.parametrize(("answer", "fault", "standing"), [
    ('"error": "RangeError: Maximum call stack size exceeded"', "exception", "not-confirmed"),
    ('"ok": {"k": "cd" * 32}', "", "confirmed"),
])  # fmt: skip
def test_what_breaks_in_a_harness_program_accuses_nobody_and_a_wrong_value_does(
    tmp_path: Path, answer: str, fault: str, standing: str
) -> None:  # fmt: skip
    program = tmp_path / "harness.py"
    program.write_text(BREAKS.replace("ANSWER", answer), encoding="utf-8")
    case = replace(decapsulation(**{"observed.k": "cd" * 32}), fault=fault)
    found = again(case, "ml-kem/implicit-rejection", SET, (sys.executable, str(program)), "mine")
    assert found.standing == standing, found.why
    assert ("harness program" in found.why) is bool(fault)


def test_direct_calls_load_nothing_of_pqvalidate() -> None:
    run = f"import runpy, sys; sys.argv = ['x']; runpy.run_path({str(second_method.DIRECT)!r})"
    code = f"{run}; print([name for name in sys.modules if name.startswith('pqvalidate')])"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


ACCEPTED = CaseRecord(step=0, case="x/0", outcome="fail", why="accepted what is invalid")
VALUES = CaseRecord(step=0, case="x/0", outcome="fail", why="k differs from the expected value",
                    data={"expected.k": "aa", "observed.k": "bb"})  # fmt: skip
VALID, INVALID = {"ok": {"valid": True}}, {"ok": {"valid": False}}
A, B, REFUSED, UNABLE = {"ok": {"k": "aa"}}, {"ok": {"k": "bb"}}, {"rejected": "no"}, {"unable": "no"}


@pytest.mark.parametrize(
    ("case", "op", "own", "replies", "why"),
    [
        (ACCEPTED, "verify", VALID, {"one": INVALID, "two": INVALID}, ""),
        (ACCEPTED, "verify", UNABLE, {"one": INVALID}, ""),
        (ACCEPTED, "verify", VALID, {"one": VALID}, "one does the same"),
        (ACCEPTED, "verify", INVALID, {"one": INVALID}, "the library does not do what the case records"),
        (ACCEPTED, "verify", VALID, {"one": INVALID, "two": VALID}, "do not agree with each other"),
        (ACCEPTED, "verify", VALID, {"one": UNABLE}, "no other library here can be asked this"),
        (VALUES, "decapsulate", B, {"one": A}, ""),
        (VALUES, "decapsulate", B, {"one": {"ok": {"k": "cc"}}}, "not what is expected"),
        (VALUES, "decapsulate", B, {"one": REFUSED}, "not what is expected"),
        (VALUES, "decapsulate", {"error": "crashed"}, {"one": A}, "the library does not do what the case records"),
    ],
)
def test_a_finding_is_confirmed_only_if_nothing_speaks_against_it(
    case: CaseRecord, op: str, own: dict[str, object], replies: dict[str, dict[str, object]], why: str
) -> None:
    found = weighed(case, op, own, replies, "x", {})
    assert found.standing == ("not-confirmed" if why else "confirmed")
    assert why in found.why


def finding(label: str, severity: str, *standings: second_method.Standing) -> Finding:
    return Finding(
        label=label, product="P", version="1", artefact="f", sha256="0" * 64, parameter_set=SET,
        check="ml-kem/x", clause="c", severity=severity, failed=1, cases=1, case="x/0", why="", fault="", values={},
        reproduce="", direct=None,
        seconds=tuple(Second(standing=one, why="") for one in standings),
    )  # fmt: skip


def test_who_has_a_failed_check_that_is_not_confirmed_is_held_back() -> None:
    sure = finding("sure", "high", "confirmed", "confirmed")
    findings = {
        "sure": (sure,), "half": (finding("half", "high", "confirmed", "not-confirmed"),), "none": (),
        "never": (replace(sure, seconds=()),), "open": (finding("open", "advisory", "not-confirmed"),),
    }  # fmt: skip
    assert held_back(findings) == {"half", "never"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_what_takes_more_than_one_call_is_shown_by_an_experiment() -> None:
    case = CaseRecord(step=0, case="x/0", outcome="fail", why="the same key twice")
    same = again(case, "ml-kem/random-forks", SET, "ml-kem-rs", "ml-kem-rs", advisory=True)
    other = again(case, "ml-kem/random-forks", SET, "mlkem", "mlkem", advisory=True)
    assert (same.standing, other.standing) == ("confirmed", "not-confirmed")


def test_what_is_not_confirmed_is_listed_and_never_called_a_finding() -> None:
    rows = [finding("sure", "high", "confirmed"), finding("half", "high", "confirmed", "not-confirmed"),
            finding("open", "advisory", "confirmed")]  # fmt: skip
    text = "\n".join(sections(rows, Path("beside")))
    confirmed, rest = text.split("## Points that the standards leave open")
    advisory, unsure = rest.split("## Failed checks that were not confirmed")
    assert "### sure: ml-kem/x" in confirmed
    assert "half" not in confirmed + advisory
    assert "| half | `ml-kem/x` |" in unsure
    assert "open" not in confirmed
    assert "| open |" in advisory
