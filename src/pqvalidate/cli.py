"""The command line: verbs, flags and exit codes; what a verb does is in ``commands``."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from pqvalidate import __version__
from pqvalidate.acvp.flags import add_flags as add_acvp_flags
from pqvalidate.bench.flags import add_flags as add_bench_flags
from pqvalidate.catalogue.flags import add_verbs as add_catalogue_verbs
from pqvalidate.errors import PqvalidateError
from pqvalidate.roles.flags import (
    add_keygen_flags,
    add_pin_flags,
    add_signing_flags,
    add_stamp_flags,
    add_timestamp_flags,
    add_trust_flags,
)

_EXIT_CODES = """exit codes:
  0  conforms under the policy; verify: valid
  1  does not conform; verify: invalid, expired or withdrawn
  2  the command cannot be carried out as asked
  3  undecided: a question stayed unanswered, or the implementation could not be started
  4  an input file is malformed or fails its digest
  70 our own fault; please report it"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(
        prog="pqvalidate", epilog=_EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
        description="Find out whether a post-quantum implementation does what its vendor claims.",
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"pqvalidate {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, says: str, describes: str = "") -> argparse.ArgumentParser:
        described = describes or f"{says[0].upper()}{says[1:]}."
        return verbs.add_parser(name, help=says, description=described, allow_abbrev=False)

    _run_flags(verb("run", "measure an implementation, judge it and print the result; the main job"))
    _plan_flags(verb("plan", "show what would be asked, and what cannot be asked and why"))
    judge = verb("judge", "judge a bundle or a certificate again under one or more policies, running nothing")
    _judge_flags(judge)
    _cbom_flags(verb("cbom", "write the algorithms that a bundle has found as a CycloneDX 1.6 CBOM"))
    certify = verb("certify", "sign a certificate of what a bundle shows")
    certify.add_argument("bundle", metavar="BUNDLE", help="folder that `pqvalidate run` has written")
    add_signing_flags(certify)
    certify.add_argument("--out", required=True, metavar="FILE", help="certificate to write; never overwritten")
    certify.add_argument("--policy", action="append", default=[], metavar="P",
                         help="sign a verdict under this policy in a file of its own; may be repeated")  # fmt: skip
    certify.add_argument("--claims", metavar="FILE",
                         help="claims file, or a manifest that names one, to check and to state")  # fmt: skip
    certify.add_argument("--service-life-until", metavar="DATE", help="last day of use that the verdict is asked for")
    certify.add_argument("--supersedes", metavar="ID",
                         help="identifier of the earlier certificate whose place this one takes")  # fmt: skip
    certify.add_argument("--valid-days", type=int, default=365, metavar="N", help="days of validity (default: 365)")
    verify = verb("verify", "verify a certificate or a signed policy verdict offline")
    _verify_flags(verify)
    add_catalogue_verbs(verb, verify)
    add_keygen_flags(verb("keygen", "make a hybrid signing key (ECDSA P-384 and ML-DSA-87) and its trust file"))
    add_trust_flags(verb("trust", "make, sign and check a trust file that root keys answer for"))
    add_timestamp_flags(verb("timestamp", "have a time stamp authority confirm that a certificate exists (RFC 3161)"))
    acvp = verb("acvp", "make test files for a device that may not be connected, and judge its answers")
    add_acvp_flags(acvp, _format_flag)
    add_bench_flags(verb("bench", "time implementations beside each other, with intervals that hold on busy machines"))
    _claims_flags(verb("claims", "check claims on origin, supply chain and updates, with the evidence for them"))
    init = verb("init", "write a starter folder for attaching an implementation in your language")
    init.add_argument("name", metavar="NAME", help="folder to make here, and name of the manifest; never overwritten")
    init.add_argument("--language", required=True, choices=("c", "go", "java", "node", "python", "rust"),
                      help="language of the harness or adapter")  # fmt: skip
    vendors = verb("vendors", "list the built-in implementations, and which are available here")
    vendors.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    harness = verb("harness-check", "check that a program keeps the harness protocol, for those who write one")
    harness.add_argument("manifest", metavar="MANIFEST", help="manifest of kind harness")
    harness.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    explain = verb("explain", "explain a check, reason, parameter set, policy or policy rule in plain words")
    explain.add_argument("name", metavar="NAME", nargs="?", help="what to explain; without it, all names are listed")
    profile = verb("profile-check", "check a policy profile: errors, remarks and its digest, for those who write one")
    profile.add_argument("profile", metavar="PROFILE", help="profile file (TOML), or name of a built-in profile")
    doctor = verb("doctor", "check this installation: vectors by digest, controls, tools found")
    doctor.add_argument("--mutants", action="store_true",
                        help="try every planted fault on the checks meant for it, too (minutes)")  # fmt: skip
    doctor.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    return top


