"""The template and the code that runs in it agree: settings, tables with their indexes, queues."""

import inspect
import re
from dataclasses import fields
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.functions_table import queue_of
from infra.lib.template import ACCOUNT, REGION
from musubi.adapters.dynamo import codec, keys
from musubi.adapters.dynamo.person_rows import DynamoPersonRows
from musubi.adapters.dynamo.store import DynamoStore
from musubi.domain.store_keys import MemberKey
from musubi.runtime import bootstrap, settings
from musubi.runtime.work import BatchWorker, Worker
from tests.infra.conftest import FUNCTIONS, STAGES, Synthesised
from tests.stores import samples
from tests.support import tables
from tests.support.deployed import Deployed
from tests.support.line_stub import LineStub

NOBODY_READS = {
    "line_data_url": "LINE's host for contents: with the other two it names the LINE that a deployment talks to",
    "line_access_url": "LINE's host for its dialogs: the shop's own server sends the browser there",
    "public_url": "the base of our own pages",
}
"""Settings that no part takes yet, and what they are for."""
COMMON = set(settings.names(settings.Common))
"""Who a function is: Powertools reads its share of these by itself."""

URLS = {
    "LINE_EVENTS_QUEUE_URL": "line-events",
    "SHOP_EVENTS_QUEUE_URL": "shop-events",
    "PUSH_QUEUE_URL": "push",
    "ALERT_SHARDS_QUEUE_URL": "alert-shards",
    "LOG_QUEUE_URL": "log",
    "IMPORTS_QUEUE_URL": "imports",
    "QUARANTINE_QUEUE_URL": "quarantine",
}
TABLES = {"people": tables.PEOPLE, "work": tables.WORK}


def table_of(stage: Synthesised, name: str) -> dict[str, Any]:
    """Return the properties of a table by its short name."""
    return dict(stage.named("AWS::DynamoDB::Table", "TableName", f"{stage.prefix}-{name}").properties)


def key_names(schema: list[dict[str, str]]) -> tuple[str, str]:
    """Return partition and sort key of a key schema."""
    by_type = {each["KeyType"]: each["AttributeName"] for each in schema}
    return by_type["HASH"], by_type["RANGE"]


