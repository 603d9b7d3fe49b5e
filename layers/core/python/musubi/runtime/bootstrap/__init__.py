"""The composition root: one builder per function, called once while its handler is loaded.

A builder reads the function's settings, makes its clients and binds its use case. Heavy imports stay inside the builder
that needs them, so that importing all builders costs nothing.
"""

from musubi.runtime.bootstrap.api import api
from musubi.runtime.bootstrap.doors import line_webhook, shop_webhook
from musubi.runtime.bootstrap.line import line_events, push_sender
from musubi.runtime.bootstrap.polls import poll_shop
from musubi.runtime.bootstrap.schedules import alert_shard, daily_alerts, due_steps, sweeper
from musubi.runtime.bootstrap.shops import shop_events

__all__ = [
    "alert_shard",
    "api",
    "daily_alerts",
    "due_steps",
    "line_events",
    "line_webhook",
    "poll_shop",
    "push_sender",
    "shop_events",
    "shop_webhook",
    "sweeper",
]
