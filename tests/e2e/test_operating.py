"""What operators do: stop, resume, ask why, redrive; and what a wrong deployment says."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from botocore.exceptions import ClientError

from local.crowd import Crowd
from local.endpoints import Endpoints
from local.outside import Outside
from local.stack.aws import Aws
from local.stack.business import Firing
from local.stack.settings import DEPLOYMENT, PARAM_PREFIX
from local.story import Story
from tests.e2e.acting import judge, linked, one_send

pytestmark = pytest.mark.e2e


@contextmanager
def environment(aws: Aws, functions: tuple[str, ...], changes: dict[str, str | None]) -> Iterator[None]:
    """Functions with other settings (None: without the variable), as a deployment would bring them."""
    before = {}
    for name in functions:
        found = aws.functions.get_function_configuration(FunctionName=f"{DEPLOYMENT}-{name}")
        before[name] = found["Environment"]["Variables"]
        wanted = {key: value for key, value in {**before[name], **changes}.items() if value is not None}
        aws.functions.update_function_configuration(
            FunctionName=f"{DEPLOYMENT}-{name}", Environment={"Variables": wanted}
        )
    try:
        yield
    finally:
        for name, variables in before.items():
            aws.functions.update_function_configuration(
                FunctionName=f"{DEPLOYMENT}-{name}", Environment={"Variables": variables}
            )


def test_stop_parks_everything_and_resume_lets_it_go_once(story: Story, crowd: Crowd) -> None:
    ((user, member_id),) = linked(story, crowd)
    story.musubi("stop", "--reason", "wrong price in a template")
    try:
        story.order(member_id)
        story.act(user, "text", text="配信停止")
        story.settle()
        parked = one_send(story, member_id, "order_thanks")
        assert (parked["state"], parked["reason"]) == ("parked", "kill_switch")
        assert one_send(story, user, "promo_refused")["state"] == "parked"
    finally:
        story.musubi("resume")
    firing = Firing(Aws.of(story.endpoints), story.home)
    firing.fire(firing.named("sweeper"), story.now())  # it comes by itself within five minutes
    story.oracle.answers[(user, "promo_refused", "")] += 1
    judge(story)


def test_dead_letters_are_listed_and_redriven(story: Story, crowd: Crowd, aws: Aws) -> None:
    """A record that ended in the dead letters while something was broken is taken up again, with its effect once."""
    ((_, member_id),) = linked(story, crowd)
    at, number = story.now().isoformat(), f"D-{uuid.uuid4().hex[:8]}"
    data = {"order_id": number, "order_number": number, "member_id": member_id, "placed_at": at, "total": 500}
    detail = {"id": str(uuid.uuid4()), "shop_id": "main", "time": at, "data": data}
    envelope = {"version": "0", "id": str(uuid.uuid4()), "detail-type": "OrderPlaced", "source": "test.shop"}
    body = json.dumps({**envelope, "account": "0", "time": at, "region": "x", "resources": [], "detail": detail})
    aws.sqs.send_message(QueueUrl=aws.queue_url("shop-events-dlq"), MessageBody=body)
    depth = {row["queue"]: row["visible"] for row in story.musubi("dlq", "list")}
    assert depth["shop-events-dlq"] == 1
    assert story.musubi("dlq", "redrive", "shop-events")["moved"] == 1
    story.oracle.order(number, member_id, story.now())
    judge(story)
    assert {row["queue"]: row["visible"] for row in story.musubi("dlq", "list")}["shop-events-dlq"] == 0


def test_a_poison_record_ends_in_quarantine_and_holds_nobody_up(story: Story, crowd: Crowd, aws: Aws) -> None:
    ((_, member_id),) = linked(story, crowd)
    before = {row["queue"]: row["visible"] + row["in_flight"] for row in story.musubi("dlq", "list")}
    for queue in ("line-events", "shop-events", "push", "alert-shards"):
        aws.sqs.send_message(QueueUrl=aws.queue_url(queue), MessageBody='{"v":99}')
        aws.sqs.send_message(QueueUrl=aws.queue_url(queue), MessageBody="not json")
    story.order(member_id)
    judge(story)
    after = {row["queue"]: row["visible"] + row["in_flight"] for row in story.musubi("dlq", "list")}
    assert after["quarantine"] - before["quarantine"] == 8


def test_nothing_is_unknown_while_line_answers(story: Story) -> None:
    assert story.musubi("unknown", "list") == []


def test_before_go_live_only_testers_get_anything(story: Story, crowd: Crowd, aws: Aws) -> None:
    tester, other = crowd.phones(2)
    members = crowd.members(2)
    sending = ("line_events", "push_sender")
    with environment(aws, sending, {"GO_LIVE": "false", "TESTERS": tester}):
        story.follow(tester)
        story.act(other, "follow")
        story.settle()
        crowd.link([(tester, members[0])])
        story.settle()
        # The other one links as well, and a whole import of orders follows: nothing may leave.
        nonce = crowd.nonce(members[1])
        story.act(other, "account_link", nonce=nonce, ok=True)
        story.settle()
        story.order(members[0])
        story.shop("POST", "/_shop/orders", {"member_id": members[1]})
        judge(story)
        assert story.accepted(other) == []
        assert one_send(story, members[1], "order_thanks")["reason"] == "not_a_tester"


def test_a_missing_setting_stops_the_function_naming_it(aws: Aws) -> None:
    with environment(aws, ("sweeper",), {"PUSH_QUEUE_URL": None}):
        said = _invoke(aws, "sweeper")
        assert "PUSH_QUEUE_URL" in said, said


def test_a_missing_secret_stops_the_function_naming_it(aws: Aws, outside: Outside, stack: Endpoints) -> None:
    name = f"{PARAM_PREFIX}/line/channel-secret"
    aws.ssm.delete_parameter(Name=name)
    try:
        with environment(aws, ("line_webhook",), {"LOG_LEVEL": "DEBUG"}):  # new settings: a container that starts now
            said = _invoke(aws, "line_webhook")
            assert name in said, said
            assert outside.line_webhook(outside.line_body()).status_code >= 500  # so that LINE sends it again
    finally:
        aws.ssm.put_parameter(Name=name, Value=outside.channel_secret, Type="SecureString", Overwrite=True)
    end = time.monotonic() + 30
    while outside.line_webhook(outside.line_body()).status_code != 200:
        assert time.monotonic() < end, "the webhook does not come back with its secret"


def _invoke(aws: Aws, function: str) -> str:
    """What a function says when it is asked for nothing in particular, an error of its start included."""
    try:
        answer = aws.functions.invoke(FunctionName=f"{DEPLOYMENT}-{function}", Payload=b"{}", LogType="Tail")
    except ClientError as error:
        return str(error)
    return answer["Payload"].read().decode() + str(answer.get("LogResult", ""))


def test_the_api_describes_itself(stack: Endpoints) -> None:
    document = httpx.get(f"{stack.api}/v1/openapi.json", timeout=20).json()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"]
    assert {"/healthz", "/v1/link/nonces"} <= set(document["paths"])
    nonce = document["paths"]["/v1/link/nonces"]["post"]
    assert {"201", "401", "422"} <= set(nonce["responses"])
    assert not _dangling(document, document)


def _dangling(node: object, document: object) -> list[str]:
    """References of a document that lead nowhere."""
    if isinstance(node, list):
        return [found for one in node for found in _dangling(one, document)]
    if not isinstance(node, dict):
        return []
    here = [node["$ref"]] if isinstance(node.get("$ref"), str) and not _resolves(node["$ref"], document) else []
    return here + [found for value in node.values() for found in _dangling(value, document)]


def _resolves(reference: str, document: object) -> bool:
    found: object = document
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return True
