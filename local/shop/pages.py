"""The pages a customer sees. Japanese, made for a phone, without scripts."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from local.shop.catalogue import BY_SKU, FREE_SHIPPING_FROM, PRODUCTS, SHIPPING_FEE
from local.shop.linking import LinkUnavailable, account_link_url, fetch_nonce
from local.shop.sessions import COOKIE, DEMO_PASSWORD, Session, password_ok
from local.shop.till import ShopError

MAX_FORM_BYTES = 10_000
PAYMENTS = {"card": "クレジットカード", "konbini": "コンビニ前払い", "cod": "代金引換"}


async def top(request: Request) -> Response:
    """GET / and /products: all products."""
    return _page(request, "top.html", products=PRODUCTS)


async def product(request: Request) -> Response:
    """GET /products/{sku}."""
    found = BY_SKU.get(request.path_params["sku"])
    if found is None:
        return _page(
            request,
            "message.html",
            status=404,
            title="商品が見つかりません",
            text="お探しの商品は、取り扱いを終えたか、お名前が変わったようです。",
        )
    return _page(request, "product.html", product=found)


async def add_to_cart(request: Request) -> Response:
    """POST /cart/add: sku, quantity."""
    form, session = await _form(request), _session(request)
    sku, quantity = form.get("sku", ""), form.get("quantity", "1")
    if sku in BY_SKU and quantity.isdigit() and len(quantity) <= 2:
        session.cart[sku] = min(session.cart.get(sku, 0) + int(quantity), 99)
    return _go(request, session, "/cart")


async def remove_from_cart(request: Request) -> Response:
    """POST /cart/remove: sku."""
    form, session = await _form(request), _session(request)
    session.cart.pop(form.get("sku", ""), None)
    return _go(request, session, "/cart")


async def cart(request: Request) -> Response:
    """GET /cart: what is in it, and the order form."""
    session = _session(request)
    rows = [(BY_SKU[sku], quantity) for sku, quantity in session.cart.items() if quantity]
    subtotal = sum(item.price * quantity for item, quantity in rows)
    fee = 0 if subtotal >= FREE_SHIPPING_FROM else SHIPPING_FEE
    return _page(
        request,
        "cart.html",
        rows=rows,
        subtotal=subtotal,
        fee=fee,
        payments=PAYMENTS,
        free_from=FREE_SHIPPING_FROM,
    )


async def order(request: Request) -> Response:
    """POST /orders: place the cart's order; a card is charged at once, konbini and COD are paid later."""
    shop, form, session = request.app.state.shop, await _form(request), _session(request)
    payment = form.get("payment", "card")
    points = form.get("points", "")
    try:
        placed = shop.till.place_order(
            session.member_id,
            [item for item in session.cart.items() if item[1]],
            payment=payment if payment in PAYMENTS else "card",
            points_used=int(points) if points.isdigit() and len(points) < 9 else 0,
        )
    except ShopError:
        return _page(
            request,
            "message.html",
            status=400,
            title="ご注文を承れませんでした",
            text="カートが空か、ポイントの数が合いません。カートをご確認ください。",
        )
    shop.outbox.announce(shop.till.placed(placed), shop.config.platform)
    if placed.payment == "card":
        shop.outbox.announce(shop.till.pay(placed.number), shop.config.platform)
    session.cart.clear()
    return _page(request, "thanks.html", order=placed)


async def my_page(request: Request) -> Response:
    """GET /mypage: orders, points with their last days, birthday, and whether LINE is linked."""
    shop, session = request.app.state.shop, _session(request)
    if session.member_id not in shop.till.members:
        return RedirectResponse("/login", status_code=302)
    member = shop.till.members[session.member_id]
    orders = [found for found in shop.till.orders.values() if found.member is member]
    return _page(
        request,
        "mypage.html",
        orders=sorted(orders, key=lambda found: -found.number),
        lots=sorted(member.lots, key=lambda lot: lot.expires_on),
        link=shop.facts.active_link(member.member_id),
        now=shop.clock.now(),
    )


async def login_form(request: Request) -> Response:
    """GET /login, with `linkToken` when LINE sent the customer here."""
    return _login_page(request, request.query_params.get("linkToken", ""))


async def login(request: Request) -> Response:
    """POST /login: check the password; with a link token go on to LINE with a fresh nonce."""
    shop, form, session = request.app.state.shop, await _form(request), _session(request)
    link_token = form.get("linkToken", "")
    member = shop.till.members.get(form.get("member_id", "").strip())
    # One answer for both mistakes: a login page must not tell which member numbers exist.
    if member is None or member.state != "active" or not password_ok(form.get("password", "")):
        return _login_page(request, link_token, error="会員番号またはパスワードが違います。", status=401)
    fresh = Session(member.member_id, session.cart)
    target = "/mypage"
    if link_token:
        try:
            nonce = await fetch_nonce(shop.config, shop.client, member.member_id)
        except LinkUnavailable:
            return _login_page(
                request,
                link_token,
                status=503,
                error="ただいま連携の手続きができません。少し待ってからもう一度お試しください。",
            )
        target = account_link_url(shop.config, link_token, nonce)
    cookie = shop.sessions.keep(request.cookies.get(COOKIE), fresh, renew=True)
    return _with_cookie(RedirectResponse(target, status_code=302), cookie)


async def logout(request: Request) -> Response:
    """POST /logout."""
    return _go(request, Session(), "/", renew=True)


def routes() -> list[Route]:
    """All pages."""
    return [
        Route("/", top),
        Route("/products", top),
        Route("/products/{sku}", product),
        Route("/cart", cart),
        Route("/cart/add", add_to_cart, methods=["POST"]),
        Route("/cart/remove", remove_from_cart, methods=["POST"]),
        Route("/orders", order, methods=["POST"]),
        Route("/mypage", my_page),
        Route("/login", login_form, methods=["GET"]),
        # The entrance that stage files name: a shop often gives LINE visitors an address of their own.
        Route("/line/login", login_form, methods=["GET"]),
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
    ]


def _login_page(request: Request, link_token: str, error: str = "", status: int = 200) -> Response:
    members = [member for member in request.app.state.shop.till.members.values() if member.state == "active"][:50]
    return _page(
        request,
        "login.html",
        status=status,
        link_token=link_token,
        error=error,
        members=members,
        password=DEMO_PASSWORD,
    )


def _page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    shop, session = request.app.state.shop, _session(request)
    values["member"] = shop.till.members.get(session.member_id or "")
    values["cart_count"] = sum(session.cart.values())
    answer: Response = shop.templates.TemplateResponse(request, template, values, status_code=status)
    # The login address carries a link token: no cache keeps it and no other site gets it as referrer.
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    return answer


def _session(request: Request) -> Session:
    session: Session = request.app.state.shop.sessions.find(request.cookies.get(COOKIE))
    return session


def _go(request: Request, session: Session, target: str, *, renew: bool = False) -> Response:
    cookie = request.app.state.shop.sessions.keep(request.cookies.get(COOKIE), session, renew=renew)
    return _with_cookie(RedirectResponse(target, status_code=303), cookie)


def _with_cookie(answer: Response, cookie: str) -> Response:
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", max_age=86_400)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


async def _form(request: Request) -> dict[str, str]:
    raw = await request.body()
    if len(raw) > MAX_FORM_BYTES:
        return {}
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
