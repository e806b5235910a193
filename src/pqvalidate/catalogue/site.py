"""The catalogue as a static site: pages in English and Dutch that need no server and read without a script.

Every text of a certificate is escaped by the template engine, and its control and direction characters are written out.
The site is made in a new folder that then takes the place of the old one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from pqvalidate.catalogue import benchmarks, site_feeds, site_page, site_products, site_view
from pqvalidate.catalogue.benchmarks import Benchmark
from pqvalidate.catalogue.entries import Entry
from pqvalidate.catalogue.site_swap import replaced
from pqvalidate.catalogue.site_view import FACETS, Item
from pqvalidate.errors import UsageError
from pqvalidate.report import words
from pqvalidate.report.identity import scope
from pqvalidate.report.messages import LANGUAGES, Language, Messages

_PAGES = Path(__file__).with_name("pages")
_ASSETS = ("site.css", "site.js")


class _Said(Messages):
    """Messages that remember the Dutch of recorded texts, for a thousand certificates repeat them."""

    def __init__(self, language: Language) -> None:
        super().__init__(language)
        self._found: dict[str, tuple[str, Language]] = {}

    def recorded(self, text: str) -> tuple[str, Language]:
        """Return a recorded text in the language if it is known, and its language."""
        found = self._found.get(text)
        if found is None:
            found = super().recorded(text)
            if len(self._found) < 20_000:
                self._found[text] = found
        return found


def build(
    entries: Sequence[Entry],
    folder: Path,
    *,
    title: str,
    as_of: str,
    benchmarks_of: Mapping[str, Benchmark] | None = None,
) -> None:
    """Make the site of a catalogue in a folder; the whole of it, or nothing where it cannot be made.

    Args:
        entries: what is published; the order does not matter.
        folder: where the site goes; the originals are linked as ``../targets/...`` from here. An old site is replaced.
        title: name of the catalogue.
        as_of: the time for which states such as ``expired`` hold: a day, or UTC to the second.
        benchmarks_of: by id of a certificate, what was timed of the files that it is about.

    Raises:
        UsageError: entries share an id, a path leads out of the targets, a benchmark is about other files, ``as_of`` is
            no time, or the folder cannot be written or holds something else.

    """
    found = site_view.items(entries, as_of)
    timed = _timed(found, benchmarks_of or {})
    with replaced(folder) as new:
        (new / "assets").mkdir()
        for name in _ASSETS:
            (new / "assets" / name).write_bytes((_PAGES / name).read_bytes())
        _write(new / "assets" / "index.js", site_feeds.index_script(found))
        moment = site_view.moment(as_of)
        _write(new / "entries.json", site_feeds.as_json(found, title, moment))
        _write(new / "entries.csv", "\ufeff" + site_feeds.as_csv(found))
        _write(new / "index.html", _render("door.html.j2", says={lang: _Said(lang) for lang in LANGUAGES}, title=title))
        for lang in LANGUAGES:
            _Site(found, timed, new / lang, lang, title, moment).write()


def _timed(found: Sequence[Item], given: Mapping[str, Benchmark]) -> dict[str, tuple[Benchmark, list[benchmarks.Plot]]]:
    by_id = {item.entry.id: item for item in found}
    timed = {}
    for name, benchmark in given.items():
        own = benchmarks.own_labels(benchmark, by_id[name].entry.statement.subject) if name in by_id else frozenset()
        if not own:
            raise UsageError(f"the benchmark for {name} has timed none of the files that this certificate is about")
        timed[name] = (benchmark, benchmarks.plots(benchmark, own))
    return timed


class _Site:
    """The pages in one language."""

    def __init__(
        self, found: list[Item], timed: Mapping[str, Any], folder: Path, lang: Language, title: str, as_of: str
    ) -> None:
        self.items, self.timed, self.folder = found, timed, folder
        self.as_of, self.say = as_of, _Said(lang)
        self.said = site_view.labels(self.say)
        self.products = site_products.versions(found)
        self.slugs = {item.entry.id: item.slug for item in found}
        self.other: Language = "nl" if lang == "en" else "en"
        self.common = {
            "say": self.say, "said": self.said, "title": title, "as_of": as_of, "other": self.other,
            "other_say": _Said(self.other), "slugs": self.slugs, "illustrative": site_view.illustrative(found),
            "borrowed": site_view.borrowed(found),
        }  # fmt: skip

    def write(self) -> None:
        (self.folder / "certificate").mkdir(parents=True)
        (self.folder / "product").mkdir()
        self._index()
        self._matrix()
        self._calendar()
        for item in self.items:
            self._certificate(item)
        for key, rows in self.products.items():
            if len(rows) > 1:
                self._product(key, rows)

    def _page(self, path: str, template: str, **values: Any) -> None:  # noqa: ANN401  (whatever the template shows)
        up = "../" * path.count("/")
        text = _render(template, up=up, path=path, **self.common, **values)
        _write(self.folder / path, text)

    def _index(self) -> None:
        counted: dict[str, dict[str, int]] = {facet: {} for facet in FACETS}
        for item in self.items:
            for facet, values in item.facets.items():
                for value in values:
                    counted[facet][value] = counted[facet].get(value, 0) + 1
        facets = {
            facet: sorted(
                ((value, site_view.facet_label(self.said, facet, value), number) for value, number in values.items()),
                key=lambda row: row[1].lower(),
            )
            for facet, values in counted.items()
        }  # fmt: skip
        self._page("index.html", "index.html.j2", items=self.items, facets=facets)

    def _matrix(self) -> None:
        policies = sorted({item.profile(row) for item in self.items for row in item.verdicts})
        rows = [
            (item, [[v for v in item.verdicts if item.profile(v) == name] for name in policies]) for item in self.items
        ]
        rows.sort(key=lambda row: (row[0].key[1].lower(), row[0].key))
        self._page("matrix.html", "matrix.html.j2", policies=policies, rows=rows)

    def _calendar(self) -> None:
        by_end = sorted(self.items, key=lambda item: (item.body.validity.not_after, item.entry.id))
        months: dict[str, list[Item]] = {}
        past = [item for item in by_end if item.expiry == "past"]
        for item in by_end:
            if item.expiry != "past":
                months.setdefault(item.body.validity.not_after[:7], []).append(item)
        self._page("calendar.html", "calendar.html.j2", months=months, past=past)
        _write(self.folder / "expiry.ics", site_feeds.calendar(self.items, self.say, self.as_of))
        self._page("feed.xml", "feed.xml.j2", events=site_feeds.events(self.items))

    def _certificate(self, item: Item) -> None:
        family = self.products[item.key]
        self._page(
            f"certificate/{item.slug}.html", "certificate.html.j2", item=item, body=item.body,
            page=site_page.content(item, self.say), family=[row for row in family if row is not item],
            product_slug=site_view.product_slug(item.key), timed=self.timed.get(item.entry.id),
        )  # fmt: skip

    def _product(self, key: tuple[str, str], rows: Sequence[Item]) -> None:
        steps = list(site_products.steps(rows, self.say, self.said))
        self._page(
            f"product/{site_view.product_slug(key)}.html", "product.html.j2", vendor=key[0], product=key[1],
            rows=rows, steps=steps,
        )  # fmt: skip


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "replace"))


def _render(template: str, **values: Any) -> str:  # noqa: ANN401  (whatever the template shows)
    return _templates().get_template(template).render(**values) + "\n"


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_harmless,
    )  # fmt: skip
    environment.filters |= {
        "sentence": words.sentence, "short_names": words.short_names, "address": quote, "mood": site_view.mood,
    }  # fmt: skip
    environment.globals |= {"WIDTH": benchmarks.WIDTH, "wbr": _breakable, "scope": scope}
    return environment


def _harmless(value: object) -> object:
    """Write out control and direction characters in everything that is shown and is no markup of ours."""
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isascii() and value.isprintable()):
        return value
    return words.printable(value)


def _breakable(text: str) -> Markup:
    """Return a digest in groups of eight, between which a line may end; it is copied without blanks."""
    shown = words.printable(text)
    return Markup("<wbr>").join(shown[place : place + 8] for place in range(0, len(shown), 8))
