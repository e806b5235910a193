"""A very long name is cut in lists, with the whole in its title, and pushes no status and no decision out of view."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from pqvalidate.catalogue import site
from tests.catalogue.site_entries import AS_OF, entry, of_product
from tests.catalogue.test_site_browser import Reader as Browser
from tests.catalogue.test_site_browser import driver as driver  # noqa: PLC0414  (a fixture)
from tests.report.pages import Reader

NAME, VENDOR = "A" * 10_000, "B" * 10_000
MOST = 120


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long") / "site"
    found = [of_product(entry("mlkem", "PQV-LONG"), name=NAME, vendor=VENDOR), entry("pqcrypto", "PQV-SHORT"),
             of_product(entry("openssl", "PQV-JUST"), name="C" * (MOST - 2), version="1")]  # fmt: skip
    site.build(found, folder, title="t", as_of=AS_OF)
    return folder


@pytest.mark.parametrize("page", ["index", "matrix", "calendar"])
def test_a_list_shows_the_beginning_of_a_long_name_and_whole_names_of_others(built: Path, page: str) -> None:
    shown = Reader((built / f"en/{page}.html").read_text(encoding="utf-8"))
    links = [link for link in shown.named("a") if link.attributes.get("href", "").startswith("certificate/")]
    texts = sorted(link.text for link in links)
    assert f"{'A' * (MOST - 1)}…" in texts
    assert f"{'C' * (MOST - 2)} 1" in texts, "a name that just fits is not cut"
    titles = [span.attributes["title"] for span in shown.named("span") if "title" in span.attributes]
    assert any(title.startswith(NAME) for title in titles)
    assert VENDOR in titles
    assert NAME not in shown.named("main")[0].text


@pytest.mark.needs("chromedriver", "chromium")
@pytest.mark.parametrize("page", ["index", "matrix", "calendar"])
def test_every_status_and_decision_is_in_view_beside_a_long_name(
    built: Path, driver: webdriver.Chrome, page: str
) -> None:
    reader = Browser(driver, built)
    reader.opens(f"en/{page}.html")
    width = driver.execute_script("return document.documentElement.clientWidth")
    words = [word for word in driver.find_elements(By.CSS_SELECTOR, "main .word") if word.is_displayed()]
    assert words
    assert [word.text for word in words if word.rect["x"] + word.rect["width"] > width] == []
    assert reader.findings() == []
    assert reader.console() == []
