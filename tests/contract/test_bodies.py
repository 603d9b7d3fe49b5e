"""Every sample of ours, and every capture that is at hand, goes through its door and worker and ends where it should."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from musubi.adapters.shops.platform import Call
from musubi.adapters.shops.platforms import DOORS
from tests.support import bodies
from tests.support.bodies import Row, captures, published_vector, samples, table
from tests.support.intake import AT, Fate

UNREAD = {
    "bus/shopify_events_preview.json", "bus/unknown_type.json", "shop/cloudevents/unknown_type.json",
    "shop/eccube/one_broken.json", "shop/eccube/order_deleted.json", "shop/eccube/orders_updated.json",
    "shop/eccube/product_updated.json", "shop/mapping/unmapped.json", "shop/segment/batch.json",
    "shop/segment/order_cancelled.json", "shop/shopify/checkouts_delete.json", "shop/shopify/customers_merge_failed.json",
    "shop/shopify/preview_order_update.json", "shop/shopify/products_update.json", "shop/square/order_created.json",
    "shop/square/order_fulfillment_updated.json", "shop/square/test_notification.json",
    "shop_api/square/order_new_fulfillment.json", "shop/woocommerce/order_created_draft.json",
    "shop/woocommerce/product_updated.json", "shop_api/eccube/error_in_one_order.json", "shop_api/eccube/order_gone.json",
    "shop_api/eccube/order_own_status.json", "shop_api/base/order_new_status.json",
    "shop_api/stores/order_new_delivery_kind.json", "shop_api/futureshop/order_new_status.json",
    "shop_api/rakuten/order_new_status.json", "shop_api/makeshop/order_new_status.json",
}  # fmt: skip
"""Samples of shops with something that has no meaning here: kept as it came."""

CAPTURES = Path(os.environ.get(bodies.VARIABLE) or "no-such-folder")


@pytest.fixture(scope="module")
def ours() -> list[Row]:
    return list(samples())


def test_every_sample_file_is_in_the_table(ours: list[Row]) -> None:
    names = {
        path.relative_to(bodies.EVENTS).as_posix()
        for path in bodies.EVENTS.rglob("*.json")
        if not path.name.endswith(".headers.json")
    }
    assert {row.file for row in ours} == names
    shown = table(ours)
    assert all(row.file in shown for row in ours)


def test_no_sample_is_refused(ours: list[Row]) -> None:
    assert [row for row in ours if row.answer >= 400] == []


def test_what_a_sample_is_named_after_is_what_becomes_of_it(ours: list[Row]) -> None:
    fractions = [row for row in ours if "fraction" in row.file or "half_a_yen" in row.file]
    assert {row.system for row in fractions} >= {
        "base",
        "cloudevents",
        "eccube",
        "futureshop",
        "makeshop",
        "mapping",
        "rakuten",
        "shopify",
        "square",
        "stores",
        "woocommerce",
    }
    for row in fractions:
        assert (row.verdict, row.why.rpartition(": ")[2]) == ("quarantined", "a fraction of a yen"), row
    broken = [row for row in ours if "quarantined" in row.verdict and row not in fractions]
    assert {row.file for row in broken} == {
        "shop/cloudevents/batch_one_broken.json",
        "shop_api/makeshop/member_half_a_point.json",
    }
    unknown = [row for row in ours if "unknown_type" in row.file or "test_notification" in row.file]
    assert {row.verdict for row in unknown} == {"unread"}


def test_the_others_are_read_whole(ours: list[Row]) -> None:
    shops = [row for row in ours if row.file.startswith(("shop/", "shop_api/", "bus/"))]
    assert {row.file for row in shops if "unread" in row.verdict} == UNREAD
    whole = [row for row in shops if row.answer and row.file not in UNREAD and "quarantined" not in row.verdict]
    assert {row.verdict for row in whole} == {"accepted", "nothing in it"}
    assert [row.file for row in whole if row.verdict != "accepted"] == ["shop_api/eccube/customer_provisional.json"]


def test_nothing_waits_where_the_asked_shop_answers(ours: list[Row]) -> None:
    assert [row for row in ours if "waits" in row.verdict] == []


def test_captures_are_taken_and_none_breaks_a_worker() -> None:
    """Runs over whatever folder the variable names; without one there is nothing to take."""
    rows = list(captures(CAPTURES))
    assert [row for row in rows if row.answer >= 400] == []
    taken = {row.verdict for row in rows if row.answer}
    assert "quarantined" not in taken, [row for row in rows if row.verdict == "quarantined"]


def test_squares_published_signature_holds_where_it_is_at_hand() -> None:
    for source in CAPTURES.glob("square/*.source.txt"):
        vector = published_vector(source.read_text(encoding="utf-8"))
        if vector is None:
            continue
        key, address, signature = vector
        raw = source.with_name(source.name.replace(".source.txt", ".json")).read_bytes()
        call = Call(raw, {"x-square-hmacsha256-signature": signature}, ["http://other.example", address], {}, AT)
        verify = DOORS["square"].verify
        assert verify is not None
        verify(call, [key])


def test_a_folder_of_captures_is_read_by_its_names(tmp_path: Path) -> None:
    for name, text in {
        "shopify/orders.create.json": '{"id": 5, "created_at": "2026-11-24T10:00:00+09:00"}',
        "shopify/made.up.json": '{"id": 5}',
        "square/odd.json": "{",
        "stores/order.json": '{"id": "631ae6a76d37bf003d55ade0", "ordered_at": "2026-11-24T10:00:00+09:00"}',
        "stores/orders.json": '{"orders": [{"id": null}]}',
        "smaregi/order.json": "{}",
        "eccube/graphql.order.json": "{}",
        "shopify-eventbridge/products.update.json": (
            '{"detail-type": "shopifyWebhook", "source": "aws.partner/shopify.com/1/x",'
            ' "detail": {"metadata": {"X-Shopify-Topic": "products/update"}, "payload": {"id": 1}}}'
        ),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert {row.file: row.verdict for row in captures(tmp_path)} == {
        "eccube/graphql.order.json": "no call",
        "shopify/made.up.json": "unread",
        "shopify/orders.create.json": "accepted",
        "shopify-eventbridge/products.update.json": "unread",
        "square/odd.json": "quarantined",
        "stores/order.json": "accepted",
        "stores/orders.json": "quarantined",
        "smaregi/order.json": "no call",
    }


def test_a_published_vector_is_read_from_its_note() -> None:
    note = "signature key: k1\nnotification URL: https://a.example/x\nx-square-hmacsha256-signature: abc=\n"
    assert published_vector(note) == ("k1", "https://a.example/x", "abc=")
    assert published_vector("nothing of it") is None


def test_several_fates_of_one_body_are_all_named() -> None:
    row = Row("x", "y", 200, (Fate("unread", "a"), Fate("accepted", "b"), Fate("accepted", "b")))
    assert (row.verdict, row.why) == ("accepted + unread", "a; b")
