"""Secrets, claims, bus, clock: small adapters over AWS, in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from musubi.adapters import aws
from musubi.adapters.claims import S3Claims
from musubi.adapters.clock import MovableClock, RealClock
from musubi.adapters.eventbridge import EventBridgeBus
from musubi.adapters.memory.clock import MemoryClock
from musubi.adapters.secrets import SsmSecrets
from musubi.adapters.tokens import RandomTokens
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.operations import Fact
from tests.support import tables

NOW = datetime(2026, 12, 24, 1, tzinfo=UTC)
REGION = "ap-northeast-1"


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(NOW)


class Counted:
    """A client that counts its calls and can be made to fail."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls = 0
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls += 1
            if self.error:
                raise self.error
            return getattr(self._client, name)(**request)

        return call


NO_ANSWER = ReadTimeoutError(endpoint_url="http://nowhere")


def denied(code: str = "AccessDeniedException") -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, "Any")


# Secrets


@pytest.fixture
def ssm() -> Counted:
    return Counted(aws.client("ssm"))


def write_secret(ssm: Counted, value: str) -> None:
    ssm.put_parameter(Name="/musubi/test/line/channel-secret", Value=value, Type="SecureString", Overwrite=True)
    ssm.calls = 0


def test_one_secret_per_line_current_first(ssm: Counted, clock: MemoryClock) -> None:
    write_secret(ssm, "new\r\n\n old \n")
    secrets = SsmSecrets(ssm, "/musubi/test/", clock.machine)  # type: ignore[arg-type]
    assert secrets.lines("line/channel-secret") == ("new", "old")
    assert secrets.lines("shops/main/shopify") == ()


def test_secrets_are_read_every_five_minutes_of_machine_time(ssm: Counted, clock: MemoryClock) -> None:
    write_secret(ssm, "one")
    secrets = SsmSecrets(ssm, "/musubi/test", clock.machine)  # type: ignore[arg-type]
    for _ in range(3):
        secrets.lines("line/channel-secret")
        secrets.lines("no/such")
    assert ssm.calls == 2, "that there is none is remembered too"
    write_secret(ssm, "two")
    clock.move_business(NOW + timedelta(days=1))
    clock.pass_time(timedelta(seconds=299))
    assert secrets.lines("line/channel-secret") == ("one",)
    clock.pass_time(timedelta(seconds=1))
    assert secrets.lines("line/channel-secret") == ("two",)


def test_a_rotated_secret_is_found_at_once_but_not_asked_for_without_end(ssm: Counted, clock: MemoryClock) -> None:
    write_secret(ssm, "one")
    secrets = SsmSecrets(ssm, "/musubi/test", clock.machine)  # type: ignore[arg-type]
    secrets.lines("line/channel-secret")
    write_secret(ssm, "two\none")
    for _ in range(5):
        secrets.lines("line/channel-secret", fresh=True)
    assert ssm.calls == 0, "wrong signatures by the thousand are not requests by the thousand"
    clock.pass_time(timedelta(seconds=10))
    assert secrets.lines("line/channel-secret", fresh=True) == ("two", "one")
    assert secrets.lines("line/channel-secret") == ("two", "one")
    assert ssm.calls == 1


def test_while_ssm_does_not_answer_the_known_secret_stays_good(ssm: Counted, clock: MemoryClock) -> None:
    write_secret(ssm, "one")
    secrets = SsmSecrets(ssm, "/musubi/test", clock.machine)  # type: ignore[arg-type]
    ssm.error = NO_ANSWER
    with pytest.raises(Retryable, match="secret: ReadTimeoutError"):
        secrets.lines("line/channel-secret")
    ssm.error = None
    assert secrets.lines("line/channel-secret") == ("one",)
    clock.pass_time(timedelta(hours=1))
    ssm.error = denied("ThrottlingException")
    assert secrets.lines("line/channel-secret") == ("one",)
    clock.pass_time(timedelta(hours=1))
    ssm.error = denied()
    with pytest.raises(ClientError):
        secrets.lines("line/channel-secret")


# Claims


def claims(clock: MemoryClock, prefix: str = "shop-events") -> tuple[S3Claims, Any]:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="claims", CreateBucketConfiguration={"LocationConstraint": REGION})
    return S3Claims(lambda: s3, "claims", prefix, clock.machine), s3


def test_a_large_body_waits_under_a_key_of_its_day_and_content(clock: MemoryClock) -> None:
    store, _ = claims(clock)
    body = '{"note":"日本語"}' * 20_000 + "\ud800"
    key = store.put(body)
    assert key.startswith("shop-events/2026-12-24/")
    assert len(key.rpartition("/")[2]) == 64
    assert store.put(body) == key
    assert store.get(key) == body


