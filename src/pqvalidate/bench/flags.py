"""Flags of the command ``bench``; loads nothing that measures, so that ``--help`` stays quick."""

from __future__ import annotations

import argparse

FORMATS = ("text", "json", "pytest-benchmark", "csv")


def add_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags of ``bench``."""
    command.add_argument("iut", metavar="IUT", nargs="+",
                         help="manifests, built-in vendors, or NAME for ./NAME.toml")  # fmt: skip
    command.add_argument("--against", metavar="REFERENCE",
                         help="what to compare with (default: the first IUT, if there are several)")  # fmt: skip
    command.add_argument("--parameter-set", action="append", default=[], metavar="P",
                         help="time only this parameter set; may be repeated")  # fmt: skip
    command.add_argument("--only", action="append", default=[], metavar="OPERATION",
                         help="time only this operation, such as decapsulate; may be repeated")  # fmt: skip
    command.add_argument("--seconds", type=float, default=3.0, metavar="S",
                         help="seconds for each operation, shared by the implementations (default: 3)")  # fmt: skip
    command.add_argument("--instructions", action="store_true",
                         help="count instructions, too, with valgrind; implied by a rule about them")  # fmt: skip
    command.add_argument("--memory", action="store_true", help="measure memory for each operation, too")
    command.add_argument("--plots", metavar="DIR", help="draw ratios and distributions as SVG and PNG into this folder")
    command.add_argument("--save", metavar="FILE", help="write the result to this file, to be compared with later")
    command.add_argument("--compare", metavar="FILE", help="compare with a result that was saved")
    command.add_argument("--fail-if", action="append", default=[], metavar="RULE",
                         help="end with exit code 1 if this holds in two runs, such as 'decapsulate ratio > 1.10', "
                         "'verify ML-DSA-65 change > 1.05', 'keygen instructions change > 1.01'; may be "
                         "repeated")  # fmt: skip
    command.add_argument("--sandbox", choices=("auto", "require", "off"), default="auto",
                         help="layers around vendor code, as for run (default: auto)")  # fmt: skip
    command.add_argument("--format", choices=FORMATS, default="text", help="default: text")
