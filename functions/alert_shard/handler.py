"""Queue alert-shards: enrol one shard of a daily run (usecases/enrol_shard.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.queue_worker(bootstrap.alert_shard())
