"""Settings: one class per function, read from its environment while it starts.

A field is the environment variable of the same name in capitals. What is missing or wrong raises ConfigError naming the
variable, so that a wrong deployment fails before its first event. Standard library only: the webhook doors start fast.
Secrets are never here, only the prefix of their names.
"""

from __future__ import annotations

import os
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from musubi.domain.errors import ConfigError

LOCAL = "local"

_S = TypeVar("_S", bound="Common")


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _Settings:
    """A frozen record of its annotations. Real dataclasses, a dozen of them, cost a webhook door's cold start 20 ms of
    compiling methods that nobody calls.
    """

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check what concerns several fields; ConfigError."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")


class Common(_Settings):
    """What every function knows of the deployment it belongs to."""

    stage: str
    deployment: str
    powertools_service_name: str
    powertools_metrics_namespace: str
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Clocked(Common):
    """A function that asks for business time."""

    clock: Literal["real", "movable"]

    def __post_init__(self) -> None:
        # A moved clock on a deployed stage would send what is not due to real people.
        if self.clock == "movable" and self.stage != LOCAL:
            raise ConfigError(f"CLOCK: movable is only for the stage {LOCAL}, this is {self.stage}")


class Content(Clocked):
    """A function that runs scenarios."""

    content_dir: str = "/opt/content"


class Sending(Content):
    """A function that talks to LINE. Until `go_live`, only `testers` (LINE user ids) get anything."""

    param_prefix: str
    line_channel_id: str
    line_api_url: str
    line_data_url: str
    line_access_url: str
    public_url: str
    shop_name: str
    go_live: bool
    testers: tuple[str, ...] = ()


class LineWebhook(Common):
    line_events_queue_url: str
    claim_bucket: str
    param_prefix: str


class ShopWebhook(Common):
    shop_events_queue_url: str
    claim_bucket: str
    param_prefix: str
    public_url: str
    shops: tuple[str, ...]
    platforms: tuple[str, ...]


class LineEvents(Sending):
    """`link_points` are the points for a member's first link, by shop."""

    people_table: str
    work_table: str
    push_queue_url: str
    log_queue_url: str
    quarantine_queue_url: str
    claim_bucket: str
    bus_name: str
    shop_login_url: str
    link_points: Mapping[str, str] = types.MappingProxyType({})

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(points.isdecimal() and int(points) > 0 for points in self.link_points.values()):
            raise ConfigError("LINK_POINTS: not all whole numbers above 0")


class ShopEvents(Content):
    """`shop_apis` maps `<shop>/<platform>` to the base URL of its API; `order_statuses` maps `<shop>/<platform>/<id>`, a status
    of the shop's own, to the id of the one as which it counts; `partner_sources` maps Shopify's partner event sources to shops.
    """

    people_table: str
    work_table: str
    push_queue_url: str
    log_queue_url: str
    quarantine_queue_url: str
    claim_bucket: str
    param_prefix: str
    shops: tuple[str, ...]
    shop_hosts: tuple[str, ...]
    shop_apis: Mapping[str, str] = types.MappingProxyType({})
    order_statuses: Mapping[str, str] = types.MappingProxyType({})
    partner_sources: Mapping[str, str] = types.MappingProxyType({})


class PushSender(Sending):
    people_table: str
    work_table: str
    push_queue_url: str
    log_queue_url: str
    quarantine_queue_url: str


class DueSteps(Content):
    people_table: str
    work_table: str
    push_queue_url: str
    quarantine_queue_url: str


class DailyAlerts(Clocked):
    work_table: str
    alert_shards_queue_url: str


class AlertShard(Content):
    people_table: str
    work_table: str
    quarantine_queue_url: str


class LogWriter(Common):
    work_table: str
    quarantine_queue_url: str
    history_bucket: str


class ImportFile(Common):
    work_table: str
    imports_bucket: str
    imports_queue_url: str
    shop_events_queue_url: str
    quarantine_queue_url: str
    shops: tuple[str, ...]
    content_dir: str = "/opt/content"


class Sweeper(Clocked):
    work_table: str
    push_queue_url: str
    bus_name: str


