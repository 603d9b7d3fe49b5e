"""Every five minutes: erase and export people as their requests ask (usecases/run_privacy_requests.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.scheduled(bootstrap.privacy_requests())
