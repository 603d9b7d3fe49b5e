"""The embedded AWS. Runs in the emulator's venv: `python aws_server.py`, told by the emulator's own variables.

Two of its readings of a role's rights differ from AWS and are mended here, so that neither templates nor code bend:

* Our queues and buckets refuse every call without TLS, as they must on AWS. The emulator evaluates that refusal
  (`aws:SecureTransport`) but is spoken to over plain HTTP on loopback: each call is taken for one that came by TLS.
* `SendMessageBatch` and its like are authorised by the single action (SQS developer guide, "API permissions"); the
  emulator asks for an action of their own, which IAM does not know.
"""

from typing import Any

from ministack import app  # type: ignore[import-not-found, unused-ignore]
from ministack.core import iam_actions  # type: ignore[import-not-found, unused-ignore]

_BATCH = "Batch"


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


def main() -> None:
    """Mend, then serve as the emulator itself does."""
    take_all_for_tls()
    authorise_batches_as_single()
    app.main()


if __name__ == "__main__":
    main()
