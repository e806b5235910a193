"""The doctor: is this installation fit to judge others? Vectors by digest, controls, and which tools are here."""

from __future__ import annotations

import shutil

from pqvalidate import vectors
from pqvalidate import vendors as built_in
from pqvalidate.adapters.interface import table_for
from pqvalidate.adapters.sandbox import REMEDIES
from pqvalidate.adapters.sandbox_paths import without_vendor
from pqvalidate.adapters.session import Session, Target
from pqvalidate.adapters.together import ways
from pqvalidate.algorithms import PARAMETER_SETS, PREHASH_OID_BYTE
from pqvalidate.controls import PLANTED, first_not_passed, run_controls, started
from pqvalidate.documents import Record
from pqvalidate.evidence import Control, Depth, Subject
from pqvalidate.mutants import Mutant
from pqvalidate.planner import Planned, Selection, Task, make_plan
from pqvalidate.suites import find_check

TOOLS = ("cc", "valgrind", "go", "cargo", "java", "node")
_SEED = "00"
TRIED_ON = {"ML-KEM": "ML-KEM-768", "ML-DSA": "ML-DSA-44", "Kyber": "Kyber-768", "Dilithium": "Dilithium2"}
"""One parameter set for each family; a mutant that exists on other sets only is tried on those."""
_SAMPLES = (1, 3, 12, 48, 512)
"""Most cases that a planted fault is given at a time; their sum is the most it is given in all."""


class Tried(Record):
    """A planted fault on one parameter set, and which of the checks meant for it noticed it and which did not."""

    mutant: str
    parameter_set: str
    killed_by: tuple[str, ...]
    missed_by: tuple[str, ...]


class Diagnosis(Record):
    """What was found; ``damaged`` names vector files whose bytes do not match their digest."""

    schema: str
    vector_files: int
    damaged: tuple[str, ...]
    controls: tuple[Control, ...]
    tools: dict[str, str]
    sandbox: dict[str, str]
    vendors: dict[str, str]
    mutants: tuple[Tried, ...] | None = None

    def survivors(self) -> list[Tried]:
        """Return the planted faults that no check meant for them noticed."""
        return [tried for tried in self.mutants or () if not tried.killed_by]

    def misjudged(self) -> list[Control]:
        """Return the controls that were judged wrongly."""
        return [control for control in self.controls if control.expected != control.seen]

    def exit_code(self) -> int:
        """Return 0 if all is well, 4 for a damaged vector file, 3 for a misjudged control or a surviving mutant."""
        return 4 if self.damaged else 3 if self.misjudged() or self.survivors() else 0

    def text(self) -> str:
        """Return the diagnosis in words."""
        wrong = self.misjudged()
        mutants = sum(control.expected == "fail" for control in self.controls)
        lines = [
            f"vectors   {self.vector_files - len(self.damaged)} of {self.vector_files} files match their digest",
            *(f"          damaged: {path}; reinstall pqvalidate" for path in self.damaged),
            (
                f"controls  {len(self.controls) - len(wrong)} of {len(self.controls)} judged rightly"
                f" ({len(self.controls) - mutants} reference, {mutants} mutants)"
            ),
            *(f"          misjudged: {c.control} by {c.check}: expected {c.expected}, seen {c.seen}" for c in wrong),
            *self._mutant_lines(),
            *(f"sandbox   {name:<15} {where}" for name, where in self.sandbox.items()),
            *(f"tool      {name:<9} {where or 'not found'}" for name, where in self.tools.items()),
            *(f"vendor    {name:<14} {detail}" for name, detail in self.vendors.items()),
        ]
        return "\n".join(lines) + "\n"

    def _mutant_lines(self) -> list[str]:
        if self.mutants is None:
            return []
        killed = len(self.mutants) - len(self.survivors())
        lines = [f"mutants   {killed} of {len(self.mutants)} killed by a check that is meant for them"]
        return lines + [
            f"          survives on {tried.parameter_set}: {tried.mutant}; asked were {', '.join(tried.missed_by)}"
            for tried in self.survivors()
        ]


