"""Every hour, for each shop with an API: ask it what changed (usecases/poll_shop.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.scheduled(bootstrap.poll_shop())
