"""The commands. Each prints text for people, or with --json one JSON document for programs."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

import typer

from musubi.cli import dead_letters
from musubi.cli.deployment import Deployment, UnknownDeployment, find
from musubi.cli.views import entity, plain, send_view, story_view, table
from musubi.domain.ids import FriendPerson, MemberPerson, parse_person
from musubi.usecases.control_sends import resume_sends, stop_sends
from musubi.usecases.explain_person import PersonStory, explain_friend, explain_member

app = typer.Typer(no_args_is_help=True, add_completion=False, help="musubi: ask and steer a deployment.")
member_app = typer.Typer(no_args_is_help=True, help="Members of the shop.")
friend_app = typer.Typer(no_args_is_help=True, help="LINE friends.")
dlq_app = typer.Typer(no_args_is_help=True, help="Dead-letter queues and the quarantine.")
unknown_app = typer.Typer(no_args_is_help=True, help="Sends whose fate LINE never told.")
app.add_typer(member_app, name="member")
app.add_typer(friend_app, name="friend")
app.add_typer(dlq_app, name="dlq")
app.add_typer(unknown_app, name="unknown")

Stage = Annotated[str | None, typer.Option(help="A deployed stage: dev, stg or prod.")]
Local = Annotated[bool, typer.Option("--local", help="The stack that `make up` started.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Shop = Annotated[str | None, typer.Option(help="Shop id; the deployment's first shop if left out.")]

_SEND_COLUMNS = ("planned_at", "scenario", "step", "key", "state", "reason", "text")


@member_app.command("show")
def member_show(
    member_id: str, stage: Stage = None, local: Local = False, shop: Shop = None, as_json: AsJson = False
) -> None:
    """What is known of a member, and the friend linked to them."""
    deployment = _find(stage, local)
    story = explain_member(deployment.store(), shop or deployment.shop_id, member_id)
    _found(story.member or story.link, f"no member {member_id}")
    _print_person(story, as_json)


@friend_app.command("show")
def friend_show(user_id: str, stage: Stage = None, local: Local = False, as_json: AsJson = False) -> None:
    """What is known of a LINE friend, and the member linked to them."""
    story = explain_friend(_find(stage, local).store(), user_id)
    _found(story.friend, f"no friend {user_id}")
    _print_person(story, as_json)


@app.command()
def explain(
    person: Annotated[str, typer.Argument(help="A member id, a LINE user id (U…), m:<shop>/<member> or f:<userId>.")],
    stage: Stage = None,
    local: Local = False,
    shop: Shop = None,
    as_json: AsJson = False,
) -> None:
    """What was sent to a person or not, and why."""
    deployment = _find(stage, local)
    who = _person(person, shop or deployment.shop_id)
    if isinstance(who, MemberPerson):
        story = explain_member(deployment.store(), who.shop_id, who.member_id)
    else:
        story = explain_friend(deployment.store(), who.user_id)
    if as_json:
        _json(story_view(story))
        return
    _print_person(story, as_json=False)
    typer.echo()
    typer.echo(table([send_view(send) for send in story.sends], _SEND_COLUMNS))


@app.command()
def stop(
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    stage: Stage = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Kill switch: park every Send from now on."""
    deployment = _find(stage, local)
    control = stop_sends(deployment.store(), deployment.clock(), reason)
    _json(entity(control)) if as_json else typer.echo(
        f"stopped: {reason}. `musubi resume` lets the parked Sends go on."
    )


@app.command()
def resume(
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "resumed by an operator",
    stage: Stage = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Open again; the next sweep (5 minutes at most) releases what was parked, and the gate is asked anew."""
    deployment = _find(stage, local)
    control = resume_sends(deployment.store(), deployment.clock(), reason)
    _json(entity(control)) if as_json else typer.echo("open again; parked Sends follow with the next sweep")


@dlq_app.command("list")
def dlq_list(stage: Stage = None, local: Local = False, as_json: AsJson = False) -> None:
    """How many records wait in each dead-letter queue and in the quarantine."""
    deployment = _find(stage, local)
    rows = dead_letters.depths(deployment)
    _json(rows) if as_json else typer.echo(table(rows, ("queue", "visible", "in_flight")))


@dlq_app.command("redrive")
def dlq_redrive(
    queue: Annotated[str, typer.Argument(help="line-events, shop-events, push or alert-shards.")],
    stage: Stage = None,
    local: Local = False,
    limit: Annotated[int, typer.Option(help="At most this many records.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Hand dead letters back to their queue. Safe: every id is derived, and a Send's ledger row knows what has left."""
    deployment = _find(stage, local)
    try:
        moved = dead_letters.redrive(deployment, queue, limit)
    except ValueError as error:
        _fail(str(error))
    _json({"queue": queue, "moved": moved}) if as_json else typer.echo(f"{moved} records back to {queue}")


@unknown_app.command("list")
def unknown_list(stage: Stage = None, local: Local = False, limit: int = 100, as_json: AsJson = False) -> None:
    """Sends that may or may not have arrived and are never resent by themselves."""
    rows = [send_view(send) for send in _find(stage, local).store().unknown_sends(limit)]
    _json(rows) if as_json else typer.echo(table(rows, ("send_id", "person", *_SEND_COLUMNS)))


def _find(stage: str | None, local: bool) -> Deployment:
    try:
        return find(stage, local)
    except UnknownDeployment as error:
        _fail(str(error))


def _person(text: str, shop_id: str) -> MemberPerson | FriendPerson:
    if text.startswith(("m:", "f:")):
        try:
            return parse_person(text)
        except ValueError as error:
            _fail(str(error))
    if text.startswith("U") and len(text) == 33:  # LINE: U and 32 hex digits
        return FriendPerson(text)
    return MemberPerson(shop_id, text)


def _print_person(story: PersonStory, as_json: bool) -> None:
    if as_json:
        _json({k: v for k, v in story_view(story).items() if k not in ("sends", "enrolments")})
        return
    if story.member:
        name = " ".join(p for p in (story.member.family_name, story.member.given_name) if p)
        typer.echo(
            f"member  {story.member.member_id}  {name}  {story.member.state.value}  points {story.member.points}"
        )
    if story.friend:
        friend = story.friend
        typer.echo(f"friend  {friend.user_id}  {friend.reach.value}  promo {friend.promo.value}")
    if story.link:
        typer.echo(
            f"linked  since {plain(story.link.linked_at)} by {story.link.method}, entrance {story.link.entrance}"
        )
    for ended in story.ended_links:
        typer.echo(f"was linked to {ended.member_id} until {plain(ended.ended_at)} ({ended.reason})")


def _found(thing: object, message: str) -> None:
    if thing is None:
        _fail(message)


def _json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _fail(message: str) -> NoReturn:
    typer.echo(f"musubi: {message}", err=True)
    raise typer.Exit(2)
