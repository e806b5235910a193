"""How reports name a product: its name and version, and the adapter by which it was reached, with its digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pqvalidate.report.messages import ENGLISH, Messages
from pqvalidate.report.words import short_names

if TYPE_CHECKING:  # rich is for the terminal; JUnit and Markdown do without
    from pqvalidate.certificate.overview import Contents, SetResult
    from pqvalidate.report.terminal import Page

_MOST = 120


def titled(name: str, version: str) -> str:
    """Return name and version in one; some adapters give a version that repeats the name."""
    return version if version.startswith(name) else f"{name} {version}".strip()


def heading(name: str, version: str) -> str:
    """Return name and version as the heading of a page; what others wrote may be of any length."""
    return cut(titled(name, version))


def cut(text: str) -> str:
    """Return a text of others for a first page, which it must not fill; the whole of it stands in the details."""
    return text if len(text) <= _MOST else text[:_MOST] + "..."


def whole(vendor: str, name: str, version: str, say: Messages) -> Iterator[tuple[str, str]]:
    """Yield, for the details of a page, the names that its first page shows cut."""
    for label, text in ((say("product"), name), (say("version"), version), (say("vendor"), vendor)):
        if len(text) > _MOST:
            yield label, text


def failures(says: Contents, say: Messages) -> str:
    """Return how many checks failed, and how many advisory misses, which are no failures, there are beside them."""
    advisory = sum(row.severity == "advisory" for row in says.failed_checks)
    failed = say.counted(len(says.failed_checks) - advisory, "failed check")
    return f"{failed}, {say.counted(advisory, 'advisory miss', 'advisory misses')}" if advisory else failed


def named(page: Page, name: str, version: str, *, at: int, say: Messages = ENGLISH) -> None:
    """Add name and version; a version of several words, such as that of a library inside another, has its own line."""
    if " " in version and not version.startswith(name):
        page.labelled(say("product"), (name, "bold"), at=at)
        page.labelled(say("version"), (version, "bold"), at=at)
    else:
        page.labelled(say("product"), (titled(name, version), "bold"), at=at)


def adapter(page: Page, interface: str, *, at: int, say: Messages = ENGLISH) -> None:
    """Add how the product was reached; the digest of an adapter has its own line, so that it can be copied."""
    way, _, digest = interface.partition(" sha256:")
    page.labelled(say("adapter"), way, at=at)
    if digest:
        page.line((f"{'sha256':<{at}}", "dim"), digest)


def scope(results: Sequence[SetResult], say: Messages) -> Iterator[tuple[str, str]]:
    """Yield the parameter sets by standard: those that anything was asked of, then those in scope left out."""
    for label, asked in ((say("scope tested"), True), (say("not tested"), False)):
        standards: dict[str, list[str]] = {}
        for row in results:
            if bool(row.cases_run) == asked:
                standards.setdefault(row.standard, []).append(row.parameter_set)
        yield from ((label, f"{short_names(sets)} ({standard})") for standard, sets in standards.items())
