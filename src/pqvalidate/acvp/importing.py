"""Judging response files: prompts, expected results and answers become a bundle like that of any other run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pqvalidate.acvp.answers import read_answers
from pqvalidate.acvp.forms import KINDS
from pqvalidate.acvp.planning import Chosen, cases_by_set, make_plan, operations
from pqvalidate.acvp.prompts import Prompt, left_out, read_prompts
from pqvalidate.adapters.artefacts import artefact_of, artefacts_of
from pqvalidate.algorithms import PARAMETER_SETS, nearest, parameter_set
from pqvalidate.bundle import BundleWriter
from pqvalidate.digests import file_digests
from pqvalidate.errors import InputError, UsageError
from pqvalidate.evidence import Artefact, CaseRecord, Evidence, Subject, VectorSource
from pqvalidate.manifest import Manifest, read_manifest
from pqvalidate.runner import opening, run
from pqvalidate.vectors import Case

_UNBOUND = "the answers came as files: nothing but the word of those who carried them binds them to the device"
_PAIRED = "expected results: two independent implementations agreed on each before it was written"
_GIVEN = "expected results: as published, not computed again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of an import: what was sent, what was kept apart, and what came back."""

    prompts: tuple[Path, ...]
    expected: tuple[Path, ...]
    responses: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Who made the device and what is claimed for it: from a manifest, or from the command line."""

    vendor: str = ""
    name: str = ""
    version: str = ""
    manifest: Path | None = None
    parameter_sets: tuple[str, ...] = ()


def judge_files(
    files: Files, device: Device, folder: Path, *, without: Sequence[str] = (), case: str = "",
    command: Sequence[str] = (),
) -> tuple[Evidence, list[CaseRecord]]:  # fmt: skip
    """Judge response files and write the bundle; return the evidence and the failed cases.

    Raises:
        InputError: a file is malformed, or files do not belong together.
        UsageError: a wrong name or combination; a prompt without a response; the folder exists.

    """
    for word in without:
        if word not in KINDS:
            raise UsageError(f"--without {word!r}{nearest(word, KINDS)}: known kinds are {', '.join(KINDS)}")
    prompts = read_prompts(files.prompts, files.expected)
    iut = read_answers(files.responses, prompts)
    _refuse_answered(prompts, iut.answered, without)
    left_out(prompts, without)
    subject, examined = _subject(files, device, prompts)
    chosen = Chosen(parameter_sets=examined, without=tuple(without), case=case)
    planned = make_plan(prompts, chosen, _sources(prompts), _seed(prompts))
    with BundleWriter(folder, opening(planned, subject)) as writer:
        return run(iut, planned, subject, writer, command=command)


def _refuse_answered(prompts: Sequence[Prompt], answered: frozenset[str], without: Sequence[str]) -> None:
    for prompt in prompts:
        for row in prompt.asked:
            lacking = sorted(row.kinds.intersection(without))
            if lacking and row.case.id in answered:
                tg_id, tc_id = row.number
                raise UsageError(
                    f"--without {lacking[0]}: but the response answers tgId {tg_id}, tcId {tc_id}, which is of that"
                    " kind; leave --without out, so that it is judged"
                )


def _subject(files: Files, device: Device, prompts: Sequence[Prompt]) -> tuple[Subject, tuple[str, ...]]:
    """Return who answered, by the digests of responses and of what the manifest names, and what is examined."""
    cases = cases_by_set(prompts)
    manifest = _manifest(device)
    if manifest:
        if device.vendor or device.name:
            raise UsageError("--manifest states the vendor and the name: leave --vendor and --name out")
        product, claims = manifest.product, manifest.claims.conformance
        artefacts, notes = _named_artefacts(manifest, device.manifest)
        caller_checks, configuration, form = manifest.claims.caller_checks, manifest.configuration, product.form
        vendor, name, version = product.vendor, product.name, product.version or device.version
    else:
        claims = tuple(found for found in PARAMETER_SETS if found in cases)
        artefacts, notes, caller_checks, configuration, form = (), (), (), {}, "module"
        vendor, name, version = device.vendor, device.name, device.version
    if not (vendor.strip() and name.strip() and version.strip()):
        raise UsageError("an import needs --vendor, --name and --version, or a --manifest that states them")
    origin = _PAIRED if all(prompt.seed for prompt in prompts) else _GIVEN
    responses = _responses(files.responses, {row.path for row in artefacts})
    return Subject(
        vendor=vendor, name=name, version=version, form=form, adapter="acvp-files", artefacts=artefacts + responses,
        claims=claims, caller_checks=caller_checks, operations=operations(cases, claims), configuration=configuration,
        notes=(*notes, _UNBOUND, origin, *_unclaimed(cases, claims), *_unasked(prompts)),
    ), _examined(claims, device.parameter_sets)  # fmt: skip


def _responses(paths: Sequence[Path], taken: set[str]) -> tuple[Artefact, ...]:
    """Return the response files as artefacts; two of one name are told apart by their number."""
    names = [path.name for path in paths]
    return tuple(
        artefact_of(path, path.name if names.count(path.name) == 1 and path.name not in taken
                    else f"response-{number}/{path.name}")
        for number, path in enumerate(paths, start=1)
    )  # fmt: skip


def _manifest(device: Device) -> Manifest | None:
    if device.manifest is None:
        return None
    manifest = read_manifest(device.manifest)
    if manifest.attach.kind != "acvp-files":
        problem = f"is {manifest.attach.kind!r}, and answers in files need acvp-files"
        raise InputError(device.manifest, "attach.kind", problem, 'Write kind = "acvp-files", or use `pqvalidate run`')
    return manifest


def _named_artefacts(manifest: Manifest, file: Path | None) -> tuple[tuple[Artefact, ...], tuple[str, ...]]:
    return artefacts_of(manifest, file) if manifest.artefacts and file else ((), ())


def _unclaimed(cases: Mapping[str, Sequence[Case]], claims: Sequence[str]) -> tuple[str, ...]:
    names = [name for name in cases if name not in claims]
    return (f"the prompts also ask about {', '.join(names)}, which is not claimed and not judged",) if names else ()


def _unasked(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    return tuple(
        f"{prompt.name}: the expected results hold {prompt.unasked} more tests than the prompt asks"
        for prompt in prompts if prompt.unasked
    )  # fmt: skip


def _examined(claims: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    for name in wanted:
        parameter_set(name)
        if name not in claims:
            raise UsageError(f"{name} is not among what is claimed here: {', '.join(claims) or 'nothing'}")
    return tuple(name for name in claims if not wanted or name in wanted)


def _seed(prompts: Sequence[Prompt]) -> str:
    """Return the one seed that all prompts were made from, or the empty string."""
    seeds = {prompt.seed for prompt in prompts}
    return seeds.pop() if len(seeds) == 1 else ""


def _sources(prompts: Sequence[Prompt]) -> list[VectorSource]:
    """Return the digests of prompt and expected results, once per parameter set that they ask about."""
    rows = []
    for prompt in prompts:
        names = dict.fromkeys(row.case.parameter_set for row in prompt.asked)
        files = {"prompt": prompt.source.file} | ({"expected": prompt.expected} if prompt.expected else {})
        for what, path in files.items():
            digest, _, _ = file_digests(path)
            rows += [VectorSource(set=prompt.name, revision=what, parameter_set=name, sha256=digest) for name in names]
    return rows
