"""`python -m local.line`: start the simulator and say where it is."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from local.line.config import Config, UnsafeStart
from local.line.edge import Simulator, serve


def parse(argv: Sequence[str] | None = None) -> Config:
    """The configuration of a command line; exits with 2 on a bad one."""
    default = Config()
    parser = argparse.ArgumentParser(prog="python -m local.line", description=__doc__)
    parser.add_argument("--port-base", type=int, default=default.port_base)
    parser.add_argument("--bind", default=default.bind)
    parser.add_argument("--api-base", default="", help="public name of the api port, when not http://BIND:PORT")
    parser.add_argument("--webhook-url", default="")
    parser.add_argument("--channel-id", default=default.channel_id)
    parser.add_argument("--channel-secret", default=default.channel_secret)
    parser.add_argument("--bot-user-id", default=default.bot_user_id)
    parser.add_argument("--bot-name", default=default.bot_name)
    parser.add_argument("--provider", default=default.provider)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--redelivery", action="store_true", help="redeliver webhooks that are not answered with 2xx")
    parser.add_argument("--unverified", action="store_true", help="an account that may not list its followers")
    parser.add_argument("--fuzz-errors", action="store_true", help="reword, null or drop error texts")
    parser.add_argument("--plain-json", action="store_true", help="webhooks in compact JSON, not randomised")
    parser.add_argument("--workers", type=int, default=default.workers, help="parallel webhook posts")
    parser.add_argument(
        "--image-map",
        action="append",
        default=[],
        metavar="BASE=DIR",
        help="show images under this public base from a folder; may be repeated",
    )
    got = parser.parse_args(argv)
    try:
        return Config(
            channel_id=got.channel_id,
            channel_secret=got.channel_secret,
            bot_user_id=got.bot_user_id,
            bot_name=got.bot_name,
            provider=got.provider,
            webhook_url=got.webhook_url,
            port_base=got.port_base,
            bind=got.bind,
            api_base=got.api_base,
            redelivery=got.redelivery,
            verified=not got.unverified,
            seed=got.seed,
            fuzz_errors=got.fuzz_errors,
            plain_json=got.plain_json,
            workers=got.workers,
            image_map=dict(_mapping(item) for item in got.image_map),
        ).checked()
    except (UnsafeStart, ValueError) as error:
        parser.error(str(error))


def _mapping(text: str) -> tuple[str, Path]:
    base, separator, folder = text.rpartition("=")
    if not separator or not Path(folder).is_dir():
        raise ValueError(f"--image-map wants BASE=DIR with an existing folder, got {text}")
    return base.rstrip("/"), Path(folder).resolve()


def main() -> None:
    """Run until told to stop."""
    config = parse()

    def ready() -> None:
        sys.stdout.write(
            f"LINE simulator: api {config.base(0)}  data {config.base(1)}  access {config.base(2)}  "
            f"phones {config.base(0)}/phone\n"
        )
        sys.stdout.flush()

    asyncio.run(serve(Simulator(config), ready))


if __name__ == "__main__":
    main()
