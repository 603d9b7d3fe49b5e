"""Where a running local stack is reached.

The file `endpoints.json` that `up` writes and everything outside reads.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = "endpoints.json"


class NotRunning(RuntimeError):
    """No stack was started here; the message says how to start one."""


@dataclass(frozen=True)
class Endpoints:
    """Base URLs without a trailing slash.

    `api` is the product's HTTP API, `line` the simulator, `aws` the embedded AWS.
    """

    api: str
    line: str
    shop: str
    aws: str
    shop_id: str = "main"
    region: str = "ap-northeast-1"

    def save(self, home: Path) -> Path:
        """Write the file in one move, so that a reader never sees half of it."""
        home.mkdir(parents=True, exist_ok=True)
        target = home / FILE
        draft = target.with_suffix(".tmp")
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        draft.replace(target)
        return target


def home_of_stack() -> Path:
    """The folder of the stack's run-time state: MUSUBI_LOCAL_DIR, or `.local` of the repository."""
    return Path(os.environ.get("MUSUBI_LOCAL_DIR") or ROOT / ".local").resolve()


def load(home: Path | None = None) -> Endpoints:
    """Read the endpoints of the stack in `home`; raises NotRunning when there is none."""
    path = (home or home_of_stack()) / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotRunning("no local stack is running here: start one with `make up`") from None
    return Endpoints(**{name: found[name] for name in Endpoints.__dataclass_fields__})
