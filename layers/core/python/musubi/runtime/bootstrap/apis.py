"""The APIs of shops, as the stage names them: what fetches and polls are given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Protocol

from musubi.runtime import parts, settings

if TYPE_CHECKING:
    from musubi.adapters.shops.source import Apis, Bearer, ShopApi
    from musubi.runtime.work import Deadline

RENEWAL_S = 9
"""Seconds of an invocation that must be left beside the call that renews a grant: what it brings is stored at once, and a
function that ended in between would have spent the refresh token for nothing."""


class Asking(Protocol):
    """Settings of a function that asks shops."""

    @property
    def stage(self) -> str: ...
    @property
    def param_prefix(self) -> str: ...
    @property
    def work_table(self) -> str: ...
    @property
    def shop_apis(self) -> Mapping[str, str]: ...


def shop_apis(s: Asking, deadline: Deadline, statuses: Mapping[str, str] | None = None) -> Apis:
    """What gives a shop's API, made when it is first asked for and kept. ConfigError for an address without TLS on any stage
    but the local one. `statuses` maps `<shop>/<platform>/<order status>` to the status as which it counts.
    """
    from musubi.adapters.shops.source import NoApi, ShopApi
    from musubi.domain.errors import ConfigError

    insecure = [name for name, url in s.shop_apis.items() if not url.startswith("https://")]
    if insecure and s.stage != settings.LOCAL:
        raise ConfigError(f"SHOP_APIS: {', '.join(insecure)}: not https")
    secrets = parts.secrets(s.param_prefix)

    @cache
    def made(shop_id: str, platform: str) -> ShopApi:
        name = f"{shop_id}/{platform}"
        secret, base_url = f"shops/{name}-api", s.shop_apis[name]
        own = {k.removeprefix(f"{name}/"): v for k, v in (statuses or {}).items() if k.startswith(f"{name}/")}
        return ShopApi(
            shop_id=shop_id,
            base_url=base_url,
            keys=lambda: secrets.lines(secret),
            left_s=deadline.left_s,
            bearer=_bearer(s, shop_id, platform, base_url, deadline),
            statuses=own,
            now=parts.now,
        )

    def api(shop_id: str, platform: str) -> ShopApi:
        if f"{shop_id}/{platform}" not in s.shop_apis:
            raise NoApi(shop_id, platform)
        return made(shop_id, platform)

    return api


def _bearer(s: Asking, shop_id: str, platform: str, base_url: str, deadline: Deadline) -> Bearer | None:
    from musubi.adapters.aws import client
    from musubi.adapters.shops.http import Http
    from musubi.adapters.shops.oauth import DynamoLease, SsmGrant, Tokens
    from musubi.adapters.shops.platforms import PLATFORMS

    renews_at = PLATFORMS[platform].renews_at if platform in PLATFORMS else None
    if renews_at is None:
        return None
    return Tokens(
        SsmGrant(client("ssm"), f"{s.param_prefix}/shops/{shop_id}/{platform}-api"),
        DynamoLease(client("dynamodb"), s.work_table, shop_id, platform),
        lambda: Http(base_url, lambda: deadline.left_s() - RENEWAL_S),
        renews_at,
        parts.now,
    )
