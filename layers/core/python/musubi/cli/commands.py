"""The commands. Each prints text for people, or with --json one JSON document for programs."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from musubi.cli import dead_letters, facts, imports, polls, privacy, views, write_backs
from musubi.cli.deployment import QUEUES
from musubi.cli.options import NO_ANSWER, NOT_FOUND, AsJson, Local, Shop, Stage
from musubi.cli.options import fail as _fail
from musubi.cli.options import find_deployment as _find
from musubi.cli.options import found as _found
from musubi.cli.options import print_json as _json
from musubi.domain.errors import Retryable
from musubi.domain.ids import FriendPerson, MemberPerson, parse_person
from musubi.domain.store_keys import MemberKey
from musubi.usecases.control_sends import resume_sends, stop_sends
from musubi.usecases.explain_person import PersonStory, explain_friend, explain_member

_USER_ID = re.compile(r"U[0-9a-f]{32}")


class _Plainly(TyperGroup):
    """Says in one line what AWS refused: a traceback in front of an operator hides it, and may quote keys."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Retryable as error:
            _fail(f"AWS does not answer properly, try again ({error.reason})", NO_ANSWER)
        except ClientError as error:
            _fail(_refusal(error), NO_ANSWER)
        except BotoCoreError as error:  # no credentials, no region, no connection
            _fail(str(error), NO_ANSWER)


app = typer.Typer(
    cls=_Plainly,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals of a traceback hold people's names
    help="musubi: ask and steer a deployment. Exit codes: 1 not found or incomplete, 2 misused, 3 AWS refused.",
)
member_app = typer.Typer(no_args_is_help=True, help="Members of the shop.")
friend_app = typer.Typer(no_args_is_help=True, help="LINE friends.")
dlq_app = typer.Typer(no_args_is_help=True, help="Dead-letter queues and the quarantine.")
unknown_app = typer.Typer(no_args_is_help=True, help="Sends whose fate LINE never told.")
app.add_typer(member_app, name="member")
app.add_typer(friend_app, name="friend")
app.add_typer(dlq_app, name="dlq")
app.add_typer(unknown_app, name="unknown")
polls_app = typer.Typer(no_args_is_help=True, help="Shops that are asked for what their webhooks lost.")
app.add_typer(polls_app, name="polls")
app.add_typer(privacy.app, name="privacy")
app.add_typer(write_backs.app, name="write-backs")
app.command("import")(imports.import_table)


@member_app.command("show")
def member_show(
    member_id: str, stage: Stage = None, local: Local = False, shop: Shop = None, as_json: AsJson = False
) -> None:
    """What is known of a member: profile, purchases, carts, bookings, subscriptions, and the friend linked to them."""
    deployment = _find(stage, local)
    shop_id = shop or deployment.shop_id
    story = explain_member(deployment.store(), shop_id, member_id)
    person = deployment.store().person(MemberKey(shop_id, member_id))
    _found(story.member or story.link or person.activity, f"no member {member_id}")
    if as_json:
        _json({**views.person_view(story), **facts.facts_view(person)})
        return
    _print_person(story)
    for line in facts.lines(person):
        typer.echo(line)


@friend_app.command("show")
def friend_show(user_id: str, stage: Stage = None, local: Local = False, as_json: AsJson = False) -> None:
    """What is known of a LINE friend, and the member linked to them."""
    story = explain_friend(_find(stage, local).store(), user_id)
    _found(story.friend or story.link, f"no friend {user_id}")
    _json(views.person_view(story)) if as_json else _print_person(story)


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
    known = (story.member, story.friend, story.link, *story.ended_links, *story.sends, *story.enrolments)
    _found(next((thing for thing in known if thing), None), f"nothing is known of {person}")
    shown = views.story_view(story)
    if as_json:
        _json(shown)
        return
    _print_person(story, full=False)
    typer.echo(f"\n{views.table(shown['sends'], views.SEND_COLUMNS)}")
    typer.echo(f"\n{views.table(shown['enrolments'], views.ENROLMENT_COLUMNS)}")


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
    _json(views.entity(control)) if as_json else typer.echo(
        f"stopped: {reason}. `musubi resume` lets the parked Sends go on."
    )


