"""What a child process is asked to be: what it imports, and what bounds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on a child: seconds per call and for the start, bytes of memory and of any file it writes."""

    call_seconds: int = 20
    start_seconds: int = 60
    memory_bytes: int = 2 << 30
    file_bytes: int = 1 << 20
    descriptors: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the Python worker imports: ``module:callable``, import path, parameter sets; whether to ask a version.

    With ``settings``, the callable is one of this package's own bridges to other kinds: it is called with them, and
    what it returns is then asked for each parameter set. ``counted`` says that ``adapters.counting`` can count its
    instructions. ``sandbox`` is what ``adapters.sandbox.apply`` is told; nothing for no sandbox. With ``batches``,
    calls of one operation travel together.
    """

    target: str
    path: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    ask_version: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    counted: bool = False
    sandbox: dict[str, Any] = field(default_factory=dict)
    batches: bool = False
