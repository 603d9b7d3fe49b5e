"""A complete environment per function, as the template would set it."""

from __future__ import annotations

QUEUES = "https://sqs.ap-northeast-1.amazonaws.com/123456789012/musubi-local-"

COMMON = {
    "STAGE": "local",
    "DEPLOYMENT": "musubi-local",
    "LOG_LEVEL": "INFO",
    "POWERTOOLS_SERVICE_NAME": "musubi-local-x",
    "POWERTOOLS_METRICS_NAMESPACE": "musubi",
}
PUBLIC = {"PUBLIC_URL": "http://127.0.0.1:4604"}
CONTENT = {"CLOCK": "real", "CONTENT_DIR": "/nonexistent"}
SENDING = {
    **CONTENT,
    "PARAM_PREFIX": "/musubi/local",
    "LINE_CHANNEL_ID": "2000000001",
    "LINE_API_URL": "http://127.0.0.1:4600",
    "LINE_DATA_URL": "http://127.0.0.1:4601",
    "LINE_ACCESS_URL": "http://127.0.0.1:4602",
    **PUBLIC,
    "SHOP_NAME": "結び商店",
    "GO_LIVE": "true",
    "TESTERS": "",
}
TABLES = {"PEOPLE_TABLE": "musubi-local-people", "WORK_TABLE": "musubi-local-work"}
PUSH = {"PUSH_QUEUE_URL": QUEUES + "push"}
LOG = {"LOG_QUEUE_URL": QUEUES + "log"}
ASIDE = {"QUARANTINE_QUEUE_URL": QUEUES + "quarantine"}
CLAIMS = {"CLAIM_BUCKET": "musubi-local-claims"}
DOOR = {**CLAIMS, "PARAM_PREFIX": "/musubi/local"}
SHOPS = {"SHOPS": "main, outlet"}
OPEN = {"PLATFORMS": "shopify, cloudevents"}

OWN: dict[str, dict[str, str]] = {
    "line_webhook": {**DOOR, "LINE_EVENTS_QUEUE_URL": QUEUES + "line-events"},
    "shop_webhook": {**DOOR, "SHOP_EVENTS_QUEUE_URL": QUEUES + "shop-events", **PUBLIC, **SHOPS, **OPEN},
    "line_events": {
        **SENDING, **TABLES, **PUSH, **LOG, **ASIDE, **CLAIMS,
        "BUS_NAME": "musubi-local", "SHOP_LOGIN_URL": "http://127.0.0.1:4603/login",
    },
    "shop_events": {
        **CONTENT, **TABLES, **PUSH, **LOG, **ASIDE, **CLAIMS, **SHOPS,
        "SHOP_HOSTS": "shop.example.jp", "PARAM_PREFIX": "/musubi/local",
    },
    "push_sender": {**SENDING, **TABLES, **PUSH, **LOG, **ASIDE},
    "due_steps": {**CONTENT, **TABLES, **PUSH, **ASIDE},
    "daily_alerts": {"CLOCK": "real", "WORK_TABLE": "musubi-local-work", "ALERT_SHARDS_QUEUE_URL": QUEUES + "alert-shards"},
    "alert_shard": {**CONTENT, **TABLES, **ASIDE},
    "log_writer": {"WORK_TABLE": "musubi-local-work", **ASIDE, "HISTORY_BUCKET": "musubi-local-history"},
    "privacy_requests": {"CLOCK": "real", **TABLES, **CLAIMS},
    "sweeper": {"CLOCK": "real", "WORK_TABLE": "musubi-local-work", **PUSH, "BUS_NAME": "musubi-local"},
    "import_file": {
        "WORK_TABLE": "musubi-local-work", **ASIDE, **SHOPS, "IMPORTS_BUCKET": "musubi-local-imports",
        "IMPORTS_QUEUE_URL": QUEUES + "imports", "SHOP_EVENTS_QUEUE_URL": QUEUES + "shop-events",
    },
    "poll_shop": {
        "CLOCK": "real", "WORK_TABLE": "musubi-local-work", **DOOR, "SHOP_EVENTS_QUEUE_URL": QUEUES + "shop-events", **OPEN,
        "POLL_OVERLAP_MINUTES": "15", "POLL_FIRST_HOURS": "24", "POLL_SILENCE_HOURS": "24",
        "SHOP_APIS": "main/woocommerce=https://shop.example.jp, outlet/woocommerce=https://outlet.example.jp/shop",
    },
    "write_back": {
        **TABLES, **ASIDE, "PARAM_PREFIX": "/musubi/local", "GO_LIVE": "true",
        "SHOP_APIS": "main/shopify=https://shop.example.jp", "LINKED_TAGS": "main/shopify=LINE連携",
        "CONSENTS_BACK": "main/shopify",
    },
    "api": {"WORK_TABLE": "musubi-local-work", "PARAM_PREFIX": "/musubi/local", **SHOPS},
}  # fmt: skip


def of(function: str) -> dict[str, str]:
    """The environment of `function`."""
    return {**COMMON, **OWN[function]}
