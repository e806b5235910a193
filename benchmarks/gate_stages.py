"""What the gate counts: our own work, stage by stage, with a mark before and after each; run by ``gate.py``.

A mark is a call of getppid, at which callgrind writes down what was executed since the last one. The vendor's process
is a child of its own, which is not counted: these are the instructions of the harness.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SET = "ML-KEM-768"
CASES = 1000
IDLE = Path(__file__).with_name("idle.toml")


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Mark the beginning and the end of a stage and say its name."""
    os.getppid()
    yield
    os.getppid()
    sys.stdout.write(f"{name}\n")


def main() -> None:
    """Go through all stages."""
    with stage("import pqvalidate"):
        import pqvalidate as pqv  # noqa: PLC0415
    with stage("--help"), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        from pqvalidate.cli import main as command  # noqa: PLC0415

        command(["--help"])
    from pqvalidate.adapters.interface import Call  # noqa: PLC0415
    from pqvalidate.bundle import BundleWriter  # noqa: PLC0415
    from pqvalidate.evidence import CaseRecord  # noqa: PLC0415
    from pqvalidate.planner import Selection, make_plan  # noqa: PLC0415
    from pqvalidate.runner import opening  # noqa: PLC0415
    from pqvalidate.vectors import load  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="pqvalidate-gate-") as name:
        folder = Path(name)
        load("ML-KEM-1024", sets=())
        with stage("vectors of a parameter set"):
            load(SET)
        with pqv.attach(IDLE) as iut:
            selection = Selection(seed="00" * 16, only=("ml-kem/kat-decapsulate",))
            make_plan(iut.subject, selection)
            with stage("a plan"):
                planned = make_plan(iut.subject, selection)
            calls = [
                Call(operation="decapsulate", parameter_set=SET, inputs={"dk": bytes(2400), "c": bytes(1088)})
            ] * CASES  # fmt: skip
            iut.ask(calls[:10])
            with stage(f"{CASES} calls"):
                iut.ask(calls)
            records = [CaseRecord(step=0, case=f"acvp/1/{number}", outcome="pass") for number in range(CASES)]
            with BundleWriter(folder / "bundle", opening(planned, iut.subject)) as writer:
                writer.add(records[0])
                writer.flush()
                with stage(f"{CASES} cases written"):
                    for record in records:
                        writer.add(record)
                    writer.flush()


if __name__ == "__main__":
    main()
