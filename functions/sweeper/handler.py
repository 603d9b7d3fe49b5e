"""Every five minutes: the net under what was committed and not emitted (usecases/sweep.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.scheduled(bootstrap.sweeper())