def test_a_claim_that_can_not_be_kept_is_permanent(clock: MemoryClock) -> None:
    store, s3 = claims(clock)
    key = store.put("body")
    for wrong in ("line-events/2026-12-24/abc", "../secrets", ""):
        with pytest.raises(Permanent, match="prefix"):
            store.get(wrong)
    with pytest.raises(Permanent, match="gone"):
        store.get("shop-events/2026-12-24/" + "0" * 64)
    s3.put_object(Bucket="claims", Key=key, Body=b"something else")
    with pytest.raises(Permanent, match="not what was stored"):
        store.get(key)


def test_an_s3_client_is_made_at_the_first_large_body_only(clock: MemoryClock) -> None:
    made: list[Counted] = []

    def make() -> Any:
        made.append(Counted(None))
        made[-1].error = NO_ANSWER
        return made[-1]

    store = S3Claims(make, "claims", "line-events", clock.machine)
    assert made == []
    for _ in range(2):
        with pytest.raises(Retryable):
            store.put("x")
    assert len(made) == 1


# Bus


def fact(n: int, **data: str) -> Fact:
    return Fact(fact_id=f"f{n}", type="LinkMade", occurred_at=NOW, data=data)


class Bus(Counted):
    """Notes entries; those whose position is in `refuse` fail."""

    def __init__(self) -> None:
        super().__init__(self)
        self.entries: list[dict[str, Any]] = []
        self.refuse: set[int] = set()
        self.sizes: list[int] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> Any:
        if self.error:
            raise self.error
        results = []
        for entry in Entries:
            refused = len(self.entries) in self.refuse
            results.append({"ErrorCode": "InternalFailure"} if refused else {"EventId": "e"})
            self.entries.append(entry)
        self.sizes.append(len(Entries))
        return {"FailedEntryCount": sum("ErrorCode" in r for r in results), "Entries": results}


def test_facts_carry_their_id_and_time() -> None:
    client: Any = Bus()
    mine = fact(1, member_id="1001", id="not mine")
    assert EventBridgeBus(client, "musubi-test").publish([mine]) == {"f1"}
    (entry,) = client.entries
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == ("musubi", "LinkMade", "musubi-test")
    assert json.loads(entry["Detail"]) == {
        "id": "f1",
        "occurred_at": "2026-12-24T01:00:00+00:00",
        "member_id": "1001",
    }


def test_only_what_the_bus_took_counts_as_published() -> None:
    client: Any = Bus()
    client.refuse = {0, 11}
    taken = EventBridgeBus(client, "musubi-test").publish([fact(n) for n in range(23)])
    assert client.sizes == [10, 10, 3]
    assert taken == {f"f{n}" for n in range(23)} - {"f0", "f11"}
    assert EventBridgeBus(client, "musubi-test").publish([]) == set()


def test_a_bus_that_is_down_fails_nobody_and_one_that_is_missing_does() -> None:
    client: Any = Bus()
    client.error = NO_ANSWER
    assert EventBridgeBus(client, "musubi-test").publish([fact(1)]) == set()
    client.error = denied()
    with pytest.raises(ClientError):
        EventBridgeBus(client, "musubi-test").publish([fact(1)])


def test_against_a_bus_that_checks() -> None:
    events = aws.client("events")
    events.create_event_bus(Name="musubi-test")
    assert EventBridgeBus(events, "musubi-test").publish([replace(fact(1), data={"空": "値"})]) == {"f1"}


# Clocks and tokens


def test_real_time_is_aware_and_one() -> None:
    clock = RealClock()
    assert clock.business().tzinfo is UTC
    assert abs(clock.business() - clock.machine()) < timedelta(seconds=5)


def test_the_movable_clock_moves_business_time_only(clock: MemoryClock) -> None:
    dynamodb = aws.client("dynamodb")
    tables.create_tables(dynamodb)
    client = Counted(dynamodb)
    movable = MovableClock(client, tables.WORK, clock.machine)  # type: ignore[arg-type]
    assert movable.business() == NOW
    item = {"pk": {"S": "CONTROL"}, "sk": {"S": "CLOCK"}, "offset_s": {"N": "-86400.5"}}
    dynamodb.put_item(TableName=tables.WORK, Item=item)
    clock.pass_time(timedelta(seconds=0.9))
    assert movable.business() == movable.machine()
    assert client.calls == 1
    clock.pass_time(timedelta(seconds=0.1))
    assert movable.business() == movable.machine() - timedelta(seconds=86400.5)
    assert client.calls == 2
    clock.pass_time(timedelta(seconds=2))
    client.error = NO_ANSWER
    with pytest.raises(Retryable):
        movable.business()


def test_tokens_are_fresh_and_long() -> None:
    tokens = RandomTokens()
    assert tokens.owner() != tokens.owner()
    secret = tokens.secret()
    assert len(secret) >= 43
    assert secret.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("code", ["RequestThrottled", "AWS.SimpleQueueService.RequestThrottled"])
def test_a_throttle_passes_whichever_way_sqs_writes_it(code: str) -> None:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    error = ClientError(answer, "SendMessageBatch")  # type: ignore[arg-type]
    assert aws.passes(error)
    assert aws.code_of(error) == "RequestThrottled"
