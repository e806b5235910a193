"""What the pages of a catalogue show of an entry: its state on a day, its place among the others, and its facets.

Everything here is without language; ``labels`` says the words of it in one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Literal, TypeAlias

from pqvalidate.algorithms import PARAMETER_SETS
from pqvalidate.catalogue.entries import Entry
from pqvalidate.catalogue.profiles import ProfileKey, is_borrowed, key_of, names
from pqvalidate.certificate.overview import set_result
from pqvalidate.certificate.predicate import Predicate, format_time, parse_time
from pqvalidate.errors import UsageError
from pqvalidate.policy.engine import PolicyVerdict
from pqvalidate.report.identity import titled
from pqvalidate.report.messages import Messages
from pqvalidate.report.words import printable

State: TypeAlias = Literal["valid", "not-yet-valid", "expired", "suspended", "withdrawn", "superseded", "not-trusted"]
Mood: TypeAlias = Literal["good", "bad", "open"]

FACETS = ("status", "tests", "policy", "algorithm", "set", "vendor", "form", "lab", "expiry", "claim")
"""What a reader can filter by, in the order of the page."""

_SAFE = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_MOODS: dict[str, Mood] = {
    "valid": "good", "pass": "good", "conforms": "good", "answered": "good", "permitted": "good",
    "withdrawn": "bad", "not-trusted": "bad", "fail": "bad", "does-not-conform": "bad", "failed": "bad",
    "denied": "bad",
}  # fmt: skip
# From when on the end of validity is near: a tender for a successor takes about a quarter of a year.
_SOON = timedelta(days=90)
_YEAR = timedelta(days=365)


def mood(word: str) -> Mood:
    """Return how a word of a record is coloured; whatever is neither good nor bad is open."""
    return _MOODS.get(word, "open")


def moment(as_of: str) -> str:
    """Return the time for which a site is made, as UTC to the second; a day alone is its first second.

    Raises:
        UsageError: it is neither a day (2026-11-25) nor a time (2026-11-25T08:00:00Z).

    """
    text = f"{as_of}T00:00:00Z" if len(as_of) == len("2026-11-25") else as_of
    try:
        return format_time(parse_time(text))
    except ValueError:
        raise UsageError(f"{as_of!r} is no day such as 2026-11-25 and no time such as 2026-11-25T08:00:00Z") from None


@dataclass(frozen=True)
class Item:
    """An entry with the name of its page, the time for which the site is made (UTC), and what profiles are called."""

    entry: Entry
    slug: str
    as_of: str
    profiles: Mapping[ProfileKey, str] = field(compare=False)

    @cached_property
    def body(self) -> Predicate:
        """Return the body of the certificate."""
        return self.entry.statement.predicate

    @cached_property
    def state(self) -> State:
        """Return the status; where the owner has ended nothing, what follows from trust file and dates."""
        if self.entry.untrusted and self.entry.status not in {"withdrawn", "superseded"}:
            return "not-trusted"
        if self.entry.status != "valid":
            return self.entry.status
        validity = self.body.validity
        if self.as_of > validity.not_after:
            return "expired"
        return "valid" if self.as_of >= validity.not_before else "not-yet-valid"

    @property
    def title(self) -> str:
        """Return the product's name and version in one; a dash where it has neither."""
        return titled(self.body.product.name, self.body.product.version) or "\u2013"

    @property
    def key(self) -> tuple[str, str]:
        """Return what makes two certificates versions of one product: vendor and name."""
        return self.body.product.vendor, self.body.product.name

    @cached_property
    def sets(self) -> tuple[str, ...]:
        """Return the parameter sets in scope of which anything was asked."""
        return tuple(row.name for row in self.body.scope.algorithms if set_result(self.entry.statement, row).cases_run)

    @cached_property
    def verdicts(self) -> tuple[PolicyVerdict, ...]:
        """Return the verdicts, of each profile those of its newest day only; one by its name hides no other."""
        newest: dict[ProfileKey, str] = {}
        for row in self.entry.verdicts:
            newest[key_of(row)] = max(row.as_of, newest.get(key_of(row), ""))
        found = [row for row in self.entry.verdicts if row.as_of == newest[key_of(row)]]
        return tuple(sorted(found, key=key_of))

    @cached_property
    def decisions(self) -> dict[str, tuple[str, ...]]:
        """Return the policies by decision; what does not conform comes first."""
        found: dict[str, list[str]] = {"does-not-conform": [], "undecided": [], "conforms": []}
        for row in self.verdicts:
            if self.profile(row) not in found[row.decision]:
                found[row.decision].append(self.profile(row))
        return {decision: tuple(policies) for decision, policies in found.items() if policies}

    def profile(self, verdict: PolicyVerdict) -> str:
        """Return what the profile of a verdict is called in this catalogue."""
        return self.profiles[key_of(verdict)]

    @cached_property
    def expiry(self) -> str:
        """Return how far away the end of validity is."""
        end, now = parse_time(self.body.validity.not_after), parse_time(self.as_of)
        if now > end:
            return "past"
        return "soon" if end - now <= _SOON else "year" if end - now <= _YEAR else "later"

    @cached_property
    def facets(self) -> dict[str, tuple[str, ...]]:
        """Return the values of each facet."""
        product = self.body.product
        algorithms = [PARAMETER_SETS[name].algorithm if name in PARAMETER_SETS else name for name in self.sets]
        found: dict[str, Iterator[str] | Sequence[str]] = {
            "status": (self.state,),
            "tests": (self.body.results.outcome,),
            "policy": (f"{self.profile(row)}: {row.decision}" for row in self.verdicts),
            "algorithm": algorithms, "set": self.sets, "vendor": (product.vendor,), "form": (product.form,),
            "lab": (self.body.validator.name,), "expiry": (self.expiry,),
            "claim": (f"{claim.id.partition('/')[0]}: {claim.status}" for claim in self.body.claims),
        }  # fmt: skip
        # As the page shows them, for a choice is found by its value in the page.
        return {facet: tuple(dict.fromkeys(map(printable, values))) for facet, values in found.items()}

    @cached_property
    def searched(self) -> str:
        """Return the text that a search looks in, folded: names, sets, files, digests, decisions, failed checks."""
        product, results = self.body.product, self.body.results
        words = [
            self.entry.id, product.vendor, product.name, product.version, product.form, product.interface,
            self.body.validator.name, *self.sets, *self.facets["algorithm"], *self.facets["policy"],
            *(file.name for file in self.entry.statement.subject),
            *(file.digest.sha256 for file in self.entry.statement.subject),
            *(check.check for check in results.checks if check.outcome == "fail"),
        ]  # fmt: skip
        return folded(" ".join(dict.fromkeys(words)))


