"""The embedded AWS. Runs in the emulator's venv: `python aws_server.py`, told by the emulator's own variables.

Our queues and buckets refuse every call without TLS, as they must on AWS. The emulator evaluates that refusal
(`aws:SecureTransport`) but is spoken to over plain HTTP on loopback, so each call is taken for one that came by TLS.
"""

from typing import Any

from ministack import app  # type: ignore[import-not-found, unused-ignore]


def main() -> None:
    """Say of every request that it came by TLS, then serve as the emulator itself does."""
    original: Any = app.pin_request_origin

    def from_tls(source_ip: str, _: bool) -> None:
        original(source_ip, True)

    app.pin_request_origin = from_tls
    app.main()


if __name__ == "__main__":
    main()
