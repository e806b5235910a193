"""Every page of a site in a browser: of one made here, and of that in PQV_SITE, e.g. the site of `make catalogue`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.catalogue.test_site_browser import Reader
from tests.catalogue.test_site_browser import driver as driver  # noqa: PLC0414  (a fixture)
from tests.catalogue.test_site_browser import small as small  # noqa: PLC0414  (a fixture)

pytestmark = pytest.mark.needs("chromedriver", "chromium")

LANGUAGES = {"en": "nl", "nl": "en"}
SITES = ["", *filter(None, [os.environ.get("PQV_SITE")])]


@pytest.fixture(params=SITES, ids=lambda folder: folder or "made here")
def reader(request: pytest.FixtureRequest, driver: webdriver.Chrome, small: Path) -> Iterator[Reader]:
    found = Reader(driver, Path(request.param).resolve() if request.param else small)
    yield found
    assert found.console() == []


def pages(reader: Reader, language: str) -> list[str]:
    found = sorted(page.relative_to(reader.folder).as_posix() for page in (reader.folder / language).rglob("*.html"))
    assert len(found) > 4, "a page for each certificate and product, and those that lead to them"
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_opens_without_complaint_and_fits_a_small_screen(reader: Reader, language: str) -> None:
    for page in pages(reader, language):
        reader.opens(page)
        assert reader.console() == [], page
        assert reader.findings() == [], page
        reader.driver.set_window_size(500, 900)
        wide = reader.driver.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        reader.driver.set_window_size(1280, 1000)
        assert wide[0] <= wide[1], page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_there_in_the_other_language(reader: Reader, language: str) -> None:
    other = LANGUAGES[language]
    for page in pages(reader, language):
        reader.opens(page)
        assert reader.one("html").get_attribute("lang") == language
        reader.one(".language a").click()
        assert reader.driver.current_url == (reader.folder / other / page.partition("/")[2]).as_uri()
        assert reader.one("html").get_attribute("lang") == other


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_choice_gives_as_many_as_the_number_beside_it_says(reader: Reader, language: str) -> None:
    reader.opens(f"{language}/index.html")
    reader.driver.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    boxes = reader.driver.find_elements(By.CSS_SELECTOR, "input[type=checkbox]")
    assert len(boxes) > 10
    for box in boxes:
        label = box.find_element(By.XPATH, "..")
        number = int(label.find_element(By.CSS_SELECTOR, ".count").text)
        box.click()
        assert len(reader.shown()) == number, label.text
        box.click()


def test_every_certificate_is_found_by_its_number_and_leads_to_its_page(reader: Reader) -> None:
    reader.opens("en/index.html")
    everybody = reader.shown()
    assert everybody
    for number in everybody:
        reader.opens("en/index.html")
        reader.one("#q").send_keys(number)
        assert number in reader.shown()
        next(a for a in reader.driver.find_elements(By.CSS_SELECTOR, "#list a") if a.is_displayed()).click()
        assert "/certificate/" in reader.driver.current_url
        assert number in reader.one("main").text
