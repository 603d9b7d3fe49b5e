"""The embedded AWS. Runs in the emulator's venv: `python aws_server.py`, told by the emulator's own variables.

Two of its readings of a role's rights differ from AWS and are mended here, so that neither templates nor code bend:

* Our queues and buckets refuse every call without TLS, as they must on AWS. The emulator evaluates that refusal
  (`aws:SecureTransport`) but is spoken to over plain HTTP on loopback: each call is taken for one that came by TLS.
* `SendMessageBatch` and its like are authorised by the single action (SQS developer guide, "API permissions"); the
  emulator asks for an action of their own, which IAM does not know.

A caller from outside may sign with any made-up key, as with other emulators: it is the account's root. Keys shaped like AWS's
own (the functions' temporary ones) keep their role's rights.

And one habit is too dear for a small machine: every worker of a function unpacks all layers for itself, 3,300 files and
80 MB of memory each. On AWS a layer is one read-only file system for all copies; here it is unpacked once and linked.
"""

import hashlib
import re
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

from ministack import app  # type: ignore[import-not-found, unused-ignore]
from ministack.core import iam_actions, iam_evaluator, lambda_runtime  # type: ignore[import-not-found, unused-ignore]

_BATCH = "Batch"
_LAYER = "layer_"
_OF_AWS = re.compile(r"A[A-Z]{3}[A-Z0-9]{16}|[0-9]{12}")
_unpacking = threading.Lock()


class SharedLayer(zipfile.ZipFile):
    """A zip that, when it is a layer, is unpacked once per content; later targets become links to that."""

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
        """Unpack to `path`, or link it to where the same layer was unpacked before."""
        target, archive = Path(path), Path(str(self.filename))
        if not target.name.startswith(_LAYER):
            super().extractall(path, members, pwd)
            return
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
        shared = Path(tempfile.gettempdir()) / f"shared-{digest}"
        with _unpacking:
            if not shared.is_dir():
                fresh = Path(tempfile.mkdtemp(prefix="unpacking-"))
                super().extractall(fresh, members, pwd)
                fresh.rename(shared)
        archive.unlink()
        target.rmdir()
        target.symlink_to(shared, target_is_directory=True)


class _Zipfile:
    """The module `zipfile` as the worker pool sees it."""

    ZipFile = SharedLayer

    def __getattr__(self, name: str) -> Any:
        return getattr(zipfile, name)


def take_all_for_tls() -> None:
    """Say of every request that it came by TLS."""
    original: Any = app.pin_request_origin

    def from_tls(source_ip: str, _: bool) -> None:
        original(source_ip, True)

    app.pin_request_origin = from_tls


def authorise_batches_as_single() -> None:
    """Ask for `sqs:SendMessage` where `SendMessageBatch` is called, and so on."""
    original: Any = iam_actions.extract_iam_action

    def single(service: str, *request: Any) -> str | None:
        action: str | None = original(service, *request)
        return action.removesuffix(_BATCH) if action and service == "sqs" else action

    iam_actions.extract_iam_action = single


def take_made_up_keys_for_root() -> None:
    """Refuse no key that AWS could not have issued."""
    original: Any = iam_evaluator.is_root_access_key

    def root(key: str) -> bool:
        return bool(original(key)) or not _OF_AWS.fullmatch(key)

    iam_evaluator.is_root_access_key = root


def share_layers() -> None:
    """Let the worker pool unpack each layer once."""
    lambda_runtime.zipfile = _Zipfile()


def main() -> None:
    """Mend, then serve as the emulator itself does."""
    take_all_for_tls()
    authorise_batches_as_single()
    take_made_up_keys_for_root()
    share_layers()
    app.main()


if __name__ == "__main__":
    main()
