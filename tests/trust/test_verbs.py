"""The verbs as they are typed: from root keys to a pinned, verified certificate, and what each refuses."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import select
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pqvalidate.certificate import certify, load_signing_key
from pqvalidate.certificate.roots import read_draft
from pqvalidate.cli import main
from tests.cli.command import COMMAND, environment, pqvalidate
from tests.trust.holders import PASSPHRASE, Cast
from tests.trust.test_signers import PROGRAM


class Shell:
    """Types commands in this process and keeps what they print."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def __call__(self, line: str, code: int = 0) -> str:
        """Run a command in the folder; return both its streams."""
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            found = main(shlex.split(line))
        finally:
            os.chdir(before)
        out, err = self._capsys.readouterr()
        assert found == code, out + err
        return out + err


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Holders whose keys are of today, because the verbs ask the clock."""
    return Cast(tmp_path_factory.mktemp("today"), datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="module")
def certificate(cast: Cast, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of today by the lab."""
    out = tmp_path_factory.mktemp("certificate") / "certificate.json"
    certify(bundle, cast.lab.key, out, now=datetime.now(UTC))
    return out


@pytest.fixture
def shell(tmp_path: Path, cast: Cast, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A folder with the holders' files under short names."""
    names = {"r1": cast.roots[0], "r2": cast.roots[1], "r3": cast.roots[2], "lab": cast.lab, "cat": cast.catalogue}
    for name, row in names.items():
        (tmp_path / name).symlink_to(row.secret.parent)
    (tmp_path / "pass").touch(mode=0o600)
    (tmp_path / "pass").write_bytes(PASSPHRASE + b"\n")
    return Shell(tmp_path, capsys)


def test_the_way_from_root_keys_to_a_verified_certificate(shell: Shell, certificate: Path, cast: Cast) -> None:
    assert "1 more must sign it" in shell(
        "trust init r1/trust.json r2/trust.json --out 1.json --key r1/signing-key.json"
    )
    shell(f"verify {certificate} --trust 1.json", 4)
    assert "complete" in shell("trust sign 1.json --key r2/signing-key.json")
    both = "--key r1/signing-key.json --key r2/signing-key.json"
    assert "names 2 other holders" in shell(f"trust add 1.json lab/trust.json cat/trust.json --out 2.json {both}")
    third = "--key r3/signing-key.json"
    shell(f"trust rotate-root 2.json --add r3/trust.json --remove {cast.roots[0].entry.id} --out 3.json {both} {third}")
    told = shell("trust check 1.json 2.json 3.json")
    assert "version 3" in told
    assert "It follows 1.json in 2 steps" in told
    digest = hashlib.sha256((shell.folder / "3.json").read_bytes()).hexdigest()
    assert f"--trust-sha256 {digest}" in told
    verify = f"verify {certificate} --trust 3.json"
    assert "Certificate VALID" in shell(f"{verify} --trust-sha256 {digest.upper()} --trust-version 3")
    assert "(rollback)" in shell(f"{verify} --trust-version 4", 4)
    assert "is pinned" in shell(f"{verify} --trust-sha256 {'0' * 64}", 4)
    assert "no SHA-256" in shell(f"{verify} --trust-sha256 abc", 2)
    shell(f"trust revoke 3.json {cast.lab.entry.id} --reason 'key lost' --out 4.json --key r2/signing-key.json {third}")
    assert "key lost" in shell(f"verify {certificate} --trust 4.json", 1)
    assert "REVOKED since" in shell("trust show 4.json")
    page = json.loads(shell("trust show 4.json --format json"))
    assert (page["version"], page["complete"], sum(bool(row["revoked"]) for row in page["entries"])) == (4, True, 1)
    assert "(rollback)" in shell("trust check 4.json 3.json", 4)
    assert "key lost" in shell(f"judge {certificate} --policy uk-ncsc --trust 4.json", 1)


def test_a_draft_keeps_its_number_until_somebody_signs(shell: Shell) -> None:
    shell("trust init r1/trust.json --out 1.json")
    shell("trust add 1.json lab/trust.json --out 1b.json")
    assert read_draft(shell.folder / "1b.json").body.version == 1
    shell("trust sign 1b.json --key r1/signing-key.json")
    shell("trust renew 1b.json --out 2.json --days 30")
    assert read_draft(shell.folder / "2.json").body.version == 2
    assert "root keys have signed it" in shell("trust check 1b.json 2.json", 4)


def test_a_signature_of_a_root_key_that_is_not_named_says_what_it_is_good_for(shell: Shell) -> None:
    shell("trust init r1/trust.json r2/trust.json --out 1.json")
    assert "none of its root keys" in shell("trust sign 1.json --key r3/signing-key.json")


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("trust init lab/trust.json --out 1.json", 4, "not trust files"),
        ("trust init r1/trust.json r1/trust.json --out 1.json", 4, "occurs twice"),
        ("trust init r1/trust.json --threshold 2 --out 1.json", 4, "but there are 1 root keys"),
        ("trust init r1/trust.json --threshold 0 --out 1.json", 2, "at least 1"),
        ("trust init r1/trust.json --out 1.json --key lab/signing-key.json", 2, "not trust files"),
        ("trust init r1/trust.json --out lab", 2, "never overwritten"),
        ("trust init none.json --out 1.json", 4, "cannot be read"),
        ("trust add lab/trust.json cat/trust.json --out 1.json", 4, "is unsigned"),
        ("trust check lab/trust.json", 4, "is unsigned"),
        ("keygen --out k --role lab --organisation buyer", 2, "contradict each other"),
        ("keygen --out k --passphrase-prompt", 2, "needs a terminal"),
        ("certify b --out c --signer-command x", 2, "go together"),
        ("certify b --out c --signer-command '\"' --signer-trust lab/trust.json", 2, "cannot be split"),
        ("certify b --out c --signer-command x --signer-trust lab/trust.json --passphrase-file pass", 2, "takes none"),
        ("certify b --out c --key lab/signing-key.json --passphrase-file pass", 4, "is not encrypted"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_reason_and_nothing_is_written(
    line: str, code: int, told: str, shell: Shell
) -> None:
    before = sorted(path.name for path in shell.folder.iterdir())
    assert told in shell(line, code)
    assert sorted(path.name for path in shell.folder.iterdir()) == before


def test_a_passphrase_file_makes_and_opens_a_key(shell: Shell, bundle: Path) -> None:
    assert "encrypted" in shell("keygen --out k --role policy-owner --name Ministry --passphrase-file pass")
    made = load_signing_key(shell.folder / "k" / "signing-key.json", passphrase=PASSPHRASE)
    assert (made.public.purpose, made.public.name) == ("policy-owner", "Ministry")
    assert "not certificates" in shell(f"certify {bundle} --key k/signing-key.json --passphrase-file pass --out c", 2)
    (shell.folder / "pass").chmod(0o644)
    assert "chmod 600 pass" in shell(f"certify {bundle} --key k/signing-key.json --passphrase-file pass --out c", 4)
    (shell.folder / "short").touch(mode=0o600)
    assert "is empty" in shell("keygen --out k2 --passphrase-file short", 4)
    (shell.folder / "short").write_text("eleven byte\n")
    assert "shorter than 12 bytes" in shell("keygen --out k2 --passphrase-file short", 2)
    assert not (shell.folder / "k2").exists()


def test_a_program_signs_from_the_command_line(shell: Shell, cast: Cast, bundle: Path) -> None:
    command = shlex.join([sys.executable, str(PROGRAM), "well", str(cast.lab.secret)])
    typed = ["certify", str(bundle), "--signer-command", command, "--signer-trust", "lab/trust.json", "--out", "c.json"]
    shell(shlex.join(typed))
    assert "Certificate VALID" in shell("verify c.json --trust lab/trust.json")


def at_a_terminal(words: list[str], typed: list[str], folder: Path) -> tuple[int, str]:
    """Run the command at a terminal and type one line for each prompt; return its exit code and what was shown."""
    terminal, end = pty.openpty()
    command = [*COMMAND, *words]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdin=end, stdout=end, stderr=end, start_new_session=True
    ) as child:
        os.close(end)
        shown, answers = b"", list(typed)
        while select.select([terminal], [], [], 60)[0]:
            try:
                shown += os.read(terminal, 4096)
            except OSError:  # the other end has closed
                break
            if shown.endswith(b": ") and answers:
                os.write(terminal, answers.pop(0).encode() + b"\n")
        os.close(terminal)
        return child.wait(timeout=60), shown.decode()


def test_a_passphrase_is_asked_for_at_a_terminal_only_on_request(tmp_path: Path) -> None:
    words = PASSPHRASE.decode()
    code, shown = at_a_terminal(["keygen", "--out", "k", "--passphrase-prompt"], [words, words], tmp_path)
    assert (code, words in shown) == (0, False)
    load_signing_key(tmp_path / "k" / "signing-key.json", passphrase=PASSPHRASE)
    code, shown = at_a_terminal(
        ["keygen", "--out", "n", "--passphrase-prompt"], [words, "another one, differing"], tmp_path
    )
    assert (code, "differ" in shown, (tmp_path / "n").exists()) == (2, True, False)


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    done = pqvalidate("keygen", "--out", "k", "--passphrase-prompt", cwd=tmp_path)
    assert (done.returncode, "needs a terminal" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
