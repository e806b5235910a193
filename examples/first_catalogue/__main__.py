"""Make the first catalogue: ``make catalogue``, or ``python -m examples.first_catalogue --help``.

Every implementation that can be attached here is measured, every failed check is looked at a second time by other
means, and what came of it is signed with demonstration keys, published, and written on a page of docs/reference.
Interrupt it at any time; the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.first_catalogue import pictures, stages
from examples.first_catalogue.contestants import Absent, Contestant, line_up
from examples.first_catalogue.page import Made, write
from examples.first_catalogue.stages import Failed, Finding
from pqvalidate.errors import PqvalidateError, UsageError

ROOT = Path(__file__).parents[2]


def tell(what: str) -> None:
    """Say on standard error what is being done."""
    if what:
        sys.stderr.write(f"{what}\n")


def arguments(words: list[str] | None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="first_catalogue", description="Make the first catalogue and its page.")
    parser.add_argument("name", nargs="*", help="short names or manifests (default: everybody)")
    parser.add_argument("--leave-out", action="append", default=[], metavar="NAME",
                        help="do not examine this one; the page says so; may be repeated")  # fmt: skip
    parser.add_argument("--out", type=Path, help="folder of it (default: in pqvalidate-runs, named after the depth)")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "reference" / "first-catalogue.md",
                        help="page to write; pictures and findings go into a folder beside it")  # fmt: skip
    parser.add_argument("--depth", choices=("quick", "standard", "full"), default="standard")
    parser.add_argument("--cases", type=int, default=0, help="cases of each campaign (default: as the depth gives)")
    parser.add_argument("--cases-of", action="append", default=[], metavar="NAME=CASES",
                        help="cases of each campaign of one implementation; may be repeated")  # fmt: skip
    parser.add_argument("--parameter-set", action="append", default=[], help="only this set; may be repeated")
    parser.add_argument("--jobs", type=int, default=1, help="processes for large campaigns (default: 1)")
    parser.add_argument("--together", type=int, default=1, help="implementations measured side by side (default: 1)")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each operation that is timed; 0: time nothing")
    parser.add_argument("--seed", default="", help="seed in hex (default: drawn afresh)")
    given = parser.parse_args(words)
    if given.out is None:
        given.out = (
            ROOT / "pqvalidate-runs" / f"first-catalogue-{given.depth}{f'-{given.cases}' if given.cases else ''}"
        )
    return given


def cases_of(words: Sequence[str]) -> dict[str, int]:
    """Return the cases by name of an implementation.

    Raises:
        UsageError: a word is not NAME=CASES.

    """
    found = {}
    for word in words:
        name, _, cases = word.partition("=")
        if not name or not cases.isdecimal() or int(cases) < 1:
            raise UsageError(f"--cases-of takes NAME=CASES, for example dilithium-py=256, and not {word!r}")
        found[name] = int(cases)
    return found


def make(given: argparse.Namespace) -> Made:
    """Make the catalogue, stage by stage."""
    out: Path = given.out.absolute()
    wanted = stages.begin(
        given.depth, given.cases, given.parameter_set, given.jobs, given.seed, cases_of(given.cases_of)
    )  # fmt: skip
    some, absent = line_up(given.name, out, tell)
    if unknown := set(given.leave_out) - {one.label for one in some} - {one.label for one in absent}:
        raise UsageError(f"--leave-out names {', '.join(sorted(unknown))}, which does not take part anyway")
    absent += [Absent(one.label, "left out by whoever made this catalogue (`--leave-out`)")
               for one in some if one.label in given.leave_out]  # fmt: skip
    some = [one for one in some if one.label not in given.leave_out]
    if unknown := set(wanted.cases_of) - {one.label for one in some} - {one.label for one in absent}:
        raise UsageError(f"--cases-of names {', '.join(sorted(unknown))}, which does not take part")
    campaign = stages.opened(out, wanted)
    absent += [Absent(one.label, "claims none of the parameter sets that were chosen")
               for one in some if not one.sets(campaign.parameter_sets)]  # fmt: skip
    able = [one for one in some if one.sets(campaign.parameter_sets)]
    there: list[Contestant] = []
    for one, found in zip(able, stages.run_all(able, out, campaign, given.together, tell), strict=True):
        if isinstance(found, Failed):
            absent.append(Absent(found.label, f"no result: {found.why}"))
        else:
            there.append(one)
    if not there:
        raise UsageError("nothing could be run: " + "; ".join(f"{row.label}: {row.why}" for row in absent))
    findings: dict[str, tuple[Finding, ...]] = {
        one.label: stages.look_again(one, out, out / "bundles" / one.label, tell) for one in there
    }
    lab, owner = stages.keys(out)
    certificates = {one.label: stages.certify(one.label, out, lab) for one in there}
    held = stages.held_back(findings)
    tell("timing")
    timed = stages.time(there, out, given.seconds, tell)
    tell("publishing")
    shown = [path for label, path in certificates.items() if label not in held]
    folder = stages.publish(shown, out, lab, owner, timed) if shown else None
    return Made(
        out=out, campaign=campaign, labels=tuple(one.label for one in there), absent=tuple(absent),
        held=held, findings=findings, timed=timed, catalogue=folder,
    )  # fmt: skip


def main(words: list[str] | None = None) -> int:
    """Make it, write the page, say where everything is."""
    given = arguments(words)
    try:
        pictures.ready()
        made = make(given)
        write(made, given.page.absolute())
    except PqvalidateError as error:
        sys.stderr.write(f"first_catalogue: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("first_catalogue: interrupted; the same command goes on from here\n")
        return 130
    site = made.catalogue / "site" / "index.html" if made.catalogue else "none published"
    sys.stdout.write(
        f"{len(made.labels)} implementations, {len(made.absent)} absent\n  page {given.page}\n  site {site}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
