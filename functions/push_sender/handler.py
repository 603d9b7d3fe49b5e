"""Queue push: deliver one Send (usecases/deliver_send.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.queue_worker(bootstrap.push_sender())
