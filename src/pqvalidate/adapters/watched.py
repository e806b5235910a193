"""A worker that runs under valgrind: the usual one, whose sandbox is put up before valgrind begins (``fenced``).

Valgrind makes code some fifty times slower and reserves many addresses, so limits are wider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pqvalidate.adapters.fenced import Fence, watched_limits
from pqvalidate.adapters.process import ChildProcess, python_worker
from pqvalidate.adapters.session import Hello, Limits, Session, Target

_SLOWER = 60
_START_SECONDS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a worker is watched.

    Attributes:
        tool: the words of a program that runs it.
        environment: variables beside those of its target. With ``obeys`` those that are meant for Python count, and
            only those of this table; without, none does.
        slower: how many times longer calls may take.
        reads: what it must read beside what its target names.
        writes: folders into which the program writes what it has seen.

    """

    tool: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    obeys: bool = True
    slower: int = _SLOWER
    reads: Sequence[Path] = ()
    writes: Sequence[Path] = ()


class WatchedSession(Session):
    """A worker under a program of valgrind; ``hello["limits"]`` names the layers that hold around both.

    Raises:
        AttachError: the worker does not start under valgrind, or within the sandbox.

    """

    def __init__(self, target: Target, limits: Limits, watch: Watch) -> None:
        self._watch = watch
        self._fence = Fence(target.sandbox, reads=watch.reads, writes=watch.writes)
        bounds = watched_limits(limits, watch.slower, _START_SECONDS)
        try:
            super().__init__(replace(target, sandbox={}, batches=False), bounds)
        except BaseException:
            self._fence.close()
            raise

    def close(self) -> None:
        """End the child and all that it started, for good; closing twice is harmless."""
        super().close()
        self._fence.close()

    def _new_child(self) -> ChildProcess:
        own = self.target.environment
        if self._watch.obeys:
            own = {name: value for name, value in own.items() if not name.startswith("PYTHON")}
        prefix = self._fence.words(self._watch.tool)
        return python_worker({**own, **self._watch.environment}, prefix, obeys_environment=self._watch.obeys)

    def _greet(self, child: ChildProcess) -> Hello:
        hello = super()._greet(child)
        hello["limits"] = list(dict.fromkeys([*self._fence.held(), *hello["limits"]]))
        return hello
