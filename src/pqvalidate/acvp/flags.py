"""The flags of `pqvalidate acvp`; a light module, since every command line loads it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

MakeFormatFlag = Callable[[argparse.ArgumentParser], None]


def add_flags(command: argparse.ArgumentParser, format_flag: MakeFormatFlag) -> None:
    """Add the two actions, ``emit`` and ``import``, with their flags."""
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    emit = actions.add_parser(
        "emit", help="make fresh prompt files, with the expected results apart", allow_abbrev=False,
        description="Make fresh prompt files for a device, with the expected results in a folder apart.",
    )  # fmt: skip
    emit.add_argument("--parameter-set", action="append", required=True, metavar="P", help="may be repeated")
    emit.add_argument("--mode", action="append", default=[], metavar="M",
                      help="keyGen, encapDecap, sigGen or sigVer; may be repeated (default: all)")  # fmt: skip
    emit.add_argument("--revision", action="append", default=[], metavar="R",
                      help="FIPS203, FIPS203-tr1, FIPS204 or FIPS204-tr1; may be repeated (default: FIPS203 and"
                      " FIPS204)")  # fmt: skip
    emit.add_argument("--envelope", choices=("nist", "bare", "session"), default="nist",
                      help="shape of the prompt files (default: nist)")  # fmt: skip
    emit.add_argument("--seed", default=None, metavar="HEX", help="16 to 64 bytes (default: 32 bytes, drawn afresh)")
    emit.add_argument("--out", required=True, metavar="DIR", help="new folder for the files")
    _without(emit)
    judge = actions.add_parser(
        "import", help="judge response files into a bundle like that of `run`", allow_abbrev=False,
        description="Judge the response files of a device into a bundle like that of `pqvalidate run`.",
    )  # fmt: skip
    judge.add_argument("response", nargs="+", metavar="RESPONSE", help="file that the device has written")
    judge.add_argument("--prompt", action="append", required=True, metavar="FILE",
                       help="prompt that was answered; may be repeated")  # fmt: skip
    judge.add_argument("--expected", action="append", default=[], metavar="FILE",
                       help="expected results of a prompt; may be repeated (default: the published ones)")  # fmt: skip
    judge.add_argument("--manifest", default=None, metavar="FILE", help="manifest of kind acvp-files, in place of:")
    judge.add_argument("--vendor", default="", metavar="TEXT", help="who made the device")
    judge.add_argument("--name", default="", metavar="TEXT", help="name of the device")
    judge.add_argument("--version", default="", metavar="TEXT", help="version of the device")
    judge.add_argument("--parameter-set", action="append", default=[], metavar="P",
                       help="judge only this parameter set; may be repeated")  # fmt: skip
    judge.add_argument("--case", default="", metavar="CASE", help="judge only this case, as a finding names it")
    judge.add_argument("--policy", default="as-claimed", metavar="P", help="policy to judge by (default: as-claimed)")
    judge.add_argument("--as-of", metavar="DATE", help="day of the judgement (YYYY-MM-DD; default: today)")
    judge.add_argument("--service-life-until", metavar="DATE", help="last day of use (YYYY-MM-DD)")
    judge.add_argument("--dossier", metavar="FILE",
                       help="waivers, claims and other certificates that the buyer adds (TOML)")  # fmt: skip
    judge.add_argument("--out", default=None, metavar="DIR",
                       help="new bundle folder (default: ./pqvalidate-runs/NAME-acvp-DIGEST)")  # fmt: skip
    _without(judge)
    format_flag(judge)


def _without(command: argparse.ArgumentParser) -> None:
    command.add_argument("--without", action="append", default=[], metavar="KIND",
                         help="kind of tests that the device does not offer, e.g. preHash; repeatable")  # fmt: skip
