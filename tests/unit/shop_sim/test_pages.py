"""What a customer does: looks, buys, logs in, links LINE."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from local.shop.sessions import DEMO_PASSWORD
from local.shop.signing import standard_headers


def _login(stage: Any, member_id: str = "1001", password: str = DEMO_PASSWORD, **more: str) -> Any:
    return stage.shop.post("/login", data={"member_id": member_id, "password": password, **more})


@pytest.mark.parametrize(
    "path",
    ["/", "/products", "/products/TEA-SEN-100", "/cart", "/login", "/login?linkToken=abc", "/line/login?linkToken=abc"],
)
def test_pages_answer_in_japanese_for_a_phone(stage: Any, path: str) -> None:
    page = stage.shop.get(path)
    assert page.status_code == 200
    assert '<html lang="ja">' in page.text
    assert "width=device-width" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert stage.shop.get("/static/shop.css").status_code == 200


def test_unknown_product_says_so(stage: Any) -> None:
    assert stage.shop.get("/products/NO-SUCH").status_code == 404


def test_from_cart_to_order_with_card(stage: Any) -> None:
    _login(stage)
    stage.shop.post("/cart/add", data={"sku": "GFT-SET-NEN", "quantity": "2"})
    stage.shop.post("/cart/add", data={"sku": "TEA-HOJ-080", "quantity": "1"})
    stage.shop.post("/cart/remove", data={"sku": "TEA-HOJ-080"})
    assert "25,600円" in stage.shop.get("/cart").text
    thanks = stage.shop.post("/orders", data={"payment": "card"})
    assert "#1001" in thanks.text
    assert stage.look("/idle") == {"idle": True}
    topics = [request.headers["x-shopify-topic"] for request in stage.product.webhooks]
    assert sorted(topics) == ["orders/create", "orders/paid"]
    assert json.loads(stage.product.webhooks[0].content)["customer"]["id"] == 1001
    assert "年賀のご挨拶セット" in stage.shop.get("/mypage").text


def test_a_guest_orders_by_konbini(stage: Any) -> None:
    stage.shop.post("/cart/add", data={"sku": "FAB-TNG-MIZ"})
    stage.shop.post("/orders", data={"payment": "konbini"})
    assert stage.look("/idle") == {"idle": True}
    [request] = stage.product.webhooks
    assert json.loads(request.content)["customer"] is None


def test_an_empty_cart_orders_nothing(stage: Any) -> None:
    assert stage.shop.post("/orders", data={"payment": "card"}).status_code == 400
    assert stage.product.requests == []


def test_my_page_needs_a_login_and_shows_points_birthday_and_link(stage: Any) -> None:
    assert stage.shop.get("/mypage").headers["location"] == "/login"
    stage.call("/members/1002/lots", lots=[{"points": 1200, "expires_on": "2026-12-24"}])
    _login(stage, "1002")
    page = stage.shop.get("/mypage").text
    for words in ("1,200", "2026年12月24日まで", "1988年2月29日", "未連携"):
        assert words in page


def test_login_refuses_alike_for_unknown_member_and_wrong_password(stage: Any) -> None:
    wrong, unknown = _login(stage, password="x"), _login(stage, "9999")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert stage.shop.get("/mypage").status_code == 302
    stage.call("/members/1003/leave")
    assert _login(stage, "1003").status_code == 401


def test_login_gives_a_fresh_cookie_and_keeps_the_cart(stage: Any) -> None:
    stage.shop.post("/cart/add", data={"sku": "FAB-TNG-MIZ"})
    before = stage.shop.cookies["musubi_shoten"]
    answer = _login(stage)
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert stage.shop.cookies["musubi_shoten"] != before
    assert "注染てぬぐい" in stage.shop.get("/cart").text


def test_linking_gets_a_signed_nonce_and_sends_the_browser_to_line(stage: Any) -> None:
    token = "NMZTNuVrPTqlr2IF8Bnymkb7rXfYv5EY+/="
    answer = _login(stage, linkToken=token)
    assert answer.status_code == 302
    url = urlsplit(answer.headers["location"])
    assert (url.scheme, url.netloc, url.path) == ("https", "access.line.test", "/dialog/bot/accountLink")
    assert parse_qs(url.query) == {"linkToken": [token], "nonce": ["ab+/cd==0123456789"]}
    assert "+" not in url.query
    [request] = stage.product.requests
    assert request.url.path == "/v1/link/nonces"
    assert json.loads(request.content) == {"member_id": "1001"}
    stamp = int(request.headers["webhook-timestamp"])
    expected = standard_headers("unit-secret", request.headers["webhook-id"], stamp, request.content)
    assert request.headers["webhook-signature"] == expected["webhook-signature"]


def test_a_nonce_is_asked_for_again_when_the_answer_fails(stage: Any) -> None:
    stage.product.then(503, 500)
    assert _login(stage, linkToken="t").status_code == 302
    assert len(stage.product.requests) == 3


@pytest.mark.parametrize("statuses", [(401,), (503, 503, 503)])
def test_without_a_nonce_the_customer_may_try_again(stage: Any, statuses: tuple[int, ...]) -> None:
    stage.product.then(*statuses)
    page = _login(stage, linkToken="tok-123")
    assert page.status_code == 503
    assert len(stage.product.requests) == len(statuses)
    assert 'value="tok-123"' in page.text, "the token is kept for the next try"


def test_a_failed_login_never_asks_for_a_nonce(stage: Any) -> None:
    _login(stage, password="no", linkToken="t")
    assert stage.product.requests == []


def test_hostile_text_stays_text(stage: Any) -> None:
    hostile = '"><script>alert(1)</script>'
    page = stage.shop.get("/login", params={"linkToken": hostile}).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert stage.shop.post("/cart/add", data={"sku": hostile, "quantity": "-1"}).status_code == 303
    assert stage.shop.post("/login", content=b"x" * 20_000).status_code == 401
