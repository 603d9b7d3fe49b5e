"""`python -m local.shop`: run the demo shop until it is told to stop."""

from __future__ import annotations

import logging

import uvicorn

from local.shop.app import build_app
from local.shop.config import parse_args


def main() -> None:
    """Serve on the configured address; ends with SIGTERM or SIGINT."""
    config = parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    uvicorn.run(
        build_app(config),
        host=config.host,
        port=config.port,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
