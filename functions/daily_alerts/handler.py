"""06:00 Asia/Tokyo, and catching up: start the daily run (usecases/start_daily_run.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.scheduled(bootstrap.daily_alerts())
