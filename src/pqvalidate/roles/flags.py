"""Flags of the verbs around keys and roles; loads nothing that signs, so that ``--help`` stays quick."""

from __future__ import annotations

import argparse

ORGANISATIONS = ("vendor-self", "buyer", "lab", "government")
ROLES = ("validator", "policy-owner", "catalogue", "root")


def add_keygen_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags of ``keygen``."""
    command.add_argument("--out", required=True, metavar="DIR", help="folder for signing-key.json and trust.json")
    command.add_argument("--name", default="unnamed validator", metavar="TEXT", help="name of the organisation")
    command.add_argument("--role", choices=(*ROLES, *ORGANISATIONS), default="validator", metavar="ROLE",
                         help="what the key is for: validator (certificates and verdicts; default), policy-owner "
                         "(verdicts), catalogue, or root (trust files); vendor-self, buyer, lab or government is a "
                         "validator of that kind")  # fmt: skip
    command.add_argument("--organisation", choices=ORGANISATIONS, default=None,
                         help="what the organisation is (default: vendor-self)")  # fmt: skip
    _passphrase_flags(command, "encrypt the private keys")


def add_signing_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags that name who signs: a key file, or a program of the signer's."""
    who = command.add_mutually_exclusive_group(required=True)
    who.add_argument("--key", metavar="KEYFILE", help="signing key file from `pqvalidate keygen`")
    who.add_argument("--signer-command", metavar="COMMAND",
                     help="program that signs: last argument 'classical' or 'pq', message on standard input, signature "
                     "on standard output")  # fmt: skip
    command.add_argument("--signer-trust", metavar="FILE", help="trust file with the public keys of --signer-command")
    _passphrase_flags(command, "open the signing key")


def add_pin_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags by which a reader pins the trust file."""
    command.add_argument(
        "--trust-sha256", metavar="HEX", help="refuse any other trust file than the one of this digest"
    )
    command.add_argument("--trust-version", type=int, metavar="N", help="refuse a trust file older than this version")


def add_stamp_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags of a time stamp that is to be checked."""
    command.add_argument("--timestamp", metavar="FILE", help="time stamp of CERT, as `pqvalidate timestamp` stored it")
    command.add_argument("--tsa-certificate", metavar="FILE", help="certificate of the time stamp authority (PEM)")


def add_timestamp_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags of ``timestamp``."""
    command.add_argument("certificate", metavar="CERT", help="certificate or verdict file")
    how = command.add_mutually_exclusive_group(required=True)
    how.add_argument("--tsa", metavar="URL", help="ask this time stamp authority")
    how.add_argument("--request", metavar="FILE", help="write a request to carry to an authority; never overwritten")
    how.add_argument("--response", metavar="FILE", help="store the answer that an authority gave to a request")
    command.add_argument("--out", metavar="FILE", help="time stamp to write; never overwritten (default: CERT.tsr)")
    command.add_argument("--tsa-certificate", metavar="FILE", help="check with this certificate of the authority (PEM)")


def add_trust_flags(command: argparse.ArgumentParser) -> None:
    """Add the actions of ``trust`` and their flags."""
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, says: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.", allow_abbrev=False)

    init = action("init", "make version 1 of a trust file from the public files of root keys")
    init.add_argument("entry", metavar="ROOT", nargs="+", help="trust.json of a root key")
    init.add_argument("--threshold", type=int, default=None, metavar="N",
                      help="root keys that must sign (default: 2, or 1 if there is one)")  # fmt: skip
    _next_flags(init)
    add = action("add", "make the next version, which believes more keys")
    add.add_argument("trust", metavar="TRUST", help="present trust file")
    add.add_argument("entry", metavar="ENTRY", nargs="+", help="trust.json of a validator, policy owner or catalogue")
    _next_flags(add)
    revoke = action("revoke", "make the next version, which no longer believes a key")
    revoke.add_argument("trust", metavar="TRUST", help="present trust file")
    revoke.add_argument(
        "id", metavar="ID", help="id of the holder, or SHA-256 of one of its keys, as `show` prints them"
    )
    revoke.add_argument("--reason", required=True, metavar="TEXT", help="why, for those who verify")
    revoke.add_argument("--since", metavar="DATE", help="first day of disbelief (YYYY-MM-DD; default: now)")
    _next_flags(revoke)
    rotate = action("rotate-root", "make the next version with other root keys; old and new ones must sign it")
    rotate.add_argument("trust", metavar="TRUST", help="present trust file")
    rotate.add_argument("--add", action="append", default=[], metavar="ROOT", help="trust.json of a new root key")
    rotate.add_argument("--remove", action="append", default=[], metavar="ID", help="id of a root key that goes")
    rotate.add_argument("--threshold", type=int, default=None, metavar="N", help="root keys that must sign from now on")
    _next_flags(rotate)
    renew = action("renew", "make the next version, with another expiry only")
    renew.add_argument("trust", metavar="TRUST", help="present trust file")
    _next_flags(renew)
    sign = action("sign", "add the signatures of one root key to a trust file, in place")
    sign.add_argument("trust", metavar="TRUST", help="trust file to sign")
    add_signing_flags(sign)
    check = action("check", "check that each trust file may follow the one before it, from one that you believe in")
    check.add_argument("trust", metavar="TRUST", nargs="+", help="trust files, the one that you believe in first")
    _format_flag(check)
    show = action("show", "show what a trust file says, and whose signatures are still missing")
    show.add_argument("trust", metavar="TRUST", help="trust file, signed or not yet")
    _format_flag(show)


def _next_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", required=True, metavar="FILE", help="trust file to write; never overwritten")
    command.add_argument("--days", type=int, default=365, metavar="N", help="days until it expires (default: 365)")
    command.add_argument("--key", action="append", default=[], metavar="KEYFILE",
                         help="sign it at once with this root key; may be repeated")  # fmt: skip
    _passphrase_flags(command, "open the signing keys")


def _passphrase_flags(command: argparse.ArgumentParser, purpose: str) -> None:
    how = command.add_mutually_exclusive_group()
    how.add_argument("--passphrase-file", metavar="FILE", help=f"{purpose} with the first line of this file")
    how.add_argument("--passphrase-prompt", action="store_true", help=f"{purpose} with what is typed at the terminal")


def _format_flag(command: argparse.ArgumentParser) -> None:
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