def indexes_of(table: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return index → (partition key, sort key)."""
    return {each["IndexName"]: key_names(each["KeySchema"]) for each in table["GlobalSecondaryIndexes"]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_settings_are_exactly_the_environment(stage: Synthesised, function: str) -> None:
    kind, env = settings.FUNCTIONS[function], stage.functions[function].env
    assert set(env) == {name.upper() for name in settings.names(kind)}
    loaded = settings.load(kind, env)
    assert (loaded.stage, loaded.deployment) == (stage.config.stage, stage.config.deployment)
    assert loaded.powertools_service_name == stage.functions[function].physical_name


def test_every_variable_arrives_as_what_the_stage_says(stage: Synthesised) -> None:
    config = stage.config
    loaded = settings.load(settings.LineEvents, stage.functions["line_events"].env)
    assert (loaded.clock, loaded.go_live, loaded.testers) == (config.clock, config.go_live, config.testers)
    assert (loaded.shop_name, loaded.shop_login_url) == (config.shop_name, config.shop_login_url)
    hosts = (loaded.line_api_url, loaded.line_data_url, loaded.line_access_url)
    assert hosts == (config.line.api, config.line.data, config.line.access)
    for name in ("shop_webhook", "shop_events", "api"):
        assert getattr(settings.load(settings.FUNCTIONS[name], stage.functions[name].env), "shops", ()) == config.shops


class Watched:
    """Settings that remember which of their fields were asked for."""

    def __init__(self, loaded: settings.Common) -> None:
        self._loaded = loaded
        self._seen: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self._seen.add(name)
        return getattr(self._loaded, name)

    def never_asked(self) -> set[str]:
        """Return the fields that nobody asked for."""
        return set(settings.names(type(self._loaded))) - self._seen


@pytest.fixture
def composed(prod: Synthesised, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Any, Watched]]:
    """Return what each builder makes of the template's environment, and the settings it made it of."""
    made: dict[str, tuple[Any, Watched]] = {}
    watched: list[Watched] = []
    load = settings.load

    def watch(kind: Any, environment: Any = None) -> Any:
        watched.append(Watched(load(kind, environment)))
        return watched[-1]

    monkeypatch.setattr(settings, "load", watch)
    with mock_aws():
        house = Deployed(prod.stateful, prod.stateless, prod.prefix, LineStub(), monkeypatch)
        for name in FUNCTIONS:
            with house.calls.by(name), pytest.MonkeyPatch.context() as patch:
                for variable, value in prod.functions[name].env.items():
                    patch.setenv(variable, value)
                made[name] = (getattr(bootstrap, name)(), watched[-1])
    assert len(watched) == len(FUNCTIONS)
    return made


def test_every_setting_is_read_by_the_function_that_has_it(composed: dict[str, tuple[Any, Watched]]) -> None:
    shop_events, _ = composed["shop_events"]
    # It looks at its shops when an event comes from the bus, whose sender nobody has proven.
    shop_events.parse(
        '{"id":"1","detail-type":"MemberUpdated","detail":{"shop_id":"main","data":{"member_id":"1"}}}', samples.NOW
    )
    idle = {name: watched.never_asked() - COMMON for name, (_, watched) in composed.items()}
    sending = set(NOBODY_READS)
    assert idle == {name: sending if name in {"line_events", "push_sender"} else set() for name in FUNCTIONS}


def test_a_worker_knows_its_queue_by_the_name_of_the_one_it_works_off(
    composed: dict[str, tuple[Any, Watched]], prod: Synthesised
) -> None:
    mapped = {
        mapping.properties["FunctionName"]: queue_of(prod.stateless, mapping).properties["QueueName"]
        for mapping in prod.stateless.of_type("AWS::Lambda::EventSourceMapping")
    }
    workers = {name: made.source for name, (made, _) in composed.items() if isinstance(made, Worker | BatchWorker)}
    assert mapped == {f"{prod.prefix}-{name}": f"{prod.prefix}-{source}" for name, source in workers.items()}


def test_a_queue_variable_is_the_url_of_the_queue_of_its_name(stage: Synthesised) -> None:
    there = {queue.properties["QueueName"] for queue in stage.stateless.of_type("AWS::SQS::Queue")}
    for function in stage.functions.values():
        for name in function.env.keys() & URLS.keys():
            queue = f"{stage.prefix}-{URLS[name]}"
            assert queue in there
            assert function.env[name] == f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}"


