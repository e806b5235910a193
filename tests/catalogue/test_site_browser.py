"""The site in a real browser, from files on disk: search, facets, languages, keyboard, no console error, WCAG."""

from __future__ import annotations

import importlib.resources
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from pqvalidate.catalogue import site
from tests.catalogue.site_entries import AS_OF, HOSTILE, hostile, issued, many, timed, until, varied, without_tables

pytestmark = pytest.mark.needs("chromedriver", "chromium")

MANY = 1000
TYPED = "product-29"


class Reader:
    """A reader with a browser; every page must leave its console empty."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def opens(self, page: str) -> None:
        self.driver.get("about:blank")
        self.driver.get(f"{(self.folder / page).as_uri()}")

    def one(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def shown(self) -> list[str]:
        cards = self.driver.find_elements(By.CSS_SELECTOR, "#list > li:not([hidden])")
        return [card.find_element(By.CSS_SELECTOR, ".id").text for card in cards if card.is_displayed()]

    def chooses(self, facet: str, value: str) -> None:
        box = self.one(f'input[name="{facet}"][value="{value}"]')
        self.driver.execute_script("arguments[0].closest('details').open = true", box)
        box.click()

    def console(self) -> list[Any]:
        found: list[Any] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return found

    def findings(self) -> list[str]:
        script = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        self.driver.execute_script(script)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        result = self.driver.execute_async_script(
            "axe.run({runOnly: {type: 'tag', values: arguments[0]}}).then(arguments[arguments.length - 1])", tags
        )
        assert result["passes"], "axe has looked at something"
        return [
            f"{row['impact']}: {row['id']} {row['nodes'][0]['html']}"
            for row in result["violations"]
            if row["impact"] in {"serious", "critical"}
        ]


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    found.set_script_timeout(60)
    yield found
    found.quit()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "site"
    site.build([*varied(), hostile()], folder, title="A catalogue", as_of=AS_OF, benchmarks_of=timed())
    return folder


@pytest.fixture
def reader(driver: webdriver.Chrome, small: Path) -> Iterator[Reader]:
    found = Reader(driver, small)
    yield found
    assert found.console() == []


def test_a_search_shows_what_fits_in_any_case_and_says_how_many(reader: Reader) -> None:
    reader.opens("en/index.html")
    assert len(reader.shown()) == 8
    reader.one("#q").send_keys("PQCrypto ml-dsa")
    assert reader.shown() == ["PQV-2026-PQCRYPTO"]
    assert reader.one("#shown").text == "1 of 8 certificates"
    reader.one("#q").send_keys(" nothing such")
    assert reader.shown() == []
    assert reader.one("#none").is_displayed()


def test_a_digest_of_a_file_finds_its_certificate(reader: Reader) -> None:
    reader.opens("nl/index.html")
    (wanted,) = [one for one in varied() if one.id == "PQV-2026-PQCRYPTO"]
    reader.one("#q").send_keys(wanted.statement.subject[0].digest.sha256)
    assert reader.shown() == ["PQV-2026-PQCRYPTO"]
    assert reader.one("#shown").text == "1 van 8 certificaten"


def test_facets_narrow_together_and_each_choice_says_what_it_would_give(reader: Reader) -> None:
    reader.opens("en/index.html")
    reader.chooses("status", "withdrawn")
    assert set(reader.shown()) == {"PQV-2026-WITHDRAWN", "../../etc/passwd"}
    reader.chooses("status", "expired")
    assert len(reader.shown()) == 3
    reader.chooses("set", "ML-KEM-768")
    assert "PQV-2026-EXPIRED" in reader.shown()
    suspended = reader.one('input[value="suspended"]').find_element(By.XPATH, "..")
    assert suspended.find_element(By.CSS_SELECTOR, ".count").text == "0", "dilithium-py has no ML-KEM"
    reader.one("button[type=reset]").click()
    assert WebDriverWait(reader.driver, 10).until(lambda _: len(reader.shown()) == 8)


@pytest.mark.parametrize(
    "facet", ["status", "tests", "policy", "algorithm", "set", "vendor", "form", "lab", "expiry", "claim"]
)
def test_every_facet_gives_as_many_as_the_number_beside_it_says(reader: Reader, facet: str) -> None:
    reader.opens("en/index.html")
    box = reader.one(f'input[name="{facet}"]')
    label = box.find_element(By.XPATH, "..")
    reader.driver.execute_script("arguments[0].closest('details').open = true", box)
    number = int(label.find_element(By.CSS_SELECTOR, ".count").text)
    assert number > 0
    box.click()
    assert len(reader.shown()) == number


def test_the_language_switch_leads_to_the_same_page_and_back(reader: Reader) -> None:
    for page in ("index", "matrix", "calendar", "certificate/pqv-2026-pqcrypto"):
        reader.opens(f"en/{page}.html")
        assert reader.one("html").get_attribute("lang") == "en"
        reader.one(".language a").click()
        assert reader.driver.current_url.endswith(f"/nl/{page}.html")
        assert reader.one("html").get_attribute("lang") == "nl"
        reader.one(".language a").click()
        assert reader.driver.current_url.endswith(f"/en/{page}.html")


def test_a_result_leads_to_the_page_of_the_product_and_back_to_the_same_search(reader: Reader) -> None:
    reader.opens("en/index.html")
    reader.chooses("tests", "fail")
    before = reader.shown()
    assert "PQV-2026-PQCRYPTO" in before
    next(a for a in reader.driver.find_elements(By.CSS_SELECTOR, "#list a") if "pqcrypto" in a.text.lower()).click()
    assert "tests FAILED" in reader.one("main").text
    assert reader.one("h1").text.lower().startswith("pqcrypto")
    reader.driver.back()
    assert reader.shown() == before


def test_everything_works_by_keyboard(reader: Reader) -> None:
    reader.opens("en/index.html")
    press = webdriver.ActionChains(reader.driver)

    def tab_until(wanted: str) -> WebElement:
        for _ in range(60):
            press.send_keys(Keys.TAB).perform()
            focused = reader.driver.switch_to.active_element
            if focused.get_attribute("id") == wanted or focused.get_attribute("value") == wanted:
                return focused
        raise AssertionError(wanted)

    press.send_keys(Keys.TAB).perform()
    assert reader.driver.switch_to.active_element.get_attribute("class") == "jump"
    assert reader.driver.switch_to.active_element.is_displayed()
    tab_until("q").send_keys("kem")
    tab_until("withdrawn").send_keys(Keys.SPACE)
    assert set(reader.shown()) == {"PQV-2026-WITHDRAWN", "../../etc/passwd"}
    reader.one("#q").send_keys(Keys.ENTER)
    assert reader.driver.switch_to.active_element.get_attribute("id") == "results"
    press.send_keys(Keys.TAB).perform()
    focused = reader.driver.switch_to.active_element
    assert focused.value_of_css_property("outline-style") == "solid", "whoever uses the keyboard sees where he is"
    press.send_keys(Keys.ENTER).perform()
    assert "/certificate/" in reader.driver.current_url


@pytest.mark.parametrize(
    ("lang", "page"),
    [("en", "index"), ("nl", "index"), ("en", "matrix"), ("nl", "calendar"), ("nl", "certificate/pqv-2026-soon"),
     ("en", "certificate/pqv-2026-withdrawn"), ("nl", "product/*")],
)  # fmt: skip
def test_axe_finds_nothing_serious(reader: Reader, lang: str, page: str) -> None:
    (found,) = (reader.folder / lang).glob(f"{page}.html")
    reader.opens(f"{lang}/{found.relative_to(reader.folder / lang).as_posix()}")
    assert reader.findings() == []


def test_axe_does_find_what_is_wrong(reader: Reader) -> None:
    reader.opens("en/index.html")
    reader.driver.execute_script("document.getElementById('shown').setAttribute('style', 'color: #eee')")
    reader.driver.execute_script("document.documentElement.removeAttribute('lang')")
    assert any("html-has-lang" in finding for finding in reader.findings())
    reader.console()  # the policy of the page has refused the style, and the console says so


def test_the_names_of_a_hostile_vendor_are_text_in_the_browser(reader: Reader) -> None:
    reader.opens("en/index.html")
    reader.one("#q").send_keys("alert(1)")
    assert reader.shown() == ["../../etc/passwd"]
    next(a for a in reader.driver.find_elements(By.CSS_SELECTOR, "#list a") if a.is_displayed()).click()
    assert HOSTILE.partition("\u202e")[0] in reader.one("h1").text
    assert reader.driver.find_elements(By.CSS_SELECTOR, "main script, main img") == []


def test_nothing_is_wider_than_a_small_screen(reader: Reader) -> None:
    reader.driver.set_window_size(500, 900)
    try:
        for page in ("index", "matrix", "calendar", "certificate/pqv-2026-openssl"):
            reader.opens(f"nl/{page}.html")
            wide = reader.driver.execute_script(
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert wide[0] <= wide[1], page
    finally:
        reader.driver.set_window_size(1280, 1000)


def test_what_has_expired_since_the_page_was_made_is_said_so(reader: Reader, tmp_path: Path) -> None:
    # The reader's clock is past 2020, so a certificate of a site made in 2019 has expired since.
    old = [until(issued(one, "2019-01-01T00:00:00Z"), "2020-01-01T00:00:00Z") for one in varied()[:1]]
    site.build(old, tmp_path / "site", title="Old", as_of="2019-06-01")
    late = Reader(reader.driver, tmp_path / "site")
    late.opens("nl/certificate/pqv-2026-openssl.html")
    assert "verlopen sinds deze pagina is gemaakt" in late.one(".box .late").text
    late.opens("en/index.html")
    assert "expired since this page was made" in late.one("#list li").text


def test_a_thousand_certificates_are_searched_within_100_ms_per_keystroke(
    driver: webdriver.Chrome, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("large") / "site"
    site.build([without_tables(one) for one in many(MANY)], folder, title="A large catalogue", as_of=AS_OF)
    reader = Reader(driver, folder)
    reader.opens("en/index.html")
    assert len(reader.shown()) == 50
    spent: list[float] = driver.execute_script(
        """
        const query = document.getElementById("q"), spent = [];
        for (let round = 0; round < 3; round++) {
          for (let length = 0; length <= arguments[0].length; length++) {
            const begin = performance.now();
            query.value = arguments[0].slice(0, length);
            query.dispatchEvent(new Event("input"));
            document.body.getBoundingClientRect();  // the layout belongs to it
            spent.push(performance.now() - begin);
          }
        }
        return spent;
        """,
        TYPED,
    )
    assert len(reader.shown()) == min(50, sum(TYPED in f"product-{index // 3}" for index in range(MANY)))
    assert statistics.median(spent) <= 100, spent
    assert reader.console() == []
    shutil.rmtree(folder)