def diagnose(*, mutants: bool = False) -> Diagnosis:
    """Check every vector file, run every control at depth quick, and look for tools and vendors.

    Args:
        mutants: try every planted fault on every check that is meant for it, too, with the cases of depth standard;
            that takes minutes.

    """
    digests = vectors.digest_all()
    return Diagnosis(
        schema="pqvalidate/diagnosis/1", vector_files=len(digests),
        damaged=tuple(str(path) for path, good in digests if not good), controls=_controls(),
        sandbox=_sandbox(), tools={name: shutil.which(name) or "" for name in TOOLS},
        vendors={name: built_in.availability(name)[1] for name in built_in.BUILT_IN},
        mutants=_all_mutants() if mutants else None,
    )  # fmt: skip


def _sandbox() -> dict[str, str]:
    """Start a worker without vendor code and return, by layer, what holds there or what would help."""
    found: dict[str, str] = {}
    for filter_, library in (("seccomp-sockets", False), ("seccomp", True)):
        wanted = without_vendor(library=library)
        with Session(Target(target="pqvalidate.adapters.sandbox:nothing", sandbox=wanted)) as session:
            held = session.hello["limits"]
        for name in ("netns", "landlock", filter_):
            here = next((layer for layer in held if layer == name or layer.rstrip("0123456789") == name), "")
            found[name] = f"{here} holds" if here else f"not here: {REMEDIES.get(name, REMEDIES['seccomp'])}"
    return found


def _controls() -> tuple[Control, ...]:
    return run_controls(_everything(tuple(PARAMETER_SETS), "quick"))


def _everything(sets: tuple[str, ...], depth: Depth) -> Planned:
    """Plan for an imagined implementation that offers everything."""
    operations = {name: every_operation(name) for name in sets}
    subject = Subject(
        vendor="pqvalidate", name="controls", version="", form="software-library", adapter="none", artefacts=(),
        claims=sets, caller_checks=(), operations=operations, configuration={}, notes=(),
    )  # fmt: skip
    return make_plan(subject, Selection(depth=depth, seed=_SEED))


def every_operation(name: str) -> tuple[str, ...]:
    """Return all that an implementation of a parameter set can offer; a context came with FIPS 204 section 5.2."""
    table, old = table_for(name), PARAMETER_SETS[name].algorithm == "Dilithium"
    options = [f"{op}.{option}" for op, shape in table.items() for option in shape.optional]
    hashes = [f"hash:{hash_name}" for hash_name in PREHASH_OID_BYTE]
    environment = [f"env:{way}" for way in (*ways(), "restart")]
    return (*table, *(o for o in options if not old or not o.endswith(".context")), *hashes, *environment)


def _all_mutants() -> tuple[Tried, ...]:
    """Try each planted fault on one parameter set of each of its algorithms."""
    plans = {name: _everything((name,), "standard") for name in PARAMETER_SETS}
    return tuple(
        tried
        for mutant in PLANTED
        for algorithm in mutant.algorithms
        for name in (mutant.sets[:1] or (TRIED_ON[algorithm],))
        if PARAMETER_SETS[name].algorithm == algorithm and (tried := _try(mutant, name, plans[name]))
    )


def _try(mutant: Mutant, name: str, planned: Planned) -> Tried | None:
    """Return which checks noticed a planted fault; None where no check that is meant for it has cases."""
    meant = {check for check in mutant.proves.split() if find_check(check).algorithm == PARAMETER_SETS[name].algorithm}
    tasks = [task for task in planned.tasks if task.check.name in meant]
    killed = tuple(task.check.name for task in tasks if _kills(mutant, task))
    missed = tuple(task.check.name for task in tasks if task.check.name not in killed)
    return Tried(mutant=mutant.what, parameter_set=name, killed_by=killed, missed_by=missed) if tasks else None


def _kills(mutant: Mutant, task: Task) -> bool:
    with started(mutant.make, mutant.target, task) as subject:
        found = first_not_passed(subject, task, _SAMPLES)
    return found is not None and found.outcome == "fail"
