"""The command line: verbs, flags and exit codes; what a verb does is in ``commands``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from pqvalidate import __version__
from pqvalidate.errors import PqvalidateError

_EXIT_CODES = """exit codes:
  0  conforms under the policy; verify: valid
  1  does not conform; verify: invalid or expired
  2  the command cannot be carried out as asked
  3  undecided: a question stayed unanswered, or the implementation could not be started
  4  an input file is malformed or fails its digest
  70 our own fault; please report it"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="pqvalidate", epilog=_EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
        description="Find out whether a post-quantum implementation does what its vendor claims.",
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"pqvalidate {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, says: str, describes: str = "") -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=says, description=describes or says[0].upper() + says[1:] + ".", allow_abbrev=False)

    _run_flags(verb("run", "measure an implementation, judge it and print the result; the main job"))
    plan = verb("plan", "show what would be asked, and what cannot be asked and why")
    _selection_flags(plan)
    plan.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    judge = verb("judge", "judge a bundle again, running nothing")
    judge.add_argument("bundle", metavar="BUNDLE", help="folder that `pqvalidate run` has written")
    judge.add_argument("--policy", default="as-claimed", metavar="P", help="policy to judge by (default: as-claimed)")
    _format_flag(judge)
    certify = verb("certify", "sign a certificate of what a bundle shows")
    certify.add_argument("bundle", metavar="BUNDLE", help="folder that `pqvalidate run` has written")
    certify.add_argument("--key", required=True, metavar="KEYFILE", help="signing key file from `pqvalidate keygen`")
    certify.add_argument("--out", required=True, metavar="FILE", help="certificate to write; never overwritten")
    certify.add_argument("--valid-days", type=int, default=365, metavar="N", help="days of validity (default: 365)")
    verify = verb("verify", "verify a certificate offline")
    verify.add_argument("certificate", metavar="CERT", help="certificate file")
    verify.add_argument("--trust", required=True, metavar="TRUSTFILE", help="trust file of the validators you trust")
    verify.add_argument("--artefact", action="append", default=[], metavar="FILE",
                        help="file or folder that must be what was tested; may be repeated")  # fmt: skip
    verify.add_argument("--as-of", metavar="DATE", help="judge validity at this date (YYYY-MM-DD; default: now)")
    verify.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    keygen = verb("keygen", "make a hybrid signing key (ECDSA P-384 and ML-DSA-87) and its trust file")
    keygen.add_argument("--out", required=True, metavar="DIR", help="folder for signing-key.json and trust.json")
    keygen.add_argument("--name", default="unnamed validator", metavar="TEXT", help="name of the validator")
    keygen.add_argument("--role", choices=("vendor-self", "buyer", "lab", "government"), default="vendor-self",
                        help="role of the validator (default: vendor-self)")  # fmt: skip
    vendors = verb("vendors", "list the built-in implementations, and which are available here")
    vendors.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    explain = verb("explain", "explain a check, reason or parameter set in plain words")
    explain.add_argument("name", metavar="NAME", nargs="?", help="what to explain; without it, all names are listed")
    doctor = verb("doctor", "check this installation: vectors by digest, controls, tools found")
    doctor.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    return top


def _selection_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("iut", metavar="IUT", help="a manifest, a built-in vendor, or NAME for ./NAME.toml")
    command.add_argument("--depth", choices=("quick", "standard", "full"), default=None, help="default: standard")
    command.add_argument("--parameter-set", action="append", default=[], metavar="P",
                         help="examine only this claimed parameter set; may be repeated")  # fmt: skip
    command.add_argument("--only", action="append", default=[], metavar="CHECK", help="run only this check; may be repeated")
    command.add_argument("--case", default="", metavar="CASE", help="run only this case, as a finding names it")
    command.add_argument("--exclude", action="append", default=[], metavar="CHECK", help="leave a check out")
    command.add_argument("--because", default="", metavar="TEXT", help="why checks are excluded; compulsory with --exclude")
    command.add_argument("--seed", default=None, metavar="HEX", help="seed of all drawn cases (default: drawn afresh)")


def _run_flags(run: argparse.ArgumentParser) -> None:
    _selection_flags(run)
    run.add_argument("--max-time", type=float, default=None, metavar="S", help="end in order after S seconds")
    run.add_argument("--fail-fast", action="store_true", help="stop after the first failed check")
    run.add_argument("--policy", default="as-claimed", metavar="P", help="policy to judge by (default: as-claimed)")
    run.add_argument("--out", default=None, metavar="DIR",
                     help="bundle folder (default: ./pqvalidate-runs/NAME-SEED); never overwritten")  # fmt: skip
    run.add_argument("--resume", action="store_true", help="go on with an interrupted run in --out")
    _format_flag(run)


def _format_flag(command: argparse.ArgumentParser) -> None:
    from pqvalidate.report import FORMATS  # noqa: PLC0415  (a light table; its formats load when used)

    command.add_argument("--format", choices=tuple(FORMATS), default="text", help="default: text")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors go to standard error as one sentence with a remedy."""
    given = parser().parse_args(arguments)
    try:
        code = int(import_module("pqvalidate.commands").VERBS[given.verb](given))
        sys.stdout.flush()
    except PqvalidateError as error:
        print(f"pqvalidate: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("pqvalidate: interrupted", file=sys.stderr)
        return 3
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; nothing more to say to it
        return 0
    except Exception as error:
        if os.environ.get("PQVALIDATE_DEBUG"):
            raise
        where = error.__traceback__
        while where and where.tb_next:
            where = where.tb_next
        place = f" at {os.path.basename(where.tb_frame.f_code.co_filename)}:{where.tb_lineno}" if where else ""  # noqa: PTH119
        print(
            f"pqvalidate: our own fault: {type(error).__name__}: {error}{place}. Please report it with the command and"
            " `pqvalidate --version`; PQVALIDATE_DEBUG=1 shows where it happened.",
            file=sys.stderr,
        )
        return 70
    return code


if __name__ == "__main__":
    sys.exit(main())
