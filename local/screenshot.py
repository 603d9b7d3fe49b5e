"""The pictures in the README, from the running local stack: ``make demo HOLD=1``, then ``make screenshot``.

Nothing is posed: the page is what the LINE simulator serves, with the messages that it accepted in the demo's story.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from local.endpoints import ROOT, NotRunning, load
from local.tools.browser import FLAGS, NoBrowser, ensure

FOLDER = ROOT / "local" / "screenshots"
SCREENS: Mapping[str, str | None] = {
    "phone-link.png": "友だち追加ありがとうございます",
    "phone-order.png": "ご注文ありがとうございます",
    "phone.png": None,
}
"""File → the bubble at the top of the screen; None: the newest messages, as its owner sees them."""

WIDTH, HEIGHT = 390, 844
"""CSS pixels of a common phone."""
MAX_BYTES = 200_000
_PATIENCE_MS = 10_000


class NoPicture(RuntimeError):
    """There is nothing to take a picture of; the message says what to do."""


def phone_of(line: str, name: str) -> str:
    """The address of the phone whose owner is called `name`; the newest one if several are."""
    friends = httpx.get(f"{line}/_sim/friends", timeout=20).json()["friends"]
    found = [friend["user_id"] for friend in friends if friend["display_name"] == name]
    if not found:
        raise NoPicture(f"nobody called {name} has a phone here: run `make demo HOLD=1` first")
    return f"{line}/phone/{found[-1]}"


def take(url: str, folder: Path, screens: Mapping[str, str | None] = SCREENS) -> list[Path]:
    """Write one PNG per entry of `screens` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=ensure(), args=list(FLAGS))
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="ja-JP")
        page.goto(url)
        page.locator("[data-message-id]").last.wait_for(timeout=_PATIENCE_MS)
        for name, text in screens.items():
            if text is not None:
                _to_the_top(page, text)
            taken.append(folder / name)
            page.screenshot(path=taken[-1])
            page.reload()
        chromium.close()
    return taken


def _to_the_top(page: Page, text: str) -> None:
    bubble = page.locator(".row", has_text=text).first
    if not bubble.count():
        raise NoPicture(f"no message on this phone says {text}: run `make demo HOLD=1` first")
    bubble.evaluate("row => { row.parentElement.scrollTop += row.getBoundingClientRect().top - 86 }")


def main() -> int:
    """Take the pictures of one phone; exits 2 when there is none, 1 when a picture is too heavy for the repository."""
    parser = argparse.ArgumentParser(prog="python -m local.screenshot", description="Pictures of a friend's phone.")
    parser.add_argument("--name", default="さくら", help="whose phone")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder for the PNG files")
    chosen = parser.parse_args()
    try:
        taken = take(phone_of(load().line, chosen.name), chosen.to)
    except (NotRunning, NoPicture, NoBrowser) as error:
        print(f"screenshot: {error}", file=sys.stderr)
        return 2
    sizes = {path.name: path.stat().st_size for path in taken}
    for name, size in sizes.items():
        print(f"{name}: {size / 1000:.0f} kB{', too heavy' if size > MAX_BYTES else ''}")
    return int(max(sizes.values()) > MAX_BYTES)


if __name__ == "__main__":
    sys.exit(main())
