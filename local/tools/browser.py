"""The headless browser that looks at the phone pages: Debian's Chromium, installed when we may.

``python -m local.tools.browser`` makes sure of it; tests and the demo's screenshot call `find`.
"""

import os
import shutil
import subprocess
import sys

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""How Chromium is started: nothing leaves the machine, and it runs as root in a container."""

_NAMES = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGES = ("chromium", "fonts-noto-cjk")
MEND = "apt-get install -y chromium fonts-noto-cjk"


class NoBrowser(RuntimeError):
    """No Chromium on this machine and no right to install one."""


def find() -> str | None:
    """The path of a Chromium that starts, or None. CHROMIUM names one elsewhere."""
    wished = os.environ.get("CHROMIUM")
    for name in (wished,) if wished else _NAMES:
        found = shutil.which(name)
        if found:
            return found
    return None


def has_japanese_font() -> bool:
    """Whether Japanese text renders as text and not as boxes (as far as fontconfig can say)."""
    try:
        done = subprocess.run(["fc-list", ":lang=ja"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return bool(done.stdout.strip())


def ensure() -> str:
    """The path of a Chromium with a Japanese font; installs both when we are root on Debian.

    Raises NoBrowser with the command that mends it.
    """
    found = find()
    if found and has_japanese_font():
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _install()
        found = find()
    if not found:
        raise NoBrowser(f"no Chromium found: {MEND}")
    return found


def _install() -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print("installing chromium and a Japanese font", file=sys.stderr)
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *_PACKAGES]):
        done = subprocess.run(["apt-get", *command], env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            # An update can fail for one list of many and still be good enough; the install decides.
            print(done.stderr.strip()[-2000:], file=sys.stderr)


if __name__ == "__main__":
    try:
        ensure()
    except NoBrowser as error:
        sys.exit(str(error))
