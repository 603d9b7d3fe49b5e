"""The fault proxy between the functions and the embedded AWS. Runs in the emulator's venv.

`python faults_proxy.py …`.

The proxy replaces the Host header by its upstream's. With AUTH=true the embedded AWS checks each function's
signature, which covers the Host that the function called: every call would be refused. So the caller's own
Host is kept.
"""

import sys
from typing import Any

from microburst import cli, forward  # type: ignore[import-not-found, unused-ignore]


def keep_host(forwarder: Any) -> None:
    """Let the forwarder send the Host that was signed."""
    original = forwarder._outbound_headers

    def headers_with_host(self: Any, request: Any) -> dict[str, str]:
        headers: dict[str, str] = original(self, request)
        headers["host"] = request.headers["Host"]
        return headers

    forwarder._outbound_headers = headers_with_host


def main() -> None:
    """Patch the one class that forwards, then hand over to the proxy's own command line."""
    for thing in vars(forward).values():
        if isinstance(thing, type) and "_outbound_headers" in vars(thing):
            keep_host(thing)
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
