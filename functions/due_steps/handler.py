"""Every minute: run the steps that are due (usecases/run_due_steps.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.scheduled(bootstrap.due_steps())
