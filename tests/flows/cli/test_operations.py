"""stop, resume, unknown list; and how a command finds its deployment or says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from musubi.cli import deployment
from musubi.domain.errors import Retryable
from musubi.domain.ledger import SendState
from musubi.domain.operations import Control
from musubi.domain.store_keys import ControlKey
from tests.flows.cli.conftest import AWS, Desk
from tests.stores.samples import NOW, SEND

LOST = replace(SEND, state=SendState.UNKNOWN, reason="retry_key_expired", look_at=None, owner=None, lease_until=None)
ALL_COMMANDS = (
    ("member", "show", "1001"),
    ("friend", "show", "U" + "0" * 32),
    ("explain", "1001"),
    ("stop", "--reason", "test"),
    ("resume",),
    ("dlq", "list"),
    ("dlq", "redrive", "push"),
    ("unknown", "list"),
)


def control(desk: Desk) -> Control | None:
    return desk.store.load([ControlKey()]).get(ControlKey())


def test_stop_then_resume_then_stop_again(desk: Desk) -> None:
    stopped = desk.ask("stop", "--reason", "クーポンの誤り")
    assert (stopped["stopped"], stopped["reason"], stopped["version"]) == (True, "クーポンの誤り", 1)
    assert "open again" in desk.run("resume").stdout
    now = control(desk)
    assert now is not None
    assert (now.stopped, now.version) == (False, 2)
    assert "musubi resume" in desk.run("stop", "--reason", "again").stdout
    assert desk.ask("stop", "--reason", "twice is fine")["version"] == 4


def test_resume_of_what_never_stopped_is_no_error(desk: Desk) -> None:
    assert desk.ask("resume")["stopped"] is False


def test_stop_wants_a_reason(desk: Desk) -> None:
    assert desk.run("stop").exit_code == 2
    assert control(desk) is None


def test_a_stop_that_meets_another_operator_decides_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("stop", "--reason", "first")
    real = AWS._make_api_call
    raced: list[str] = []

    def race(client: Any, operation: str, request: dict[str, Any]) -> Any:
        if operation in {"PutItem", "TransactWriteItems"} and not raced:
            raced.append(operation)
            desk.put(Control(stopped=False, reason="somebody else", at=NOW, version=2))
        return real(client, operation, request)

    monkeypatch.setattr(AWS, "_make_api_call", race)
    assert desk.ask("stop", "--reason", "second")["version"] == 3
    assert raced


def test_unknown_sends_are_listed_without_their_text(desk: Desk) -> None:
    desk.put(LOST, replace(SEND, send_id="8d2b0000-0000-5000-8000-000000000009", state=SendState.ACCEPTED))
    (row,) = desk.ask("unknown", "list")
    assert (row["send_id"], row["person"], row["reason"]) == (LOST.send_id, "m:main/1001", "retry_key_expired")
    shown = desk.run("unknown", "list").stdout
    assert LOST.send_id in shown
    assert "お誕生日" not in shown + json.dumps(row, ensure_ascii=False)


def test_no_unknown_sends_is_an_empty_list(desk: Desk) -> None:
    assert desk.ask("unknown", "list") == []
    assert len(desk.run("unknown", "list").stdout.splitlines()) == 1


def test_the_list_of_unknown_sends_can_be_cut_short(desk: Desk) -> None:
    desk.put(LOST, replace(LOST, send_id="8d2b0000-0000-5000-8000-000000000009"))
    assert len(desk.ask("unknown", "list", "--limit", "1")) == 1


@pytest.mark.parametrize("words", ALL_COMMANDS, ids=" ".join)
def test_no_command_guesses_its_deployment(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.run(*words, stage=None)
    assert done.exit_code == 2
    assert "name the deployment" in done.stderr


def test_two_deployments_at_once_are_refused(desk: Desk) -> None:
    assert desk.run("unknown", "list", "--local").exit_code == 2


@pytest.mark.parametrize("words", ALL_COMMANDS, ids=" ".join)
def test_a_stage_that_is_not_deployed_is_told_in_one_line(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.run(*words, stage="stg")
    assert done.exit_code == 3
    assert "is this stage deployed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException", "Message": "key"}}, "Query"), "refused Query (Access"),
        (NoCredentialsError(), "Unable to locate credentials"),
        (Retryable("query: ThrottlingException"), "try again (query: ThrottlingException)"),
    ],
)
def test_what_aws_refuses_is_told_in_one_line(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(AWS, "_make_api_call", refuse)
    done = desk.run("unknown", "list")
    assert done.exit_code == 3
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_local_needs_a_stack_that_is_up(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSUBI_LOCAL_DIR", str(tmp_path))
    done = desk.run("unknown", "list", "--local", stage=None)
    assert done.exit_code == 2
    assert "make up" in done.stderr


def test_local_is_found_by_its_endpoints_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {"api": "", "line": "", "shop": "", "aws": "http://127.0.0.1:4604", "shop_id": "main", "region": "eu-west-1"}
    (tmp_path / "endpoints.json").write_text(json.dumps(ends), encoding="utf-8")
    monkeypatch.setenv("MUSUBI_LOCAL_DIR", str(tmp_path))
    found = deployment.find(None, True)
    assert found.sqs().meta.endpoint_url == "http://127.0.0.1:4604"
    assert (found.sqs().meta.region_name, found.name("push"), found.shop_id) == (
        "eu-west-1",
        "musubi-local-push",
        "main",
    )


def test_the_region_is_the_callers_else_tokyo(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nothing")  # keys too, or boto asks the machine's metadata address for some
    boto3.setup_default_session()
    assert deployment.find("prod", False).sqs().meta.region_name == "ap-northeast-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert deployment.find("prod", False).sqs().meta.region_name == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert deployment.find("prod", False).sqs().meta.region_name == "eu-west-1"
