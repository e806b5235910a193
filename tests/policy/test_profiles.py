"""Profiles as files: the built-in ones hold together, extend by digest, and every mistake is named with its place."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pqvalidate.errors import InputError, PqvalidateError, UsageError
from pqvalidate.policy.book import BUILT_IN, load_profile, profile_path, read_profile
from pqvalidate.policy.engine import Question, evaluate
from pqvalidate.policy.linting import remarks
from pqvalidate.policy.profile import RULE_TYPES, type_of
from pqvalidate.suites import all_checks
from tests.policy.shelf import TODAY, bundle, rule

BASE = hashlib.sha256(profile_path("pqc-behaviour").read_bytes()).hexdigest()
HEAD = f"""schema = "pqvalidate/policy-profile/1"
id = "example-ministry"
version = "1.0"
status = "draft"
issuer = "Example ministry"
jurisdiction = "NL"
review_by = "2027-06-01"
extends = [{{ id = "pqc-behaviour", sha256 = "{BASE}" }}]
title = {{ en = "Example", nl = "Voorbeeld" }}
effective = {{ from = "2026-01-01" }}
"""
COMMON = """level = "mandatory"
source = { document = "D", section = "1", date = "2026", evidence_level = "A" }
message = { en = "Do.", nl = "Doe." }
"""
KEM = f'[[rules]]\nid = "x.kem"\ntype = "parameter-set"\nprimitive = "kem"\nallow = ["ML-KEM-1024"]\n{COMMON}'
SIGNATURE = f'[[rules]]\nid = "x.sig"\ntype = "parameter-set"\nprimitive = "signature"\nallow = ["ML-DSA-87"]\n{COMMON}'
GOOD = HEAD + KEM + SIGNATURE


def written(folder: Path, text: str, name: str = "example.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_profile_loads_and_is_marked_illustrative(name: str) -> None:
    loaded = load_profile(name)
    assert loaded.profile.id == name
    assert loaded.profile.status == "illustrative"
    assert loaded.sha256 == hashlib.sha256(profile_path(name).read_bytes()).hexdigest()
    assert all(rule.source.document and rule.message.nl != rule.message.en for _, rule in loaded.rules)


def test_every_file_of_a_profile_is_built_in() -> None:
    assert {path.stem for path in profile_path("cnsa-2.0").parent.glob("*.toml")} == set(BUILT_IN)


def test_the_built_in_profiles_use_every_type_of_rule() -> None:
    used = {type_of(row) for name in BUILT_IN for _, row in load_profile(name).rules}
    assert used == set(RULE_TYPES)
    assert len(RULE_TYPES) == 8


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "pqc-behaviour"])
def test_every_other_profile_asks_for_the_behaviour_of_the_standards(name: str) -> None:
    rules = {row.id for _, row in load_profile(name).rules}
    assert {row.id for _, row in load_profile("pqc-behaviour").rules} < rules
    assert {"nist.227.RS1", "nist.203.checks", "nist.203.dk", "nist.203.kpke", "nist.204.behaviour"} < rules


def test_a_profile_of_a_user_loads_with_the_rules_of_its_base_first(tmp_path: Path) -> None:
    loaded = load_profile(str(written(tmp_path, GOOD)))
    assert [owner for owner, _ in loaded.rules] == ["pqc-behaviour"] * 7 + ["example-ministry"] * 2
    assert [base.id for base in loaded.bases] == ["pqc-behaviour"]


def test_a_base_in_the_same_folder_comes_before_the_built_in_one(tmp_path: Path) -> None:
    written(tmp_path, profile_path("pqc-behaviour").read_text("utf-8") + "\n", "pqc-behaviour.toml")
    with pytest.raises(InputError, match=r"extends\[0\].sha256"):
        read_profile(written(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (BASE, "00" * 32, "with SHA-256"),
        ('id = "pqc-behaviour"', 'id = "absent"', "there is no profile absent"),
        ('"x.sig"', '"x.kem"', "occurs twice"),
        ('"x.sig"', '"nist.203.checks"', "occurs twice"),
        ('"ML-KEM-1024"', '"ML-KEM-1025"', "nearest: ML-KEM-1024"),
        ('"ML-KEM-1024"', '"ML-DSA-87"', "is no kem"),
        ('from = "2026-01-01"', 'from = "2026-02-30"', "no day"),
        ('from = "2026-01-01"', 'from = "2026-01-01", until = "2025-01-01"', "before it begins"),
        ("primitive", "primitif", "unknown key 'primitif'"),
        ('type = "parameter-set"', 'type = "expression"', "invalid value 'expression'"),
        ('level = "mandatory"', 'level = "score"', "invalid enum value"),
        ('status = "draft"', 'status = "draft"\njudges = ["kem"]', "leaves out signature"),
        ('allow = ["ML-KEM-1024"]', 'allow = ["ML-KEM-1024"]\nprefer = ["ML-KEM-768"]', "preferred and not allowed"),
        ('schema = "', 'schema = "x', "invalid enum value"),
        ("[[rules]]", "[[rules", "is not TOML"),
    ],
)
def test_a_mistake_in_a_profile_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_profile(written(tmp_path, GOOD.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('type = "hybrid"\nfamilies = ["lattice"]\nvalue = "recommend"', "cannot be mandatory"),
        ('type = "checks"\nalgorithm = "ML-KEM"', "asks for no test"),
        ('type = "checks"\nalgorithm = "ML-KEM"\nquestions = ["decapsulating"]', "nearest: decapsulation"),
        ('type = "date"\nafter = "2030-12-31"', "denies and requires nothing"),
        ('type = "date"\nafter = "2030-13-31"\ndeny = ["RSA"]', "no day"),
        ('type = "trust"', "asks for nothing"),
    ],
)
def test_a_rule_that_means_nothing_is_named(tmp_path: Path, body: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_profile(written(tmp_path, f'{GOOD}[[rules]]\nid = "x.more"\n{body}\n{COMMON}'))


@pytest.mark.parametrize(
    ("period", "outcome"),
    [
        ('from = "2026-11-25"', "fail"),
        ('from = "2026-11-26"', "not-applicable"),
        ('until = "2026-11-25"', "fail"),
        ('until = "2026-11-24"', "not-applicable"),
        ('from = "2026-01-01"\nuntil = "2027-01-01"', "fail"),
    ],
)
def test_a_rule_is_in_force_from_its_first_to_its_last_day(tmp_path: Path, period: str, outcome: str) -> None:
    dated = KEM.replace('"x.kem"', '"x.dated"').replace(
        'allow = ["ML-KEM-1024"]', f'allow = ["FrodoKEM-976"]\n{period}'
    )
    loaded = read_profile(written(tmp_path, f"{GOOD}{dated}"))
    verdict = evaluate(loaded, bundle("openssl"), Question(as_of=TODAY))
    assert rule(verdict, "x.dated").outcome == outcome


def test_a_chain_of_profiles_ends(tmp_path: Path) -> None:
    """A profile cannot name its own digest, so a ring is impossible; a long chain is refused."""
    digest, base = BASE, "pqc-behaviour"
    for number in range(10):
        text = GOOD.replace(BASE, digest).replace("pqc-behaviour", base).replace("example-ministry", f"link-{number}")
        text = text.replace("x.", f"x{number}.")
        digest, base = hashlib.sha256(text.encode()).hexdigest(), f"link-{number}"
        written(tmp_path, text, f"link-{number}.toml")
    with pytest.raises(InputError, match="more than 8 deep"):
        load_profile(str(tmp_path / f"{base}.toml"))


def test_an_unknown_name_of_a_profile_gives_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"nearest: cnsa-2\.0"):
        load_profile("cnsa2.0")


@pytest.mark.parametrize(
    ("old", "new", "remark"),
    [
        ("2027-06-01", "2026-06-01", "was to be reviewed by"),
        (f'extends = [{{ id = "pqc-behaviour", sha256 = "{BASE}" }}]\n', "", "No rule asks for a test"),
        (SIGNATURE, "", "every signature is denied"),
        ('["ML-DSA-87"]', '["ML-DSA-87", "XMSS"]', "cannot test: XMSS"),
    ],
)
def test_the_linter_remarks_on_what_looks_unintended(tmp_path: Path, old: str, new: str, remark: str) -> None:
    assert old in GOOD
    loaded = read_profile(written(tmp_path, GOOD.replace(old, new, 1)))
    found = list(remarks(loaded.profile, tuple(r for _, r in loaded.rules), [c.name for c in all_checks()], TODAY))
    assert any(remark in line for line in found), found


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, len(GOOD) - 1), put=st.text(max_size=6), cut=st.integers(0, 12))
def test_a_damaged_profile_gives_a_typed_error_or_loads(tmp_path: Path, place: int, put: str, cut: int) -> None:
    path = tmp_path / "damaged.toml"
    path.write_bytes((GOOD[:place] + put + GOOD[place + cut :]).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(PqvalidateError):  # anything else ends the test
        assert read_profile(path).profile.schema
