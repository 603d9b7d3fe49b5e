"""The whole system on one machine: `python -m local.stack up|down|status|logs`.

See README.md beside this file.
"""
