"""`python -m musubi.cli`."""

from musubi.cli.commands import app

app(prog_name="musubi")
