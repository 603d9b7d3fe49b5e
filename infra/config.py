"""What a stage may decide, and nothing else.

A stage file (``infra/stages/<stage>.py``) holds one :class:`StageConfig`. Everything that is not a field here is the
same on every stage, so that what is tested on one is what runs on the others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from infra.canonical_events import FACTS

ROOT = Path(__file__).resolve().parent.parent
LOCAL = "local"

HISTORY_AT_LEAST = 45
"""Days. log_writer asks an object whether a line that comes again is in it; its marks are forgotten after 30 days."""

FETCHED = ("eccube", "square", "shopify")
"""Shop systems whose API the worker asks, where a stage names it: their webhooks only name what changed, or (Shopify's) do so
when they are very large.
"""

NEEDED = ("eccube",)
"""Those of them whose webhooks say nothing at all without it."""

GRANTED = ("eccube", "base")
"""Shop systems whose secret is an OAuth grant: whoever asks them stores it anew."""

WRITES: Mapping[str, tuple[str, ...]] = {
    "shopify": ("tags", "consent"),
    "square": ("tags", "consent", "points"),
    "woocommerce": ("tags", "consent"),
}
"""What can be written into which shop systems."""

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-]{1,15}")
_SHOP_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")
_OWN_STATUS = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}/[a-z0-9][a-z0-9_-]{0,31}/[0-9A-Za-z_-]{1,32}")
_PARTNER_SOURCE = re.compile(r"aws\.partner/shopify\.com/(\w[\w.-]*/)*(\w[\w.-]*)?")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_EXAMPLE = ".example"
_RATE = re.compile(r"rate\((1 (minute|hour)|([2-9]|[1-9][0-9]{1,2}) (minutes|hours))\)")
_SHOP_API = re.compile(r"https?://[^\s,?#]*[^\s,?#/]")
_LONGEST_API = 34
"""Characters of `<shop>/<platform>`: the schedule's name is made of it, and AWS takes 64."""
_ENDPOINT = re.compile(r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?(/[A-Za-z0-9._~%/-]*)?")
_ENDPOINT_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LONGEST_URL = 2048
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_TAG = re.compile(r"[^\s,](?:[^\n\r,]{0,38}[^\s,])?")
"""Shopify's tags can not hold a comma."""
_MOST_POINTS = 100_000
_LINE_USER_ID = re.compile(r"U[0-9a-f]{32}")


class ConfigError(ValueError):
    """A stage file asks for something that must not be deployed; the message names the field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LineHosts:
    """Base URLs of LINE's three hosts, without a trailing slash. Only a stand-in of LINE needs other values."""

    api: str = "https://api.line.me"
    data: str = "https://api-data.line.me"
    access: str = "https://access.line.me"


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomDomain:
    """A domain of the shop for the webhooks and our pages.

    The certificate must live in the stage's region. The deployment prints the target to which the shop's DNS points
    the name; no DNS record is made here, since the zone is rarely in the same account.
    """

    name: str
    certificate_arn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Concurrency:
    """Caps by function name; a function that is not named has none.

    ``reserved`` takes that many executions out of the account's pool (1,000 by default, 10 in a young account, where
    any reservation is refused by AWS). ``queue`` is the MaximumConcurrency of the function's queue, 2 to 1,000. A
    queue allowed to run more copies than are reserved is throttled, every throttle counts as a receive, and healthy
    messages end in the dead-letter queue: such a pair is refused.
    """

    reserved: Mapping[str, int] = field(default_factory=dict)
    queue: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, cap in self.queue.items():
            if not 2 <= cap <= 1000:
                raise ConfigError(f"concurrency.queue[{name!r}] is {cap}; AWS takes 2 to 1000")
            reserved = self.reserved.get(name)
            if reserved is not None and cap > reserved:
                raise ConfigError(f"concurrency.queue[{name!r}] is {cap}, above the {reserved} reserved for it")


@dataclass(frozen=True, kw_only=True, slots=True)
class Polls:
    """How shops are asked for what their webhooks did not bring.

    Each poll goes back ``overlap_minutes`` before the last one: a shop's clock may be slow, and a change may become
    visible late. The first one goes back ``first_hours``; what it finds updates state and messages nobody. When no
    webhook came for ``silence_hours`` while polls found what webhooks should have brought, an alarm rings.
    """

    every: str = "rate(1 hour)"
    overlap_minutes: int = 15
    first_hours: int = 24
    silence_hours: int = 24

    def __post_init__(self) -> None:
        _require(_RATE.fullmatch(self.every), "polls.every", "rate(<n> minutes) or rate(<n> hours)")
        _require(1 <= self.overlap_minutes <= 1440, "polls.overlap_minutes", "1 to 1440")
        _require(0 <= self.first_hours <= 8760, "polls.first_hours", "0 to 8760")
        _require(1 <= self.silence_hours <= 720, "polls.silence_hours", "1 to 720")


@dataclass(frozen=True, kw_only=True, slots=True)
class FactEndpoint:
    """An HTTPS address of the shop's that is told of facts, each as the event that is on the bus.

    ``types`` are the facts it wants; none named: all of them, later ones too. The key that opens it comes in the header
    ``header``, and is the secret ``musubi/<stage>/facts/<name>`` of Secrets Manager. More than ``per_second`` wait, for a
    day at most.
    """

    url: str
    types: tuple[str, ...] = ()
    header: str = "x-musubi-key"
    per_second: int = 10

    def __post_init__(self) -> None:
        fits = _ENDPOINT.fullmatch(self.url) and len(self.url) <= _LONGEST_URL
        _require(fits, "fact_endpoints: url", "an https:// address without user, query or *")
        unknown = sorted(set(self.types) - set(FACTS))
        _require(not unknown, "fact_endpoints: types", f"of {', '.join(FACTS)}, not {', '.join(unknown)}")
        _require(_HEADER.fullmatch(self.header), "fact_endpoints: header", "a header's name")
        _require(1 <= self.per_second <= 300, "fact_endpoints: per_second", "1 to 300")


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteBack:
    """What musubi writes into a shop system.

    ``linked_tag`` marks members who are linked, and is taken off when they no longer are; empty marks nobody. ``consent``
    keeps what a linked friend says about promotion on LINE with the member (Shopify: the metafield
    ``musubi.line_promo``). ``link_points`` are for a member's first link, once: the fact ``RewardDue`` tells of them, and
    where the shop system has points, they are granted there.
    """

    linked_tag: str = ""
    consent: bool = False
    link_points: int = 0

    def __post_init__(self) -> None:
        fits = not self.linked_tag or _TAG.fullmatch(self.linked_tag)
        _require(fits, "write_backs: linked_tag", "up to 40 characters without a comma")
        _require(0 <= self.link_points <= _MOST_POINTS, "write_backs: link_points", f"0 to {_MOST_POINTS}")

    def asks(self, platform: str) -> set[str]:
        """What has to be written into ``platform`` for it."""
        wanted = {"tags": bool(self.linked_tag), "consent": self.consent}
        # Points that nobody can grant there are still told of.
        wanted["points"] = self.link_points > 0 and "points" in WRITES.get(platform, ())
        return {what for what, holds in wanted.items() if holds}


@dataclass(frozen=True, kw_only=True, slots=True)
class StageConfig:
    """One stage of one shop company.

    ``go_live`` opens the gate for everybody; while it is False only ``testers`` (LINE user ids) get messages, in prod
    too, so that a fresh deployment followed by an import sends nothing to anyone.

    ``customer_managed_key`` encrypts tables, queues, bus, buckets, logs and the endpoints' keys with a KMS key of the
    account instead of keys that AWS owns. Cost: 1 USD a month for the key plus 0.03 USD per 10,000 requests, roughly
    0.10 USD per 100,000 messages with the caching that SQS and DynamoDB do. The alarm topic has such a key on every
    stage (1 USD a month), because CloudWatch cannot publish to a topic encrypted by a key that AWS manages.

    ``shop_hosts`` are the hosts of the shop's pages, to which links back into a cart may lead; by default the login page's.

    ``platforms`` are the shop systems whose webhooks are taken; each shop has one secret per platform.

    ``shop_apis`` maps ``<shop>/<platform>`` to the base URL of that shop's API (``main/woocommerce`` to
    ``https://shop.example``). A shop named here is asked for what its webhooks name or lose (``polls``); its key is the
    secret ``shops/<shop>/<platform>-api``.

    ``order_statuses`` maps ``<shop>/<platform>/<status id>``, an order status that the shop made itself, to the id of the
    status of its cart as which it counts (``main/eccube/10`` to ``4``).

    ``partner_sources`` maps event sources of Shopify's EventBridge partner (``aws.partner/shopify.com/<account>/<name>``,
    whose bus has the same name and must have been associated before the deployment) to the shops that they belong to.

    ``fact_endpoints`` maps a name to an HTTPS address that is told what musubi decided (:class:`FactEndpoint`). The key
    that it asks for must be in Secrets Manager before the deployment.

    ``write_backs`` maps ``<shop>/<platform>`` to what is written back there (:class:`WriteBack`): links, wishes, points. The
    shop's API must be in ``shop_apis``. Until ``go_live`` only what concerns ``testers`` is written.

    ``public_url`` is the base of our own pages; empty means the custom domain, or else the API's own address.
    ``clock`` ``movable`` lets tests move business time; only the ``local`` stage may have it.
    ``schedules_enabled`` is False only where somebody else fires the schedules (the embedded AWS ignores time zones).
    ``claims_days`` is how long large bodies and ``log_days`` how long logs are kept. ``history_days`` is how long the
    history of events, decisions and Sends is: three years prove consent; 0 keeps it for ever. ``imports_days`` is how long
    dropped tables and their reports are.
    """

    stage: str
    shop_name: str
    shop_login_url: str
    line_channel_id: str
    shop_hosts: tuple[str, ...] = ()
    shops: tuple[str, ...] = ("main",)
    platforms: tuple[str, ...] = ("shopify", "cloudevents")
    shop_apis: Mapping[str, str] = field(default_factory=dict)
    order_statuses: Mapping[str, str] = field(default_factory=dict)
    polls: Polls = field(default_factory=Polls)
    partner_sources: Mapping[str, str] = field(default_factory=dict)
    fact_endpoints: Mapping[str, FactEndpoint] = field(default_factory=dict)
    write_backs: Mapping[str, WriteBack] = field(default_factory=dict)
    line: LineHosts = field(default_factory=LineHosts)
    public_url: str = ""
    domain: CustomDomain | None = None
    go_live: bool = False
    testers: tuple[str, ...] = ()
    alarm_emails: tuple[str, ...] = ()
    keep_data: bool = True
    point_in_time_recovery: bool = True
    deletion_protection: bool = False
    termination_protection: bool = False
    customer_managed_key: bool = False
    log_days: int = 90
    claims_days: int = 30
    history_days: int = 1095
    imports_days: int = 30
    log_level: Literal["DEBUG", "INFO", "WARNING"] = "INFO"
    concurrency: Concurrency = field(default_factory=Concurrency)
    schedules_enabled: bool = True
    clock: Literal["real", "movable"] = "real"
    architecture: Literal["arm64", "x86_64"] = "arm64"
    python: Literal["3.12", "3.13", "3.14"] = "3.13"
    layers_dir: Path = ROOT / ".build" / "layers" / "aws"
    functions_dir: Path = ROOT / "functions"
    content_dir: str = "/opt/content"
    plain_http: bool = False
    """Take requests without TLS (the embedded AWS has none, and enforces the policies that demand it)."""
    own_credentials: bool = False
    """Deploy with the caller's credentials instead of the bootstrap roles (the embedded AWS refuses those roles)."""

    def __post_init__(self) -> None:
        _require(_STAGE_NAME.fullmatch(self.stage), "stage", "2 to 16 of a-z, 0-9 and -")
        hosts = all(_HOST.fullmatch(host) for host in self.shop_hosts)
        _require(hosts, "shop_hosts", "plain lower-case host names, like shop.example.jp")
        _require(self.shops, "shops", "at least one shop id, the first is the default")
        _require(all(_SHOP_ID.fullmatch(shop) for shop in self.shops), "shops", "up to 32 of a-z, 0-9, _ and -")
        _require(
            "cloudevents" in self.platforms, "platforms", "a list with cloudevents: its key also signs the link API"
        )
        _require(all(_SHOP_ID.fullmatch(one) for one in self.platforms), "platforms", "names of shop systems")
        for name, url in self.shop_apis.items():
            shop, slash, platform = name.partition("/")
            known = shop in self.shops and slash and _SHOP_ID.fullmatch(platform) and len(name) <= _LONGEST_API
            _require(known, "shop_apis", f"by <shop>/<platform> of a known shop, in {_LONGEST_API} characters or less")
            _require(_SHOP_API.fullmatch(url), "shop_apis", "base URLs without a comma, a query or a slash at the end")
        thin = [name for name in NEEDED if name in self.platforms]
        named = {name.partition("/")[2] for name in self.shop_apis}
        _require(set(thin) <= named, "shop_apis", f"set for {', '.join(thin)}, whose webhooks only name what changed")
        for name, status in self.order_statuses.items():
            status_ids = _OWN_STATUS.fullmatch(name) and _ID.fullmatch(status)
            _require(status_ids, "order_statuses", "by <shop>/<platform>/<status id>, to a status id")
        for source, shop in self.partner_sources.items():
            # A beginning stands for all sources below it; only a machine of one's own can send in Shopify's name.
            fits = _PARTNER_SOURCE.fullmatch(source) and (self.stage == LOCAL or not source.endswith("/"))
            _require(fits and shop in self.shops, "partner_sources", "aws.partner/shopify.com/<account>/<name>: a shop")
        self._check_write_backs()
        names = all(_ENDPOINT_NAME.fullmatch(name) for name in self.fact_endpoints)
        _require(names, "fact_endpoints", "by names of up to 32 of a-z, 0-9 and -, the first a letter")
        # The embedded AWS's CloudFormation knows no API destinations.
        _require(self.stage != LOCAL or not self.fact_endpoints, "fact_endpoints", "empty on stage 'local'")
        _require(all(_LINE_USER_ID.fullmatch(user) for user in self.testers), "testers", "LINE user ids")
        _require(self.line_channel_id.isdigit(), "line_channel_id", "the digits of the Messaging API channel id")
        _require(self.claims_days >= 15, "claims_days", "15 or more: a dead letter waits two weeks for its body")
        kept = self.history_days == 0 or self.history_days >= HISTORY_AT_LEAST
        _require(
            kept, "history_days", f"0 (for ever) or {HISTORY_AT_LEAST} and more: a line may come again for a month"
        )
        _require(self.imports_days >= 5, "imports_days", "5 or more: an import that waits in its queue needs its file")
        _require(self.clock == "real" or self.stage == LOCAL, "clock", "'real' on every stage but 'local'")
        _require(not self.plain_http or self.stage == LOCAL, "plain_http", "False on every stage but 'local'")
        ours = (self.line.api, self.line.data, self.line.access, self.shop_login_url, self.public_url)
        urls = (*ours, *self.shop_apis.values())
        safe = all(url.startswith("https://") or not url for url in urls)
        _require(safe or self.stage == LOCAL, "line, shop_login_url, public_url, shop_apis", "https:// addresses")

    def _check_write_backs(self) -> None:
        rewarding: list[str] = []
        for name, back in self.write_backs.items():
            shop, slash, platform = name.partition("/")
            _require(shop in self.shops and slash, "write_backs", "by <shop>/<platform> of a known shop")
            asked = back.asks(platform)
            there = set(WRITES.get(platform, ()))
            _require(asked <= there, f"write_backs: {name}", f"of {', '.join(sorted(there)) or 'link_points alone'}")
            _require(not asked or name in self.shop_apis, f"write_backs: {name}", "in shop_apis, too")
            rewarding += [shop] if back.link_points else []
        _require(
            len(set(rewarding)) == len(rewarding), "write_backs: link_points", "told by one platform of a shop only"
        )

    @property
    def cart_hosts(self) -> tuple[str, ...]:
        """``shop_hosts``, or the login page's."""
        return self.shop_hosts or (urlsplit(self.shop_login_url).hostname or "",)

    @property
    def placeholders(self) -> list[str]:
        """Names of the fields that still say what this repository's example says."""
        found = {
            "shop_login_url": (urlsplit(self.shop_login_url).hostname or "").endswith(_EXAMPLE),
            "line_channel_id": not self.line_channel_id.strip("0"),
            "alarm_emails": any(address.endswith(_EXAMPLE) for address in self.alarm_emails),
        }
        return [name for name, holds in found.items() if holds]

    @property
    def deployment(self) -> str:
        """Name of the deployment: prefix of every physical name, and part of every Send's derived id."""
        return f"musubi-{self.stage}"


def _require(holds: object, fields: str, rule: str) -> None:
    if not holds:
        raise ConfigError(f"stage file: {fields} must be {rule}")