def _verify_flags(verify: argparse.ArgumentParser) -> None:
    verify.add_argument("certificate", metavar="CERT", help="certificate or verdict file")
    verify.add_argument("--trust", required=True, metavar="TRUSTFILE", help="trust file of the validators you trust")
    add_pin_flags(verify)
    add_stamp_flags(verify)
    verify.add_argument("--artefact", action="append", default=[], metavar="FILE",
                        help="file or folder that must be what was tested; may be repeated")  # fmt: skip
    _policy_flags(verify, "judge a valid certificate under this policy, too; may be repeated")
    verify.add_argument("--as-of", metavar="DATE", help="judge validity at this date (YYYY-MM-DD; default: now)")
    _format_flag(verify, "CERTIFICATE_FORMATS", pdf=True)


def _plan_flags(plan: argparse.ArgumentParser) -> None:
    _selection_flags(plan)
    plan.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def _judge_flags(judge: argparse.ArgumentParser) -> None:
    judge.add_argument("bundle", metavar="BUNDLE|CERT",
                       help="folder that `pqvalidate run` has written, or a certificate")  # fmt: skip
    _policy_flags(judge, "policy to judge by: a built-in name or a file; may be repeated (default: as-claimed)")
    judge.add_argument("--as-of", metavar="DATE", help="day of the judgement (YYYY-MM-DD; default: today)")
    judge.add_argument("--parameter-set", action="append", default=[], metavar="P",
                       help="a set that will be used; may be repeated (default: any that is allowed)")  # fmt: skip
    judge.add_argument("--trust", metavar="TRUSTFILE", help="trust file to check the signatures of a certificate with")
    add_pin_flags(judge)
    _format_flag(judge, pdf=True)


def _policy_flags(command: argparse.ArgumentParser, says: str) -> None:
    command.add_argument("--policy", action="append", default=[], metavar="P", help=says)
    command.add_argument("--service-life-until", metavar="DATE", help="last day of use (YYYY-MM-DD)")
    command.add_argument("--dossier", metavar="FILE",
                         help="waivers, claims and other certificates that the buyer adds (TOML)")  # fmt: skip


def _cbom_flags(cbom: argparse.ArgumentParser) -> None:
    cbom.add_argument("bundle", metavar="BUNDLE", help="folder that `pqvalidate run` has written")
    cbom.add_argument("--policy", default="as-claimed", metavar="P", help="policy to judge by (default: as-claimed)")
    cbom.add_argument("--out", default=None, metavar="FILE",
                      help="file to write; never overwritten (default: standard output)")  # fmt: skip


def _claims_flags(claims: argparse.ArgumentParser) -> None:
    actions = claims.add_subparsers(dest="action", metavar="ACTION", required=True)
    says = "check a claims file: digests of evidence, and what a tool can validate"
    check = actions.add_parser("check", help=says, description=f"{says[0].upper()}{says[1:]}.", allow_abbrev=False)
    check.add_argument("file", metavar="FILE", help="claims file (TOML), or a manifest that names one")
    check.add_argument("--bundle", metavar="DIR", help="folder that `pqvalidate run` has written, to compare with")
    check.add_argument("--out", metavar="FILE", help="write the result as JSON, too; never overwritten")
    check.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="default: text")
    check.add_argument("--lang", choices=("en", "nl"), default="en", help="language of text and markdown (default: en)")


def _selection_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("iut", metavar="IUT", help="a manifest, a built-in vendor, or NAME for ./NAME.toml")
    command.add_argument("--depth", choices=("quick", "standard", "full"), default=None, help="default: standard")
    command.add_argument("--parameter-set", action="append", default=[], metavar="P",
                         help="examine only this claimed parameter set; may be repeated")  # fmt: skip
    command.add_argument("--only", action="append", default=[], metavar="CHECK",
                         help="run only this check; may be repeated")  # fmt: skip
    command.add_argument("--case", default="", metavar="CASE", help="run only this case, as a finding names it")
    command.add_argument("--cases", type=int, default=None, metavar="N",
                         help="cases of each campaign, in place of the number that the depth gives")  # fmt: skip
    command.add_argument("--exclude", action="append", default=[], metavar="CHECK", help="leave a check out")
    command.add_argument("--because", default="", metavar="TEXT",
                         help="why checks are excluded; compulsory with --exclude")  # fmt: skip
    command.add_argument("--seed", default=None, metavar="HEX", help="seed of all drawn cases (default: drawn afresh)")
    command.add_argument("--sandbox", choices=("auto", "require", "off"), default="auto",
                         help="layers around vendor code: those that this host allows, no run without them, or none "
                         "(default: auto)")  # fmt: skip


