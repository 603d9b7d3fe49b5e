from pathlib import Path

import pytest

from local.tools import browser


def test_a_wished_browser_that_is_not_there_is_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "chromium"))
    assert browser.find() is None


def test_without_the_right_to_install_the_command_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "chromium"))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(browser.NoBrowser, match="apt-get install -y chromium"):
        browser.ensure()
