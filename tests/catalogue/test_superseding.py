"""A certificate that says whose place it takes: publishing acts on it, where one validator speaks of one product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pqvalidate.catalogue.checking import status_of
from pqvalidate.catalogue.publishing import Published
from pqvalidate.catalogue.reading import load
from pqvalidate.certificate import certify, load_signing_key, summary, verify
from pqvalidate.certificate.envelope import seal
from pqvalidate.certificate.issue import Stated
from pqvalidate.certificate.reading import read_unchecked
from pqvalidate.documents import canonical
from pqvalidate.errors import UsageError
from pqvalidate.report import CERTIFICATE_FORMATS
from pqvalidate.report.certificate_sheet import sheet
from tests.catalogue.bench import HOUR, NOW, Bench
from tests.catalogue.test_catalogue import change
from tests.unit.certificate_bench import MADE, Issued


def successor(
    bench: Bench, name: str, old: str, lab: Issued | None = None, product: dict[str, str] | None = None
) -> Path:
    """Return a certificate that says that it takes the place of another."""
    lab = lab or bench.lab
    tree: dict[str, Any] = lab.statement
    tree["predicate"]["certificate"] |= {"id": name, "supersedes": old}
    tree["predicate"]["product"] |= product or {}
    path = bench.place / f"{name}.json"
    path.write_bytes(seal(canonical(tree), load_signing_key(lab.keys.signing_key)))
    return path


def after(bench: Bench, *paths: Path, hours: int = 1, **options: Any) -> Published:
    return bench.publish(*paths, now=NOW + hours * HOUR, **options)


def states(bench: Bench) -> dict[str, str]:
    return {entry.id: entry.status for entry in load(bench.folder, moment=NOW + HOUR)}


def test_publishing_it_marks_the_one_that_it_replaces(bench: Bench) -> None:
    done = after(bench, successor(bench, "PQV-3", "PQV-1", product={"version": "9.9.9"}))
    assert (done.marked, done.unmarked) == (("PQV-1 is superseded by PQV-3",), ())
    old, new = (status_of(name, bench.asking(NOW + 2 * HOUR)) for name in ("PQV-1", "PQV-3"))
    assert (old.status, old.superseded_by, old.exit_code) == ("superseded", "PQV-3", 1)
    assert old.why == "by PQV-3 since 2026-12-01T13:00:00Z: PQV-3 was issued to take its place"
    assert (new.status, new.supersedes, new.exit_code) == ("valid", ("PQV-1",), 0)
    again = after(bench, bench.place / "PQV-3.json", hours=2)
    assert (again.marked, again.unmarked) == ((), ())


def test_a_chain_that_is_published_at_once_ends_with_its_last(empty: Bench) -> None:
    chain = [successor(empty, "PQV-2", "PQV-1"), successor(empty, "PQV-3", "PQV-2"), empty.certificate("PQV-1")]
    done = empty.publish(*chain)
    assert done.marked == ("PQV-1 is superseded by PQV-2", "PQV-2 is superseded by PQV-3")
    assert states(empty) == {"PQV-1": "superseded", "PQV-2": "superseded", "PQV-3": "valid"}


def test_one_that_was_published_before_its_predecessor_marks_it_when_it_is_published_again(empty: Bench) -> None:
    new = successor(empty, "PQV-2", "PQV-1")
    assert empty.publish(new).unmarked == (
        "PQV-2 says that it takes the place of PQV-1, which this catalogue does not list; nothing was marked",
    )
    after(empty, empty.certificate("PQV-1"))
    assert after(empty, new, hours=2).marked == ("PQV-1 is superseded by PQV-2",)


@pytest.mark.parametrize("product", [{"vendor": "A rival"}, {"name": "Another"}])
def test_the_certificate_of_another_product_stays_valid(bench: Bench, product: dict[str, str]) -> None:
    done = after(bench, successor(bench, "PQV-3", "PQV-1", product=product))
    assert done.added == ("PQV-3",)
    assert "is about another product" in done.unmarked[0]
    assert states(bench)["PQV-1"] == "valid"


def test_the_certificate_of_another_validator_stays_valid(bench: Bench, failed: Issued) -> None:
    """Whoever else is trusted cannot get a rival's certificate out of the way."""
    theirs = successor(bench, "PQV-3", "PQV-1", lab=failed)
    done = after(bench, theirs, trust=failed.keys.trust)
    assert "is by another validator" in done.unmarked[0]
    assert states(bench)["PQV-1"] == "valid"


def test_what_is_withdrawn_stays_so_and_a_suspended_one_replaces_nothing(bench: Bench) -> None:
    change(bench, "PQV-1", "withdrawn", at=HOUR)
    done = after(bench, successor(bench, "PQV-3", "PQV-1"), hours=2)
    assert "is withdrawn already" in done.unmarked[0]
    assert states(bench)["PQV-1"] == "withdrawn"
    own = after(bench, successor(bench, "PQV-4", "PQV-4"), hours=3)
    assert "is the same certificate" in own.unmarked[0]
    early = successor(bench, "PQV-6", "PQV-5")
    after(bench, early, hours=4)
    change(bench, "PQV-6", "suspended", at=5 * HOUR)
    done = after(bench, bench.certificate("PQV-5"), early, hours=6)
    assert "stays, for PQV-6 itself is suspended" in done.unmarked[0]
    assert states(bench)["PQV-5"] == "valid"


def test_certify_states_what_is_replaced_and_every_page_shows_it(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "new.json"
    key = load_signing_key(bench.lab.keys.signing_key)
    certify(bench.lab.folder / "bundle", key, out, now=MADE, stated=Stated(supersedes="PQV-1"))
    stated = read_unchecked(out).predicate.certificate
    assert stated.supersedes == "PQV-1"
    assert stated.id != read_unchecked(bench.lab.certificate).predicate.certificate.id  # of the same second
    page = summary(verify(out, bench.lab.keys.trust, as_of=NOW))
    assert "replaces" in CERTIFICATE_FORMATS["text"](page, "en")
    assert "vervangt" in CERTIFICATE_FORMATS["html"](page, "nl")
    assert '"supersedes": "PQV-1"' in CERTIFICATE_FORMATS["json"](page, "en")
    assert ("replaces", "PQV-1") in [(f.label, f.lines[0].text) for b in sheet(page).first for f in b.facts]
    plain = summary(verify(bench.lab.certificate, bench.lab.keys.trust, as_of=NOW))
    assert "supersedes" not in CERTIFICATE_FORMATS["json"](plain, "en")
    assert "replaces" not in CERTIFICATE_FORMATS["text"](plain, "en")
    for wrong in ("", "../x", "a b", "caf\udce9"):
        with pytest.raises(UsageError, match="is no identifier"):
            certify(bench.lab.folder / "bundle", key, tmp_path / "x", now=MADE, stated=Stated(supersedes=wrong))
