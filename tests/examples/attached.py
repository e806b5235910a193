"""Building and running what vendors copy: the harnesses in examples/ and the starters of `pqvalidate init`."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.adapters.attach import attach
from pqvalidate.adapters.interface import Call, Fault, Unasked
from pqvalidate.algorithms import parameter_set
from tests.cli.command import COMMAND, environment
from tests.house_rules.tree import ROOT

HARNESSES = ROOT / "examples" / "harnesses"
_BUILD_SECONDS = 1800
_RUN_SECONDS = 900
_LONG = 10 << 20


def build(folder: Path, *words: str) -> None:
    """Build by make; without network a package cannot be fetched, which fails only where CI asks for everything."""
    with (folder / "Makefile").open("rb") as lock:  # several processes share the tests, and some the folders
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["make", "-C", str(folder), *words], capture_output=True, text=True, check=False, timeout=_BUILD_SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if done.returncode == 0:
        return
    problem = f"make {' '.join(words)} failed: {done.stderr[-2000:]}"
    if os.environ.get("PQV_REQUIRE_TOOLCHAINS") == "1":
        pytest.fail(problem, pytrace=False)
    pytest.skip(problem)


def quick_report(manifest: Path, out: Path) -> dict[str, Any]:
    """Return the report of a run at depth quick; the run may find what it finds, but it must come to an end."""
    words = ["run", str(manifest), "--depth", "quick", "--seed", "5eed", "--format", "json", "--out", str(out)]
    done = subprocess.run(
        [*COMMAND, *words], env=environment(), capture_output=True, text=True, check=False, timeout=_RUN_SECONDS,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode in {0, 1, 3}, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def keeps_to_the_protocol(manifest: Path) -> None:
    """Insist that `pqvalidate harness-check` finds nothing to change."""
    done = subprocess.run(
        [*COMMAND, "harness-check", str(manifest)], env=environment(), capture_output=True, text=True, check=False,
        timeout=_RUN_SECONDS, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def takes_long_inputs(manifest: Path) -> None:
    """Insist that an encapsulation key and a message of 10 MiB reach the library: nothing breaks on the way."""
    with attach(manifest) as iut:
        for name, offered in iut.subject.operations.items():
            row = parameter_set(name)
            inputs: dict[str, Any] = {"ek": bytes(_LONG)}
            operation = "encapsulate"
            if row.algorithm in {"ML-DSA", "Dilithium"}:
                operation, pair = "verify", {"pk": bytes(row.public_key), "signature": bytes(row.output)}
                inputs = {**pair, "message": bytes(_LONG)}
            if operation in offered:
                (reply,) = iut.ask([Call(operation=operation, parameter_set=name, inputs=inputs)])
                assert not isinstance(reply, Fault) or isinstance(reply, Unasked), f"{name}: {reply}"


def outcomes(report: dict[str, Any], outcome: str) -> set[tuple[str, str]]:
    """Return (check, parameter set) of each result with an outcome; advisory results never count as failed."""
    return {
        (row["check"], row["parameter_set"])
        for row in report["results"]
        if row["outcome"] == outcome and row["severity"] != "advisory"
    }