def test_a_table_variable_is_the_table_of_its_name(stage: Synthesised) -> None:
    for function in stage.functions.values():
        for name in TABLES:
            table = table_of(stage, name)["TableName"]
            assert function.env.get(f"{name.upper()}_TABLE", table) == table, function.name


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_has_the_key_attributes_that_are_written_and_no_other(stage: Synthesised, name: str) -> None:
    table = table_of(stage, name)
    written: dict[str, str] = {}
    for entity in samples.ALL:
        if keys.place(entity.key).table == name:
            own = {field.name for field in fields(entity)}  # type: ignore[arg-type]
            written |= {k: next(iter(v)) for k, v in codec.encode(entity).items() if k not in own}
    ends = table["TimeToLiveSpecification"]
    assert ends["Enabled"] is True
    assert written.pop(ends["AttributeName"], "N") == "N"
    assert written == {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    assert set(written) == {
        *key_names(table["KeySchema"]),
        *(key for pair in indexes_of(table).values() for key in pair),
    }
    assert set(codec.primary(samples.SEND.key)) == set(key_names(table["KeySchema"]))


def test_what_ends_says_so_where_the_table_looks_for_it() -> None:
    assert "ttl" in codec.encode(samples.RUN)


ANYTHING: dict[str, Any] = {
    "shard": 1,
    "limit": 1,
    "month": 12,
    "day": 24,
    "cursor": None,
    "schedule": "daily",
    "shop_id": "main",
    "platform": "woocommerce",
    "person": "m:main/1001",
    "member": MemberKey("main", "1001"),
    "member_id": "1001",
    "shelf": "OPEN",
    "user_id": samples.USER,
    "on": samples.NOW.date(),
    **dict.fromkeys(("now", "until", "look_before"), samples.NOW),
}
"""An argument for every parameter that a query of the store has."""


NO_QUERIES = {"load", "commit", "fetch", "of_shop"}


class Asked:
    """A DynamoDB client that finds nothing and keeps what it was asked."""

    def __init__(self) -> None:
        self.queries: list[dict[str, Any]] = []

    def query(self, **request: Any) -> dict[str, Any]:
        """Remember the request; nothing is found."""
        self.queries.append(request)
        return {"Items": []}


def methods_of(adapter: object) -> list[tuple[str, Any]]:
    """Return an adapter's methods by name."""
    return inspect.getmembers(adapter, inspect.ismethod)


def test_every_index_that_is_queried_exists_with_the_keys_that_the_query_names(stage: Synthesised) -> None:
    client: Any = Asked()
    store = DynamoStore(client, people_table="people", work_table="work")
    rows = DynamoPersonRows(client, people_table="people", work_table="work")
    for name, method in (*methods_of(store), *methods_of(rows)):
        if not name.startswith("_") and name not in NO_QUERIES:
            method(**{parameter: ANYTHING[parameter] for parameter in inspect.signature(method).parameters})
    asked = set()
    for request in client.queries:
        table, index = request["TableName"], request.get("IndexName")
        there = table_of(stage, table)
        partition, sort = indexes_of(there)[index] if index else key_names(there["KeySchema"])
        assert request["ExpressionAttributeNames"]["#pk"] == partition
        condition = request["KeyConditionExpression"].removeprefix("#pk = :pk")
        assert set(re.findall(r"\b[a-z]+(?=[ ,]+[<:=])", condition)) <= {sort}
        asked.add((table, index))
    indexes = {(name, index) for name in TABLES for index in indexes_of(table_of(stage, name))}
    assert {each for each in asked if each[1]} == indexes
    assert {index for _, index in indexes} == {
        keys.DATES_INDEX,
        keys.MEMBER_INDEX,
        keys.OPEN_INDEX,
        keys.PERSON_INDEX,
    }


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_tables_of_the_other_tests_are_the_template(stages: dict[str, Synthesised], name: str) -> None:
    with mock_aws():
        client: Any = boto3.client("dynamodb", region_name=REGION)
        tables.create_tables(client)
        made = client.describe_table(TableName=TABLES[name])["Table"]
        ends = client.describe_time_to_live(TableName=TABLES[name])["TimeToLiveDescription"]
    for stage in STAGES:
        table = table_of(stages[stage], name)
        assert key_names(made["KeySchema"]) == key_names(table["KeySchema"])
        assert indexes_of(made) == indexes_of(table)
        for each in made["GlobalSecondaryIndexes"]:
            keys_only = each["IndexName"] in tables.KEYS_ONLY
            assert each["Projection"]["ProjectionType"] == ("KEYS_ONLY" if keys_only else "ALL")
        assert _sorted(made["AttributeDefinitions"]) == _sorted(table["AttributeDefinitions"])
        assert made["BillingModeSummary"]["BillingMode"] == table["BillingMode"]
        assert (ends["TimeToLiveStatus"], ends["AttributeName"]) == (
            "ENABLED",
            table["TimeToLiveSpecification"]["AttributeName"],
        )


def _sorted(attributes: list[dict[str, str]]) -> list[tuple[str, str]]:
    return sorted((each["AttributeName"], each["AttributeType"]) for each in attributes)
