"""Privacy requests: what is open until when, exports to hand over, erasures to approve or to order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from musubi.cli import views
from musubi.cli.deployment import Deployment
from musubi.cli.options import NOT_FOUND, AsJson, Local, Shop, Stage, fail, find_deployment, found, print_json
from musubi.domain.privacy import DONE_SHELF, OPEN_SHELF, WAITING_SHELF, PrivacyRequest, RequestKind
from musubi.domain.store_keys import PrivacyRequestKey
from musubi.usecases import file_privacy
from musubi.usecases.export_person import export_person

COLUMNS = ("deadline_at", "request_id", "kind", "state", "shop_id", "member_id", "needs", "done_at")
_MOST = 500

app = typer.Typer(no_args_is_help=True, help="Requests under privacy law.")

RequestId = Annotated[str, typer.Argument(help="The request's id, as `privacy list` shows it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether that is meant.")]


@app.command("list")
def list_requests(
    stage: Stage = None,
    local: Local = False,
    done: Annotated[bool, typer.Option("--done", help="Those that are done instead, oldest first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Open requests, the nearest deadline first, and what each needs of you; then those that wait for their time."""
    rows = find_deployment(stage, local).rows()
    shelves = [DONE_SHELF] if done else [OPEN_SHELF, WAITING_SHELF]
    shown = [view(request) for shelf in shelves for request in rows.requests(shelf, None, _MOST)]
    print_json(shown) if as_json else typer.echo(views.table(shown, COLUMNS))


@app.command("show")
def show(request_id: RequestId, stage: Stage = None, local: Local = False) -> None:
    """One request: how far it is, what was removed, where its export lies."""
    print_json(view(_request(find_deployment(stage, local), request_id)))


@app.command("export")
def export(
    request_id: Annotated[str | None, typer.Argument(help="A request for access that is done.")] = None,
    member: Annotated[str | None, typer.Option(help="Or a member id: what is held now, without any request.")] = None,
    stage: Stage = None,
    local: Local = False,
    shop: Shop = None,
    out: Annotated[Path | None, typer.Option(help="Write here instead of to the terminal.")] = None,
) -> None:
    """Everything held of a member, as JSON: the export that a request made, or one of this moment."""
    deployment = find_deployment(stage, local)
    if (request_id is None) == (member is None):
        fail("name a request, or --member <id>")
    if request_id is not None:
        document = _fetched(deployment, _request(deployment, request_id))
    else:
        store, now = deployment.store(), deployment.clock().business()
        document = export_person(store, deployment.rows(), shop or deployment.shop_id, member, (), now)
    if out is None:
        typer.echo(document)
        return
    out.write_text(document, encoding="utf-8")
    typer.echo(f"written to {out}")


@app.command("approve")
def approve(request_id: RequestId, stage: Stage = None, local: Local = False, yes: Yes = False) -> None:
    """Let the erasure of a whole shop begin. It can not be undone."""
    deployment = find_deployment(stage, local)
    request = _request(deployment, request_id)
    if not request.waits_for_operator:
        fail(f"request {request_id} waits for nobody")
    _sure(f"erase all members and orders of shop {request.shop_id}", yes)
    file_privacy.approve(deployment.store(), deployment.clock(), request_id)
    typer.echo("approved; the next run begins, `musubi privacy show` says how far it is")


@app.command("erase")
def erase(
    member_id: str,
    stage: Stage = None,
    local: Local = False,
    shop: Shop = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase a member, for shops that send no such event. It can not be undone."""
    deployment = find_deployment(stage, local)
    _sure(f"erase member {member_id}", yes)
    request = file_privacy.erase_member(deployment.store(), deployment.clock(), shop or deployment.shop_id, member_id)
    _filed(request, as_json)


@app.command("erase-friend")
def erase_friend(
    user_id: str, stage: Stage = None, local: Local = False, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Forget a LINE user who asked for it; the member who was linked stays. It can not be undone."""
    deployment = find_deployment(stage, local)
    _sure(f"forget LINE user {user_id}", yes)
    request = file_privacy.erase_friend(deployment.store(), deployment.clock(), user_id)
    found(request, f"no friend {user_id}")
    assert request is not None
    _filed(request, as_json)


def view(request: PrivacyRequest) -> dict[str, Any]:
    """A request as a document; `needs` says what it wants of an operator."""
    shown: dict[str, Any] = views.entity(request)
    shown.pop("version")
    return {**shown, "needs": _needs(request)}


def _needs(request: PrivacyRequest) -> str | None:
    if request.waits_for_operator:
        return f"musubi privacy approve {request.request_id}"
    if request.kind is RequestKind.ACCESS and request.export is not None:
        return f"musubi privacy export {request.request_id}"
    return None


def _request(deployment: Deployment, request_id: str) -> PrivacyRequest:
    key = PrivacyRequestKey(request_id)
    request = deployment.store().load([key]).get(key)
    if request is None:
        fail(f"no request {request_id}", NOT_FOUND)
    return request


def _fetched(deployment: Deployment, request: PrivacyRequest) -> str:
    if request.export is None:
        fail(
            f"request {request.request_id} has no export (it is {request.kind.value}, {request.state.value})", NOT_FOUND
        )
    bucket, _, key = request.export.removeprefix("s3://").partition("/")
    answer = deployment.s3().get_object(Bucket=bucket, Key=key)
    return answer["Body"].read().decode()


def _filed(request: PrivacyRequest, as_json: bool) -> None:
    print_json(view(request)) if as_json else typer.echo(
        f"filed as {request.request_id}: nothing is sent any more, the rest goes with the next runs"
    )


def _sure(what: str, yes: bool) -> None:
    if not yes and not typer.confirm(f"Really {what}?"):
        fail("nothing was done")