@app.command()
def resume(
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "resumed by an operator",
    over_limit: Annotated[
        bool, typer.Option("--over-limit", help="Also what LINE's monthly limit parked: the plan is larger now.")
    ] = False,
    stage: Stage = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Open again; the next sweep (5 minutes at most) releases what was parked, and the gate is asked anew."""
    deployment = _find(stage, local)
    control = resume_sends(deployment.store(), deployment.clock(), reason, over_limit=over_limit)
    _json(views.entity(control)) if as_json else typer.echo("open again; parked Sends follow with the next sweep")


@dlq_app.command("list")
def dlq_list(stage: Stage = None, local: Local = False, as_json: AsJson = False) -> None:
    """How many records wait in each dead-letter queue and in the quarantine."""
    deployment = _find(stage, local)
    rows = dead_letters.depths(deployment)
    _json(rows) if as_json else typer.echo(views.table(rows, ("queue", "visible", "in_flight")))


@dlq_app.command("redrive")
def dlq_redrive(
    queue: Annotated[str, typer.Argument(help=f"{', '.join(QUEUES)}, bus (to shop-events), or facts (to the bus).")],
    stage: Stage = None,
    local: Local = False,
    limit: Annotated[int, typer.Option(min=1, help="At most this many records.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Hand dead letters back to their queue. Safe: every id is derived, and a Send's ledger row knows what has left."""
    deployment = _find(stage, local)
    try:
        done = dead_letters.redrive(deployment, queue, limit)
    except ValueError as error:
        _fail(str(error))
    _json({"queue": queue, **asdict(done)}) if as_json else typer.echo(f"{done.moved} records moved from {queue}")
    if done.left_behind:
        typer.echo(f"musubi: {done.left_behind} of them could not be deleted and will come again, harmlessly", err=True)
    if done.refused:
        _fail(f"{done.refused} were not taken and stay dead; hidden for a minute, then try again", NOT_FOUND)


@unknown_app.command("list")
def unknown_list(
    stage: Stage = None,
    local: Local = False,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, oldest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Sends that may or may not have arrived and are never resent by themselves."""
    rows = [views.unknown_view(send) for send in _find(stage, local).store().unknown_sends(limit)]
    _json(rows) if as_json else typer.echo(views.table(rows, views.UNKNOWN_COLUMNS))


@polls_app.command("list")
def polls_list(
    stage: Stage = None,
    local: Local = False,
    shop: Shop = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many missed events, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """How far a shop is known, when its webhooks were last heard, and what only polls brought."""
    deployment = _find(stage, local)
    shops = polls.polled_shops(deployment, shop or deployment.shop_id)
    rows = [row for one in shops for row in polls.poll_rows(one)]
    missed = [row for one in shops for row in polls.missed_rows(one, limit)]
    if as_json:
        _json({"polls": rows, "missed": missed})
        return
    typer.echo(views.table(rows, polls.COLUMNS))
    typer.echo(f"\n{views.table(missed, polls.MISSED_COLUMNS)}")


@polls_app.command("run")
def polls_run(
    platform: Annotated[str, typer.Argument(help="eccube, woocommerce: a platform whose API the stage names.")],
    stage: Stage = None,
    local: Local = False,
    shop: Shop = None,
    as_json: AsJson = False,
) -> None:
    """Ask a shop now instead of at its next hour; a run that was cut off goes on."""
    deployment = _find(stage, local)
    try:
        said = polls.run_poll(deployment, shop or deployment.shop_id, platform)
    except ValueError as error:
        _fail(str(error), NOT_FOUND)
    _json(said) if as_json else typer.echo(f"{said.get('verdict')}: {said.get('reason')}")


def _person(text: str, shop_id: str) -> MemberPerson | FriendPerson:
    if text.startswith(("m:", "f:")):
        try:
            return parse_person(text)
        except ValueError as error:
            _fail(str(error))
    if _USER_ID.fullmatch(text):
        return FriendPerson(text)
    return MemberPerson(shop_id, text)


def _print_person(story: PersonStory, *, full: bool = True) -> None:
    """Both sides of a person; their name and points only when asked for them (`full`)."""
    if story.member:
        member = story.member
        typer.echo(f"member  {member.shop_id}/{member.member_id}  {member.state.value}")
        if full:
            name = " ".join(part for part in (member.family_name, member.given_name) if part)
            typer.echo(
                f"        {name or 'name unknown'}  points {'unknown' if member.points is None else member.points}"
            )
    if story.friend:
        friend = story.friend
        typer.echo(f"friend  {friend.user_id}  {friend.reach.value}  promo {friend.promo.value}")
    if story.link:
        since = views.plain(story.link.linked_at)
        pair = f"{story.link.shop_id}/{story.link.member_id} and {story.link.user_id}"
        typer.echo(f"linked  {pair} since {since} by {story.link.method}, entrance {story.link.entrance}")
    for ended in story.ended_links:
        typer.echo(
            f"ended   link to {ended.shop_id}/{ended.member_id} until {views.plain(ended.ended_at)} ({ended.reason})"
        )


def _refusal(error: ClientError) -> str:
    """What AWS refused, by operation and code; a missing table or queue mostly means a stage that is not deployed."""
    code = str(error.response.get("Error", {}).get("Code", "no code"))
    advice = ": is this stage deployed in this account and region?" if re.search("NotFound|NonExistent", code) else ""
    return f"AWS refused {error.operation_name} ({code}){advice}"
