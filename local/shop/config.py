"""What the demo shop is told when it starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ShopConfig:
    """Settings of one running demo shop.

    `api_url` is the base of the product under test, `line_access_url` the host of the account-link dialog,
    `aws_url` the AWS endpoint with the fact queue (empty: no facts are received, nothing goes to the bus).
    `retry_base_s` squeezes Shopify's four hours of retries into seconds: base, 2×, 4× … up to 15 s.
    """

    api_url: str = "http://127.0.0.1:4604"
    shop_id: str = "main"
    webhook_secret: str = "local-shop-secret"  # noqa: S105 - the documented test secret
    line_access_url: str = "http://127.0.0.1:4602"
    aws_url: str = ""
    region: str = "ap-northeast-1"
    bus_name: str = "musubi-local"
    seed: int = 20261122
    member_count: int = 12
    first_member_id: int = 1001
    platform: str = "shopify"
    host: str = "127.0.0.1"
    port: int = 4603
    retry_base_s: float = 0.5
    concurrency: int = 8


def parse_args(argv: Sequence[str] | None = None) -> ShopConfig:
    """Settings from the command line; unknown or malformed options end the process with a usage text."""
    base = ShopConfig()
    parser = argparse.ArgumentParser(prog="python -m local.shop", description="The demo shop 結び商店.")
    parser.add_argument("--port", type=int, default=base.port)
    parser.add_argument("--host", default=base.host)
    parser.add_argument("--api-url", default=base.api_url, help="base URL of the product's HTTP API")
    parser.add_argument("--shop-id", default=base.shop_id)
    parser.add_argument("--webhook-secret", default=base.webhook_secret)
    parser.add_argument("--line-access-url", default=base.line_access_url)
    parser.add_argument("--aws-url", default=base.aws_url, help="AWS endpoint; empty switches bus and facts off")
    parser.add_argument("--region", default=base.region)
    parser.add_argument("--bus-name", default=base.bus_name)
    parser.add_argument("--seed", type=int, default=base.seed)
    parser.add_argument("--member-count", type=int, default=base.member_count)
    parser.add_argument("--first-member-id", type=int, default=base.first_member_id)
    parser.add_argument(
        "--platform",
        choices=("shopify", "cloudevents", "eccube"),
        default=base.platform,
        help="format in which orders of the web pages are announced",
    )
    parser.add_argument("--retry-base-s", type=float, default=base.retry_base_s)
    parser.add_argument("--concurrency", type=int, default=base.concurrency)
    found = vars(parser.parse_args(argv))
    for name in ("api_url", "line_access_url", "aws_url"):
        found[name] = found[name].rstrip("/")
    return ShopConfig(**found)
