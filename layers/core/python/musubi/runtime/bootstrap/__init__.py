"""The composition root: one builder per function, called once while its handler is loaded.

A builder reads the function's settings, makes its clients and binds its use case. Heavy imports stay inside the builder
that needs them, so that importing all builders costs nothing.
"""

from musubi.runtime.bootstrap.api import api
from musubi.runtime.bootstrap.doors import line_webhook, shop_webhook
from musubi.runtime.bootstrap.history import log_writer
from musubi.runtime.bootstrap.imports import import_file
from musubi.runtime.bootstrap.line import line_events, push_sender
from musubi.runtime.bootstrap.polls import poll_shop
from musubi.runtime.bootstrap.privacy import privacy_requests
from musubi.runtime.bootstrap.schedules import alert_shard, daily_alerts, due_steps, sweeper
from musubi.runtime.bootstrap.shops import shop_events
from musubi.runtime.bootstrap.writes import write_back

__all__ = [
    "alert_shard",
    "api",
    "daily_alerts",
    "due_steps",
    "import_file",
    "line_events",
    "line_webhook",
    "log_writer",
    "poll_shop",
    "privacy_requests",
    "push_sender",
    "shop_events",
    "shop_webhook",
    "sweeper",
    "write_back",
]
