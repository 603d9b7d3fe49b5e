"""The runner itself: what it promises to everybody who drives the stack from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from local import clock
from local.endpoints import Endpoints
from local.stack import logs
from local.stack.aws import Aws
from local.stack.business import WORK_TABLE, Firing, business_now
from local.stack.settings import Settings
from local.stack.settle import Unsettled, settle
from local.stack.up import up

_LISTENING = "0A"


def test_the_api_is_healthy(stack: Endpoints) -> None:
    assert httpx.get(f"{stack.api}/healthz", timeout=20).status_code == 200


def test_the_endpoints_file_names_every_door(stack: Endpoints, stack_home_dir: Path) -> None:
    found = json.loads((stack_home_dir / "endpoints.json").read_text(encoding="utf-8"))
    assert set(found) == {"api", "line", "shop", "aws", "shop_id", "region"}
    assert (found["shop_id"], found["region"]) == ("main", "ap-northeast-1")
    for name in ("api", "line", "shop", "aws"):
        assert found[name].startswith("http://127.0.0.1:")
        assert not found[name].endswith("/")


def test_only_loopback_listens_on_our_ports(stack: Endpoints, stack_settings: Settings) -> None:
    listeners = [address for address, port in _listeners() if port in stack_settings.ports]
    assert len(listeners) >= len(stack_settings.ports)
    assert set(listeners) == {"0100007F"}


def test_a_second_up_leaves_a_healthy_stack_alone(stack: Endpoints, stack_settings: Settings) -> None:
    said: list[str] = []
    assert up(stack_settings, said.append) == stack
    assert said == ["the local stack is up already"]


def test_the_simulator_knows_where_webhooks_go(stack: Endpoints) -> None:
    assert httpx.get(f"{stack.line}/_sim/health").json()["webhook_url"] == f"{stack.api}/line/webhook"


def test_roles_are_enforced(stack: Endpoints) -> None:
    """A function's own role may do what it is granted, and nothing else."""
    role = Aws.of(stack).functions.get_function_configuration(FunctionName="musubi-local-line_webhook")["Role"]
    operator = boto3.Session("test", "test", region_name=stack.region)
    assumed = operator.client("sts", endpoint_url=stack.aws).assume_role(RoleArn=role, RoleSessionName="test")
    keys = assumed["Credentials"]
    function = boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=stack.region
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        function.client("dynamodb", endpoint_url=stack.aws).scan(TableName=WORK_TABLE)


def test_any_made_up_key_may_drive_the_stack(stack: Endpoints) -> None:
    outsider = boto3.Session("some-tool", "anything", region_name=stack.region)
    buses = outsider.client("events", endpoint_url=stack.aws).list_event_buses()["EventBuses"]
    assert "musubi-local" in {bus["Name"] for bus in buses}


def test_what_a_function_wrote_can_be_read(stack: Endpoints) -> None:
    httpx.get(f"{stack.api}/healthz", timeout=20)
    assert any("REPORT" in line for line in logs.read(stack, "api", 50))
    with pytest.raises(LookupError, match="line_events"):
        list(logs.read(stack, "nobody", 1))


def test_schedules_of_the_template_are_known(stack: Endpoints, stack_home_dir: Path) -> None:
    firing = Firing(Aws.of(stack), stack_home_dir)
    assert {schedule.name.removeprefix("musubi-local-") for schedule in firing.schedules} == {
        "catch-up",
        "daily",
        "due-steps",
        "poll-main-eccube",
        "privacy-requests",
        "sweeper",
    }


@pytest.fixture
def own_time(stack: Endpoints, stack_home_dir: Path) -> Iterator[Path]:
    """Let a test move the clock, and take the move back."""
    yield stack_home_dir
    clock.move("now", home=stack_home_dir)


def test_business_time_moves_everywhere_and_back(stack: Endpoints, own_time: Path) -> None:
    target = datetime.now(UTC) + timedelta(days=2)
    reached = clock.move(target.isoformat(), home=own_time)
    assert timedelta() <= reached - target < timedelta(minutes=1)
    phones = httpx.get(f"{stack.line}/_sim/clock").json()
    assert abs(phones["business_offset_s"] - timedelta(days=2).total_seconds()) < 60
    assert phones["offset_s"] == 0
    daily = [line for line in logs.read(stack, "daily_alerts", 500) if "REPORT" in line]
    assert len(daily) >= 2
    assert clock.move("now", home=own_time) - datetime.now(UTC) < timedelta(seconds=1)
    assert business_now(Aws.of(stack)) - datetime.now(UTC) < timedelta(seconds=1)


def test_a_stack_that_does_not_settle_says_what_still_moves(stack: Endpoints, stack_home_dir: Path) -> None:
    aws, queue = Aws.of(stack), "shop-events"
    settle(stack, home=stack_home_dir)
    url = aws.queue_url(queue)
    aws.sqs.send_message(QueueUrl=url, MessageBody="never taken", DelaySeconds=900)
    try:
        with pytest.raises(Unsettled, match=rf"queue {queue}: 1 message"):
            settle(stack, timeout=0.5, home=stack_home_dir)
    finally:
        aws.sqs.purge_queue(QueueUrl=url)
    settle(stack, home=stack_home_dir)


def _listeners() -> Iterator[tuple[str, int]]:
    """Local address (hex) and port of every listening socket, IPv4 and IPv6."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == _LISTENING:
                address, _, port = local.partition(":")
                yield address, int(port, 16)
