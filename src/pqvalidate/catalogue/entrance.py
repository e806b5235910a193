"""Where the command line enters the catalogue; its framework is loaded only by those who use one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime

from pqvalidate.certificate.verification import Verified
from pqvalidate.errors import UsageError


def act(given: argparse.Namespace, moment: datetime) -> tuple[str, int]:
    """Publish, withdraw, supersede or suspend certificates, or ask for the status of one; return text and exit code.

    Raises:
        PqvalidateError: as ``publishing`` and ``checking``.

    """
    from pqvalidate.catalogue import verbs  # noqa: PLC0415

    return {"publish": verbs.publish, "status": verbs.status}.get(given.verb, verbs.change)(given, moment)


def asked(
    given: argparse.Namespace, found: Verified, moment: datetime
) -> tuple[Verified, Callable[[str | bytes], str | bytes]]:
    """Ask the catalogue of ``verify`` for the status; return what is known then, and what adds its answer to a page.

    Raises:
        UsageError: flags about a catalogue, and no catalogue.
        RefusedCatalogueError, InputError: as ``client.open_catalogue``.

    """
    if not given.catalogue:
        if given.root or given.max_staleness or given.state:
            raise UsageError("--root, --max-staleness and --state have no effect without --catalogue")
        return found, lambda shown: shown
    from pqvalidate.catalogue import verbs  # noqa: PLC0415

    checked, answer = verbs.checked(given, found, moment)
    return checked, lambda shown: verbs.shown(given, shown, answer)