class PollShop(Clocked):
    """`shop_apis` maps `<shop>/<platform>` to the base URL of its API; `platforms` are those whose webhooks are taken."""

    work_table: str
    shop_events_queue_url: str
    claim_bucket: str
    param_prefix: str
    platforms: tuple[str, ...]
    poll_overlap_minutes: int
    poll_first_hours: int
    poll_silence_hours: int
    shop_apis: Mapping[str, str] = types.MappingProxyType({})


class PrivacyRequests(Clocked):
    people_table: str
    work_table: str
    claim_bucket: str


class WriteBack(Common):
    """`shop_apis` maps `<shop>/<platform>` to the base URL of its API; `linked_tags` maps those to the tag of linked members;
    `consents_back` and `points_back` name those that get consents and points. Until `go_live`, only what concerns `testers`.
    """

    people_table: str
    work_table: str
    quarantine_queue_url: str
    param_prefix: str
    go_live: bool
    testers: tuple[str, ...] = ()
    shop_apis: Mapping[str, str] = types.MappingProxyType({})
    linked_tags: Mapping[str, str] = types.MappingProxyType({})
    consents_back: tuple[str, ...] = ()
    points_back: tuple[str, ...] = ()


class Api(Common):
    work_table: str
    param_prefix: str
    shops: tuple[str, ...]


FUNCTIONS: Mapping[str, type[Common]] = {
    "line_webhook": LineWebhook,
    "shop_webhook": ShopWebhook,
    "line_events": LineEvents,
    "shop_events": ShopEvents,
    "push_sender": PushSender,
    "due_steps": DueSteps,
    "daily_alerts": DailyAlerts,
    "alert_shard": AlertShard,
    "log_writer": LogWriter,
    "import_file": ImportFile,
    "sweeper": Sweeper,
    "poll_shop": PollShop,
    "privacy_requests": PrivacyRequests,
    "write_back": WriteBack,
    "api": Api,
}
"""The settings of each folder in `functions/`."""


def load(settings: type[_S], environment: Mapping[str, str] | None = None) -> _S:
    """`settings` from `environment` (default: the process's). ConfigError naming the first variable that is wrong."""
    source = os.environ if environment is None else environment
    hints = get_type_hints(settings)
    return settings(**{name: _value(settings, name, kind, source) for name, kind in hints.items()})


def names(settings: type[Common]) -> list[str]:
    """The fields of `settings`."""
    return list(get_type_hints(settings))


def required(settings: type[Common]) -> list[str]:
    """The fields of `settings` that have no default."""
    return [name for name in get_type_hints(settings) if not hasattr(settings, name)]


def _value(settings: type[Common], field: str, kind: Any, environment: Mapping[str, str]) -> Any:
    name = field.upper()
    text = environment.get(name, "").strip()
    if not text:
        if hasattr(settings, field):
            return getattr(settings, field)
        raise ConfigError(f"{name}: missing")
    try:
        return _parsed(text, kind)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None


def _parsed(text: str, kind: Any) -> Any:
    """`text` as `kind`; ValueError says what was expected. The value is left out: it may be a mispasted secret."""
    if kind is str:
        return text
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError("not true or false")
        return text == "true"
    if kind is int:
        if not text.removeprefix("-").isdecimal():
            raise ValueError("not a whole number")
        return int(text)
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise ValueError(f"not one of {', '.join(get_args(kind))}")
        return text
    if kind == types.GenericAlias(tuple, (str, ...)):
        items = tuple(item.strip() for item in text.split(",") if item.strip())
        if not items:
            raise ValueError("an empty list")
        return items
    if kind == Mapping[str, str]:
        return _pairs(text)
    raise TypeError(f"no setting can be a {kind}")


def _pairs(text: str) -> dict[str, str]:
    """`main/woocommerce=https://shop.example,…` as a mapping."""
    found = {}
    for pair in text.split(","):
        name, equals, value = pair.strip().partition("=")
        if not (name and equals and value):
            raise ValueError("not a list of name=value")
        found[name] = value
    return found
