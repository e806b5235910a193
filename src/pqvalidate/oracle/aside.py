"""The oracle in a process of its own, so that it computes while this one speaks to the implementation under test.

Only a means to use a second processor: what cannot be computed there, because it cannot be sent or because an input is
refused, is left to the caller, who computes it here.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self

_SERVE = "import sys; sys.path[:] = sys.argv[1:]; from pqvalidate.oracle.aside import serve; serve()"


class Aside:
    """A process that computes batches; started by the first one, ended by leaving the ``with`` block."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lost = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()  # it holds nothing that could be lost
            self._process.communicate()
            self._process = None

    def compute(
        self, function: Callable[..., Sequence[Any]], name: str, columns: Sequence[Sequence[Any]]
    ) -> Sequence[Any] | None:
        """Return ``function(name, *columns)``, or None where it has to be computed here."""
        if self._lost:
            return None
        try:
            request = pickle.dumps((function, name, columns))
        except (pickle.PicklingError, AttributeError, TypeError):  # a closure, or something that holds one
            return None
        try:
            values: Sequence[Any] | None = self._asked(request)
        except (OSError, EOFError, pickle.UnpicklingError):
            self._lost = True
            return None
        return values

    def _asked(self, request: bytes) -> Any:  # noqa: ANN401  (whatever the function returns)
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603  (our own code, by the interpreter that runs this)
                [sys.executable, "-c", _SERVE, *sys.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the run, which ends this process in its own time
            )  # fmt: skip
        if self._process.stdin is None or self._process.stdout is None:
            raise EOFError
        self._process.stdin.write(request)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)  # noqa: S301  (our own code wrote it, in a process that we started)


def serve() -> None:
    """Answer requests on standard input until it ends; runs in the process that ``Aside`` starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not get between the answers
    with suppress(EOFError, BrokenPipeError):
        while True:
            function, name, columns = pickle.load(sys.stdin.buffer)  # noqa: S301  (as above, the other way)
            try:
                values = pickle.dumps(function(name, *columns))
            except Exception:  # noqa: BLE001  (computed again by the caller, who then sees it raised)
                values = pickle.dumps(None)
            answers.write(values)
            answers.flush()
