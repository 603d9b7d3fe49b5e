"""`musubi import`: a table into the imports bucket, or read here without AWS to see what would come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from musubi.adapters.clock import machine_now
from musubi.adapters.csv.cells import instant
from musubi.adapters.csv.layout import Layouts
from musubi.adapters.csv.reading import TableReader
from musubi.adapters.csv.reports import report_key, report_of
from musubi.adapters.csv.s3 import AS_OF
from musubi.cli.deployment import Deployment
from musubi.cli.options import NOT_FOUND, AsJson, Local, Shop, Stage, fail, find_deployment, print_json
from musubi.domain.errors import Permanent
from musubi.domain.imports import Import, ImportState

_CHUNK = 4 * 1024 * 1024
_SHOWN = 20


class TableKind(StrEnum):
    """What the rows of a table are."""

    MEMBERS = "members"
    ORDERS = "orders"
    POINTS = "points"


def import_table(
    kind: Annotated[TableKind, typer.Argument(help="What its rows are.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV or TSV.")],
    stage: Stage = None,
    local: Local = False,
    shop: Shop = None,
    made_at: Annotated[
        str | None, typer.Option("--as-of", help="When the shop made it, Tokyo time; else the file's own time.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read it here and say what would come of it.")] = False,
    content: Annotated[str, typer.Option(help="The shop's content, for its own columns (dry run).")] = "layers/content",
    as_json: AsJson = False,
) -> None:
    """Send a table that the shop exported. Its members, orders and points become known; nobody is messaged."""
    try:
        at = as_of(file, made_at)
    except Permanent as error:
        fail(f"--as-of: {error.reason}")
    if dry_run:
        report = try_out(kind.value, file, shop or "main", at, content, machine_now())
        print_json(report) if as_json else typer.echo("\n".join(lines(report)))
        if report["state"] == ImportState.REFUSED.value or report["refused"]:
            raise typer.Exit(NOT_FOUND)
        return
    deployment = find_deployment(stage, local)
    sent = send(deployment, kind.value, file, shop or deployment.shop_id, at)
    print_json(asdict(sent)) if as_json else typer.echo(
        f"sent to s3://{sent.bucket}/{sent.key}\nits report will be s3://{sent.bucket}/{sent.report}"
    )


@dataclass(frozen=True)
class Sent:
    """Where a table lies now, and where its report will."""

    bucket: str
    key: str
    report: str


def as_of(file: Path, said: str | None) -> datetime:
    """When the shop made the table: as said, else when the file was last written. Permanent if that is no time."""
    return instant(said) if said else datetime.fromtimestamp(int(file.stat().st_mtime), UTC)


def send(deployment: Deployment, kind: str, file: Path, shop_id: str, made_at: datetime) -> Sent:
    """Put `file` where tables are dropped. Its name there says of when it is: the same table again is the same object."""
    key = f"{shop_id}/{kind}/{file.stem}-{made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}{file.suffix}"
    bucket = deployment.bucket("imports")
    deployment.s3().upload_file(str(file), bucket, key, ExtraArgs={"Metadata": {AS_OF: made_at.isoformat()}})
    return Sent(bucket, key, report_key(key))


def try_out(
    kind: str, file: Path, shop_id: str, made_at: datetime, content: str | None, now: datetime
) -> dict[str, Any]:
    """The report that an import of `file` would leave. Asks nobody and sends nothing."""
    named: dict[str, Any] = {"shop_id": shop_id, "kind": kind, "file_key": str(file)}
    size = file.stat().st_size
    one = Import(import_id="-", etag="-", size=size, as_of=made_at, started_at=now, **named)
    try:
        for page in TableReader(Layouts(content), lambda: now).pages(one, lambda offset: _chunks(file, offset)):
            one = one.after(page)
    except Permanent as error:
        return dict(report_of(one.ended(ImportState.REFUSED, error.reason, now)))
    return dict(report_of(one.ended(ImportState.DONE, "end_of_file", now)))


def lines(report: dict[str, Any]) -> list[str]:
    """A report for people."""
    if report["state"] == ImportState.REFUSED.value:
        return [f"refused: {report['reason']}"]
    shown = [
        f"{report['rows']} rows ({report['encoding']}): {report['taken']} taken, {report['refused']} refused, "
        f"{report['skipped']} skipped; {report['events']} events",
    ]
    if report["unknown_columns"]:
        shown.append(f"columns that mean nothing here: {', '.join(report['unknown_columns'])}")
    shown += [f"left out: {field}, {count} times" for field, count in report["values_left_out"].items()]
    problems = report["problems"]
    shown += [_problem(each) for each in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        shown.append(f"… and {report['refused'] - _SHOWN} more")
    return shown


def _chunks(file: Path, offset: int) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(offset)
        while chunk := opened.read(_CHUNK):
            yield chunk


def _problem(each: dict[str, Any]) -> str:
    named = f"{each['field']}: " if each["field"] else ""
    return f"line {each['line']}: {named}{each['why']}"
