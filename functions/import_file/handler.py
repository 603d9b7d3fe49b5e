"""Queue imports: read one dropped table (usecases/import_file.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.queue_worker(bootstrap.import_file())
