"""The flags of the verbs that write and ask a catalogue."""

from __future__ import annotations

import argparse
from typing import Protocol

from pqvalidate.roles.flags import add_pin_flags, add_signing_flags


class _Verb(Protocol):
    def __call__(self, name: str, says: str) -> argparse.ArgumentParser: ...


def add_verbs(verb: _Verb, verify: argparse.ArgumentParser) -> None:
    """Add publish, withdraw, supersede, suspend and status to the command line, and to ``verify`` what it asks."""
    catalogue_flags(verify)
    _publish_flags(verb("publish", "publish certificates in a signed catalogue that anyone can check offline"))
    withdraw = verb("withdraw", "withdraw a published certificate for good; it stays listed with the reason")
    withdraw.add_argument("id", metavar="ID", help="identifier of the certificate")
    _change_flags(withdraw)
    supersede = verb("supersede", "say that a published certificate has taken the place of another")
    supersede.add_argument("id", metavar="OLD", help="identifier of the certificate that is replaced")
    supersede.add_argument("successor", metavar="NEW", help="identifier of the one that takes its place")
    _change_flags(supersede)
    suspend = verb("suspend", "suspend a published certificate, or lift that")
    suspend.add_argument("id", metavar="ID", help="identifier of the certificate")
    suspend.add_argument("--lift", action="store_true", help="make a suspended certificate valid again")
    _change_flags(suspend)
    status = verb("status", "ask a catalogue, or a copy of it, for the status of a certificate")
    status.add_argument("certificate", metavar="ID|CERT", help="identifier, or certificate file")
    status.add_argument("--trust", metavar="TRUSTFILE",
                        help="trust file of which a holder has signed the catalogue's root")  # fmt: skip
    add_pin_flags(status)
    catalogue_flags(status, required=True)
    status.add_argument("--as-of", metavar="DATE", help="status at the end of this day (YYYY-MM-DD; default: now)")
    status.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    status.add_argument("--lang", choices=("en", "nl"), default="en",
                        help="language of text (default: en); JSON is in English")  # fmt: skip


def catalogue_flags(command: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add what a reader says about a catalogue."""
    command.add_argument("--catalogue", required=required, metavar="DIR", help="catalogue, or a copy, to ask for the "
                         "status")  # fmt: skip
    command.add_argument("--root", metavar="ROOTFILE", help="root of the catalogue, as you got it by another way "
                         "(default: one that a holder in --trust has signed)")  # fmt: skip
    command.add_argument("--max-staleness", metavar="DURATION",
                         help="most time since it was signed: 12h, 7d, 2w (default: until it expires)")  # fmt: skip
    command.add_argument("--state", metavar="FILE", help="remember the catalogue's versions here and refuse older ones")


def _publish_flags(publish: argparse.ArgumentParser) -> None:
    publish.add_argument("certificate", nargs="*", metavar="CERT",
                         help="certificates with the verdicts beside them; none: sign afresh")  # fmt: skip
    publish.add_argument("--trust", metavar="TRUSTFILE", help="trust file to verify them with (default: the one that "
                         "the catalogue holds)")  # fmt: skip
    publish.add_argument("--root-key", metavar="KEYFILE", help="key of the root of a new catalogue (default: --key); "
                         "later: renew it and give the rest to --key")  # fmt: skip
    publish.add_argument("--next-root-key", metavar="KEYFILE", help="key that takes the place of --root-key; both sign "
                         "the new root, so that readers who trust the old one follow")  # fmt: skip
    publish.add_argument("--root-passphrase-file", action="append", default=[], metavar="FILE",
                         help="open --root-key with the first line of this file (default: as --key); given twice, the "
                         "second opens --next-root-key")  # fmt: skip
    publish.add_argument("--profile", action="append", default=[], metavar="FILE",
                         help="profile file of a verdict that is not built in; may be repeated")  # fmt: skip
    _key_flags(publish)


def _change_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--reason", required=True, metavar="TEXT", help="why, for those who read the catalogue")
    _key_flags(command)


def _key_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--catalogue", required=True, metavar="DIR", help="folder of the catalogue")
    add_signing_flags(command)
    command.add_argument("--valid-days", type=int, default=365, metavar="N", help="days until the metadata expire "
                         "(default: 365)")  # fmt: skip
    command.add_argument("--timestamp-hours", type=int, default=168, metavar="N", help="hours until the status counts "
                         "as old and the catalogue must be signed afresh (default: 168)")  # fmt: skip
