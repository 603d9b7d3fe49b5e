"""Queue shop-events: take one shop event (usecases/take_shop_event.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.queue_worker(bootstrap.shop_events())
