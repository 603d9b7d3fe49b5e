"""Queue write-back: write one fact of ours into the shop that it is about (usecases/write_back.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.queue_worker(bootstrap.write_back())
