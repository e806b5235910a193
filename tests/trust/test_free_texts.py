"""What people type into signed documents is refused at the entrance if it would not look on a screen as it reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pqvalidate.certificate import keygen
from pqvalidate.certificate.keys import Revocation
from pqvalidate.certificate.roots import read_draft, revoke
from pqvalidate.cli import main
from pqvalidate.documents import free_text
from pqvalidate.errors import InputError, UsageError
from tests.cli.command import pqvalidate
from tests.trust.holders import MADE, Cast

WRONG = {
    "": "needs a text of 1 to 500 characters",
    " \n": "needs a text of 1 to 500 characters",
    "x" * 501: "needs a text of 1 to 500 characters",
    "a\udcff": r"character 2 \(U\+DCFF\) is no UTF-8",
    "two\nlines": r"character 4 \(U\+000A\) cannot be seen",
    "\x1b[2Jnothing": r"character 1 \(U\+001B\) cannot be seen",
    "turned \u202eround": r"character 8 \(U\+202E\) cannot be seen",
    "zero\u200bwidth": r"character 5 \(U\+200B\) cannot be seen",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_text_that_would_not_look_as_it_reads_is_refused_with_its_place(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^--reason:? {WRONG[text]}"):
        free_text(text, "--reason")
    with pytest.raises(UsageError, match=f"^--name:? {WRONG[text]}"):
        keygen(tmp_path / "keys", now=MADE, name=text)
    assert not (tmp_path / "keys").exists()


def test_other_texts_stay_as_they_are_in_one_normal_form() -> None:
    assert free_text("  Ministère de l'Intérieur 内務 1 ", "--name") == "Ministère de l'Intérieur 内務 1"
    assert free_text("e\u0301", "--name") == "é"


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (("keygen", "--out", "k", "--name"), "--name"),
        (("run", "openssl", "--exclude", "ml-kem/ek-modulus", "--because"), "--because"),
        (("acvp", "import", "r.json", "--prompt", "p.json", "--vendor"), "--vendor"),
    ],
)
def test_bytes_that_are_no_text_end_with_2_on_the_command_line(
    words: tuple[str, ...], flag: str, tmp_path: Path
) -> None:
    done = pqvalidate(*words, "caf\udce9", cwd=tmp_path)
    assert (done.returncode, f"{flag}: character 4 (U+DCE9) is no UTF-8" in done.stderr) == (2, True), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reason", ["", "a\udcff", "a\x07"])
def test_a_reason_for_a_revocation_is_a_text(
    reason: str, cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust, out = cast.first(tmp_path / "1.json"), tmp_path / "2.json"
    words = ["trust", "revoke", str(trust.path), cast.lab.entry.id, "--out", str(out), "--reason", reason]
    assert main(words) == 2
    assert "--reason" in capsys.readouterr().err
    assert not out.exists()


def test_a_trust_file_that_would_deceive_those_who_are_to_sign_it_is_not_read(cast: Cast, tmp_path: Path) -> None:
    trust = cast.first(tmp_path / "1.json")
    lab, *others = trust.body.validators
    hidden = replace(trust.body, version=2, validators=(replace(lab, name="A lab\x1b[1A"), *others))
    with pytest.raises(InputError, match="holds characters that cannot be seen"):
        cast.write(tmp_path / "2.json", hidden, (0, 1))
    reason = Revocation(since="2026-12-24T00:00:00Z", reason="lost\u202e")
    with pytest.raises(InputError, match="holds characters that cannot be seen"):
        cast.write(tmp_path / "3.json", replace(trust.body, validators=revoke(trust, lab.id, reason)), (0, 1))
    assert read_draft(trust.path).complete
