"""EC-CUBE's webhooks from the signature to the events, over HTTP to a shop in this process."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musubi.adapters.shops import base
from musubi.adapters.shops.eccube import PLATFORM
from musubi.adapters.shops.eccube.graphql import BATCH, GraphQl
from musubi.adapters.shops.eccube.normalise import MAX_FETCHED, normalise
from musubi.adapters.shops.http import Answer, Http, TooLarge
from musubi.adapters.shops.platform import Call
from musubi.adapters.shops.source import ShopApi, open_source
from musubi.domain.changes import MemberChange
from musubi.domain.errors import Permanent, Retryable
from musubi.domain.events import ShopEvent, UnreadShopEvent
from musubi.domain.people import MemberState
from musubi.web.signatures import SignatureRefused
from tests.support.eccube_documents import customer, order
from tests.support.eccube_shop import EccubeShop, Raw, eccube_shop
from tests.unit.contracts.strategies import JSON, objects_with

NOW = datetime(2026, 11, 24, 3, 5, tzinfo=UTC)
Told = list[ShopEvent | UnreadShopEvent]


@pytest.fixture
def shop() -> Iterator[EccubeShop]:
    with eccube_shop() as made:
        yield made


def api_of(shop: EccubeShop, **more: Any) -> ShopApi:
    """`access-0` first, `access-1` once that is refused."""
    fields: dict[str, Any] = {
        "left_s": lambda: 60.0,
        "bearer": lambda refused=None: "access-1" if refused else "access-0",
    }
    return ShopApi(shop_id="main", base_url=shop.url, keys=lambda: (), **{**fields, **more})


def call(shop: EccubeShop, *entries: Any, **more: Any) -> Told:
    body = json.dumps(list(entries)).encode()
    return list(normalise({}, body, "main", NOW, apis=lambda *_: api_of(shop, **more)))


def notice(entity: str, number: Any, action: str = "updated") -> dict[str, Any]:
    return {"entity": entity, "id": number, "action": action}


def kinds(told: Told) -> list[str]:
    return [one.type if isinstance(one, ShopEvent) else f"unread {one.kind}" for one in told]


# the signature


def signed(body: bytes, signature: str | None) -> Call:
    return Call(body, {"x-eccube-signature": signature} if signature else {}, [], {}, NOW)


def test_the_signature_is_lower_case_hex_over_the_raw_body() -> None:
    body = b'[{"entity":"order","id":1203,"action":"updated"}]'
    right = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert PLATFORM.verify is not None
    PLATFORM.verify(signed(body, right), ["new", "secret"])
    for wrong in (None, "", right[:-1] + "0", "x" * 64):
        with pytest.raises(SignatureRefused):
            PLATFORM.verify(signed(body, wrong), ["secret"])
    with pytest.raises(SignatureRefused):
        PLATFORM.verify(signed(body + b" ", right), ["secret"])


# a call


def test_all_of_a_call_is_fetched_by_one_request(shop: EccubeShop) -> None:
    shop.put("order", order("1203"))
    shop.put("order", order("1204", Customer=None))
    shop.put("customer", customer("1001"))
    told = call(shop, notice("order", 1203), notice("order", 1204, "created"), notice("customer", 1001))
    assert kinds(told) == ["MemberUpdated", "PointsBalanceChanged", "OrderPlaced", "OrderPlaced"]
    assert len(shop.queries) == 1
    assert shop.got[0][1]["authorization"] == "Bearer access-0"
    assert "email" not in shop.queries[0]


def test_many_are_asked_for_in_pieces_and_too_many_are_left_to_the_poll(shop: EccubeShop) -> None:
    for number in range(MAX_FETCHED + 2):
        shop.put("order", order(str(number), Customer=None))
    told = call(shop, *(notice("order", number) for number in range(MAX_FETCHED + 2)))
    assert kinds(told).count("OrderPlaced") == MAX_FETCHED
    assert kinds(told).count("unread order left to the poll") == 2
    assert len(shop.queries) == MAX_FETCHED / BATCH


def test_what_we_do_not_fetch_is_kept_and_counted(shop: EccubeShop) -> None:
    told = call(shop, notice("product", 2), notice("coupon", 3), notice("order", 4, "deleted"))
    assert kinds(told) == ["unread product updated", "unread coupon updated", "unread order deleted"]
    assert shop.got == []


def test_a_customer_who_was_deleted_is_erased_without_asking(shop: EccubeShop) -> None:
    (event,) = call(shop, notice("customer", 1001, "deleted"))
    assert isinstance(event, ShopEvent)
    assert (event.type, event.as_of) == ("MemberDeleted", NOW)
    assert event.member == MemberChange(member_id="1001", state=MemberState.ERASED)
    assert shop.got == []


@pytest.mark.parametrize(
    "broken", [None, 5, "order", [], {}, {"entity": "order"}, {"entity": "order", "id": "1) { id }"}]
)
def test_a_broken_entry_does_not_take_the_others_down(shop: EccubeShop, broken: Any) -> None:
    shop.put("order", order(Customer=None))
    told = call(shop, broken, notice("order", 1203))
    assert len(told) == 2
    assert isinstance(told[0], UnreadShopEvent)
    assert kinds(told)[1] == "OrderPlaced"


def test_an_entry_that_nests_without_end_is_kept_as_a_word(shop: EccubeShop) -> None:
    body = b"[" + b"[" * 2000 + b"]" * 2000 + b', {"entity": "product", "id": 2, "action": "updated"}]'
    with suppress(Permanent):  # where the JSON reader itself gives up
        told = list(normalise({}, body, "main", NOW, apis=base.no_apis))
        assert kinds(told) == ["unread entry unreadable", "unread product updated"]


def test_what_is_gone_when_we_ask_is_kept(shop: EccubeShop) -> None:
    assert kinds(call(shop, notice("order", 9), notice("customer", 8))) == ["unread order gone", "unread customer gone"]


def test_an_order_that_can_not_be_read_is_set_aside_alone_and_kept_beside_others(shop: EccubeShop) -> None:
    shop.put("order", order("1", payment_total=0.5))
    shop.put("order", order("2", Customer=None))
    with pytest.raises(Permanent, match="payment_total: a fraction of a yen"):
        call(shop, notice("order", 1))
    assert kinds(call(shop, notice("order", 1), notice("order", 2))) == ["unread order unreadable", "OrderPlaced"]


@pytest.mark.parametrize("body", [b"", b"{", b"5", b'{"entity":"order","id":1}', b"[NaN]", b"[" * 90000 + b"]" * 90000])
def test_a_body_that_is_no_list_is_set_aside(body: bytes) -> None:
    with pytest.raises(Permanent, match="EC-CUBE body"):
        normalise({}, body, "main", NOW, apis=base.no_apis)


def test_a_shop_that_the_stage_does_not_name_waits_in_the_dead_letters() -> None:
    reader = base.adapter_for("eccube")
    with pytest.raises(Retryable):
        reader({}, json.dumps([notice("order", 1)]).encode(), "main", NOW)
    assert kinds(list(reader({}, json.dumps([notice("product", 1)]).encode(), "main", NOW))) == [
        "unread product updated"
    ]


@given(st.lists(JSON | objects_with(["entity", "id", "action"]), max_size=4))
def test_no_entry_raises_anything_but_what_it_may(entries: list[Any]) -> None:
    with suppress(Permanent, Retryable):
        told = normalise({}, json.dumps(entries).encode(), "main", NOW, apis=base.no_apis)
        assert len(told) <= len(entries)


# the client


def test_a_refused_token_is_renewed_once(shop: EccubeShop) -> None:
    shop.put("order", order(Customer=None))
    shop.good = {"access-1"}
    assert kinds(call(shop, notice("order", 1203))) == ["OrderPlaced"]
    shop.good = set()
    with pytest.raises(Retryable, match="HTTP 401"):
        call(shop, notice("order", 1203))
    assert len(shop.queries) == 4


@pytest.mark.parametrize("status", [301, 302, 307, 400, 403, 404, 429, 500, 503])
def test_no_answer_is_no_fault_of_the_record(shop: EccubeShop, status: int) -> None:
    shop.laid_out["/api"] = [Raw(status, b"<html>", {"location": f"{shop.url}/elsewhere"})]
    with pytest.raises(Retryable, match=f"HTTP {status}"):
        call(shop, notice("order", 1203))
    assert [path for path, _, _ in shop.got] == ["/api"], "a redirect is not followed"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"data":null}', b"\xff", b'{"data":{"a":NaN}}'])
def test_a_page_that_says_200_is_no_answer(shop: EccubeShop, body: bytes) -> None:
    shop.laid_out["/api"] = [Raw(200, body)]
    with pytest.raises(Retryable, match="no GraphQL answer"):
        call(shop, notice("order", 1203))


def errors(message: str, **more: Any) -> Raw:
    return Raw(200, json.dumps({"errors": [{"message": message, **more}], "data": {"order1203": None}}).encode())


@pytest.mark.parametrize(
    ("said", "kind", "reason"),
    [
        (errors('Cannot query field "point" on type "Customer".'), Permanent, r"Customer\.point: unknown"),
        (errors("Syntax Error", extensions={"category": "graphql"}), Permanent, "query: refused"),
        (errors("Insufficient permission. (read)"), Retryable, "scope read"),
        (errors("Internal server error", path=["order1203", "Customer", "結城"]), Retryable, r"order1203\.Customer$"),
        (Raw(200, b'{"errors": 5}'), Retryable, "error at query"),
    ],
)
def test_errors_of_graphql(shop: EccubeShop, said: Raw, kind: type[Exception], reason: str) -> None:
    shop.laid_out["/api"] = [said]
    with pytest.raises(kind, match=reason):
        call(shop, notice("order", 1203))


def test_an_answer_that_is_too_large_is_asked_for_in_halves(shop: EccubeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in ("1", "2", "3"):
        shop.put("order", order(number, Customer=None))
    client = GraphQl(api_of(shop))
    client._http = Http(shop.url, lambda: 60.0, limit=2000)
    found = client.entities([("order", "1"), ("order", "2"), ("order", "3")])
    assert [one["id"] for one in found.values()] == ["1", "2", "3"]
    client._http = Http(shop.url, lambda: 60.0, limit=200)
    with pytest.raises(Permanent, match="too large"):
        client.entities([("order", "1")])


# HTTP


def test_time_is_limited(shop: EccubeShop) -> None:
    over = Event()
    shop.laid_out["/api"] = [Raw(wait=lambda: over.wait(10))]
    try:
        with pytest.raises(Retryable, match="ReadTimeoutError"):
            Http(shop.url, lambda: 60.0, total_s=1.0).request("POST", "/api", b"", {})
    finally:
        over.set()


def test_a_server_that_drips_is_cut_off(shop: EccubeShop) -> None:
    ticks = iter(range(0, 1000, 5))
    shop.laid_out["/api"] = [Raw(200, b"x" * 1000)]
    with pytest.raises(Retryable, match="too slow"):
        Http(shop.url, lambda: 60.0, monotonic=lambda: next(ticks), total_s=4.0).request("POST", "/api", b"", {})


def test_size_is_limited(shop: EccubeShop) -> None:
    shop.laid_out["/api"] = [Raw(200, b"x" * 1001), Raw(200, b"x" * 1000)]
    http = Http(shop.url, lambda: 60.0, limit=1000)
    with pytest.raises(TooLarge):
        http.request("POST", "/api", b"", {})
    assert len(http.request("POST", "/api", b"", {}).body) == 1000


def test_no_call_is_begun_that_the_invocation_can_not_end(shop: EccubeShop) -> None:
    with pytest.raises(Retryable, match="out_of_time"):
        Http(shop.url, lambda: 4.5).request("POST", "/api", b"", {})
    assert shop.got == []


def test_nobody_there() -> None:
    with pytest.raises(Retryable, match="shop API"):
        Http("http://127.0.0.1:9", lambda: 60.0).request("POST", "/api", b"", {})


def test_an_answer_as_it_is(shop: EccubeShop) -> None:
    shop.laid_out["/api"] = [Raw(503, b"later", {"Retry-After": "5"})]
    answer = Http(shop.url, lambda: 60.0).request("GET", "/api", None, {})
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"later", "5")
    assert isinstance(answer, Answer)


# the poll


def page(what: str, numbers: list[int], total: int, more: bool) -> Raw:
    made = [order(str(n), Customer=None) if what == "orders" else customer(str(n)) for n in numbers]
    found = {"nodes": made, "totalCount": total, "pageInfo": {"hasNextPage": more}}
    return Raw(200, json.dumps({"data": {what: found}}).encode())


def test_what_a_poll_finds_is_read_without_asking_again_and_is_the_same_event(shop: EccubeShop) -> None:
    shop.put("order", order())
    pushed = call(shop, notice("order", 1203))
    found = {"nodes": [order()], "totalCount": 1, "pageInfo": {"hasNextPage": False}}
    shop.laid_out["/api"] = [Raw(200, json.dumps({"data": {"orders": found}}).encode())]
    source = open_source("eccube", api_of(shop))
    result = source.changed("orders", NOW - timedelta(hours=1), NOW, None)
    (snapshot,) = result.snapshots
    asked = len(shop.got)
    polled = normalise(snapshot.headers, snapshot.body, "main", NOW, apis=lambda *_: api_of(shop))
    assert [(one.source, one.event_id) for one in polled] == [(one.source, one.event_id) for one in pushed]
    assert (len(shop.got), result.cursor) == (asked, None)


@pytest.mark.parametrize(("what", "name"), [("orders", "orders"), ("members", "customers")])
def test_pages_by_the_version_in_whole_seconds_of_tokyo(shop: EccubeShop, what: Any, name: str) -> None:
    shop.laid_out["/api"] = [page(name, [5, 4], 3, more=True), page(name, [3], 3, more=False)]
    source = open_source("eccube", api_of(shop))
    first = source.changed(what, NOW - timedelta(hours=1), NOW, None)
    second = source.changed(what, NOW - timedelta(hours=1), NOW, first.cursor)
    assert (len(first.snapshots), len(second.snapshots), second.cursor) == (2, 1, None)
    asked = [json.loads(body)["variables"] for _, _, body in shop.got]
    assert [one["page"] for one in asked] == [1, 2]
    assert asked[0]["since"] == "2026-11-24T11:05:00+09:00"
    assert asked[0]["until"] == "2026-11-24T12:05:01+09:00"


def test_what_moves_up_while_we_read_is_read_again(shop: EccubeShop) -> None:
    shop.laid_out["/api"] = [page("orders", [9], 60, more=True), page("orders", [8], 57, more=True)]
    source = open_source("eccube", api_of(shop))
    first = source.changed("orders", NOW - timedelta(hours=1), NOW, None)
    second = source.changed("orders", NOW - timedelta(hours=1), NOW, first.cursor)
    assert (first.cursor, second.cursor) == ("2/60", "2/57")


def test_a_snapshot_of_a_poll_must_be_one() -> None:
    for entity, body in [("order", b"[]"), ("product", b"{}"), ("order", b"{}")]:
        with pytest.raises(Permanent):
            normalise({"x-musubi-snapshot": entity}, body, "main", NOW, apis=lambda *_: api_of(EccubeShop()))
    assert not "x-musubi-snapshot".startswith(PLATFORM.keeps), "no webhook can pretend to be one"
