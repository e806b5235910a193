"""The doctor: is this installation fit to judge others? Vectors by digest, controls, and which tools are here."""

from __future__ import annotations

import shutil

from pqvalidate import vectors
from pqvalidate import vendors as built_in
from pqvalidate.adapters.interface import KEM_OPERATIONS, SIGNATURE_OPERATIONS
from pqvalidate.algorithms import PARAMETER_SETS, PREHASH_OID_BYTE
from pqvalidate.controls import run_controls
from pqvalidate.documents import Record
from pqvalidate.evidence import Control, Subject
from pqvalidate.planner import Selection, make_plan

TOOLS = ("cc", "valgrind", "go", "cargo", "java", "node")
_SEED = "00"


class Diagnosis(Record):
    """What was found; ``damaged`` names vector files whose bytes do not match their digest."""

    schema: str
    vector_files: int
    damaged: tuple[str, ...]
    controls: tuple[Control, ...]
    tools: dict[str, str]
    vendors: dict[str, str]

    def misjudged(self) -> list[Control]:
        """Return the controls that were judged wrongly."""
        return [control for control in self.controls if control.expected != control.seen]

    def exit_code(self) -> int:
        """Return 0 if all is well, 4 for a damaged vector file, 3 for a misjudged control."""
        return 4 if self.damaged else 3 if self.misjudged() else 0

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
            *(f"tool      {name:<9} {where or 'not found'}" for name, where in self.tools.items()),
            *(f"vendor    {name:<14} {detail}" for name, detail in self.vendors.items()),
        ]
        return "\n".join(lines) + "\n"


def diagnose() -> Diagnosis:
    """Check every vector file, run every control at depth quick, and look for tools and vendors."""
    digests = vectors.digest_all()
    return Diagnosis(
        schema="pqvalidate/diagnosis/1", vector_files=len(digests),
        damaged=tuple(str(path) for path, good in digests if not good), controls=_controls(),
        tools={name: shutil.which(name) or "" for name in TOOLS},
        vendors={name: built_in.availability(name)[1] for name in built_in.BUILT_IN},
    )  # fmt: skip


def _controls() -> tuple[Control, ...]:
    """Plan for an imagined implementation that offers everything, and run the controls of that plan."""
    every = {"kem": KEM_OPERATIONS, "signature": SIGNATURE_OPERATIONS}
    hashes = tuple(f"hash:{name}" for name in PREHASH_OID_BYTE)
    offers = {
        kind: (*shapes, *(f"{op}.{option}" for op, shape in shapes.items() for option in shape.optional), *hashes)
        for kind, shapes in every.items()
    }
    operations = {name: offers[row.kind] for name, row in PARAMETER_SETS.items()}
    subject = Subject(
        vendor="pqvalidate", name="controls", version="", form="software-library", adapter="none", artefacts=(),
        claims=tuple(PARAMETER_SETS), caller_checks=(), operations=operations, configuration={}, notes=(),
    )  # fmt: skip
    return run_controls(make_plan(subject, Selection(depth="quick", seed=_SEED)))
