"""A status asked of a file is that of the very file, a missing file is said to be missing, and an old status first."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from pqvalidate.catalogue.checking import duration, status_of
from pqvalidate.catalogue.status_page import page
from pqvalidate.catalogue.verbs import status
from pqvalidate.errors import InputError
from tests.catalogue.bench import DAY, HOUR, NOW, Bench
from tests.catalogue.test_catalogue import change


def asked(bench: Bench, word: object, **flags: Any) -> tuple[str, int]:
    """Ask as the command line does."""
    given = {
        "catalogue": bench.folder, "root": bench.folder / "metadata" / "1.root.json", "trust": None,
        "trust_sha256": None, "trust_version": None, "max_staleness": None, "state": None, "format": "text",
        "lang": "en", **flags,
    }  # fmt: skip
    return status(argparse.Namespace(certificate=str(word), **given), NOW + HOUR)


def listed(bench: Bench) -> Path:
    """Return the file of a certificate as it is published."""
    path = bench.place / "mine.json"
    path.write_bytes(bench.asking().open().read("certificates/PQV-1.json"))
    return path


def test_a_published_file_is_valid_and_so_is_its_identifier(bench: Bench) -> None:
    for word in (listed(bench), "PQV-1"):
        told, code = asked(bench, word)
        assert (told.startswith("Status of PQV-1: VALID\n"), code) == (True, 0)


def test_a_forged_file_and_another_certificate_under_a_listed_identifier_are_not_listed(bench: Bench) -> None:
    twin = bench.certificate("PQV-1", version="9.9.9")
    forged = bench.place / "forged.json"
    envelope = json.loads(listed(bench).read_bytes())
    envelope["payload"] = json.loads(twin.read_bytes())["payload"]
    forged.write_text(json.dumps(envelope))
    for path in (twin, forged):
        told, code = asked(bench, path)
        assert told.startswith(
            "Status of PQV-1: NOT LISTED (under this identifier the catalogue lists another certificate)\n"
        )
        assert code == 3
        assert "een ander certificaat" in asked(bench, path, lang="nl")[0]


def test_a_file_with_other_signatures_is_not_the_listed_one(bench: Bench) -> None:
    path = listed(bench)
    envelope = json.loads(path.read_bytes())
    envelope["signatures"].pop()
    path.write_text(json.dumps(envelope))
    told, code = asked(bench, path)
    assert "NOT LISTED (the catalogue lists this certificate in a file with other bytes, such as signatures)" in told
    assert code == 3
    assert "in een bestand met andere bytes" in asked(bench, path, lang="nl")[0]


@pytest.mark.parametrize("word", ["missing.json", "a/b", "./PQV-1", "no identifier", ""])
def test_what_looks_like_a_path_and_is_none_is_said_to_be_missing(bench: Bench, word: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read|no such file"):
        asked(bench, word)


def test_a_name_that_could_be_both_is_said_to_be_neither(bench: Bench) -> None:
    told, code = asked(bench, "d5.jso")
    assert "NOT LISTED (this catalogue does not list it, and there is no file of that name)" in told
    assert code == 3
    assert "en er is geen bestand met die naam" in asked(bench, "d5.jso", lang="nl")[0]


def test_a_listed_identifier_may_end_as_a_file_does(bench: Bench) -> None:
    bench.publish(bench.certificate("PQV-3.json"), now=NOW + HOUR)
    assert asked(bench, "PQV-3.json")[1] == 0


def test_the_first_line_says_that_a_status_is_too_old_to_rely_on(bench: Bench) -> None:
    old: dict[str, Any] = {"longest": duration("0h")}
    answer = status_of("PQV-1", bench.asking(**old))
    first, _, _ = page(answer).partition("\n")
    assert first == "Status of PQV-1: TOO OLD TO RELY ON; on 2026-12-01T12:00:00Z it was VALID"
    assert page(answer, "nl").startswith(
        "Status van PQV-1: TE OUD OM OP TE VERTROUWEN; op 2026-12-01T12:00:00Z was het GELDIG\n"
    )
    assert page(status_of("PQV-9", bench.asking(**old))).startswith("Status of PQV-9: TOO OLD TO RELY ON; on ")
    change(bench, "PQV-1", "withdrawn")
    withdrawn = page(status_of("PQV-1", bench.asking(NOW + 2 * DAY, **old)))
    assert withdrawn.startswith("Status of PQV-1: WITHDRAWN ("), "that holds however old it is"
    assert "  TOO OLD " in withdrawn
