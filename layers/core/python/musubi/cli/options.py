"""What the commands have in common: which deployment, how to print, how to fail."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

import typer

from musubi.cli.deployment import Deployment, UnknownDeployment, find

NOT_FOUND = 1
MISUSED = 2
NO_ANSWER = 3

Stage = Annotated[str | None, typer.Option(help="A deployed stage: dev, stg or prod.")]
Local = Annotated[bool, typer.Option("--local", help="The stack that `make up` started.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Shop = Annotated[str | None, typer.Option(help="Shop id; the deployment's first shop if left out.")]


def find_deployment(stage: str | None, local: bool) -> Deployment:
    try:
        return find(stage, local)
    except UnknownDeployment as error:
        fail(str(error))


def found(thing: object, message: str) -> None:
    if thing is None:
        fail(message, NOT_FOUND)


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def fail(message: str, code: int = MISUSED) -> NoReturn:
    typer.echo(f"musubi: {message}", err=True)
    raise typer.Exit(code)
