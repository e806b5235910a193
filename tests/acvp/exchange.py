"""An exchange of files with a device: emitted by the command, answered by a separate program, judged by the command."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pqvalidate.acvp.emit import PROMPTS, SECRET
from pqvalidate.acvp.importing import Device, Files, judge_files
from pqvalidate.evidence import Evidence
from pqvalidate.vectors import reader
from tests.cli.command import Done, pqvalidate, succeeded

Json = dict[str, Any]
DEVICE = Path(__file__).with_name("device.py")
SEED = bytes(range(32)).hex()
NAMED = ("--vendor", "Example BV", "--name", "HSM", "--version", "2.1")


class Exchange:
    """A folder with prompts and expected results for some parameter sets, and what devices have answered to them."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.done = succeeded("acvp", "emit", *words, "--seed", SEED, "--out", self.files)

    @property
    def names(self) -> list[str]:
        return sorted(path.stem for path in (self.files / PROMPTS).iterdir())

    def prompt(self, name: str) -> Path:
        return self.files / PROMPTS / f"{name}.json"

    def expected(self, name: str) -> Path:
        return self.files / SECRET / f"{name}-expected.json"

    def response(self, name: str, *words: str) -> Path:
        """Return what the device answers; it runs in a folder that holds the prompt and nothing else."""
        place = self.folder / "-".join(("device", name, *words)).replace("--", "")
        if not (place / "response.json").exists():
            place.mkdir()
            shutil.copy(self.prompt(name), place / "prompt.json")
            answer(place / "prompt.json", place / "response.json", *words)
        return place / "response.json"

    def flags(self, *names: str) -> list[str | Path]:
        """Return the flags that name prompts and expected results."""
        pairs = [("--prompt", self.prompt(n), "--expected", self.expected(n)) for n in names]
        return [word for pair in pairs for word in pair]

    def judged_here(self, responses: Sequence[Path], names: Sequence[str], out: Path) -> Evidence:
        """Judge in this process, which spares the tests of many damaged files the start of as many others."""
        files = Files(
            prompts=tuple(map(self.prompt, names)), expected=tuple(map(self.expected, names)),
            responses=tuple(responses),
        )  # fmt: skip
        return judge_files(files, Device(vendor="Example BV", name="HSM", version="2.1"), out)[0]

    def judged(self, responses: Sequence[Path], names: Sequence[str], out: Path, *words: str | Path) -> Done:
        return pqvalidate("acvp", "import", *responses, *self.flags(*names), *NAMED, "--out", out, *words)


def answer(prompt: Path, response: Path, *words: str) -> None:
    """Have the device answer a prompt, without pqvalidate on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-I", str(DEVICE), str(prompt), str(response), *words]
    subprocess.run(command, cwd=response.parent, env=environment, check=True, timeout=120)


def vector_set(document: Any) -> Json:
    """Return the first vector set of a file in any shape."""
    rows = document if isinstance(document, list) else [document]
    found: Json = next(row for row in rows if "testGroups" in row)
    return found


def edited(path: Path, target: Path, edit: Callable[[Json], object]) -> Path:
    """Write a copy of a file whose vector set was edited."""
    document = copy.deepcopy(json.loads(path.read_text()))
    edit(vector_set(document))
    target.write_text(json.dumps(document))
    return target


def published(name: str, parameter_set: str) -> Json:
    """Return the prompt of a set that NIST has published, built again from the vectors that ship."""
    root = reader.default_folder()
    entry = next(row for row in reader.manifest(root).sets if row.id == f"acvp/{name}")
    file = next(row for row in entry.files if row.parameter_set == parameter_set)
    algorithm, mode, revision = entry.id.removeprefix("acvp/").replace("ML-", "ML_").split("-", 2)
    groups = []
    for group in reader._unpack(root, entry.id, file).groups:
        attributes = {key: {"True": True, "False": False}.get(value, value) for key, value in group.attributes.items()}
        tests = [{"tcId": int(test.id), **_sent(mode, attributes, test)} for test in group.tests]
        groups.append({"tgId": int(group.id), "parameterSet": parameter_set, **attributes, "tests": tests})
    algorithm = algorithm.replace("_", "-")
    return {"vsId": 42, "algorithm": algorithm, "mode": mode, "revision": revision, "testGroups": groups}


def _sent(mode: str, group: Json, test: Any) -> Json:
    values = {key: value.hex().upper() for key, value in test.values.items()}
    seed = values.pop("seed", "")
    if mode == "sigVer" or group.get("signatureInterface"):
        fields = {"pk", "sk", "message", "mu", "rnd", "context", *(["signature"] if mode == "sigVer" else [])}
        values["seed"] = seed
        fields |= {"seed"} if seed else set()
    elif mode == "keyGen":
        return {"d": seed[:64], "z": seed[64:]} if len(seed) == 128 else {"seed": seed}
    else:
        fields = {
            "encapsulation": {"ek", "m"}, "decapsulation": {"dk", "c"}, "encapsulationKeyCheck": {"ek"},
            "decapsulationKeyCheck": {"dk"},
        }[group["function"]]  # fmt: skip
        if group.get("keyFormat") == "seed":
            return {"d": seed[:64], "z": seed[64:], "c": values["c"]}
    sent = {key: value for key, value in values.items() if key in fields}
    return sent | ({"hashAlg": test.hash} if test.hash else {})
