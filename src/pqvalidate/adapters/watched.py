"""A worker that runs under valgrind: the usual one without the sandbox, which valgrind does not survive.

Valgrind makes code some fifty times slower and reserves many addresses, so limits are wider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pqvalidate.adapters.process import ChildProcess, python_worker
from pqvalidate.adapters.session import Limits, Session, Target

_SLOWER = 60
_START_SECONDS = 240
_MEMORY = 16 << 30
"""Addresses, most of them valgrind's own reservations."""
_FILES, _DESCRIPTORS = 1 << 28, 1024


class WatchedSession(Session):
    """A worker that the words of ``prefix`` start, in the environment of its target and the variables given.

    With variables of Python among those, the interpreter obeys them, and them alone; else it obeys none.
    """

    def __init__(
        self, target: Target, limits: Limits, prefix: Sequence[str], environment: Mapping[str, str]
    ) -> None:  # fmt: skip
        self._prefix, self._added = tuple(prefix), dict(environment)
        longer = replace(
            limits, call_seconds=limits.call_seconds * _SLOWER, start_seconds=_START_SECONDS, memory_bytes=_MEMORY,
            file_bytes=_FILES, descriptors=_DESCRIPTORS,
        )  # fmt: skip
        super().__init__(replace(target, sandbox={}, batches=False), longer)

    def _new_child(self) -> ChildProcess:
        own = {name: value for name, value in self.target.environment.items() if not name.startswith("PYTHON")}
        return python_worker({**own, **self._added}, self._prefix, obeys_environment=True)