def folded(text: str) -> str:
    """Return a text as a search compares it: without case and accents, every blank a space."""
    apart = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in apart if not unicodedata.combining(c)).lower().split())


def items(entries: Sequence[Entry], as_of: str) -> list[Item]:
    """Return the entries as items, newest issue first.

    Raises:
        UsageError: two entries have one id, a path leads out of the targets, or ``as_of`` is no time.

    """
    day, found, slugs, ids = moment(as_of), [], set[str](), set[str]()
    profiles = names(verdict for entry in entries for verdict in entry.verdicts)
    for entry in entries:
        if entry.id in ids:
            raise UsageError(f"two entries of the catalogue have the id {entry.id}")
        ids.add(entry.id)
        for path in (entry.certificate_path, *entry.verdict_paths):
            _check_path(path)
        slug = _slug(entry.id, slugs)
        slugs.add(slug)
        found.append(Item(entry=entry, slug=slug, as_of=day, profiles=profiles))
    return sorted(found, key=lambda item: (item.body.validity.issued_at, item.entry.id), reverse=True)


def illustrative(found: Sequence[Item]) -> list[str]:
    """Return what those profiles are called that only show how a document can be written as rules."""
    return sorted({item.profile(row) for item in found for row in item.verdicts if row.policy.status == "illustrative"})


def borrowed(found: Sequence[Item]) -> list[str]:
    """Return what those profiles are called that have the name of a built-in one and are another file."""
    return sorted({item.profile(row) for item in found for row in item.verdicts if is_borrowed(key_of(row))})


def _check_path(path: str) -> None:
    if not path or path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise UsageError(f"{path!r} is no path below the targets of a repository")


def _slug(name: str, taken: set[str]) -> str:
    """Return a file name for an id; where a file system could mistake it, one from its digest."""
    slug = name.lower()
    if _SAFE.fullmatch(slug) and slug not in taken:
        return slug
    return "id-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def product_slug(key: tuple[str, str]) -> str:
    """Return the file name for a product's page, from the digest of vendor and name."""
    return "product-" + hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def labels(say: Messages) -> dict[str, dict[str, str]]:
    """Return the words for the codes of records in a language, by what they are codes of."""
    decision = {
        "conforms": say("conforms"), "does-not-conform": say("does not conform"), "undecided": say("undecided"),
    }  # fmt: skip
    return {
        "facet": {
            "status": say("status"), "tests": say("result of the tests"), "policy": say("policy decision"),
            "algorithm": say("algorithm"), "set": say("parameter set"), "vendor": say("vendor"),
            "form": say("form of the product"), "lab": say("validator"), "expiry": say("expiry"),
            "claim": say("status of claims"),
        },
        "status": {
            "valid": say("valid"), "not-yet-valid": say("not valid yet"), "expired": say("expired"),
            "suspended": say("suspended"), "withdrawn": say("withdrawn"), "superseded": say("superseded"),
            "not-trusted": say("validator not trusted any more"),
        },
        "tests": {
            "pass": say("tests passed"), "fail": say("tests FAILED"), "inconclusive": say("tests inconclusive"),
        },
        "decision": decision,
        "expiry": {
            "past": say("expired"), "soon": say("within 90 days"), "year": say("within a year"), "later": say("later"),
        },
        "form": {
            "software-library": say("software library"), "module": say("module"), "hsm": say("hsm").upper(),
            "service": say("service"), "protocol-endpoint": say("protocol endpoint"),
        },
        "claim": {
            "not-provided": say("not provided"), "declared": say("declared only"), "evidenced": say("evidenced"),
            "validated": say("validated"),
        },
        "outcome": {
            "pass": say("passed"), "fail": say("FAILED"), "inconclusive": say("inconclusive"),
            "not-run": say("not run"), "insufficient-evidence": say("not shown"), "waived": say("waived"),
            "not-applicable": say("not applicable"), "advisory": say("advisory miss"),
        },
        "standing": {
            "illustrative": say("illustrative"), "draft": say("draft"), "in-force": say("in force"),
        },
        "level": {
            "mandatory": say("mandatory"), "advisory": say("advisory"),
        },
        "part": {
            "product": say("product"), "scope": say("scope"), "file": say("tested file"), "check": say("check"),
            "policy": say("policy decision"), "claim": say("claim"), "condition": say("condition of use"),
        },
    }  # fmt: skip


def facet_label(said: dict[str, dict[str, str]], facet: str, value: str) -> str:
    """Return the words for a value of a facet."""
    if facet == "policy":
        name, _, decision = value.rpartition(": ")
        return f"{name}: {said['decision'].get(decision, decision)}"
    if facet == "claim":
        name, _, status = value.rpartition(": ")
        return f"{name}: {said['claim'].get(status, status)}"
    return said.get(facet, {}).get(value, value)
