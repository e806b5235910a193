"""Who signs, and with which passphrase, as the command line names them."""

from __future__ import annotations

import argparse
import shlex
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from pqvalidate.certificate import load_signing_key
from pqvalidate.certificate.keys import refuse_readable
from pqvalidate.certificate.sealing import FEWEST_PASSPHRASE_BYTES
from pqvalidate.certificate.signing import command_signer
from pqvalidate.documents import read_bytes
from pqvalidate.errors import InputError, UsageError

if TYPE_CHECKING:
    from pqvalidate.certificate.signing import Signer


def signer(given: argparse.Namespace) -> Signer:
    """Return who signs, from ``--key`` or ``--signer-command``.

    Raises:
        InputError: the key file, its passphrase or the public file is wrong.
        UsageError: flags that belong together are not together.

    """
    if bool(given.signer_command) != bool(given.signer_trust):
        raise UsageError("--signer-command COMMAND and --signer-trust FILE go together")
    if not given.signer_command:
        return load_signing_key(Path(given.key), passphrase=passphrase(given))
    if given.passphrase_file or given.passphrase_prompt:
        raise UsageError("a passphrase opens a --key file; a --signer-command takes none")
    try:
        command = shlex.split(given.signer_command)
    except ValueError as error:
        raise UsageError(f"--signer-command cannot be split into words: {error}") from None
    return command_signer(command, Path(given.signer_trust))


def passphrase(given: argparse.Namespace, *, new: bool = False) -> bytes | None:
    """Return the passphrase that the command line names, or None; a new one is asked for twice.

    Nothing is ever asked for unless ``--passphrase-prompt`` is given, and then only at a terminal.

    Raises:
        InputError: the file cannot be read, others may read it, or it is empty.
        UsageError: there is no terminal, the two entries differ, or a new passphrase is shorter than 12 bytes.

    """
    if given.passphrase_file:
        found = from_file(Path(given.passphrase_file))
    elif given.passphrase_prompt:
        found = _typed(twice=new)
    else:
        return None
    if new and len(found) < FEWEST_PASSPHRASE_BYTES:
        raise UsageError(f"the passphrase is shorter than {FEWEST_PASSPHRASE_BYTES} bytes; take a longer one")
    return found


def from_file(path: Path) -> bytes:
    """Return the first line of a file as a passphrase.

    Raises:
        InputError: it cannot be read, others may read it, or its first line is empty.

    """
    what = "a file with a passphrase in its first line"
    data = read_bytes(path, what)
    refuse_readable(path, "passphrase")
    first = data.partition(b"\n")[0].removesuffix(b"\r")
    if not first:
        raise InputError(path, "line 1", "is empty", f"Give {what}")
    return first


def _typed(*, twice: bool) -> bytes:
    if not sys.stdin.isatty():
        raise UsageError("--passphrase-prompt needs a terminal; use --passphrase-file where there is none")
    try:
        found = getpass("Passphrase: ")
        if twice and getpass("The same again: ") != found:
            raise UsageError("the two passphrases differ; nothing was written")
    except EOFError:
        raise UsageError("no passphrase was typed") from None
    if not found:
        raise UsageError("the passphrase is empty")
    return found.encode()
