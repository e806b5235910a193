"""Where secrets steer an implementation: branches and addresses that depend on them, seen by valgrind's memcheck.

The implementation runs as it is, in a worker of its own. Secret bytes of its inputs are declared undefined right before
a call; memcheck follows undefined bits through every instruction and reports each branch and each address that depends
on one. That also holds for calls that take the same path whatever the secret is: a report is where to look, and no
leak by itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import msgspec

from pqvalidate.adapters.compiling import compiled
from pqvalidate.adapters.interface import Call, Fault, Ok, Reply
from pqvalidate.adapters.session import Session
from pqvalidate.adapters.sites import Site, place, sites
from pqvalidate.adapters.watched import Watch, WatchedSession
from pqvalidate.errors import AttachError

_ENVIRONMENT = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}
"""Python's own allocator keeps objects in one block, in which memcheck would not see that one is gone."""


class _Seen(TypedDict):
    """What the worker says: see ``adapters.tainted_calls``."""

    reached: list[int]
    sizes: list[int]
    events: int
    places: list[str]


_MOST_REPORT = 32 << 20
MOST_SITES = 12


def tainted(session: Session, call: Call) -> Reply:
    """Make calls with secrets under memcheck, in a process of their own.

    Args:
        session: a conversation with the implementation; only what it is told to start and its limits are used.
        call: its inputs hold ``calls``, each with ``op``, ``inputs`` and ``secrets`` as (field, offset, bytes).

    Returns:
        ``reached`` and ``sizes`` by call (see ``adapters.tainted_calls``); ``sites`` and ``interpreter``: a line for
        each place that depends on a secret, in the implementation and in the interpreter that runs it.

    """
    with tempfile.TemporaryDirectory(prefix="pqvalidate-taint-") as folder:
        report = Path(folder) / "report.xml"
        tool = (
            "valgrind", "--quiet", "--vgdb=no", "--tool=memcheck", "--leak-check=no", "--error-limit=no",
            "--num-callers=12", "--xml=yes", f"--xml-file={report}",
        )  # fmt: skip
        try:
            shim = compiled("tainting.c", "-shared")
            inner = {"shim": str(shim), "calls": call.inputs["calls"]}
            watch = Watch(tool=tool, environment=_ENVIRONMENT, reads=[shim.parent], writes=[Path(folder)])
            with WatchedSession(session.target, session.limits, watch) as watched:
                reply = watched.request({"op": "taint", "set": call.parameter_set, "in": inner})
            values = msgspec.convert(reply.values, _Seen) if isinstance(reply, Ok) else None
        except AttachError as error:
            return Fault("exception", f"under memcheck, {error}")
        except msgspec.ValidationError as error:
            return Fault("protocol", f"under memcheck, a reply is malformed: {error}")
        if values is None:
            return Fault("exception", f"under memcheck: {getattr(reply, 'why', '')}")
        if report.stat().st_size > _MOST_REPORT:
            return Fault("exception", f"memcheck's report is longer than {_MOST_REPORT >> 20} MiB")
        found = sites(report.read_text(encoding="utf-8", errors="replace"))
        return _summary(values, found, bridged=bool(session.target.settings))


def _summary(values: _Seen, found: Sequence[Site], *, bridged: bool) -> Reply:
    if values["events"] and not found:
        return Fault("exception", f"memcheck noticed {values['events']} events and told no place of them")
    begins = {path: int(begin, 16) for begin, path in (line.split(" ", 1) for line in values["places"])}
    theirs = [site for site in found if not site.interpreter]
    # To a C library it is our own bridge that runs in the interpreter, and looks at what it passed.
    inner = [] if bridged else [site for site in found if site.interpreter]
    return Ok({
        "reached": values["reached"], "sizes": values["sizes"], "sites": _told(theirs, begins),
        "interpreter": _told(inner, begins),
    })  # fmt: skip


def _told(found: Sequence[Site], begins: Mapping[str, int]) -> list[str]:
    """Return the places in words, each once, and how many more there are."""
    told = dict.fromkeys(
        f"{site.what} on a secret{f' in {site.through}, called' if site.through else ''} at "
        f"{place(site.file, site.address - begins.get(site.file, 0), within=bool(site.through))}"
        for site in found[:MOST_SITES]
    )
    more = [f"and {len(found) - MOST_SITES} more"] if len(found) > MOST_SITES else []
    return [*told, *more]