def _run_flags(run: argparse.ArgumentParser) -> None:
    _selection_flags(run)
    run.add_argument("--max-time", type=float, default=None, metavar="S", help="end in order after S seconds")
    run.add_argument("--fail-fast", action="store_true", help="stop after the first failed check")
    run.add_argument("--jobs", type=int, default=None, metavar="N",
                     help="processes of this machine that run large campaigns side by side (default: 1 for a manifest, "
                     "which may own a device; the number of processors for a built-in implementation)")  # fmt: skip
    run.add_argument("--executor", default="local", metavar="WHERE",
                     help="where large campaigns run: local, or dask://HOST:PORT (default: local)")  # fmt: skip
    run.add_argument("--policy", default="as-claimed", metavar="P", help="policy to judge by (default: as-claimed)")
    run.add_argument("--as-of", metavar="DATE", help="day of the judgement (YYYY-MM-DD; default: today)")
    run.add_argument("--out", default=None, metavar="DIR",
                     help="bundle folder (default: ./pqvalidate-runs/NAME-SEED); never overwritten")  # fmt: skip
    run.add_argument("--resume", action="store_true", help="go on with an interrupted run in --out")
    _format_flag(run)


def _format_flag(command: argparse.ArgumentParser, table: str = "FORMATS", *, pdf: bool = False) -> None:
    from pqvalidate import report  # noqa: PLC0415  (light tables; their formats load when used)

    formats = (*getattr(report, table), *(("pdf",) if pdf else ()))
    command.add_argument("--format", choices=formats, default="text", help="default: text")
    people = "text, html and pdf" if pdf else "text and html"
    command.add_argument("--lang", choices=("en", "nl"), default="en",
                         help=f"language of {people} (default: en); other formats are in English")  # fmt: skip
    if pdf:
        command.add_argument("--out", default=None, metavar="FILE",
                             help="file to write; never overwritten (default: print; pdf needs a file)")  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Names the nearest known word where a verb, a flag or a choice is misspelt."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and the message."""
        super().error(message + _nearest(self, message))


def _nearest(of: argparse.ArgumentParser, message: str) -> str:
    from pqvalidate.algorithms import nearest  # noqa: PLC0415  (only mistakes need it)

    choice = re.match(r".*invalid choice: '(?P<word>[^']*)' \(choose from (?P<known>.*)\)", message)
    if choice:
        return nearest(choice["word"], re.findall(r"[\w-]+", choice["known"]))
    unknown = re.match(r"unrecognized arguments: (?P<word>--[\w-]+)", message)
    return nearest(unknown["word"], sorted(_flags(of))) if unknown else ""


def _flags(of: argparse.ArgumentParser) -> set[str]:
    """Return the flags of the verb that was typed, or of the command itself."""
    chosen = of
    for word in sys.argv[1:]:
        verbs = next((a for a in chosen._actions if isinstance(a, argparse._SubParsersAction)), None)  # noqa: SLF001
        if verbs and word in verbs.choices:
            chosen = verbs.choices[word]
    return {flag for action in chosen._actions for flag in action.option_strings}  # noqa: SLF001


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors go to standard error as one sentence with a remedy."""
    given = parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a narrow locale must neither stop a report nor spoil a document
        document = getattr(given, "format", "text") != "text"
        sys.stdout.reconfigure(encoding="utf-8" if document else None, errors="backslashreplace")
    try:
        _check_texts(given)
        return int(import_module("pqvalidate.commands").VERBS[given.verb](given))
    except PqvalidateError as error:
        return _end(error.exit_code, str(error))
    except KeyboardInterrupt:
        return _end(3, "interrupted")
    except Exception as error:
        if os.environ.get("PQVALIDATE_DEBUG"):
            raise
        return _end(70, _own_fault(error))


def _check_texts(given: argparse.Namespace) -> None:
    """Refuse what was typed for a bundle, and so for certificates, if it would not look as it reads."""
    for word in ("because", "vendor", "name", "version"):
        text: str | None = getattr(given, word, None)
        if text and given.verb in {"run", "plan", "acvp"}:
            from pqvalidate.documents import free_text  # noqa: PLC0415  (only who types such a text needs it)

            setattr(given, word, free_text(text, f"--{word}"))


def _own_fault(error: Exception) -> str:
    import traceback  # noqa: PLC0415  (needed only here)

    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"our own fault: {type(error).__name__}: {error} at {Path(where.filename).name}:{where.lineno}. Please report"
        " it with the command and `pqvalidate --version`; PQVALIDATE_DEBUG=1 shows where it happened"
    )


def _end(code: int, message: str) -> int:
    with contextlib.suppress(OSError):  # standard error may be gone, too
        sys.stderr.write(f"pqvalidate: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
