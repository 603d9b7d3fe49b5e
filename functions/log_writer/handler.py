"""Queue log: write the history (usecases/write_log.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.queue_batch(bootstrap.log_writer())
