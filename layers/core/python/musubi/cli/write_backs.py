"""Write-back: what a shop refused, and what nobody knows of."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from musubi.cli.options import AsJson, Local, Stage, find_deployment, print_json
from musubi.cli.views import plain, table
from musubi.domain.write_backs import OPEN, ShopWrite

COLUMNS = ("since", "state", "shop", "member", "what", "value", "reason", "attempts", "write_id")

app = typer.Typer(no_args_is_help=True, help="What is written back into shops.")


@app.callback()
def _group() -> None:
    """A group, although it has one command."""


@app.command("list")
def list_writes(
    stage: Stage = None,
    local: Local = False,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, oldest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Writes into shops that were refused, are unknown, or are tried again because their fate is unclear."""
    rows = [row_of(write) for write in find_deployment(stage, local).store().troubled_writes(limit)]
    print_json(rows) if as_json else typer.echo(table(rows, COLUMNS))


def row_of(write: ShopWrite) -> dict[str, Any]:
    """One line. `unclear` ones are tried again by themselves, or wait in the dead letters."""
    is_open = write.state in OPEN
    return {
        "since": plain(write.first_unclear_at if is_open else write.settled_at),
        "state": "unclear" if is_open else write.state.value,
        "shop": f"{write.shop_id}/{write.platform}",
        "member": write.member_id,
        "what": write.kind.value,
        "value": write.value,
        "reason": write.reason,
        "attempts": write.attempts,
        "write_id": write.write_id,
    }
