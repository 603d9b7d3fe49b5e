"""Queue line-events: take one LINE event (usecases/take_line_event.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.queue_worker(bootstrap.line_events())
