"""House rules on words: what we refuse to say, and what must not be in the repository at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house_rules.tree import FILES, PROSE, PYTHON, ROOT, name, text

THIS_FILE = Path(__file__).resolve()

# A word in *asterisks* is mentioned, not used. Names that others chose stay as they are.
MENTIONED = re.compile(r"(?<![*\w])\*[^*\n]+\*(?![*\w])")
NAMES_OF_OTHERS = re.compile(
    r"https?://\S+|importlib\.util|ctypes\.util|Crypto\.Util|packaging\.utils|context managers?|fmt: skip"
    r"|pytest\.skip|pytest\.mark\.skipif|pytest\.importorskip",
    re.IGNORECASE,
)
WORDS = "secure|securely|compliant|certified|skip|skips|skipped|skipping|utils?|managers?|helpers?"
REFUSED = re.compile(
    rf"(?<![a-z])(?:{WORDS})(?![a-z])|FIPS[- ]validated|constant[- ]time",
    re.IGNORECASE,
)
REFUSED_IN_CAMEL_CASE = re.compile(r"(?<=[a-z])(?:Utils?|Managers?|Helpers?)(?![a-z])")

# Written in pieces, so that this file keeps its own rule.
REGISTRIES = (
    "pypi" + ".org", "python" + "hosted", "crates" + ".io", "npmjs" + ".", "repo1" + ".maven", "proxy." + "golang",
    "ruby" + "gems", "anaconda" + ".org", "docker" + ".io", "--index" + "-url", "--extra-index" + "-url",
)  # fmt: skip
MACHINE_PATHS = re.compile(r"(?<![\w.~})\]-])/(?:" + "work" + r"|root|tmp/plan|home/[a-z]+)/")
UNFINISHED = re.compile("TO" + r"DO\b|FIX" + r"ME\b|X{3}\b")
STUB = re.compile("raise Not" + "ImplementedError")


def refused_words(content: str) -> list[str]:
    """Return each refused word of a text with its line number."""
    found = []
    for number, line in enumerate(content.splitlines(), start=1):
        plain = NAMES_OF_OTHERS.sub("", MENTIONED.sub("", line))
        words = REFUSED.findall(plain) + REFUSED_IN_CAMEL_CASE.findall(plain)
        found += [f"line {number}: {word}" for word in words]
    return found


def own_words() -> list[Path]:
    licences = [path for path in FILES if "licences" in path.parts]
    return [path for path in (*PYTHON, *PROSE) if path != THIS_FILE and path not in licences]


def test_no_file_uses_a_refused_word() -> None:
    found = {name(path): words for path in own_words() if (words := refused_words(path.read_text(encoding="utf-8")))}
    assert found == {}


@pytest.mark.parametrize(
    "sentence",
    [
        "this library is secure",
        "def _skip_case() -> None:",
        "class KeyManager:",
        "from x import test_helpers",
        "A FIPS validated module.",
        "The code is constant-time.",
        "Certified by us",
    ],
)
def test_a_refused_word_is_found(sentence: str) -> None:
    assert refused_words(sentence) != []


@pytest.mark.parametrize(
    "sentence",
    [
        "we never say *constant-time* as a result",
        "from securesystemslib.signer import Signer",
        "NIST security category",
        "used as a context manager",
        "see https://example.org/secure/skip",
        "x: SkipList",
    ],
)
def test_a_name_of_others_or_a_mention_is_no_use(sentence: str) -> None:
    assert refused_words(sentence) == []


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    found = []
    for path in FILES:
        content = text(path) or ""
        found += [f"{name(path)}: {host}" for host in REGISTRIES if host in content.lower()]
        found += [f"{name(path)}: {match}" for match in MACHINE_PATHS.findall(content)]
    assert found == []


def test_nothing_is_left_unfinished() -> None:
    found = [f"{name(path)}: {match}" for path in PYTHON for match in UNFINISHED.findall(path.read_text("utf-8"))]
    # Tests play vendors that say so of an operation; our own code has no stub.
    own = [path for path in PYTHON if path.is_relative_to(ROOT / "src")]
    found += [f"{name(path)}: {match}" for path in own for match in STUB.findall(path.read_text("utf-8"))]
    assert found == []
