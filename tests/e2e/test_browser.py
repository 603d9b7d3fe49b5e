"""Chromium as the tests and the demo start it: a page with Japanese text comes out as a picture."""

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from local.tools import browser


@pytest.mark.browser
def test_a_page_becomes_a_picture(tmp_path: Path) -> None:
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser.ensure(), args=list(browser.FLAGS))
        page = chromium.new_page(viewport={"width": 390, "height": 844})
        page.set_content("<h1>結び</h1>")
        page.screenshot(path=tmp_path / "page.png")
        chromium.close()
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
