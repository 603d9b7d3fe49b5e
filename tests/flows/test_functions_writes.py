"""What write-back costs in AWS requests: nothing before the friend's answer, three for each write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from musubi.adapters.shops.http import Answer, Http
from tests.flows.test_functions import ENVIRONMENT, FRIEND, follow, link, words
from tests.support import tables
from tests.support.flows_functions import Functions, functions, record_of, sample
from tests.support.line_stub import Say
from tests.support.shopify_writes import Customer, ShopifyShop

REWARDING = {**ENVIRONMENT, "line_events": {**ENVIRONMENT["line_events"], "LINK_POINTS": "main=500"}}


@pytest.fixture
def deployed() -> Iterator[Functions]:
    with functions(REWARDING) as made:
        yield made


def test_a_link_that_is_rewarded_is_answered_with_at_most_six_requests(deployed: Functions) -> None:
    """The transaction grows by two items, and is one request as before."""
    follow(deployed)
    deployed.warm("api")
    deployed.forget()
    at_reply: list[int] = []
    answer = deployed.line.next_answer

    def counting(got: Any) -> Say:
        if got.path.endswith("/reply"):
            at_reply.append(deployed.made_by("line_webhook", "line_events"))
        return answer(got)

    # What was asked of AWS by then is counted at the very moment of LINE's answer.
    deployed.line.next_answer = counting  # type: ignore[method-assign]
    link(deployed)
    assert at_reply[1] - at_reply[0] <= 6
    facts = {row["type"]: row for row in deployed.rows(tables.WORK, "FACT")}
    assert set(facts) == {"LinkMade", "RewardDue"}
    assert (facts["RewardDue"]["data"]["points"], facts["RewardDue"]["state"]) == ("500", "published")
    assert deployed.made_by("line_webhook", "line_events") - at_reply[1] == 5, (
        "settle, publish, settle two facts, history"
    )
    assert len(words(deployed)) == 3


def test_a_write_costs_three_requests_and_a_repeat_one(deployed: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load, claim, settle; the echo is recognised with what a shop event loads anyway."""
    name = "/musubi/local/shops/main/shopify-api"
    deployed.aws("ssm").put_parameter(Name=name, Value="shpat_0123", Type="SecureString")
    shop = ShopifyShop(customers={"1001": Customer()})

    def call(http: Http, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        assert headers["X-Shopify-Access-Token"] == "shpat_0123"
        said = shop.answer(json.loads(body or b"{}"))
        return Answer(said.status, {}, said.body)

    monkeypatch.setattr(Http, "request", call)
    told = json.loads(sample("bus/fact_link_made.json"))
    told["detail"]["user_id"] = FRIEND
    for expected in (4, 1):  # the first one also reads the key
        deployed.forget()
        record = {"MessageId": "m-1", "ReceiptHandle": "r", "Body": json.dumps(told), "MD5OfBody": "x"}
        message = {**record, "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795745467000"}}
        answer = deployed.call("write_back", {"Records": [record_of("write-back", message)]})
        assert answer == {"batchItemFailures": []}
        assert deployed.made_by("write_back") == expected, deployed.requests
    assert shop.customers["1001"].tags == {"LINE連携"}
    assert len(shop.asked) == 1
