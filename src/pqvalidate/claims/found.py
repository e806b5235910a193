"""What checking a claim found, and what of a run it may look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pqvalidate.digests import directory_digests, file_digests, shortened, uncovered
from pqvalidate.documents import Record
from pqvalidate.errors import InputError
from pqvalidate.evidence import Artefact, Evidence

Outcome: TypeAlias = Literal["shown", "not-shown", "contradicted"]


class Seen(Record):
    """A file or folder that was looked at, by name (no folder before it) and SHA-256; ``uri`` may be empty."""

    name: str
    sha256: str
    uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a check came out: how it was made if the claim was shown, why not otherwise, and what was looked at.

    ``not-shown`` says that the evidence is not enough, and blames nobody; ``contradicted`` that it says otherwise.
    """

    outcome: Outcome
    says: str
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What a run has seen: the product, its files, the parameter sets that answered, and those that passed."""

    name: str
    version: str
    artefacts: tuple[Artefact, ...]
    offered: tuple[str, ...]
    passed: tuple[str, ...]

    @property
    def files(self) -> tuple[Artefact, ...]:
        """The tested single files."""
        return tuple(row for row in self.artefacts if row.kind == "file")

    @property
    def folders(self) -> tuple[str, ...]:
        """The names of tested folders, which have a digest of ours and none that others would write down."""
        return tuple(row.path for row in self.artefacts if row.kind == "tree")


def of_evidence(evidence: Evidence) -> Tested:
    """Return what a run has seen."""
    facts = evidence.facts
    passed = {step.parameter_set for step, result in zip(facts.plan.steps, facts.results, strict=True)
              if result.outcome == "pass"}  # fmt: skip
    offered = tuple(name for name, operations in facts.subject.operations.items() if operations)
    return Tested(
        name=facts.subject.name, version=facts.subject.version, artefacts=facts.subject.artefacts, offered=offered,
        passed=tuple(name for name in offered if name in passed),
    )  # fmt: skip


def look_at(path: Path, place: str, uri: str = "") -> Seen:
    """Return a file or folder as something that was looked at.

    Raises:
        InputError: it is missing, cannot be read, or is a device, a pipe or the like.

    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(path, place, "is neither a file nor a folder", "Give a file or a folder")
    try:
        sha256 = (directory_digests if path.is_dir() else file_digests)(path)[0]
        strange = uncovered(path).strange if path.is_dir() else ()
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise InputError(path, place, problem, "Put the file where the claims file says it is") from None
    if strange:
        problem = f"holds what no digest of it can bind: {shortened(strange)}"
        raise InputError(path, place, problem, "Take links that lead elsewhere, devices and pipes out of it")
    return Seen(name=path.name, sha256=sha256, uri=uri)
